//! MXNet: the arguments of `*-symbol.json` that are not among the parameters of `*.params`.

mod params;
mod symbol;

pub(crate) use params::{read as read_params, recognise as recognise_params};
pub(crate) use symbol::read as read_symbol;

use crate::{Input, Problem, Warning, problem::quoted, reading::Reading};

/// How the labels of a training loss are called. They are arguments, but nothing is fed to them in inference.
const LABEL: &str = "label";

/// Takes the parameters' names off the symbol's arguments.
pub(crate) fn combine(symbol: &mut Reading, params: Reading) {
    symbol.warnings.extend(params.warnings);
    symbol.problems.extend(params.problems);
    let Some(weights) = params.weights else { return };
    symbol.inputs.retain(|input| !weights.contains(input.name.as_bytes()));
    symbol.read = true;
    let is_label = |input: &Input| input.name.ends_with(LABEL);
    let Some(label) = symbol.inputs.iter().find(|input| is_label(input)).map(|input| quoted(&input.name)) else {
        if symbol.inputs.is_empty() {
            symbol.problems.push(Problem::new(
                "inputs-none",
                "every argument of the symbol is a parameter, so there is no shape to compile it for",
                "export the model again: net.export(path)",
            ));
        }
        return;
    };
    // What is fed to the network may well be called so, if nothing else is.
    if !symbol.inputs.iter().all(is_label) {
        symbol.inputs.retain(|input| !is_label(input));
        let warning = format!("{label} is taken for a training label, not an input");
        symbol.warnings.push(Warning::new("mxnet-label", warning));
    }
}
