//! The environment variables that the template sets: named alike in every function.

use thiserror::Error;

/// Topic that people and systems subscribe to.
pub const NOTIFICATIONS_TOPIC_ARN: &str = "NOTIFICATIONS_TOPIC_ARN";
/// Queue of compilation requests.
pub const REQUESTS_QUEUE_URL: &str = "REQUESTS_QUEUE_URL";
/// Queue of compilation jobs whose state is to be relayed.
pub const JOB_STATES_QUEUE_URL: &str = "JOB_STATES_QUEUE_URL";
/// The ledger's table.
pub const LEDGER_TABLE: &str = "LEDGER_TABLE";
/// Bucket of the configuration.
pub const CONFIG_BUCKET: &str = "CONFIG_BUCKET";
/// Object key of the configuration.
pub const CONFIG_KEY: &str = "CONFIG_KEY";
/// Bucket whose uploads are compiled.
pub const MODEL_BUCKET: &str = "MODEL_BUCKET";
/// Bucket that compiled models are written to.
pub const ARTIFACT_BUCKET: &str = "ARTIFACT_BUCKET";
/// Role that SageMaker compiles with.
pub const COMPILATION_ROLE_ARN: &str = "COMPILATION_ROLE_ARN";

/// Topic that SageMaker tells of work for the stack's work teams.
pub const WORKTEAM_TOPIC_ARN: &str = "WORKTEAM_TOPIC_ARN";
/// Seconds in which messages of one work team topic are told as one; 0: each by itself.
pub const WORKTEAM_BURST_SECONDS: &str = "WORKTEAM_BURST_SECONDS";

/// How the names of jobs begin that something else started and that are told of all the same; empty: all of them.
pub const FOREIGN_JOB_PREFIX: &str = "FOREIGN_JOB_PREFIX";

/// Reads a variable that may be absent or empty.
pub fn read_optional(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Environment variables that are absent or empty, all of them at once.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("missing environment variables: {}; template.yaml sets them, and so does `make up` in .local/env", .0.join(", "))]
pub struct MissingVariables(Vec<&'static str>);

/// Reads the named variables, in their order.
pub fn read<const N: usize>(names: [&'static str; N]) -> Result<[String; N], MissingVariables> {
    read_from(names, |name| std::env::var(name).ok())
}

fn read_from<const N: usize>(
    names: [&'static str; N],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<[String; N], MissingVariables> {
    let values = names.map(|name| lookup(name).unwrap_or_default());
    let missing: Vec<_> =
        names.into_iter().zip(&values).filter(|(_, value)| value.is_empty()).map(|(name, _)| name).collect();
    if missing.is_empty() { Ok(values) } else { Err(MissingVariables(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_variables_are_named_at_once() {
        let lookup = |name: &str| (name == LEDGER_TABLE).then(|| "ledger".to_owned());
        assert_eq!(read_from([LEDGER_TABLE], lookup).unwrap(), ["ledger"]);
        let error = read_from([CONFIG_BUCKET, LEDGER_TABLE, CONFIG_KEY], lookup).unwrap_err();
        assert_eq!(error, MissingVariables(vec![CONFIG_BUCKET, CONFIG_KEY]));
    }
}
