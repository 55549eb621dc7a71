//! Faults that tests schedule.

use serde::{Deserialize, Serialize};

use crate::answer::ServiceError;

/// A fault that a test schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScriptedFault {
    /// Compilation jobs end with the status `FAILED`.
    FailJob {
        /// Affects jobs whose name contains this text.
        name_contains: String,
        /// The reason that Describe reports.
        failure_reason: String,
        /// How many [default: all].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// Updates of partner apps and images end with the status `UpdateFailed` or `UPDATE_FAILED`.
    FailUpdate {
        /// Affects resources whose name contains this text.
        name_contains: String,
        /// The reason that Describe reports.
        failure_reason: String,
        /// How many [default: all].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// Requests are answered with an error and have no effect.
    #[serde(rename = "next")]
    AnswerWithError {
        /// Affects only this operation [default: any].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many [default: 1].
        #[serde(default = "default_count")]
        count: u32,
        error: ScriptedError,
    },
    /// The connection is closed without a response.
    #[serde(rename = "drop")]
    DropConnection {
        /// Affects only this operation [default: any].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many [default: 1].
        #[serde(default = "default_count")]
        count: u32,
        when: DropTiming,
    },
    /// Requests are processed with a delay.
    #[serde(rename = "delay")]
    DelayRequest {
        /// Affects only this operation [default: any].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many [default: 1].
        #[serde(default = "default_count")]
        count: u32,
        /// The delay in real time.
        milliseconds: u64,
    },
}

fn default_count() -> u32 {
    1
}

/// An error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedError {
    /// The error type, for example `ThrottlingException`.
    pub code: String,
    #[serde(default)]
    pub message: String,
    /// The HTTP status code [default: 400].
    #[serde(default = "default_status")]
    pub status: u16,
}

fn default_status() -> u16 {
    400
}

/// Whether a connection is closed before or after the request takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropTiming {
    Before,
    /// The request takes effect, but the client cannot know.
    After,
}

impl ScriptedFault {
    /// All compilation jobs whose name contains `name_contains` fail.
    pub fn fail_job(name_contains: &str, failure_reason: &str) -> Self {
        Self::FailJob {
            name_contains: name_contains.to_owned(),
            failure_reason: failure_reason.to_owned(),
            count: None,
        }
    }

    /// The next `count` updates of partner apps and images whose name contains `name_contains`
    /// fail.
    pub fn fail_update(name_contains: &str, count: u32, failure_reason: &str) -> Self {
        Self::FailUpdate {
            name_contains: name_contains.to_owned(),
            failure_reason: failure_reason.to_owned(),
            count: Some(count),
        }
    }

    /// The next `count` requests of the operation get an error response with HTTP status 400.
    pub fn answer_with_error(operation: &str, count: u32, code: &str, message: &str) -> Self {
        let error = ScriptedError { code: code.to_owned(), message: message.to_owned(), status: default_status() };
        Self::AnswerWithError { operation: Some(operation.to_owned()), count, error }
    }

    /// The next `count` requests of the operation get no response.
    pub fn drop_connection(operation: &str, count: u32, when: DropTiming) -> Self {
        Self::DropConnection { operation: Some(operation.to_owned()), count, when }
    }

    /// The next `count` requests of the operation are processed after a delay.
    pub fn delay_request(operation: &str, count: u32, by: std::time::Duration) -> Self {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self::DelayRequest { operation: Some(operation.to_owned()), count, milliseconds }
    }

    /// How often the fault still occurs; `None` means always.
    fn remaining_count(&self) -> Option<u32> {
        match self {
            Self::FailJob { count, .. } | Self::FailUpdate { count, .. } => *count,
            Self::AnswerWithError { count, .. }
            | Self::DropConnection { count, .. }
            | Self::DelayRequest { count, .. } => Some(*count),
        }
    }

    /// The operation the fault is limited to; `None` if it is not limited.
    pub(crate) fn operation_name(&self) -> Option<&str> {
        match self {
            Self::FailJob { .. } | Self::FailUpdate { .. } => None,
            Self::AnswerWithError { operation, .. }
            | Self::DropConnection { operation, .. }
            | Self::DelayRequest { operation, .. } => operation.as_deref(),
        }
    }
}

/// The faults that have not occurred yet, in the order in which they were scheduled.
#[derive(Debug, Default)]
pub(crate) struct PendingFaults {
    pending: Vec<ScriptedFault>,
}

impl PendingFaults {
    pub fn add_fault(&mut self, fault: ScriptedFault) {
        if fault.remaining_count() != Some(0) {
            self.pending.push(fault);
        }
    }

    pub fn as_slice(&self) -> &[ScriptedFault] {
        &self.pending
    }

    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// The delay in milliseconds before the request is processed.
    pub fn take_delay(&mut self, operation: &str) -> Option<u64> {
        self.take_for_operation(operation, |fault| match fault {
            ScriptedFault::DelayRequest { milliseconds, .. } => Some(*milliseconds),
            _ => None,
        })
    }

