//! The files that may be the model, and the decision which one it is.

use std::collections::BTreeMap;

use crate::{
    Framework, Model, Problem, Warning,
    format::{Certainty, Format, Recognised, folder, in_folder},
    mxnet,
    names::Names,
    problem::quoted,
    reading::Reading,
    survey::Named,
    tensorflow,
};

/// Formats that Neo finds by the same endings.
const TENSORFLOW: [Format; 2] = [Format::SavedModel, Format::FrozenGraph];

/// The files of one format. Neo takes one of each, so only one is kept.
#[derive(Debug)]
struct Files {
    named: Named,
    certainty: Certainty,
    /// The first of those that are most certainly meant.
    path: String,
    /// What was read of it, or why it cannot be; none if it was not read, or cannot be chosen any more.
    reading: Option<Result<Reading, Problem>>,
}

/// What is known of the rest of the archive.
pub(crate) struct Part<'p> {
    pub files: &'p Names,
    pub folders: &'p Names,
    /// Whether all of it was seen.
    pub whole: bool,
}

/// The model, and what is to be said of it.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub model: Option<Model>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Default)]
pub(crate) struct Candidates(BTreeMap<Format, Files>);

impl Candidates {
    /// Counts a file, and tells whether it may be the model: only then it has to be read. What was read of files that
    /// cannot be chosen any more is dropped, since it may be large.
    pub fn expect(&mut self, Recognised { format, certainty }: Recognised, path: &str) -> bool {
        let misnamed = certainty == Certainty::ByContent;
        match self.0.get_mut(&format) {
            // Neo does not look at it where there is one that it finds by its name.
            Some(files) if misnamed && files.certainty != Certainty::ByContent => return false,
            Some(files) if misnamed == (files.certainty == Certainty::ByContent) => files.count(path, certainty),
            _ => {
                self.0.insert(format, Files::of(path, certainty));
            }
        }
        let framework = self.single_framework().ok().flatten();
        let both = TENSORFLOW.iter().all(|format| self.0.contains_key(format));
        let is_out = |format: &Format, files: &Files| {
            files.named.count() > 1 || both && TENSORFLOW.contains(format) || framework != Some(format.framework())
        };
        self.0.iter_mut().filter(|(format, files)| is_out(format, files)).for_each(|(_, files)| files.reading = None);
        self.0.get(&format).is_some_and(|files| !is_out(&format, files))
    }

    /// Keeps what was read of a file that was expected.
    pub fn keep(&mut self, format: Format, reading: Result<Reading, Problem>) {
        if let Some(files) = self.0.get_mut(&format) {
            files.reading = Some(reading);
        }
    }

    /// The framework of all the files that are most certainly meant, if it is one.
    pub fn single_framework(&self) -> Result<Option<Framework>, Problem> {
        let most = self.0.values().map(|files| files.certainty).max();
        let counted = || self.0.iter().filter(|(_, files)| Some(files.certainty) == most);
        let mut frameworks: Vec<_> = counted().map(|(format, _)| format.framework()).collect();
        frameworks.dedup();
        match frameworks[..] {
            [] => Ok(None),
            [framework] => Ok(Some(framework)),
            _ => {
                let each = counted().map(|(format, files)| format!("{} ({})", files.named.list(), format.framework()));
                Err(Problem::new(
                    "several-frameworks",
                    format!("the archive holds models of several frameworks: {}", each.collect::<Vec<_>>().join(", ")),
                    "put one model into each archive, and nothing that is not part of it",
                ))
            }
        }
    }

    /// Takes the model of the one framework there is.
    pub fn choose(mut self, framework: Framework, part: &Part<'_>) -> Chosen {
        self.0.retain(|format, _| format.framework() == framework);
        let mut chosen = Chosen::default();
        chosen.problems.extend(self.several());
        if !chosen.problems.is_empty() {
            return chosen;
        }
        match framework {
            Framework::Mxnet => {
                self.take_pair(Format::MxnetSymbol, Format::MxnetParams, part, &mut chosen, mxnet::combine);
            }
            Framework::Darknet => {
                // The weights add nothing that is read.
                self.take_pair(Format::DarknetConfig, Format::DarknetWeights, part, &mut chosen, |_, _| {});
            }
            _ => {
                if let Some((format, files)) = self.0.pop_first() {
                    files.take(format, part, &mut chosen);
                }
            }
        }
        chosen
    }

    /// Neo counts files by their ending, so that a `SavedModel` and a frozen graph are two of a kind as well.
    fn several(&self) -> Vec<Problem> {
        let tensorflow: Vec<_> =
            self.0.iter().filter(|(format, _)| format.framework() == Framework::Tensorflow).collect();
        if tensorflow.len() > 1 {
            let each: Vec<_> = tensorflow.iter().map(|(_, files)| files.named.list()).collect();
            return vec![Problem::new(
                "several-models",
                format!(
                    "the archive holds several .pb or .pbtxt files where SageMaker Neo takes one: {}",
                    each.join(", ")
                ),
                "put one model into each archive, and no other .pb or .pbtxt file beside it",
            )];
        }
        let several = self.0.iter().filter(|(_, files)| files.named.count() > 1);
        let problems = several.map(|(format, Files { named, certainty, .. })| {
            let files = match certainty {
                Certainty::ByContent => format!("files that each are {}", format.a_noun()),
                _ => format!("{} files", format.endings().join(" or ")),
            };
            Problem::new(
                "several-models",
                format!("the archive holds {} {files} where SageMaker Neo takes one: {}", named.count(), named.list()),
                "put one model into each archive",
            )
        });
        problems.collect()
    }

