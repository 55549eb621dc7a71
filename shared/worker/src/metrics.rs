//! Counts in CloudWatch embedded metric format: one line of JSON on standard output.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::env::function_name;

/// Namespace of every metric.
const NAMESPACE: &str = "SageMakerAutomation";

/// Writes counts with the function's name as dimension; nothing for an empty list.
pub fn write_counts(counts: &[(&str, usize)], now: Timestamp) {
    if counts.is_empty() {
        return;
    }
    let function = function_name();
    // A metric that cannot be written must not fail the work it counts.
    let _ = writeln!(std::io::stdout().lock(), "{}", embedded_line(&function, counts, now));
}

fn embedded_line(function: &str, counts: &[(&str, usize)], now: Timestamp) -> Value {
    let metrics: Vec<_> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics }],
        },
        "FunctionName": function,
    });
    for (name, value) in counts {
        line[name] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_reads() {
        let line =
            embedded_line("plan-compilation", &[("RecordsDone", 8), ("RecordsDeadLettered", 2)], Timestamp::UNIX_EPOCH);
        insta::assert_json_snapshot!(line);
    }
}
