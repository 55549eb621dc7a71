//! The calls of one attempt to update a resource, and when they are repeated.
//!
//! An update has succeeded when the resource shows it. A call without an answer may have taken
//! effect or not, and so may one that was recorded by a function that crashed before it made the
//! call: both are repeated while the resource does not change, [`MAX_CALLS`] times at most.

use jiff::{SignedDuration, Timestamp};
use model_archive::shorten_text;
use serde::{Deserialize, Serialize};

/// Calls of one attempt. If none of them is answered, the attempt has failed.
pub const MAX_CALLS: u32 = 3;

/// How long the service may still show the state before a call that it has received.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// How long to wait for the effect of an accepted update.
const LOST: SignedDuration = SignedDuration::from_hours(24);

/// How long a lost call can be repeated at all: something else may prevent it.
const ABANDONED: SignedDuration = SignedDuration::from_hours(72);

/// Longest reason that is stored, in characters: a history has to fit into a row of the ledger.
const MAX_REASON: usize = 2048;

/// The reason of a failure as it is stored and compared with later ones.
pub(crate) fn shorten_reason(reason: &str) -> String {
    shorten_text(reason, MAX_REASON)
}

/// What is known of the calls of an attempt; the default is known of a call that was only recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateCalls {
    /// How many calls were made.
    pub count: u32,
    /// When the last one was made.
    pub last: Option<Timestamp>,
    /// Whether the service accepted the update.
    pub accepted: bool,
    /// Why the last call was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the maintenance window closes: from then on the call is not repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `LastModifiedTime` of the resource before the first call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_before: Option<Timestamp>,
}

/// What to do about an update that the resource does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingEffect {
    /// The service may show it later.
    Wait,
    /// The call was lost: make it again.
    CallAgain,
    /// The attempt has failed, for this reason.
    Failed(String),
}

impl UpdateCalls {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The calls with another one, made now.
    #[must_use]
    pub(crate) fn with_call(&self, now: Timestamp, until: Option<Timestamp>, modified_at: Option<Timestamp>) -> Self {
        let modified_before = if self.count == 0 { modified_at } else { self.modified_before };
        Self { count: self.count + 1, last: Some(now), accepted: false, error: None, until, modified_before }
    }

    /// The calls with the response to the last one. `Err` is a missing one, or the reason why
    /// SageMaker did not accept the update yet.
    #[must_use]
    pub(crate) fn with_response(&self, response: Result<(), Option<&str>>) -> Self {
        let error = response.err().flatten().map(shorten_reason);
        Self { accepted: response.is_ok(), error, ..self.clone() }
    }

    /// The time since the last call of an attempt that began at `requested_at`.
    pub(crate) fn time_waited(&self, requested_at: Timestamp, now: Timestamp) -> SignedDuration {
        now.duration_since(self.last.unwrap_or(requested_at))
    }

    /// Decides about an update that the resource does not show, although it could be updated.
    pub(crate) fn judge_missing_effect(&self, requested_at: Timestamp, now: Timestamp) -> MissingEffect {
        let waited = self.time_waited(requested_at, now);
        if self.accepted {
            if waited < LOST {
                return MissingEffect::Wait;
            }
            let reason = "SageMaker accepted the update, but a day later still showed other values";
            return MissingEffect::Failed(reason.to_owned());
        }
        if waited < GRACE {
            return MissingEffect::Wait;
        }
        if self.count < MAX_CALLS && waited < ABANDONED && self.until.is_none_or(|until| now < until) {
            return MissingEffect::CallAgain;
        }
        MissingEffect::Failed(self.error.clone().unwrap_or_else(|| match self.count {
            0 | 1 => "SageMaker did not respond, or had an internal error".to_owned(),
            count => format!("SageMaker did not respond to {count} calls, or had an internal error"),
        }))
    }

    /// Whether an update failure that the resource shows is that of this attempt: it may still be
    /// that of an earlier one. Only times of the service are compared: its clock can differ from
    /// ours.
    pub(crate) fn owns_failure(&self, requested_at: Timestamp, modified: Option<Timestamp>, now: Timestamp) -> bool {
        match (self.modified_before, modified) {
            (Some(before), Some(modified)) => before != modified,
            _ => self.time_waited(requested_at, now) >= GRACE,
        }
    }
}