    /// Whether to close the connection at this time.
    pub fn take_drop(&mut self, operation: &str, side: DropTiming) -> bool {
        let taken = self.take_for_operation(operation, |fault| {
            matches!(fault, ScriptedFault::DropConnection { when, .. } if *when == side).then_some(())
        });
        taken.is_some()
    }

    pub fn take_error(&mut self, operation: &str) -> Option<ServiceError> {
        self.take_for_operation(operation, |fault| match fault {
            ScriptedFault::AnswerWithError { error: ScriptedError { code, message, status }, .. } => {
                Some(ServiceError { code: code.clone(), message: message.clone(), status: *status })
            }
            _ => None,
        })
    }

    /// The failure reason, if the job is to fail.
    pub fn take_job_failure(&mut self, job: &str) -> Option<String> {
        self.take_first(|fault| match fault {
            ScriptedFault::FailJob { name_contains, failure_reason, .. } if job.contains(name_contains.as_str()) => {
                Some(failure_reason.clone())
            }
            _ => None,
        })
    }

    /// The failure reason, if the update of the resource is to fail.
    pub fn take_update_failure(&mut self, name: &str) -> Option<String> {
        self.take_first(|fault| match fault {
            ScriptedFault::FailUpdate { name_contains, failure_reason, .. }
                if name.contains(name_contains.as_str()) =>
            {
                Some(failure_reason.clone())
            }
            _ => None,
        })
    }

    fn take_for_operation<T>(&mut self, operation: &str, pick: impl Fn(&ScriptedFault) -> Option<T>) -> Option<T> {
        self.take_first(|fault| pick(fault).filter(|_| fault.operation_name().is_none_or(|of| of == operation)))
    }

    /// Takes the first matching fault: decrements its count and removes it after its last use.
    fn take_first<T>(&mut self, pick: impl Fn(&ScriptedFault) -> Option<T>) -> Option<T> {
        let (index, taken) = self.pending.iter().enumerate().find_map(|(index, fault)| Some((index, pick(fault)?)))?;
        let left = match &mut self.pending[index] {
            ScriptedFault::FailJob { count: None, .. } | ScriptedFault::FailUpdate { count: None, .. } => {
                return Some(taken);
            }
            ScriptedFault::FailJob { count: Some(count), .. }
            | ScriptedFault::FailUpdate { count: Some(count), .. }
            | ScriptedFault::AnswerWithError { count, .. }
            | ScriptedFault::DropConnection { count, .. }
            | ScriptedFault::DelayRequest { count, .. } => {
                *count = count.saturating_sub(1);
                *count
            }
        };
        if left == 0 {
            self.pending.remove(index);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_occur_in_order_and_as_often_as_scheduled() {
        let mut faults = PendingFaults::default();
        faults.add_fault(ScriptedFault::answer_with_error("A", 2, "First", ""));
        faults.add_fault(ScriptedFault::answer_with_error("A", 1, "Second", ""));
        faults.add_fault(ScriptedFault::drop_connection("B", 1, DropTiming::After));
        let mut codes = || faults.take_error("A").map(|error| error.code);
        assert_eq!(
            [codes(), codes(), codes(), codes()].map(Option::unwrap_or_default),
            ["First", "First", "Second", ""]
        );
        assert!(!faults.take_drop("B", DropTiming::Before));
        assert!(faults.take_drop("B", DropTiming::After));
        assert!(!faults.take_drop("B", DropTiming::After));
        assert!(faults.as_slice().is_empty());
    }

    #[test]
    fn parses_the_documented_json() {
        for json in [
            r#"{"fail_job":{"name_contains":"resnet","failure_reason":"ClientError: no"}}"#,
            r#"{"fail_update":{"name_contains":"fiddler","failure_reason":"no capacity","count":1}}"#,
            r#"{"next":{"operation":"CreateCompilationJob","count":2,"error":{"code":"ThrottlingException","message":"Rate exceeded","status":400}}}"#,
            r#"{"next":{"error":{"code":"InternalFailure"}}}"#,
            r#"{"drop":{"operation":"CreateCompilationJob","count":1,"when":"after"}}"#,
            r#"{"delay":{"operation":"ListCompilationJobs","milliseconds":250}}"#,
        ] {
            let fault: ScriptedFault = serde_json::from_str(json).unwrap();
            let again: ScriptedFault = serde_json::from_value(serde_json::to_value(&fault).unwrap()).unwrap();
            assert_eq!(again, fault, "{json}");
        }
        assert!(serde_json::from_str::<ScriptedFault>(r#"{"next":{"eror":{"code":"X"}}}"#).is_err());
    }
}
