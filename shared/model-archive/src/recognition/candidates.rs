//! The files that may be the model, and the choice among them.

use std::collections::BTreeMap;

use super::format::{Certainty, Format, RecognizedFile};
use crate::{
    container::path::{join_path, parent_folder},
    framework::{format_facts::FormatFacts, mxnet, tensorflow},
    framework_name::Framework,
    inspection::InspectedModel,
    name_set::NameSet,
    problem::{Problem, QuotedNames, Warning, quote_name},
};

/// Formats that Neo finds by the same suffixes.
const TENSORFLOW: [Format; 2] = [Format::SavedModel, Format::FrozenGraph];

/// The files of one format. Neo takes one of each, so the facts of only one are kept.
#[derive(Debug)]
struct FormatCandidates {
    paths: QuotedNames,
    certainty: Certainty,
    /// The first file among the most certain ones.
    path: String,
    /// What was read from the file, or why it cannot be read; `None` if it was not read or can no
    /// longer be chosen.
    facts: Option<Result<FormatFacts, Problem>>,
}

/// What is known about the whole archive.
pub(crate) struct ArchiveContents<'p> {
    pub files: &'p NameSet,
    pub folders: &'p NameSet,
    /// Whether the archive was read to its end.
    pub complete: bool,
}

#[derive(Debug, Default)]
pub(crate) struct ModelChoice {
    pub model: Option<InspectedModel>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Default)]
pub(crate) struct Candidates(BTreeMap<Format, FormatCandidates>);

impl Candidates {
    /// Counts a file and returns whether it may be the model: only then must it be read. Drops the
    /// facts of files that can no longer be chosen, because they may be large.
    pub fn register_file(&mut self, RecognizedFile { format, certainty }: RecognizedFile, path: &str) -> bool {
        let misnamed = certainty == Certainty::ByContent;
        match self.0.get_mut(&format) {
            // Neo ignores it if there is a file that it finds by its name.
            Some(files) if misnamed && files.certainty != Certainty::ByContent => return false,
            Some(files) if misnamed == (files.certainty == Certainty::ByContent) => files.add_path(path, certainty),
            _ => {
                self.0.insert(format, FormatCandidates::new(path, certainty));
            }
        }
        let framework = self.single_framework().ok().flatten();
        let both = TENSORFLOW.iter().all(|format| self.0.contains_key(format));
        let is_out = |format: &Format, files: &FormatCandidates| {
            files.paths.len() > 1 || both && TENSORFLOW.contains(format) || framework != Some(format.framework())
        };
        self.0.iter_mut().filter(|(format, files)| is_out(format, files)).for_each(|(_, files)| files.facts = None);
        self.0.get(&format).is_some_and(|files| !is_out(&format, files))
    }

    /// Stores what was read from a file that `register_file` returned true for.
    pub fn store_facts(&mut self, format: Format, facts: Result<FormatFacts, Problem>) {
        if let Some(files) = self.0.get_mut(&format) {
            files.facts = Some(facts);
        }
    }

    /// The framework of the most certain files, if they all belong to one.
    pub fn single_framework(&self) -> Result<Option<Framework>, Problem> {
        let highest = self.0.values().map(|files| files.certainty).max();
        let counted = || self.0.iter().filter(|(_, files)| Some(files.certainty) == highest);
        let mut frameworks: Vec<_> = counted().map(|(format, _)| format.framework()).collect();
        frameworks.dedup();
        match frameworks[..] {
            [] => Ok(None),
            [framework] => Ok(Some(framework)),
            _ => {
                let each = counted().map(|(format, files)| format!("{} ({})", files.paths, format.framework()));
                Err(Problem::new(
                    "several-frameworks",
                    format!(
                        "the archive contains models of several frameworks: {}",
                        each.collect::<Vec<_>>().join(", ")
                    ),
                    "create one archive for each model, with only the files of that model",
                ))
            }
        }
    }

    /// Chooses the model of this framework, the only one in the archive.
    pub fn choose_model(mut self, framework: Framework, contents: &ArchiveContents<'_>) -> ModelChoice {
        self.0.retain(|format, _| format.framework() == framework);
        let mut choice = ModelChoice::default();
        choice.problems.extend(self.find_surplus_models());
        if !choice.problems.is_empty() {
            return choice;
        }
        match framework {
            Framework::Mxnet => {
                let (symbol, params) = (Format::MxnetSymbol, Format::MxnetParams);
                self.choose_pair(symbol, params, contents, &mut choice, mxnet::merge_params);
            }
            Framework::Darknet => {
                // Nothing is read from the weights.
                let (config, weights) = (Format::DarknetConfig, Format::DarknetWeights);
                self.choose_pair(config, weights, contents, &mut choice, |_, _| {});
            }
            _ => {
                if let Some((format, files)) = self.0.pop_first() {
                    files.choose_file(format, contents, &mut choice);
                }
            }
        }
        choice
    }

