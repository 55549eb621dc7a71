//! The files that may be the model, and the decision which one it is.

use std::collections::BTreeMap;

use crate::{
    Framework, Model, Problem, Warning,
    format::{Format, Recognised, folder, in_folder},
    mxnet,
    names::Names,
    problem::quoted,
    reading::Reading,
    survey::Named,
    tensorflow,
};

/// All files of one format. Neo takes one of each, so only the first is kept.
#[derive(Debug, Default)]
struct Files {
    named: Named,
    certain: bool,
    first: Option<File>,
}

#[derive(Debug)]
struct File {
    path: String,
    /// What was read of it, or why it cannot be.
    reading: Result<Reading, Problem>,
}

/// What is known of the rest of the archive.
pub(crate) struct Part<'p> {
    pub paths: &'p Names,
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
    pub fn add(&mut self, Recognised { format, certain }: Recognised, path: &str, reading: Result<Reading, Problem>) {
        let files = self.0.entry(format).or_default();
        files.named.add(path);
        // A file that is certainly of this format is the one to tell of.
        if files.first.is_none() || certain && !files.certain {
            files.first = Some(File { path: path.to_owned(), reading });
        }
        files.certain |= certain;
        if files.named.count() > 1 {
            files.forget();
        }
        let tensorflow = [Format::SavedModel, Format::FrozenGraph];
        if tensorflow.contains(&format) && tensorflow.iter().all(|format| self.0.contains_key(format)) {
            for (_, files) in self.0.iter_mut().filter(|(format, _)| tensorflow.contains(format)) {
                files.forget();
            }
        }
        if certain && self.single_framework().is_err() {
            self.0.values_mut().for_each(Files::forget);
        }
    }

    /// The framework of all the files, if it is one.
    pub fn single_framework(&self) -> Result<Option<Framework>, Problem> {
        let any_certain = self.0.values().any(|files| files.certain);
        let counted = || self.0.iter().filter(|(_, files)| files.certain || !any_certain);
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
        let problems = several.map(|(format, Files { named, .. })| {
            Problem::new(
                "several-models",
                format!(
                    "the archive holds {} {} files where SageMaker Neo takes one: {}",
                    named.count(),
                    format.endings().join(" or "),
                    named.list()
                ),
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
        let weights_reading = weight_files.and_then(|files| files.first);
        match weights_reading.map(|file| file.reading) {
            Some(Ok(weights)) => {
                if let Some(File { reading: Ok(reading), .. }) = &mut graph_files.first {
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
    /// Drops what was read: none of it will be chosen, and it may be large.
    fn forget(&mut self) {
        if let Some(File { reading: reading @ Ok(_), .. }) = &mut self.first {
            *reading = Ok(Reading::default());
        }
    }

    fn take(self, format: Format, part: &Part<'_>, chosen: &mut Chosen) {
        let Some(File { path, reading }) = self.first else { return };
        let reading = match reading {
            Ok(reading) => reading,
            Err(problem) => return chosen.problems.push(problem),
        };
        if !format.is_named_well(&path) && reading.problems.is_empty() {
            chosen.problems.push(misnamed(format, &path));
        }
        if part.whole {
            check_external(&path, &reading.external, part.paths, chosen);
            if format == Format::SavedModel {
                check_variables(&path, part.paths, chosen);
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
            "by its content `{path}` is {} {}, but SageMaker Neo finds such a file only by the ending {}",
            if format.noun().starts_with(['O', 'X']) { "an" } else { "a" },
            format.noun(),
            endings.join(" or ")
        ),
        format!("rename it so that it ends in {}", endings[0]),
    )
}

fn check_external(model: &str, external: &[String], paths: &Names, chosen: &mut Chosen) {
    for location in external {
        let path = in_folder(folder(model), location);
        let is_there = paths.contains(path.as_bytes());
        let path = quoted(&path);
        if is_there {
            chosen.warnings.push(Warning::new(
                "external-data",
                format!("`{model}` keeps weights in {path}; SageMaker Neo documents models of a single .onnx file"),
            ));
        } else {
            chosen.problems.push(Problem::new(
                "external-data-missing",
                format!("`{model}` keeps weights in {path}, which is not in the archive"),
                "save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)",
            ));
        }
    }
}

fn check_variables(model: &str, paths: &Names, chosen: &mut Chosen) {
    let variables = in_folder(folder(model), tensorflow::VARIABLES);
    if !paths.contains(variables.as_bytes()) {
        chosen.problems.push(Problem::new(
            "variables-missing",
            format!("`{model}` is a SavedModel, but the folder `{variables}` with its weights is not in the archive"),
            "archive the whole folder that was saved: `tar -czf model.tar.gz -C <folder> .`",
        ));
    }
}
