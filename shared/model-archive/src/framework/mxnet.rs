//! MXNet: the arguments of `*-symbol.json` that are not parameters in `*.params`.

mod params;
mod symbol;

pub(crate) use params::{is_params, read_params};
pub(crate) use symbol::read_symbol;

use crate::{
    framework::format_facts::FormatFacts,
    inspection::ModelInput,
    problem::{Problem, Warning, quote_name},
};

/// The suffix of labels for a training loss. They are arguments, but inference does not feed them.
const LABEL: &str = "label";

/// Removes the names of the parameters from the arguments of the symbol.
pub(crate) fn merge_params(symbol: &mut FormatFacts, params: FormatFacts) {
    symbol.warnings.extend(params.warnings);
    symbol.problems.extend(params.problems);
    let Some(weights) = params.weights else { return };
    symbol.inputs.retain(|input| !weights.contains(input.name.as_bytes()));
    symbol.read = true;
    let is_label = |input: &ModelInput| input.name.ends_with(LABEL);
    let Some(label) = symbol.inputs.iter().find(|input| is_label(input)).map(|input| quote_name(&input.name)) else {
        if symbol.inputs.is_empty() {
            symbol.problems.push(Problem::new(
                "inputs-none",
                "every argument of the symbol is a parameter, so the model has no input and no input shape",
                "export the model again: net.export(path)",
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