    /// Neo counts files by their suffix, so a `SavedModel` and a frozen graph are two models as
    /// well.
    fn find_surplus_models(&self) -> Vec<Problem> {
        let tensorflow: Vec<_> =
            self.0.iter().filter(|(format, _)| format.framework() == Framework::Tensorflow).collect();
        if tensorflow.len() > 1 {
            let each: Vec<_> = tensorflow.iter().map(|(_, files)| files.paths.to_string()).collect();
            return vec![Problem::new(
                "several-models",
                format!(
                    "SageMaker Neo accepts one .pb or .pbtxt file, but the archive contains several: {}",
                    each.join(", ")
                ),
                "create one archive for each model, with no other .pb or .pbtxt file in it",
            )];
        }
        let surplus = self.0.iter().filter(|(_, files)| files.paths.len() > 1);
        let problems = surplus.map(|(format, FormatCandidates { paths, certainty, .. })| {
            let kind = if *certainty == Certainty::ByContent {
                format.display_name().to_owned()
            } else {
                format!("{} file", format.file_suffixes().join(" or "))
            };
            Problem::new(
                "several-models",
                format!("SageMaker Neo accepts one {kind}, but the archive contains {}: {paths}", paths.len()),
                "create one archive for each model",
            )
        });
        problems.collect()
    }

    /// A model of two files, of which the first holds the graph.
    fn choose_pair(
        &mut self,
        graph: Format,
        weights: Format,
        contents: &ArchiveContents<'_>,
        choice: &mut ModelChoice,
        merge: fn(&mut FormatFacts, FormatFacts),
    ) {
        let (graph_files, weight_files) = (self.0.remove(&graph), self.0.remove(&weights));
        let missing = match (&graph_files, &weight_files) {
            (Some(present), None) => Some((present.paths.to_string(), weights)),
            (None, Some(present)) => Some((present.paths.to_string(), graph)),
            _ => None,
        };
        if let Some((present, missing)) = missing.filter(|_| contents.complete) {
            choice.problems.push(Problem::new(
                "part-missing",
                format!(
                    "the archive contains {present} but no {} ({})",
                    missing.display_name(),
                    missing.file_suffixes().join(" or ")
                ),
                "add both files of the model to the archive",
            ));
        }
        let Some(mut graph_files) = graph_files else { return };
        match weight_files.and_then(|files| files.facts) {
            Some(Ok(weights)) => {
                if let Some(Ok(facts)) = &mut graph_files.facts {
                    merge(facts, weights);
                }
            }
            Some(Err(problem)) => choice.problems.push(problem),
            None => {}
        }
        graph_files.choose_file(graph, contents, choice);
    }
}

impl FormatCandidates {
    fn new(path: &str, certainty: Certainty) -> Self {
        let mut paths = QuotedNames::default();
        paths.push(path);
        Self { paths, certainty, path: path.to_owned(), facts: None }
    }

    fn add_path(&mut self, path: &str, certainty: Certainty) {
        self.facts = None;
        if certainty > self.certainty {
            self.certainty = certainty;
            path.clone_into(&mut self.path);
        }
        // The same path again is the same file: extraction overwrites the earlier content.
        if self.paths.len() > 1 || self.path != path {
            self.paths.push(path);
        }
    }

    fn choose_file(self, format: Format, contents: &ArchiveContents<'_>, choice: &mut ModelChoice) {
        let path = self.path;
        let facts = match self.facts {
            Some(Ok(facts)) => facts,
            Some(Err(problem)) => return choice.problems.push(problem),
            None => return,
        };
        if !format.is_named_as_expected(&path) && facts.problems.is_empty() {
            choice.problems.push(misnamed_problem(format, &path));
        }
        if contents.complete {
            check_external_data(&path, &facts.external, contents.files, choice);
            if format == Format::SavedModel {
                check_variables(&path, contents.folders, choice);
            }
        }
        let rejected = !facts.read && !facts.problems.is_empty();
        choice.problems.extend(facts.problems);
        choice.warnings.extend(facts.warnings);
        if rejected {
            return;
        }
        let framework = format.framework();
        choice.model = Some(InspectedModel {
            framework,
            format_version: facts.format_version,
            producer: facts.producer,
            inputs: facts.inputs,
            layout: framework.layout(),
            path,
            read: facts.read,
        });
    }
}

fn misnamed_problem(format: Format, path: &str) -> Problem {
    let suffixes = format.file_suffixes();
    Problem::new(
        "model-misnamed",
        format!(
            "the content of {} is {}, but SageMaker Neo finds such a file only if its name ends in {}",
            quote_name(path),
            format.with_article(),
            suffixes.join(" or ")
        ),
        format!("rename the file so that its name ends in {}", suffixes[0]),
    )
}

fn check_external_data(model: &str, external: &[String], files: &NameSet, choice: &mut ModelChoice) {
    let shown = quote_name(model);
    let (mut present, mut missing) = (QuotedNames::default(), QuotedNames::default());
    for location in external {
        let path = join_path(parent_folder(model), location);
        let paths = if files.contains(path.as_bytes()) { &mut present } else { &mut missing };
        paths.push(&path);
    }
    if !missing.is_empty() {
        choice.problems.push(Problem::new(
            "external-data-missing",
            format!("{shown} stores weights in files that are missing from the archive: {missing}"),
            "save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)",
        ));
    }
    if !present.is_empty() {
        choice.warnings.push(Warning::new(
            "external-data",
            format!("{shown} stores weights in {present}; AWS documents only models that consist of one .onnx file"),
        ));
    }
}

fn check_variables(model: &str, folders: &NameSet, choice: &mut ModelChoice) {
    let variables = join_path(parent_folder(model), tensorflow::VARIABLES);
    if !folders.contains(variables.as_bytes()) {
        choice.problems.push(Problem::new(
            "variables-missing",
            format!(
                "{} is a SavedModel, but the folder {} with its weights is missing from the archive",
                quote_name(model),
                quote_name(&variables)
            ),
            "archive the whole folder of the SavedModel: `tar -czf model.tar.gz -C <folder> .`",
        ));
    }
}
