//! MXNet: the arguments of `*-symbol.json` that are not parameters in `*.params`.

mod params;
mod shapes;
mod symbol;

pub(crate) use params::{is_params, read_params};
pub(crate) use shapes::{MODEL_SHAPES, ModelShapes};
pub(crate) use symbol::{is_symbol, read_symbol};

use crate::{
    framework::format_facts::FormatFacts,
    inspection::ModelInput,
    problem::{Problem, QuotedNames, Warning, quote_name},
};

/// The suffix of labels for a training loss. They are arguments, but inference does not feed them.
const LABEL: &str = "label";

/// Suffixes of arguments that hold weights: such an argument is never an input.
const WEIGHTS: [&str; 8] =
    ["_weight", "_bias", "_gamma", "_beta", "_moving_mean", "_moving_var", "_running_mean", "_running_var"];

/// How to save both files of a model.
const EXPORT: &str = "export both files of one model: call net.hybridize() and net(x), then net.export(\"model\") \
                      writes model-symbol.json and model-0000.params";

/// Removes the names of the parameters from the arguments of the symbol. Without parameters, it
/// recognizes weights by their suffixes.
pub(crate) fn merge_params(symbol: &mut FormatFacts, params: Option<FormatFacts>) {
    let params = params.unwrap_or_default();
    symbol.warnings.extend(params.warnings);
    symbol.problems.extend(params.problems);
    let Some(weights) = params.weights else {
        symbol.inputs.retain(|input| !is_weight(input));
        return;
    };
    let arguments = symbol.inputs.len();
    symbol.inputs.retain(|input| !weights.contains(input.name.as_bytes()));
    symbol.read = true;
    let unused = weights.len().saturating_sub(arguments - symbol.inputs.len());
    if !reject_missing_weights(symbol, unused) && unused > 0 {
        let warning = format!("the parameter file has {}, which MXNet may reject", count_unused(unused));
        symbol.warnings.push(Warning::new("mxnet-params-unused", warning));
    }
    let is_label = |input: &ModelInput| input.name.ends_with(LABEL);
    let Some(label) = symbol.inputs.iter().find(|input| is_label(input)).map(|input| quote_name(&input.name)) else {
        if symbol.inputs.is_empty() {
            symbol.problems.push(Problem::new(
                "inputs-none",
                "every argument of the symbol is a parameter, so the model has no input and no input shape",
                EXPORT,
            ));
        }
        return;
    };
    // An input may have the suffix too, if no other argument is left.
    if !symbol.inputs.iter().all(is_label) {
        symbol.inputs.retain(|input| !is_label(input));
        let warning = format!("{label} is assumed to be a training label, not an input, because of its name");
        symbol.warnings.push(Warning::new("mxnet-label", warning));
    }
}

fn count_unused(unused: usize) -> String {
    let arrays = if unused == 1 { "array that is not an argument" } else { "arrays that are not arguments" };
    format!("{unused} {arrays} of the symbol")
}

fn is_weight(input: &ModelInput) -> bool {
    WEIGHTS.iter().any(|suffix| input.name.ends_with(suffix))
}

/// Rejects a symbol with weights that are not among the parameters; returns whether it has any.
fn reject_missing_weights(symbol: &mut FormatFacts, unused: usize) -> bool {
    let mut missing = QuotedNames::default();
    symbol.inputs.iter().filter(|input| is_weight(input)).for_each(|input| missing.push(&input.name));
    if missing.is_empty() {
        return false;
    }
    symbol.inputs.retain(|input| !is_weight(input));
    let other = match unused {
        0 => String::new(),
        unused => format!("; it has {} instead: the files belong to different models", count_unused(unused)),
    };
    symbol.problems.push(Problem::new(
        "mxnet-weights-missing",
        format!("the symbol file needs weights that are not in the parameter file: {missing}{other}"),
        EXPORT,
    ));
    true
}
