//! The files that may be the model, and the framework among whose files it is.

use std::collections::BTreeMap;

use super::{
    choice::{self, ArchiveContents, ModelChoice},
    file_group::{FileGroup, FileNote, FormatFiles},
    format::Format,
    recognized::{Certainty, RecognizedFile, other_name},
};
use crate::{
    framework::format_facts::FormatFacts,
    framework_name::Framework,
    problem::{Problem, Warning, quote_name},
};

/// Formats that Neo finds by the same suffixes.
const TENSORFLOW: [Format; 2] = [Format::SavedModel, Format::FrozenGraph];

#[derive(Debug, Default)]
pub(crate) struct Candidates {
    formats: BTreeMap<Format, FormatFiles>,
    /// The framework that a rule or the metadata of the upload names.
    expected: Option<Framework>,
}

impl Candidates {
    pub fn new(expected: Option<Framework>) -> Self {
        Self { formats: BTreeMap::new(), expected }
    }

    /// Counts a file and returns whether it must be read, because it may be the model or may
    /// explain why there are several.
    ///
    /// `note` says why the file cannot be the model, if that is known already.
    pub fn register_file(
        &mut self,
        RecognizedFile { format, certainty }: RecognizedFile,
        path: &str,
        note: Option<FileNote>,
    ) -> bool {
        let misnamed = certainty.is_misnamed();
        let files = self.formats.entry(format).or_default();
        let group = if misnamed { &mut files.misnamed } else { &mut files.named };
        match group {
            Some(group) => group.add_file(path, certainty, note),
            None => *group = Some(FileGroup::new(path, certainty, note)),
        }
        let listed = group.as_ref().is_some_and(|group| group.listed.iter().any(|file| file.path == path));
        files.is_misnamed_chosen() == misnamed && listed && self.must_be_read(format)
    }

    /// Whether the files of a format must be read: only that shows whether they hold a model.
    fn must_be_read(&self, format: Format) -> bool {
        match self.choose_framework() {
            Ok(framework) => {
                let is_possible =
                    self.formats.get(&format).and_then(FormatFiles::certainty) == Some(Certainty::Possible);
                framework == Some(format.framework()) && (!self.has_rival(format) || is_possible)
            }
            Err(_) => self.formats.get(&format).and_then(FormatFiles::certainty) == self.highest_certainty(),
        }
    }

    /// Whether the model may be one of this format, as far as the archive was read.
    fn may_be_chosen(&self, format: Format) -> bool {
        let framework = self.choose_framework().ok().flatten();
        framework == Some(format.framework()) && !self.has_rival(format)
    }

    /// Whether there are files of another format that Neo finds by the same suffixes.
    fn has_rival(&self, format: Format) -> bool {
        TENSORFLOW.contains(&format)
            && TENSORFLOW.iter().any(|other| *other != format && !self.ignores_beside(*other, format))
    }

    /// Whether files of a format do not matter beside those of another one of the same suffixes.
    fn ignores_beside(&self, format: Format, other: Format) -> bool {
        let is_misnamed = |format| {
            let certainty = self.formats.get(&format).and_then(FormatFiles::certainty);
            certainty.map(Certainty::is_misnamed)
        };
        is_misnamed(format).is_none_or(|misnamed| misnamed && is_misnamed(other) == Some(false))
    }

    /// Drops the facts of files that can no longer be chosen, because they may be large.
    fn drop_facts(&mut self) {
        let dropped: Vec<_> = self.formats.keys().copied().filter(|format| !self.may_be_chosen(*format)).collect();
        for (format, files) in &mut self.formats {
            let (is_out, misnamed) = (dropped.contains(format), files.is_misnamed_chosen());
            let groups = [(&mut files.named, misnamed), (&mut files.misnamed, !misnamed)];
            for (group, ignored) in groups {
                if let Some(group) = group.as_mut().filter(|_| is_out || ignored) {
                    group.facts = None;
                }
            }
        }
    }

    /// Stores what was read from a file that `register_file` returned true for.
    pub fn store_facts(
        &mut self,
        RecognizedFile { format, certainty }: RecognizedFile,
        path: &str,
        facts: Result<FormatFacts, Problem>,
    ) {
        let Some(files) = self.formats.get_mut(&format) else { return };
        let group = if certainty.is_misnamed() { &mut files.misnamed } else { &mut files.named };
        if let Some(group) = group {
            group.store_facts(path, facts);
        }
        self.drop_facts();
    }

    /// The certainty of the most certain files.
    pub fn highest_certainty(&self) -> Option<Certainty> {
        self.formats.values().filter_map(FormatFiles::certainty).max()
    }

