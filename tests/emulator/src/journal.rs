//! The log of requests that tests read.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::answer::Answer;
use crate::faults::When;

/// Requests kept: enough for any test, and an end for an emulator left running.
const KEPT: usize = 100_000;

/// One request and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct LoggedRequest {
    /// Its number, counted from 1 in order of arrival.
    pub sequence: u64,
    /// When it arrived, on the emulator's clock.
    pub time: Timestamp,
    /// The operation, as the client named it.
    pub operation: String,
    /// The request; `null` if it was not JSON.
    pub body: Value,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It is being handled.
    Pending,
    /// It was answered with success.
    Accepted,
    /// It was answered with an error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error type.
        code: String,
        /// The error message.
        message: String,
    },
    /// The connection was closed without an answer.
    Dropped {
        /// Before or after acting.
        when: When,
    },
}

impl From<&Answer> for Outcome {
    fn from(answer: &Answer) -> Self {
        match answer {
            Ok(_) => Self::Accepted,
            Err(refusal) => {
                Self::Refused { status: refusal.status, code: refusal.code.clone(), message: refusal.message.clone() }
            }
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    requests: VecDeque<LoggedRequest>,
    last: u64,
}

impl Journal {
    /// Notes the arrival of a request and numbers it.
    pub fn arrived(&mut self, time: Timestamp, operation: &str, body: Value) -> u64 {
        self.last += 1;
        if self.requests.len() == KEPT {
            self.requests.pop_front();
        }
        let operation = operation.to_owned();
        self.requests.push_back(LoggedRequest {
            sequence: self.last,
            time,
            operation,
            body,
            outcome: Outcome::Pending,
        });
        self.last
    }

    pub fn ended(&mut self, sequence: u64, outcome: Outcome) {
        if let Some(request) = self.requests.iter_mut().rev().find(|request| request.sequence == sequence) {
            request.outcome = outcome;
        }
    }

    /// The requests numbered above `since`.
    pub fn since(&self, since: u64) -> Vec<LoggedRequest> {
        self.requests.iter().filter(|request| request.sequence > since).cloned().collect()
    }

    /// Forgets the requests; the numbers go on, so that `since` stays valid.
    pub fn clear(&mut self) {
        self.requests.clear();
    }
}
