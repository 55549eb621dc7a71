//! The files of formats that Neo does not take, and the answer to an archive that has no others.

use super::{
    file_type::FileType,
    format::Format,
    unsupported_format::{UnsupportedFormat, UnsupportedKind},
};
use crate::{
    container::path::file_name,
    inspection::Inspection,
    problem::{MAX_LISTED, Problem, quote_name},
};

/// Codes of problems that say that a file has weights without their model.
const WEIGHTS_ONLY: [&str; 3] = ["torch-not-script", "keras-weights-only", "keras-no-config"];

/// Ends of names that only models and weights have, or archives of them, in any format: a file of
/// such a name without content was lost.
const NAMES_OF_WEIGHTS: [&str; 15] = [
    ".bin", ".data", ".npy", ".npz", ".pickle", ".sav", ".ubj", ".xgb", ".gguf", ".gz", ".tgz", ".bz2", ".tar", ".zip",
    "model.json",
];

/// Files that are not models that Neo takes. Only the first are kept.
#[derive(Debug, Default)]
pub(crate) struct UnsupportedFiles {
    /// Files with the content of an unsupported format.
    present: ListedFiles,
    /// Files without content that are not named like a model that Neo takes.
    lost: ListedFiles,
    /// The fix of the first lost file.
    lost_fix: Option<&'static str>,
}

/// What each of some files is.
#[derive(Debug, Default)]
struct ListedFiles {
    descriptions: Vec<String>,
    count: u64,
    /// The format that decides what to do.
    leading: Option<&'static UnsupportedFormat>,
}

impl ListedFiles {
    fn add_file(&mut self, format: Option<&'static UnsupportedFormat>, describe: impl FnOnce() -> String) {
        self.count += 1;
        if self.descriptions.len() < MAX_LISTED {
            self.descriptions.push(describe());
        }
        if self.leading.map(|leading| leading.kind) < format.map(|format| format.kind) {
            self.leading = format;
        }
    }

    fn join_descriptions(&self) -> String {
        let more = self.count - self.descriptions.len() as u64;
        let more = (more > 0).then(|| format!("and {more} more"));
        self.descriptions.iter().cloned().chain(more).collect::<Vec<_>>().join("; ")
    }
}

impl UnsupportedFiles {
    pub fn add_file(&mut self, path: &str, file_type: FileType) {
        let named = Format::from_name(path);
        let by_name = || UnsupportedFormat::from_name(path).filter(|_| named.is_none());
        if file_type.is_lost() {
            if named.is_none() {
                self.add_lost_file(path, file_type, by_name());
            }
            return;
        }
        let found = match file_type {
            FileType::Unsupported(format) => Some(format),
            FileType::Unknown | FileType::Json | FileType::Text | FileType::Zip | FileType::Gzip | FileType::Pickle => {
                by_name()
            }
            _ => None,
        };
        if let Some(format) = found {
            self.present.add_file(found, || {
                let named = named.map(|(named, _)| format!(", not {}", named.with_article()));
                format!("{} is {}{}", quote_name(path), format.name, named.unwrap_or_default())
            });
        }
    }

    fn add_lost_file(&mut self, path: &str, file_type: FileType, format: Option<&'static UnsupportedFormat>) {
        let name = path.to_ascii_lowercase();
        let is_named_as_weights = file_stem(&name) == "model" || NAMES_OF_WEIGHTS.iter().any(|end| name.ends_with(end));
        // Git LFS stores only large files.
        if format.is_none() && !is_named_as_weights && file_type != FileType::GitLfsPointer {
            return;
        }
        self.lost.add_file(format, || {
            let named = format.map(|format| format!(", not {}", format.name));
            format!("{} is {file_type}{}", quote_name(path), named.unwrap_or_default())
        });
        self.lost_fix = self.lost_fix.or_else(|| file_type.suggested_fix());
    }

    pub fn is_empty(&self) -> bool {
        self.present.count == 0
    }

    /// Whether more is known than what accompanies a model.
    pub fn has_model(&self) -> bool {
        self.present.leading.is_some_and(|format| format.kind != UnsupportedKind::Companion)
    }

    /// The problem of an archive whose model or weights were lost, if it has no others.
    pub fn lost_problem(&self) -> Option<Problem> {
        let leading = self.present.leading;
        let has_weights =
            leading.is_some_and(|format| matches!(format.kind, UnsupportedKind::Weights | UnsupportedKind::Model));
        let fix = self.lost_fix.filter(|_| !has_weights)?;
        let leading = leading.filter(|format| format.kind == UnsupportedKind::Snapshot).or(self.lost.leading);
        Some(Problem::new(
            "model-invalid",
            format!("the archive contains no model, only files without its content: {}", self.lost.join_descriptions()),
            match leading {
                Some(format) => format!("{fix}; for {}: {}", format.name, format.fix),
                None => fix.to_owned(),
            },
        ))
    }

    /// The problem of an archive that has no model that Neo takes.
    pub fn describe_problem(&self) -> Problem {
        Problem::new(
            "model-unsupported",
            format!("the archive contains no model that SageMaker Neo compiles: {}", self.present.join_descriptions()),
            self.present.leading.map(|format| format.fix).unwrap_or_default(),
        )
    }

    /// Explains how to make a model of weights if what belongs to them is in the archive too.
    ///
    /// `has_sound_file` says whether one of several files may be the model.
    pub fn explain_snapshot(&self, inspection: &mut Inspection, has_sound_file: bool) {
        let Some(snapshot) = self.present.leading.filter(|format| format.kind == UnsupportedKind::Snapshot) else {
            return;
        };
        if inspection.model.is_some() {
            return;
        }
        for problem in &mut inspection.problems {
            let is_several = problem.code.starts_with("several-") && !has_sound_file;
            if WEIGHTS_ONLY.contains(&problem.code.as_ref()) || is_several {
                snapshot.fix.clone_into(&mut problem.remedy);
            }
        }
    }
}

/// The name of a file without its folder and what follows its first dot.
fn file_stem(path: &str) -> &str {
    file_name(path).split('.').next().unwrap_or_default()
}
