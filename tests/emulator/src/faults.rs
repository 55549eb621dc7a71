//! Faults that a test scripts.

use serde::{Deserialize, Serialize};

use crate::answer::Refusal;

/// Something to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Compilation jobs end FAILED.
    FailJob {
        /// Which: their names contain this.
        name_contains: String,
        /// The reason that Describe reports.
        failure_reason: String,
        /// How many; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// Updates of partner apps and images end `UpdateFailed`.
    FailUpdate {
        /// Which: the names of what is updated contain this.
        name_contains: String,
        /// The reason that Describe reports.
        failure_reason: String,
        /// How many; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// Requests are answered with an error and not handled.
    Next {
        /// Of this operation; left out: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// The answer.
        error: ErrorAnswer,
    },
    /// The connection is closed without an answer.
    Drop {
        /// Of this operation; left out: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// Before or after the request took effect.
        when: When,
    },
    /// Requests are handled later.
    Delay {
        /// Of this operation; left out: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// How many.
        #[serde(default = "one")]
        count: u32,
        /// How much later, on this machine's clock.
        milliseconds: u64,
    },
}

fn one() -> u32 {
    1
}

/// An error of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The error type, such as `ThrottlingException`.
    pub code: String,
    /// The message.
    #[serde(default)]
    pub message: String,
    /// The HTTP status; left out: 400.
    #[serde(default = "bad_request")]
    pub status: u16,
}

fn bad_request() -> u16 {
    400
}

/// On which side of the effect a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The request had no effect.
    Before,
    /// The request took effect, the client does not know.
    After,
}

impl Fault {
    /// Every compilation job whose name contains `name_contains` fails.
    pub fn fail_job(name_contains: &str, failure_reason: &str) -> Self {
        Self::FailJob {
            name_contains: name_contains.to_owned(),
            failure_reason: failure_reason.to_owned(),
            count: None,
        }
    }

    /// The next `count` updates of partner apps and images whose name contains `name_contains` fail.
    pub fn fail_update(name_contains: &str, count: u32, failure_reason: &str) -> Self {
        Self::FailUpdate {
            name_contains: name_contains.to_owned(),
            failure_reason: failure_reason.to_owned(),
            count: Some(count),
        }
    }

    /// The next `count` requests of the operation are answered with an error, HTTP status 400.
    pub fn next(operation: &str, count: u32, code: &str, message: &str) -> Self {
        let error = ErrorAnswer { code: code.to_owned(), message: message.to_owned(), status: bad_request() };
        Self::Next { operation: Some(operation.to_owned()), count, error }
    }

    /// The next `count` requests of the operation get no answer.
    pub fn drop(operation: &str, count: u32, when: When) -> Self {
        Self::Drop { operation: Some(operation.to_owned()), count, when }
    }

    /// The next `count` requests of the operation are handled later.
    pub fn delay(operation: &str, count: u32, by: std::time::Duration) -> Self {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self::Delay { operation: Some(operation.to_owned()), count, milliseconds }
    }

    /// How often it is to happen; `None`: always.
    fn count(&self) -> Option<u32> {
        match self {
            Self::FailJob { count, .. } | Self::FailUpdate { count, .. } => *count,
            Self::Next { count, .. } | Self::Drop { count, .. } | Self::Delay { count, .. } => Some(*count),
        }
    }

    /// The operation this fault waits for, if it waits for one.
    pub(crate) fn operation(&self) -> Option<&str> {
        match self {
            Self::FailJob { .. } | Self::FailUpdate { .. } => None,
            Self::Next { operation, .. } | Self::Drop { operation, .. } | Self::Delay { operation, .. } => {
                operation.as_deref()
            }
        }
    }
}

/// The faults that have not happened yet, in the order they were scripted.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pending: Vec<Fault>,
}

impl Faults {
    pub fn script(&mut self, fault: Fault) {
        if fault.count() != Some(0) {
            self.pending.push(fault);
        }
    }

    pub fn pending(&self) -> &[Fault] {
        &self.pending
    }

    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// How many milliseconds to wait before the request is handled.
    pub fn delay(&mut self, operation: &str) -> Option<u64> {
        self.take(operation, |fault| match fault {
            Fault::Delay { milliseconds, .. } => Some(*milliseconds),
            _ => None,
        })
    }

