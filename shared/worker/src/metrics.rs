//! Counts in CloudWatch embedded metric format: one line of JSON on standard output.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::env::lambda_function_name;

/// Namespace of every metric.
const NAMESPACE: &str = "SageMakerAutomation";

/// Writes counts with the function's name as dimension; nothing for an empty list.
pub fn write_counts(counts: &[(&str, usize)], now: Timestamp) {
    if !counts.is_empty() {
        write_line(counts, None, now);
    }
}

/// Writes the count of one event with a further dimension beside the function's name. Each of its
/// values is a metric of its own, so there must be few.
pub fn write_count_of(name: &str, dimension: (&str, &str), now: Timestamp) {
    write_line(&[(name, 1)], Some(dimension), now);
}

fn write_line(counts: &[(&str, usize)], dimension: Option<(&str, &str)>, now: Timestamp) {
    // Outside Lambda, no one reads them: they would only be among the output of a test or of the
    // CLI.
    let Some(function) = lambda_function_name() else { return };
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "INFO".to_owned());
    let line = embedded_line(&function, &level, counts, dimension, now);
    // A metric that cannot be written must not fail the work it counts.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// With the level of the function's log filter: Lambda drops a line of a lower level, and takes a
/// line without a level for one of the level INFO (developer guide, "Log-level filtering").
fn embedded_line(
    function: &str,
    level: &str,
    counts: &[(&str, usize)],
    dimension: Option<(&str, &str)>,
    now: Timestamp,
) -> Value {
    let metrics: Vec<_> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let dimensions: Vec<_> = ["FunctionName"].into_iter().chain(dimension.map(|(name, _)| name)).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
        },
        "FunctionName": function,
        "level": level,
        "timestamp": now.to_string(),
    });
    if let Some((name, value)) = dimension {
        line[name] = json!(value);
    }
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
        let line = embedded_line("plan-compilation", "WARN", &counts, None, Timestamp::UNIX_EPOCH);
        insta::assert_json_snapshot!(line);
    }

    #[test]
    fn a_further_dimension_separates_the_counts() {
        let counts = [("JobsFailed", 1)];
        let line = embedded_line("relay", "INFO", &counts, Some(("FailureClass", "shape")), Timestamp::UNIX_EPOCH);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["FunctionName", "FailureClass"]]));
        assert_eq!((&line["FailureClass"], &line["JobsFailed"]), (&json!("shape"), &json!(1)));
    }
}
