//! The files of one format, in groups of which Neo finds all files or none.

use super::recognized::Certainty;
use crate::{
    framework::format_facts::FormatFacts,
    framework_name::Framework,
    problem::{MAX_LISTED, Problem, quote_name},
};

/// Why a file cannot be the model.
#[derive(Debug)]
pub(crate) struct FileNote {
    /// A few words, such as `a link to b.onnx`.
    pub reason: String,
    pub fix: String,
    /// Whether the file holds weights without their model, or a model in a form that Neo cannot
    /// load: then it may be left from training, and another file may be the model.
    pub weights_only: bool,
    /// Whether the reader of the format could not read the file.
    pub unreadable: bool,
}

/// A file of a group, with what is known about it.
#[derive(Debug)]
pub(super) struct ListedFile {
    pub path: String,
    pub note: Option<FileNote>,
}

/// Files of the same format, all of which Neo finds, or none. Neo takes one of them, so the facts
/// of only one are kept.
#[derive(Debug)]
pub(super) struct FileGroup {
    /// The first files; the others are only counted.
    pub listed: Vec<ListedFile>,
    count: u64,
    certainty: Certainty,
    /// The first file among the most certain ones.
    pub path: String,
    /// What was read from the file, or why it cannot be read; `None` if it was not read or can no
    /// longer be chosen.
    pub facts: Option<Result<FormatFacts, Problem>>,
}

impl FileGroup {
    pub fn new(path: &str, certainty: Certainty, note: Option<FileNote>) -> Self {
        let listed = vec![ListedFile { path: path.to_owned(), note }];
        Self { listed, count: 1, certainty, path: path.to_owned(), facts: None }
    }

    /// Adds a file, which must be read next, with a note if it is known that it cannot be the
    /// model.
    pub fn add_file(&mut self, path: &str, certainty: Certainty, note: Option<FileNote>) {
        self.facts = None;
        if certainty > self.certainty {
            self.certainty = certainty;
            path.clone_into(&mut self.path);
        }
        // The same path again is the same file: extraction overwrites the earlier content.
        if let Some(same) = self.listed.iter_mut().find(|file| file.path == path) {
            same.note = note;
            return;
        }
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(ListedFile { path: path.to_owned(), note });
        }
    }

    /// How certain it is that one of the files is meant to be the model.
    pub fn certainty(&self) -> Certainty {
        let all = |is_noted: fn(&FileNote) -> bool| {
            self.count == self.listed.len() as u64
                && self.listed.iter().all(|file| file.note.as_ref().is_some_and(is_noted))
        };
        if all(|note| note.weights_only) {
            self.certainty.min(Certainty::WeightsOnly)
        } else if self.certainty == Certainty::Possible && all(|note| note.unreadable) {
            Certainty::Refuted
        } else {
            self.certainty
        }
    }

    /// Whether nothing is known against one of the files.
    pub fn has_sound_file(&self) -> bool {
        self.count > self.listed.len() as u64 || self.listed.iter().any(|file| file.note.is_none())
    }

    /// The number of files.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Stores what was read from a file, or only why it cannot be the model if there are several.
    pub fn store_facts(&mut self, path: &str, facts: Result<FormatFacts, Problem>) {
        if let Some(file) = self.listed.iter_mut().find(|file| file.path == path && file.note.is_none()) {
            file.note = describe_facts(&facts);
        }
        if self.count == 1 {
            self.facts = Some(facts);
        }
    }

    /// The paths with their notes.
    pub fn describe_files(&self) -> String {
        self.join_files(|note| note.map_or(String::new(), |note| format!(" ({})", note.reason)))
    }

    /// The paths with their framework and notes.
    pub fn describe_files_of(&self, framework: Framework) -> String {
        self.join_files(|note| match note {
            Some(note) => format!(" ({framework}, {})", note.reason),
            None => format!(" ({framework})"),
        })
    }

    fn join_files(&self, describe_note: impl Fn(Option<&FileNote>) -> String) -> String {
        let each = self.listed.iter().map(|file| quote_name(&file.path) + &describe_note(file.note.as_ref()));
        let each = each.collect::<Vec<_>>().join(", ");
        match self.count - self.listed.len() as u64 {
            0 => each,
            more => format!("{each} and {more} more"),
        }
    }
}

/// The files of one format.
#[derive(Debug, Default)]
pub(super) struct FormatFiles {
    /// The files that Neo finds by their names.
    pub named: Option<FileGroup>,
    /// The files that are of this format by their content alone.
    pub misnamed: Option<FileGroup>,
}

impl FormatFiles {
    /// The files that count: Neo ignores misnamed ones, unless the content of all named ones is
    /// something else.
    pub fn chosen_group(&self) -> Option<&FileGroup> {
        if self.is_misnamed_chosen() { self.misnamed.as_ref() } else { self.named.as_ref() }
    }

    pub fn is_misnamed_chosen(&self) -> bool {
        let named = self.named.as_ref().map(FileGroup::certainty);
        self.misnamed.is_some() && named.is_none_or(Certainty::is_no_model)
    }

    pub fn chosen_group_mut(&mut self) -> Option<&mut FileGroup> {
        if self.is_misnamed_chosen() { self.misnamed.as_mut() } else { self.named.as_mut() }
    }

    pub fn into_chosen(self) -> Option<FileGroup> {
        if self.is_misnamed_chosen() { self.misnamed } else { self.named }
    }

    pub fn certainty(&self) -> Option<Certainty> {
        self.chosen_group().map(FileGroup::certainty)
    }
}

/// Why a file cannot be the model, by what was read from it.
fn describe_facts(facts: &Result<FormatFacts, Problem>) -> Option<FileNote> {
    let problem = match facts {
        Ok(facts) => facts.problems.first()?,
        Err(problem) => problem,
    };
    let reason = match problem.code.as_ref() {
        "torch-not-script" => "a pickle",
        "torch-exported" => "a program of torch.export",
        "keras-weights-only" | "keras-no-config" => "weights without the model",
        "keras-zip" => "in the .keras format",
        "model-invalid" => "not readable",
        _ => return None,
    };
    let unreadable = problem.code == "model-invalid";
    Some(FileNote { reason: reason.to_owned(), fix: problem.remedy.clone(), weights_only: !unreadable, unreadable })
}