    /// The framework that is expected, if there is a candidate of it; otherwise that of the most
    /// certain files, if they all belong to one.
    pub fn choose_framework(&self) -> Result<Option<Framework>, Problem> {
        let has_candidate = |framework: &Framework| {
            let mut of_framework = self.formats.iter().filter(|(format, _)| format.framework() == *framework);
            of_framework.any(|(_, files)| files.certainty() > Some(Certainty::Refuted))
        };
        if let Some(expected) = self.expected.filter(has_candidate) {
            return Ok(Some(expected));
        }
        let highest = self.highest_certainty();
        let counted = || self.formats.iter().filter(|(_, files)| files.certainty() == highest);
        let mut frameworks: Vec<_> = counted().map(|(format, _)| format.framework()).collect();
        frameworks.dedup();
        match frameworks[..] {
            [] => Ok(None),
            [framework] => Ok(Some(framework)),
            [first, ..] => {
                let mut whole = frameworks.iter().filter(|framework| !self.lacks_part(**framework));
                if let (Some(only), None) = (whole.next(), whole.next()) {
                    return Ok(Some(*only));
                }
                let is_sound =
                    |format: &Format| self.formats[format].chosen_group().is_some_and(FileGroup::has_sound_file);
                let sound = counted().map(|(format, _)| format).find(|format| is_sound(format));
                let suggested = sound.map_or(first, |format| format.framework());
                let groups = counted().filter_map(|(format, files)| Some((format, files.chosen_group()?)));
                let each = groups.map(|(format, group)| group.describe_files_of(format.framework()));
                Err(Problem::new(
                    "several-frameworks",
                    format!(
                        "the archive contains models of several frameworks: {}",
                        each.collect::<Vec<_>>().join(", ")
                    ),
                    format!(
                        "create one archive for each model, with only the files of that model, or name the framework \
                         to compile: `framework: {suggested}` in the rule or `neo-framework` in the metadata"
                    ),
                ))
            }
        }
    }

    /// Whether one of the two files of each model of this framework is missing: the other one does
    /// not count beside a whole model.
    fn lacks_part(&self, framework: Framework) -> bool {
        let parts = match framework {
            Framework::Mxnet => [Format::MxnetSymbol, Format::MxnetParams],
            Framework::Darknet => [Format::DarknetConfig, Format::DarknetWeights],
            _ => return false,
        };
        let certainty = |format| self.formats.get(&format).and_then(FormatFiles::certainty);
        parts.into_iter().any(|format| certainty(format) <= Some(Certainty::Refuted))
    }

    /// Whether one of the files among which the model is chosen may be it.
    pub fn has_sound_file(&self) -> bool {
        let framework = self.choose_framework().ok().flatten();
        let highest = self.highest_certainty();
        self.formats.iter().any(|(format, files)| {
            let counts = framework.map_or(files.certainty() == highest, |framework| format.framework() == framework);
            counts && files.chosen_group().is_some_and(FileGroup::has_sound_file)
        })
    }

    /// Chooses the model of this framework.
    pub fn choose_model(mut self, framework: Framework, contents: &ArchiveContents<'_>) -> ModelChoice {
        let ignored = |format: &Format| {
            let mut others = TENSORFLOW.iter().filter(|other| *other != format);
            TENSORFLOW.contains(format)
                && others.any(|other| self.formats.contains_key(other) && self.ignores_beside(*format, *other))
        };
        let ignored: Vec<_> = self.formats.keys().copied().filter(ignored).collect();
        let left = self.describe_left_files(framework);
        let named_only = self.describe_named_only(framework);
        self.formats.retain(|format, _| format.framework() == framework && !ignored.contains(format));
        let mut choice = choice::choose_model(self.formats, framework, contents, &named_only);
        choice.warnings.extend(left.filter(|_| choice.model.is_some()));
        choice
    }

    /// What the files are that have only the name of a format of this framework, by that format.
    fn describe_named_only(&self, framework: Framework) -> BTreeMap<Format, String> {
        let misnamed = self.formats.iter().filter_map(|(format, files)| Some((*format, files.misnamed.as_ref()?)));
        let named = misnamed.filter_map(|(format, group)| {
            let named = other_name(format, &group.path).filter(|named| named.framework() == framework)?;
            Some((named, format!("{} is {}", quote_name(&group.path), format.with_article())))
        });
        named.collect()
    }

    /// A warning about weights, and single files of a pair, of other frameworks than the chosen
    /// one.
    fn describe_left_files(&self, framework: Framework) -> Option<Warning> {
        let others = self.formats.iter().filter(|(format, _)| format.framework() != framework);
        // Neo ignores misnamed files anyway.
        let groups = others.filter_map(|(format, files)| Some((format, files.named.as_ref()?)));
        let is_left = |(format, group): &(&Format, &FileGroup)| match group.certainty() {
            Certainty::WeightsOnly => true,
            Certainty::ByName => self.lacks_part(format.framework()),
            _ => false,
        };
        let left: Vec<_> = groups.filter(is_left).map(|(_, group)| group.describe_files()).collect();
        let left = left.join(", ");
        (!left.is_empty()).then(|| {
            Warning::new("files-ignored", format!("only the {framework} model is compiled; not compiled: {left}"))
        })
    }

    /// Whether there are several files of one format.
    pub fn has_several_files(&self) -> bool {
        self.formats.values().filter_map(FormatFiles::chosen_group).any(|group| group.count() > 1)
    }

    /// Why none of the files is a model, if all of them are refuted by their content.
    pub fn refuted_problem(&self) -> Problem {
        let groups = || self.formats.values().filter_map(FormatFiles::chosen_group);
        let each: Vec<_> = groups().map(FileGroup::describe_files).collect();
        let mut notes = groups().flat_map(|group| &group.listed).filter_map(|file| file.note.as_ref());
        Problem::new(
            "model-invalid",
            format!("the archive contains no model, only files that have the name of one: {}", each.join(", ")),
            notes.next().map(|note| note.fix.clone()).unwrap_or_default(),
        )
    }
}
