//! Chooses the graph and the signature of a `SavedModel` that serve.

use crate::{
    framework::format_facts::{BoundedInputs, FormatFacts, find_composite_inputs},
    inspection::ModelInput,
    problem::{Problem, QuotedNames, quote_name},
};

/// The signature that TensorFlow Serving and Neo use by default.
const DEFAULT_SIGNATURE: &str = "serving_default";

/// Signatures that initialize or train a model: nothing that can be compiled.
const INTERNAL_SIGNATURES: [&str; 3] = ["__saved_model_init_op", "__saved_model_train_op", "__saved_model_main_op"];

/// The tag of a graph for inference.
const SERVE: &str = "serve";

/// One `MetaGraphDef`.
#[derive(Debug, Default)]
pub(super) struct MetaGraph {
    pub tags: Vec<String>,
    pub version: String,
    pub signatures: Vec<(String, BoundedInputs)>,
    /// Whether it has variables, whose values are in other files.
    pub has_variables: bool,
}

/// `graphs` must not be empty.
pub(super) fn select_signature(schema: Option<u64>, mut graphs: Vec<MetaGraph>) -> FormatFacts {
    // Loaders request the graph with this tag only; other graphs that have it are for special
    // hardware.
    let serving = graphs.iter().position(|graph| graph.tags == [SERVE]);
    let serving = serving.or_else(|| graphs.iter().position(|graph| graph.tags.iter().any(|tag| tag == SERVE)));
    let graph = graphs.swap_remove(serving.unwrap_or(0));
    let version = Some(&graph.version).filter(|version| !version.is_empty());
    let mut facts = FormatFacts {
        format_version: schema.map(|schema| format!("SavedModel {schema}")),
        producer: version.map(|version| format!("tensorflow {version}")),
        has_variables: graph.has_variables,
        ..FormatFacts::default()
    };
    let mut signatures = graph.signatures;
    signatures.retain(|(key, _)| !INTERNAL_SIGNATURES.contains(&key.as_str()));
    signatures.sort_by(|(a, _), (b, _)| a.cmp(b));
    let default = signatures.iter().position(|(key, _)| key == DEFAULT_SIGNATURE);
    let only = (signatures.len() == 1).then_some(0);
    let Some(chosen) = default.or(only) else {
        facts.problems.push(no_signature_problem(&signatures));
        return facts;
    };
    let (key, inputs) = signatures.swap_remove(chosen);
    facts.inputs = inputs.into_vec();
    // In the file they are an unordered map, which TensorFlow sorts too.
    facts.inputs.sort_by(|a, b| a.name.cmp(&b.name));
    facts.read = true;
    let fix = "save a signature that takes dense tensors, and convert them in the model, for example with \
               tf.sparse.from_dense";
    facts.problems.extend(find_composite_inputs(&facts.inputs, fix));
    facts.problems.extend(find_handles(&facts.inputs));
    if facts.inputs.is_empty() {
        facts.problems.push(Problem::new(
            "inputs-none",
            format!("the signature {} has no inputs, so the model has no input shape", quote_name(&key)),
            "save the model again with a signature that has the model's inputs",
        ));
    }
    facts
}

/// A problem about inputs that refer to data of a session, such as an iterator or a table.
pub(super) fn find_handles(inputs: &[ModelInput]) -> Option<Problem> {
    let handles = inputs.iter().filter(|input| matches!(input.element_type.as_str(), "resource" | "variant"));
    let names: Vec<_> = handles.map(|input| input.name.as_str()).collect();
    let count = names.len() as u64;
    (count > 0).then(|| {
        Problem::new(
            "input-not-tensor",
            format!(
                "expected tensors as inputs, found handles of resources, such as iterators: {}",
                QuotedNames::with_total(names, count)
            ),
            "save the model with the tensors as inputs that the handles refer to",
        )
    })
}

fn no_signature_problem(signatures: &[(String, BoundedInputs)]) -> Problem {
    if signatures.is_empty() {
        return Problem::new(
            "signature-none",
            "the SavedModel has no signature that specifies its inputs",
            "save it again with a signature: \
             tf.saved_model.save(model, path, signatures=model.call.get_concrete_function(…))",
        );
    }
    let names = QuotedNames::with_total(signatures.iter().map(|(key, _)| key.as_str()), signatures.len() as u64);
    Problem::new(
        "signature-ambiguous",
        format!("the SavedModel has several signatures, but none is called `{DEFAULT_SIGNATURE}`: {names}"),
        format!("save it again with the signature to compile as `{DEFAULT_SIGNATURE}`"),
    )
}
