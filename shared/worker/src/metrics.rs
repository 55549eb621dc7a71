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
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "INFO".to_owned());
    // A metric that cannot be written must not fail the work it counts.
    let _ = writeln!(std::io::stdout().lock(), "{}", embedded_line(&function, &level, counts, now));
}

/// With the level of the function's log filter: Lambda drops a line of a lower level, and takes a
/// line without a level for one of the level INFO (developer guide, "Log-level filtering").
fn embedded_line(function: &str, level: &str, counts: &[(&str, usize)], now: Timestamp) -> Value {
    let metrics: Vec<_> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics }],
        },
        "FunctionName": function,
        "level": level,
        "timestamp": now.to_string(),
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
        let counts = [("RecordsDone", 8), ("RecordsDeadLettered", 2)];
        let line = embedded_line("plan-compilation", "WARN", &counts, Timestamp::UNIX_EPOCH);
        insta::assert_json_snapshot!(line);
    }
}
