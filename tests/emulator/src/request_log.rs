//! The log of received requests, which tests read.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{answer::OperationAnswer, faults::DropTiming};

/// Maximum number of requests in the log: enough for any test, and a bound on the memory of a
/// long-running emulator.
const MAX_LOGGED_REQUESTS: usize = 100_000;

/// A request and its outcome.
#[derive(Debug, Clone, Serialize)]
pub struct LoggedRequest {
    /// Number of the request, counted from 1 in order of arrival.
    pub sequence: u64,
    /// Time of arrival on the emulator's clock.
    pub time: Timestamp,
    /// The operation name from the `X-Amz-Target` header.
    pub operation: String,
    /// The request body; `null` if it was not valid JSON.
    pub body: Value,
    pub outcome: RequestOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestOutcome {
    /// The request is being processed.
    Pending,
    /// The response was a success.
    Accepted,
    /// The response was an error.
    Refused {
        status: u16,
        /// The error type, for example `ThrottlingException`.
        code: String,
        message: String,
    },
    /// The connection was closed without a response.
    Dropped {
        /// Before or after the request took effect.
        when: DropTiming,
    },
}

impl From<&OperationAnswer> for RequestOutcome {
    fn from(answer: &OperationAnswer) -> Self {
        match answer {
            Ok(_) => Self::Accepted,
            Err(error) => {
                Self::Refused { status: error.status, code: error.code.clone(), message: error.message.clone() }
            }
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    requests: VecDeque<LoggedRequest>,
    last: u64,
}

impl RequestLog {
    /// Logs a request and returns its number.
    pub fn record_arrival(&mut self, time: Timestamp, operation: &str, body: Value) -> u64 {
        self.last += 1;
        if self.requests.len() == MAX_LOGGED_REQUESTS {
            self.requests.pop_front();
        }
        let operation = operation.to_owned();
        self.requests.push_back(LoggedRequest {
            sequence: self.last,
            time,
            operation,
            body,
            outcome: RequestOutcome::Pending,
        });
        self.last
    }

    pub fn record_outcome(&mut self, sequence: u64, outcome: RequestOutcome) {
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.sequence == sequence) {
            request.outcome = outcome;
        }
    }

    /// Returns the requests with a number above `since`.
    pub fn requests_after(&self, since: u64) -> Vec<LoggedRequest> {
        self.requests.iter().filter(|request| request.sequence > since).cloned().collect()
    }

    /// Removes all requests. Numbering continues, so that `since` stays valid.
    pub fn clear(&mut self) {
        self.requests.clear();
    }
}
