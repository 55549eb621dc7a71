//! Inputs that can be read, but that Neo is not known to compile: what to export instead.

use model_archive::{ElementType, Framework, InspectedModel, ModelInput, Warning, quote_name};

/// Number of inputs that a warning lists.
const MAX_LISTED: usize = 5;

/// Parts of the names of inputs that switch between training and inference.
const TRAINING_FLAGS: [&str; 6] = ["is_train", "training", "phase_train", "learning_phase", "keep_prob", "dropout"];

/// Warns about strings, scalars and switches for training among the inputs of a model.
pub fn find_input_warnings(model: &InspectedModel) -> Vec<Warning> {
    let (strings, rest): (Vec<_>, Vec<_>) =
        model.inputs.iter().partition(|input| matches!(input.element_type, ElementType::String));
    let (flags, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|input| is_training_flag(input));
    let scalars: Vec<_> = rest.into_iter().filter(|input| is_scalar(input)).collect();
    let what = if model.framework == Framework::Tensorflow { "save a signature" } else { "export a model" };
    let warnings = [
        input_warning(
            "input-string",
            &strings,
            &format!(
                "SageMaker Neo compiles tensors of numbers, but the model takes strings, which it parses or decodes first. \
                 Fix: {what} that begins after that, with the decoded tensors as inputs. Inputs of type string"
            ),
        ),
        input_warning(
            "input-training-flag",
            &flags,
            "an input seems to switch between training and inference. Fix: export the model for inference, with this value \
             as a constant. Inputs",
        ),
        input_warning(
            "input-scalar",
            &scalars,
            "an input is a scalar, and AWS does not document how SageMaker Neo takes it: its shape is sent as []. Fix: \
             export the model with a constant in its place, or with an input of shape [1]. Inputs",
        ),
    ];
    warnings.into_iter().flatten().collect()
}

/// A warning about these inputs; `None` if there are none.
fn input_warning(code: &'static str, inputs: &[&ModelInput], text: &str) -> Option<Warning> {
    (!inputs.is_empty()).then(|| Warning::new(code, format!("{text}: {}", quote_inputs(inputs))))
}

/// Names for a sentence; the rest of a long list is only counted.
fn quote_inputs(inputs: &[&ModelInput]) -> String {
    let names: Vec<_> = inputs.iter().take(MAX_LISTED).map(|input| quote_name(&input.name)).collect();
    match inputs.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn is_scalar(input: &ModelInput) -> bool {
    input.dims.as_ref().is_some_and(Vec::is_empty)
}

fn is_training_flag(input: &ModelInput) -> bool {
    let name = input.name.to_ascii_lowercase();
    let is_named = TRAINING_FLAGS.iter().any(|flag| name.contains(flag));
    let is_bool = matches!(input.element_type, ElementType::Bool);
    (is_scalar(input) && (is_bool || is_named)) || (is_bool && is_named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_neo_may_not_take_are_warned_about() {
        for (name, element_type, dims, code) in [
            ("examples", "string", json!(null), Some("input-string")),
            ("image_bytes", "string", json!([null]), Some("input-string")),
            ("is_training", "bool", json!([]), Some("input-training-flag")),
            ("phase_train", "bool", json!(null), Some("input-training-flag")),
            ("keep_prob", "float32", json!([]), Some("input-training-flag")),
            ("use_cache", "bool", json!([]), Some("input-training-flag")),
            ("sr", "int64", json!([]), Some("input-scalar")),
            ("training_data", "float32", json!([3]), None),
            ("mask", "bool", json!([3]), None),
            ("x", "float32", json!(null), None),
        ] {
            let model = json!({
                "framework": "ONNX", "format_version": null, "producer": null, "layout": "nchw", "path": "m", "read": true,
                "inputs": [{ "name": name, "element_type": element_type, "dims": dims }],
            });
            let found = find_input_warnings(&serde_json::from_value(model).unwrap());
            assert_eq!(found.first().map(|warning| warning.code.as_ref()), code, "{name}");
            assert!(found.len() <= 1 && found.iter().all(|warning| warning.warning.contains("Fix: ")), "{found:?}");
        }
    }
}