    /// A model of two files, of which the first holds the graph.
    fn take_pair(
        &mut self,
        graph: Format,
        weights: Format,
        part: &Part<'_>,
        chosen: &mut Chosen,
        combine: fn(&mut Reading, Reading),
    ) {
        let (graph_files, weight_files) = (self.0.remove(&graph), self.0.remove(&weights));
        let missing = match (&graph_files, &weight_files) {
            (Some(present), None) => Some((present.named.list(), weights)),
            (None, Some(present)) => Some((present.named.list(), graph)),
            _ => None,
        };
        if let Some((present, missing)) = missing.filter(|_| part.whole) {
            chosen.problems.push(Problem::new(
                "part-missing",
                format!("the archive holds {present} but no {} ({})", missing.noun(), missing.endings().join(" or ")),
                "put both files of the model into the archive",
            ));
        }
        let Some(mut graph_files) = graph_files else { return };
        match weight_files.and_then(|files| files.reading) {
            Some(Ok(weights)) => {
                if let Some(Ok(reading)) = &mut graph_files.reading {
                    combine(reading, weights);
                }
            }
            Some(Err(problem)) => chosen.problems.push(problem),
            None => {}
        }
        graph_files.take(graph, part, chosen);
    }
}

impl Files {
    fn of(path: &str, certainty: Certainty) -> Self {
        let mut named = Named::default();
        named.add(path);
        Self { named, certainty, path: path.to_owned(), reading: None }
    }

    fn count(&mut self, path: &str, certainty: Certainty) {
        self.reading = None;
        if certainty > self.certainty {
            self.certainty = certainty;
            path.clone_into(&mut self.path);
        }
        // The same path again is the same file: unpacked, the later content is what is left.
        if self.named.count() > 1 || self.path != path {
            self.named.add(path);
        }
    }

    fn take(self, format: Format, part: &Part<'_>, chosen: &mut Chosen) {
        let path = self.path;
        let reading = match self.reading {
            Some(Ok(reading)) => reading,
            Some(Err(problem)) => return chosen.problems.push(problem),
            None => return,
        };
        if !format.is_named_well(&path) && reading.problems.is_empty() {
            chosen.problems.push(misnamed(format, &path));
        }
        if part.whole {
            check_external(&path, &reading.external, part.files, chosen);
            if format == Format::SavedModel {
                check_variables(&path, part.folders, chosen);
            }
        }
        let refused = !reading.read && !reading.problems.is_empty();
        chosen.problems.extend(reading.problems);
        chosen.warnings.extend(reading.warnings);
        if refused {
            return;
        }
        let framework = format.framework();
        chosen.model = Some(Model {
            framework,
            format_version: reading.format_version,
            producer: reading.producer,
            inputs: reading.inputs,
            layout: framework.layout(),
            path,
            read: reading.read,
        });
    }
}

fn misnamed(format: Format, path: &str) -> Problem {
    let endings = format.endings();
    Problem::new(
        "model-misnamed",
        format!(
            "by its content {} is {}, but SageMaker Neo finds such a file only by the ending {}",
            quoted(path),
            format.a_noun(),
            endings.join(" or ")
        ),
        format!("rename it so that it ends in {}", endings[0]),
    )
}

fn check_external(model: &str, external: &[String], files: &Names, chosen: &mut Chosen) {
    let shown = quoted(model);
    let (mut there, mut missing) = (Named::default(), Named::default());
    for location in external {
        let path = in_folder(folder(model), location);
        let named = if files.contains(path.as_bytes()) { &mut there } else { &mut missing };
        named.add(&path);
    }
    if missing.count() > 0 {
        chosen.problems.push(Problem::new(
            "external-data-missing",
            format!("{shown} keeps weights in {}, which is not in the archive", missing.list()),
            "save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)",
        ));
    }
    if there.count() > 0 {
        let places = there.list();
        chosen.warnings.push(Warning::new(
            "external-data",
            format!("{shown} keeps weights in {places}; SageMaker Neo documents models of a single .onnx file"),
        ));
    }
}

fn check_variables(model: &str, folders: &Names, chosen: &mut Chosen) {
    let variables = in_folder(folder(model), tensorflow::VARIABLES);
    if !folders.contains(variables.as_bytes()) {
        chosen.problems.push(Problem::new(
            "variables-missing",
            format!(
                "{} is a SavedModel, but the folder {} with its weights is not in the archive",
                quoted(model),
                quoted(&variables)
            ),
            "archive the whole folder that was saved: `tar -czf model.tar.gz -C <folder> .`",
        ));
    }
}
