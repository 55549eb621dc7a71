//! The choice of the model among the files of one framework.

use std::collections::BTreeMap;

use super::{
    file_group::{FileGroup, FormatFiles},
    format::Format,
    recognized::{Certainty, misnamed_problem, other_name},
    surplus::find_surplus_models,
    weights::{WeightFiles, check_external_data, check_variables},
};
use crate::{
    framework::{
        format_facts::FormatFacts,
        mxnet::{self, ModelShapes},
        pytorch,
    },
    framework_name::Framework,
    inspection::InspectedModel,
    problem::{Problem, Warning, quote_name},
};

/// What is known about the whole archive.
pub(crate) struct ArchiveContents<'p> {
    pub weights: &'p WeightFiles,
    pub shapes: &'p ModelShapes,
    /// Whether the archive was read to its end.
    pub complete: bool,
}

#[derive(Debug, Default)]
pub(crate) struct ModelChoice {
    pub model: Option<InspectedModel>,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

type Formats = BTreeMap<Format, FormatFiles>;

/// Chooses among files that are all of this framework.
///
/// `named_only` says what the files are that have only the name of a format.
pub(super) fn choose_model(
    mut formats: Formats,
    framework: Framework,
    contents: &ArchiveContents<'_>,
    named_only: &BTreeMap<Format, String>,
) -> ModelChoice {
    let mut choice = ModelChoice { problems: find_surplus_models(&formats), ..ModelChoice::default() };
    if !choice.problems.is_empty() {
        return choice;
    }
    match framework {
        Framework::Mxnet => {
            let pair = [Format::MxnetSymbol, Format::MxnetParams];
            report_missing_part(&formats, pair, contents, named_only, &mut choice);
            choose_pair(&mut formats, pair, contents, &mut choice, mxnet::merge_params);
            if let Some(model) = &mut choice.model {
                contents.shapes.complete_inputs(&mut model.inputs);
            }
        }
        Framework::Darknet => {
            // Only the header of the weights is read.
            let pair = [Format::DarknetConfig, Format::DarknetWeights];
            report_missing_part(&formats, pair, contents, named_only, &mut choice);
            choose_pair(&mut formats, pair, contents, &mut choice, |_, _| {});
        }
        _ => {
            if let Some((format, files)) = formats.pop_first() {
                choose_file(format, files, contents, &mut choice);
            }
        }
    }
    choice
}

/// Reports that one of the two files of a model is missing, unless the other one only has its name.
fn report_missing_part(
    formats: &Formats,
    [graph, weights]: [Format; 2],
    contents: &ArchiveContents<'_>,
    named_only: &BTreeMap<Format, String>,
    choice: &mut ModelChoice,
) {
    let missing = match (formats.get(&graph), formats.get(&weights)) {
        (Some(present), None) => Some((present, weights)),
        (None, Some(present)) => Some((present, graph)),
        _ => None,
    };
    if let Some((present, missing)) = missing.filter(|_| contents.complete)
        && let Some(present) = present.chosen_group()
        && present.certainty() != Certainty::Refuted
    {
        choice.problems.push(part_missing_problem(present, missing, named_only.get(&missing)));
    }
}

/// A model of two files, of which the first holds the graph.
fn choose_pair(
    formats: &mut Formats,
    [graph, weights]: [Format; 2],
    contents: &ArchiveContents<'_>,
    choice: &mut ModelChoice,
    merge: fn(&mut FormatFacts, Option<FormatFacts>),
) {
    let (graph_files, weight_files) = (formats.remove(&graph), formats.remove(&weights));
    let weight_group = weight_files.and_then(|files| {
        report_misnamed(weights, &files, choice);
        files.into_chosen()
    });
    let facts = weight_group.and_then(|group| group.facts);
    let Some(mut graph_files) = graph_files else {
        // A file that is not what its name says is a better reason.
        if let Some(Err(problem)) = facts {
            choice.problems.push(problem);
        }
        return;
    };
    let weights = facts.and_then(|facts| facts.map_err(|problem| choice.problems.push(problem)).ok());
    if let Some(Ok(facts)) = graph_files.chosen_group_mut().and_then(|group| group.facts.as_mut()) {
        merge(facts, weights);
    }
    choose_file(graph, graph_files, contents, choice);
}

fn part_missing_problem(present: &FileGroup, missing: Format, named_only: Option<&String>) -> Problem {
    let facts = present.facts.as_ref().and_then(|facts| facts.as_ref().ok());
    let other = match missing {
        Format::MxnetSymbol | Format::MxnetParams => {
            "add both files that net.export(\"model\") or mx.model.save_checkpoint(\"model\", 0, …) writes: \
             model-symbol.json and model-0000.params"
        }
        _ => "add both files of the model to the archive: its .cfg and its .weights",
    };
    Problem::new(
        "part-missing",
        format!(
            "the archive contains {} but no {} ({}){}",
            present.describe_files(),
            missing.display_name(),
            missing.file_suffixes().join(" or "),
            named_only.map(|what| format!(": {what}")).unwrap_or_default()
        ),
        facts.and_then(|facts| facts.fix_alone).unwrap_or(other),
    )
}

/// Reports that the chosen file has a name by which Neo does not find it.
fn report_misnamed(format: Format, files: &FormatFiles, choice: &mut ModelChoice) {
    let Some(group) = files.chosen_group() else { return };
    let sound = group.facts.as_ref().is_some_and(|facts| facts.as_ref().is_ok_and(|facts| facts.problems.is_empty()));
    if format.is_named_as_expected(&group.path) || !sound {
        return;
    }
    let mut problem = misnamed_problem(format, &group.path);
    if let Some(named) = files.named.as_ref().filter(|named| named.certainty().is_no_model()) {
        let named = named.describe_files();
        problem.remedy = format!("{}, without {named}", problem.remedy);
    }
    choice.problems.push(problem);
}

fn choose_file(format: Format, files: FormatFiles, contents: &ArchiveContents<'_>, choice: &mut ModelChoice) {
    report_misnamed(format, &files, choice);
    let Some(FileGroup { path, facts, .. }) = files.into_chosen() else { return };
    let Some(facts) = facts else {
        // Its facts were dropped for another file that a later file of the same path replaced. In
        // an archive that could only be read in part, it was the last file.
        if contents.complete {
            choice.problems.push(Problem::new(
                "tar-repeated",
                format!("{} was not read, because the archive contains another file more than once", quote_name(&path)),
                "create the archive again with each file once",
            ));
        }
        return;
    };
    let facts = match facts {
        Ok(facts) => facts,
        Err(problem) => return choice.problems.push(problem),
    };
    if format == Format::Sklearn && contents.weights.has_extracted_torch(&path) {
        return choice.problems.push(pytorch::extracted_problem(&path));
    }
    if contents.complete {
        check_external_data(&path, &facts.external, contents.weights, choice);
        if format == Format::SavedModel {
            check_variables(&path, facts.has_variables, contents.weights, choice);
        }
    }
    let rejected = !facts.read && !facts.problems.is_empty();
    let named = other_name(format, &path);
    choice.problems.extend(facts.problems.into_iter().map(|mut problem| {
        // The reason is about the content: say that the name promises something else.
        if let Some(named) = named {
            let (path, named, article) = (quote_name(&path), named.with_article(), format.with_article());
            problem.problem =
                format!("{path} has the name of {named}, but its content is {article}: {}", problem.problem);
        }
        problem
    }));
    choice.warnings.extend(facts.warnings);
    if facts.inputs.iter().any(|input| input.name.is_empty()) {
        choice.problems.push(Problem::new(
            "input-unnamed",
            "the model has an input without a name, and input shapes are given by name",
            "export the model again with a name for each input",
        ));
    }
    if rejected {
        return;
    }
    let framework = format.framework();
    choice.model = Some(InspectedModel {
        framework,
        format_version: facts.format_version,
        producer: facts.producer,
        runtime_version: facts.runtime_version,
        inputs: facts.inputs,
        layout: framework.layout(),
        path,
        read: facts.read,
    });
}
