//! The environment variables that the template sets. Every function uses the same names.

use std::time::Duration;

use thiserror::Error;

/// ARN of the topic that people and systems subscribe to.
pub const NOTIFICATIONS_TOPIC_ARN: &str = "NOTIFICATIONS_TOPIC_ARN";
/// Name of the event bus that also gets the notifications; empty: none.
pub const EVENT_BUS_NAME: &str = "EVENT_BUS_NAME";
/// Queue of uploads.
pub const UPLOADS_QUEUE_URL: &str = "UPLOADS_QUEUE_URL";
/// Queues of configuration changes for all functions but plan-compilation, separated by commas.
pub const CONFIG_QUEUE_URLS: &str = "CONFIG_QUEUE_URLS";
/// Queue of configuration changes and events of images.
pub const IMAGES_QUEUE_URL: &str = "IMAGES_QUEUE_URL";
/// Queue of compilation requests.
pub const REQUESTS_QUEUE_URL: &str = "REQUESTS_QUEUE_URL";
/// Queue of compilation jobs whose status may have changed.
pub const JOB_STATES_QUEUE_URL: &str = "JOB_STATES_QUEUE_URL";
/// The ledger's table.
pub const LEDGER_TABLE: &str = "LEDGER_TABLE";
/// Bucket of the configuration.
pub const CONFIG_BUCKET: &str = "CONFIG_BUCKET";
/// Object key of the configuration.
pub const CONFIG_KEY: &str = "CONFIG_KEY";
/// Bucket whose uploads are compiled.
pub const MODEL_BUCKET: &str = "MODEL_BUCKET";
/// Existing buckets whose uploads are compiled too, separated by commas; can be empty.
pub const MODEL_BUCKETS: &str = "MODEL_BUCKETS";
/// Existing buckets to which compiled models may be written too, separated by commas; can be empty.
pub const ARTIFACT_BUCKETS: &str = "ARTIFACT_BUCKETS";
/// Bucket to which compiled models are written.
pub const ARTIFACT_BUCKET: &str = "ARTIFACT_BUCKET";
/// Execution role of compilation jobs for which the rule names none.
pub const COMPILATION_ROLE_ARN: &str = "COMPILATION_ROLE_ARN";

/// ARN of the topic to which SageMaker publishes for the stack's work teams.
pub const WORKTEAM_TOPIC_ARN: &str = "WORKTEAM_TOPIC_ARN";
/// Seconds within which messages of one work team topic become one notification; 0: one
/// notification each.
pub const WORKTEAM_BURST_SECONDS: &str = "WORKTEAM_BURST_SECONDS";

/// Prefix of the names of jobs not started by this stack that are also reported; empty: all jobs.
pub const FOREIGN_JOB_PREFIX: &str = "FOREIGN_JOB_PREFIX";

/// The name of the Lambda function; `None` outside Lambda.
pub(crate) fn lambda_function_name() -> Option<String> {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok()
}

/// The name of the Lambda function; `local` outside Lambda.
pub(crate) fn function_name() -> String {
    lambda_function_name().unwrap_or_else(|| "local".to_owned())
}

/// Environment variables that are missing or not valid, all of them at once.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{}; template.yaml sets these variables, and so does `make up` in .local/env", .0.join("; "))]
pub struct EnvError(Vec<String>);

/// Reads environment variables by name and remembers what is wrong with them, so that
/// [`check`](Self::check) can name all problems at once.
#[derive(Debug, Default)]
pub struct Env {
    problems: Vec<String>,
}

impl Env {
    /// The value of a variable that is required; empty if it is missing, which
    /// [`check`](Self::check) reports.
    pub fn var(&mut self, name: &str) -> String {
        self.require(name, std::env::var(name).ok())
    }

    /// The value of a variable that may be absent or empty.
    pub fn optional_var(&self, name: &str) -> String {
        std::env::var(name).unwrap_or_default()
    }

    /// The values of a required variable that is a list separated by commas.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        split_list(&self.var(name))
    }

    /// The values of a variable that is a list separated by commas, and may be absent or empty.
    pub fn optional_list(&self, name: &str) -> Vec<String> {
        split_list(&self.optional_var(name))
    }

    /// The value of a required variable that is a number of seconds.
    pub fn seconds(&mut self, name: &str) -> Duration {
        let value = self.var(name);
        self.parse_seconds(name, &value)
    }

    /// Fails if a variable was missing or not valid.
    pub fn check(self) -> Result<(), EnvError> {
        if self.problems.is_empty() { Ok(()) } else { Err(EnvError(self.problems)) }
    }

    fn require(&mut self, name: &str, value: Option<String>) -> String {
        let value = value.unwrap_or_default();
        if value.is_empty() {
            self.problems.push(format!("{name} is missing"));
        }
        value
    }

    fn parse_seconds(&mut self, name: &str, value: &str) -> Duration {
        let seconds = value.parse();
        if seconds.is_err() && !value.is_empty() {
            self.problems.push(format!("{name}: expected a whole number of seconds, found `{value}`"));
        }
        Duration::from_secs(seconds.unwrap_or_default())
    }
}

fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_can_be_empty() {
        assert_eq!(split_list(""), [""; 0]);
        assert_eq!(split_list("a, b,"), ["a", "b"]);
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let mut env = Env::default();
        assert_eq!(env.require(LEDGER_TABLE, Some("ledger".to_owned())), "ledger");
        assert_eq!(env.require(CONFIG_BUCKET, None), "");
        assert_eq!(env.require(CONFIG_KEY, Some(String::new())), "");
        assert_eq!(env.parse_seconds(WORKTEAM_BURST_SECONDS, "30"), Duration::from_secs(30));
        env.parse_seconds(WORKTEAM_BURST_SECONDS, "soon");
        let error = env.check().unwrap_err().to_string();
        assert!(
            error.starts_with(
                "CONFIG_BUCKET is missing; CONFIG_KEY is missing; WORKTEAM_BURST_SECONDS: expected a whole number of \
                 seconds, found `soon`;"
            ),
            "{error}"
        );
        assert_eq!(Env::default().check(), Ok(()));
    }
}