    /// Whether the connection of the request is to be closed on that side of its effect.
    pub fn drop(&mut self, operation: &str, side: When) -> bool {
        let taken =
            self.take(operation, |fault| matches!(fault, Fault::Drop { when, .. } if *when == side).then_some(()));
        taken.is_some()
    }

    /// The error to answer the request with.
    pub fn error(&mut self, operation: &str) -> Option<Refusal> {
        self.take(operation, |fault| match fault {
            Fault::Next { error: ErrorAnswer { code, message, status }, .. } => {
                Some(Refusal { code: code.clone(), message: message.clone(), status: *status })
            }
            _ => None,
        })
    }

    /// The reason for which the job is to fail.
    pub fn failure(&mut self, job: &str) -> Option<String> {
        self.take_where(|fault| match fault {
            Fault::FailJob { name_contains, failure_reason, .. } if job.contains(name_contains.as_str()) => {
                Some(failure_reason.clone())
            }
            _ => None,
        })
    }

    /// The reason for which the update of a resource is to fail.
    pub fn update_failure(&mut self, name: &str) -> Option<String> {
        self.take_where(|fault| match fault {
            Fault::FailUpdate { name_contains, failure_reason, .. } if name.contains(name_contains.as_str()) => {
                Some(failure_reason.clone())
            }
            _ => None,
        })
    }

    fn take<T>(&mut self, operation: &str, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.take_where(|fault| pick(fault).filter(|_| fault.operation().is_none_or(|of| of == operation)))
    }

    /// The first fault that fits, counted down and removed with its last use.
    fn take_where<T>(&mut self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let (index, taken) = self.pending.iter().enumerate().find_map(|(index, fault)| Some((index, pick(fault)?)))?;
        let left = match &mut self.pending[index] {
            Fault::FailJob { count: None, .. } | Fault::FailUpdate { count: None, .. } => return Some(taken),
            Fault::FailJob { count: Some(count), .. }
            | Fault::FailUpdate { count: Some(count), .. }
            | Fault::Next { count, .. }
            | Fault::Drop { count, .. }
            | Fault::Delay { count, .. } => {
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
    fn faults_happen_in_order_and_as_often_as_scripted() {
        let mut faults = Faults::default();
        faults.script(Fault::next("A", 2, "First", ""));
        faults.script(Fault::next("A", 1, "Second", ""));
        faults.script(Fault::drop("B", 1, When::After));
        let mut codes = || faults.error("A").map(|refusal| refusal.code);
        assert_eq!(
            [codes(), codes(), codes(), codes()].map(Option::unwrap_or_default),
            ["First", "First", "Second", ""]
        );
        assert!(!faults.drop("B", When::Before));
        assert!(faults.drop("B", When::After));
        assert!(!faults.drop("B", When::After));
        assert!(faults.pending().is_empty());
    }

    #[test]
    fn the_documented_json_is_understood() {
        for json in [
            r#"{"fail_job":{"name_contains":"resnet","failure_reason":"ClientError: no"}}"#,
            r#"{"fail_update":{"name_contains":"fiddler","failure_reason":"no capacity","count":1}}"#,
            r#"{"next":{"operation":"CreateCompilationJob","count":2,"error":{"code":"ThrottlingException","message":"Rate exceeded","status":400}}}"#,
            r#"{"next":{"error":{"code":"InternalFailure"}}}"#,
            r#"{"drop":{"operation":"CreateCompilationJob","count":1,"when":"after"}}"#,
            r#"{"delay":{"operation":"ListCompilationJobs","milliseconds":250}}"#,
        ] {
            let fault: Fault = serde_json::from_str(json).unwrap();
            let again: Fault = serde_json::from_value(serde_json::to_value(&fault).unwrap()).unwrap();
            assert_eq!(again, fault, "{json}");
        }
        assert!(serde_json::from_str::<Fault>(r#"{"next":{"eror":{"code":"X"}}}"#).is_err());
    }
}
