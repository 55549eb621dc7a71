//! `SavedModel`: the inputs of the signature that serves.
//!
//! An input goes by the name its signature gives it; the tensor behind it is told too.

use super::{
    dims, element_type, is_text,
    schema::{InputEntry, TensorInfo},
    text,
};
use crate::{
    Input, Limits, Problem,
    content::Content,
    fault::Halt,
    problem::quoted,
    reading::{Inputs, Reading},
    survey::Named,
    wire::{Value, Wire},
};

/// Longest tag or version that is read, in bytes.
const MAX_TEXT: u64 = 4096;

/// Most graphs of a model that are told apart, and most tags of each. Training and serving are two.
const MAX_GRAPHS: usize = 16;

/// The signature that TensorFlow Serving and Neo use unless told otherwise.
const DEFAULT_SIGNATURE: &str = "serving_default";

/// Signatures by which a model initialises itself or trains: nothing that could be compiled.
const INTERNAL_SIGNATURES: [&str; 3] = ["__saved_model_init_op", "__saved_model_train_op", "__saved_model_main_op"];

/// The tag of a graph that is for inference.
const SERVE: &str = "serve";

/// One `MetaGraphDef`.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub tags: Vec<String>,
    pub version: String,
    pub signatures: Vec<(String, Inputs)>,
}

/// Reads `saved_model.pb` or `saved_model.pbtxt`.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let (schema, graphs) =
        if is_text(content)? { text::saved_model(content, limits)? } else { binary(content, limits)? };
    if graphs.is_empty() {
        return Err(Halt::malformed(content.position(), "it ends without a graph"));
    }
    Ok(reading(schema, graphs))
}

fn binary(content: &mut Content<'_, '_>, limits: &Limits) -> Result<(Option<u64>, Vec<Graph>), Halt> {
    let mut wire = Wire::new(content);
    let end = wire.end();
    let (mut schema, mut graphs, mut spent) = (None, Vec::new(), 0);
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Varint(version)) => schema = Some(version),
            (1, Value::Bytes(_)) => {
                return Err(wire
                    .malformed("it begins like a frozen graph; such a file must have another name, such as model.pb"));
            }
            (2, Value::Bytes(length)) if graphs.len() < MAX_GRAPHS => {
                let end = wire.end_of(length);
                graphs.push(graph(&mut wire, end, limits, &mut spent)?);
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok((schema, graphs))
}

/// `MetaGraphDef`
fn graph(wire: &mut Wire<'_, '_, '_>, end: u64, limits: &Limits, spent: &mut usize) -> Result<Graph, Halt> {
    let mut graph = Graph::default();
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                meta_info(wire, end, &mut graph)?;
            }
            (5, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                let (key, inputs) = signature(wire, end, limits, *spent)?;
                *spent = inputs.spent();
                graph.signatures.push((key, inputs));
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(graph)
}

/// An entry of `MetaGraphDef.signature_def`.
fn signature(wire: &mut Wire<'_, '_, '_>, end: u64, limits: &Limits, spent: usize) -> Result<(String, Inputs), Halt> {
    let (mut key, mut inputs) = (String::new(), Inputs::after(spent, limits));
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => key = wire.text("signature's name", length, MAX_TEXT)?,
            (2, Value::Bytes(length)) => {
                let end = wire.end_of(length);
                signature_inputs(wire, end, limits, &mut inputs)?;
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    inputs.charge(key.len()).map_err(|cause| wire.malformed(cause))?;
    Ok((key, inputs))
}

/// `SignatureDef`: its outputs, and the values of its defaults, which may be large, are skipped.
fn signature_inputs(wire: &mut Wire<'_, '_, '_>, end: u64, limits: &Limits, inputs: &mut Inputs) -> Result<(), Halt> {
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes(length)) => {
                let entry = wire.message::<InputEntry>("input", length, limits.input_bytes)?;
                let input = input(entry.key, entry.value.unwrap_or_default());
                inputs.add(input).map_err(|cause| wire.malformed(cause))?;
            }
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(())
}

/// `MetaGraphDef.MetaInfoDef`
fn meta_info(wire: &mut Wire<'_, '_, '_>, end: u64, graph: &mut Graph) -> Result<(), Halt> {
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (4, Value::Bytes(length)) if graph.tags.len() < MAX_GRAPHS => {
                graph.tags.push(wire.text("tag", length, MAX_TEXT)?);
            }
            (5, Value::Bytes(length)) => graph.version = wire.text("TensorFlow version", length, MAX_TEXT)?,
            (_, value) => wire.skip_value(value)?,
        }
    }
    Ok(())
}

fn input(name: String, info: TensorInfo) -> Input {
    let tensor = (info.name != name && !info.name.is_empty()).then_some(info.name);
    Input { name, element_type: element_type(info.element_type), dims: info.shape.and_then(dims), tensor }
}

fn reading(schema: Option<u64>, mut graphs: Vec<Graph>) -> Reading {
    // Loaders ask for the graph whose tags are just this one; others that serve are for special hardware.
    let serving = graphs.iter().position(|graph| graph.tags == [SERVE]);
    let serving = serving.or_else(|| graphs.iter().position(|graph| graph.tags.iter().any(|tag| tag == SERVE)));
    let graph = graphs.swap_remove(serving.unwrap_or(0));
    let version = Some(&graph.version).filter(|version| !version.is_empty());
    let mut reading = Reading {
        format_version: schema.map(|schema| format!("SavedModel {schema}")),
        producer: version.map(|version| format!("tensorflow {version}")),
        ..Reading::default()
    };
    let mut signatures = graph.signatures;
    signatures.retain(|(key, _)| !INTERNAL_SIGNATURES.contains(&key.as_str()));
    signatures.sort_by(|(a, _), (b, _)| a.cmp(b));
    let default = signatures.iter().position(|(key, _)| key == DEFAULT_SIGNATURE);
    let only = (signatures.len() == 1).then_some(0);
    let Some(chosen) = default.or(only) else {
        reading.problems.push(no_signature(&signatures));
        return reading;
    };
    let (key, inputs) = signatures.swap_remove(chosen);
    reading.inputs = inputs.into_vec();
    // They are a map in the file, and TensorFlow sorts it too.
    reading.inputs.sort_by(|a, b| a.name.cmp(&b.name));
    reading.read = true;
    if reading.inputs.is_empty() {
        reading.problems.push(Problem::new(
            "inputs-none",
            format!("the signature {} has no inputs, so there is no shape to compile it for", quoted(&key)),
            "save the model again with a signature that takes its inputs",
        ));
    }
    reading
}

fn no_signature(signatures: &[(String, Inputs)]) -> Problem {
    if signatures.is_empty() {
        return Problem::new(
            "signature-none",
            "the SavedModel has no signature that tells its inputs",
            "save it again with one: tf.saved_model.save(model, path, signatures=model.call.get_concrete_function(…))",
        );
    }
    let mut names = Named::default();
    for (key, _) in signatures {
        names.add(key);
    }
    Problem::new(
        "signature-ambiguous",
        format!("the SavedModel has several signatures and none is called `{DEFAULT_SIGNATURE}`: {}", names.list()),
        format!("save it again with the one to compile as `{DEFAULT_SIGNATURE}`"),
    )
}
