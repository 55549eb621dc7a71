//! The operators that a failure reason reports as unsupported.

/// The text before a list such as `['Loop', 'NonMaxSuppression']`, or before one name.
const MARKERS: [&str; 6] = [
    "operators are not implemented:",
    "OperatorNotImplemented:",
    "OperatorAttributeNotImplemented:",
    "OperatorAttributeRequired:",
    "OperatorAttributeValueNotValid:",
    // The Neuron compiler (amazon-sagemaker-examples #2664).
    "Please implement ",
];

/// Finds the operators that a `FailureReason` reports as unsupported, in its order.
pub fn find_unsupported_operators(reason: &str) -> Vec<String> {
    let Some(named) = MARKERS.iter().find_map(|marker| Some(reason.split_once(marker)?.1.trim_start())) else {
        return Vec::new();
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/');
    let list = named.strip_prefix(['[', '(']).map(|list| list.split([']', ')']).next().unwrap_or(list));
    let operators_named: Vec<&str> = match list {
        Some(list) => list.split(',').map(|name| name.trim_matches(|c: char| !is_name(c))).collect(),
        None => named.strip_prefix("op ").unwrap_or(named).split(|c: char| !is_name(c)).take(1).collect(),
    };
    let mut operators: Vec<String> = Vec::new();
    for name in
        operators_named.into_iter().map(|name| name.trim_end_matches(['.', ':'])).filter(|name| !name.is_empty())
    {
        if !operators.iter().any(|known| known == name) {
            operators.push(name.to_owned());
        }
    }
    operators
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_operators_are_found() {
        for (reason, operators) in [
            (
                "TVM cannot convert ONNX model. The following operators are not implemented: ['Loop', 'NonMaxSuppression']",
                &["Loop", "NonMaxSuppression"][..],
            ),
            ("ClientError: OperatorNotImplemented: NonMaxSuppression.", &["NonMaxSuppression"]),
            ("OperatorNotImplemented:('aten::grid_sampler', 'aten::grid_sampler')", &["aten::grid_sampler"]),
            ("ClientError: OperatorAttributeNotImplemented: op Resize", &["Resize"]),
            (
                "Unable to compile model for ml_inf1:', 'Please implement aten::alias in native_ops/aten.py')",
                &["aten::alias"],
            ),
            ("operators are not implemented: [", &[]),
            ("OperatorNotImplemented:", &[]),
            ("Unable to untar input model", &[]),
        ] {
            assert_eq!(find_unsupported_operators(reason), operators, "{reason}");
        }
    }
}
