//! Updates of a resource that can be updated at any time: requested, observed, failed.

use jiff::{SignedDuration, Timestamp};
use model_archive::Problem;
use serde::{Deserialize, Serialize};

use crate::{
    plan::{Change, PlanItem},
    time_format::format_time,
    update_calls::{GRACE, MissingEffect, UpdateCalls, shorten_reason},
    upgrade::MAX_ATTEMPTS,
};

/// Wait after a failed attempt: a day, less the time by which a scheduled run can be early.
const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(23);

/// What earlier runs recorded of the updates of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateHistory {
    /// The requested update whose result is not known yet.
    pub pending: Option<PendingUpdate>,
    /// The last update, if it failed.
    pub failed: Option<FailedUpdate>,
    /// When the resource was created: one that is created again under the same name is another one.
    /// `None` if it was not seen yet, or by an earlier release only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A requested update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// Identifies the requested properties.
    pub digest: String,
    pub changes: Vec<Change>,
    #[serde(rename = "asked_at")]
    pub requested_at: Timestamp,
    #[serde(default, skip_serializing_if = "UpdateCalls::is_default")]
    pub calls: UpdateCalls,
}

/// Failed attempts of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedUpdate {
    /// Identifies the requested properties.
    pub digest: String,
    /// Why the last attempt failed.
    pub reason: String,
    #[serde(default = "default_count")]
    pub count: u32,
    /// When the last attempt failed; `None` if an earlier release recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// The S3 version id of the configuration that was active then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

fn default_count() -> u32 {
    1
}

/// What a resource shows of a requested update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownUpdate {
    /// The resource is being changed.
    InProgress,
    /// It has the requested values.
    Complete,
    /// It has other values.
    Missing,
    /// Its last update failed, at the time of its last change.
    Failed { reason: String, modified_at: Option<Timestamp> },
}

/// The result of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledUpdate {
    Applied {
        changes: Vec<Change>,
    },
    Failed {
        /// The requested changes.
        changes: Vec<Change>,
        reason: String,
    },
}

/// Whether an update is requested now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextRequest {
    Now,
    /// The result of an earlier request is not known yet.
    AfterResult,
    /// The last attempt failed: not before this time.
    At(Timestamp),
    /// Too many attempts failed: once a new version of the configuration is uploaded.
    AfterConfigChange,
}

impl NextRequest {
    /// What to do about a failed update, and when it is tried again.
    pub(crate) fn describe_retry(self) -> String {
        match self {
            Self::At(at) => format!("fix the cause; the next attempt follows after {}", format_time(at)),
            _ => "fix the cause, then upload the configuration again: the update is tried again".to_owned(),
        }
    }
}

/// The configuration that an observation is compared with.
#[derive(Debug, Clone, Copy)]
pub struct DesiredUpdate<'a> {
    /// Identifies the declared properties.
    pub digest: &'a str,
    /// The S3 version id of the configuration; `None` if it is not known.
    pub config: Option<&'a str>,
}

impl UpdateHistory {
    /// The history of the resource that was created at this time; `None` if there is no resource of
    /// this name. Nothing is known of a resource that was deleted and created again.
    #[must_use]
    pub fn of_resource(&self, created_at: Option<Timestamp>) -> Self {
        let is_other = self.created_at.is_some() && self.created_at != created_at;
        let history = if is_other { Self::default() } else { self.clone() };
        Self { created_at, ..history }
    }

    /// The history of the same resource without updates.
    fn without_updates(&self) -> Self {
        Self { created_at: self.created_at, ..Self::default() }
    }

    /// Returns the history with the observed state added, and the result of the pending update once
    /// that is known and was not reported before.
    #[must_use]
    pub fn record_observation(
        &self,
        shown: ShownUpdate,
        desired: DesiredUpdate<'_>,
        now: Timestamp,
    ) -> (Self, Option<SettledUpdate>) {
        let history = self.clone().forget_outdated_failure(desired.config);
        let Some(pending) = self.pending.clone() else {
            // It has the declared values, even if by hand: what differs later is another matter.
            return (if shown == ShownUpdate::Complete { self.without_updates() } else { history }, None);
        };
        let reason = match shown {
            ShownUpdate::InProgress => return (history, None),
            ShownUpdate::Complete => {
                return (self.without_updates(), Some(SettledUpdate::Applied { changes: pending.changes }));
            }
            ShownUpdate::Failed { reason, modified_at }
                if pending.calls.owns_failure(pending.requested_at, modified_at, now) =>
            {
                reason
            }
            ShownUpdate::Missing | ShownUpdate::Failed { .. } => {
                let waited = pending.calls.time_waited(pending.requested_at, now);
                if pending.digest != desired.digest && waited >= GRACE {
                    // The configuration asks for something else by now.
                    return (Self { pending: None, ..history }, None);
                }
                match pending.calls.judge_missing_effect(pending.requested_at, now) {
                    MissingEffect::Wait | MissingEffect::CallAgain => return (history, None),
                    MissingEffect::Failed(reason) => reason,
                }
            }
        };
        history.record_failure(&reason, desired.config, now)
    }

    /// The history with a failed attempt in place of the pending update. Returns the failure too,
    /// unless the attempt before failed for the same reason.
    #[must_use]
    pub fn record_failure(&self, reason: &str, config: Option<&str>, now: Timestamp) -> (Self, Option<SettledUpdate>) {
        let Some(pending) = self.pending.clone() else { return (self.clone(), None) };
        let reason = shorten_reason(reason);
        let earlier = self.find_failure(&pending.digest);
        let is_known = earlier.is_some_and(|earlier| earlier.reason == reason);
        let failed = FailedUpdate {
            digest: pending.digest,
            reason: reason.clone(),
            count: earlier.map_or(0, |earlier| earlier.count) + 1,
            last: Some(now),
            config: config.map(str::to_owned),
        };
        let settled = SettledUpdate::Failed { changes: pending.changes, reason };
        (Self { failed: Some(failed), ..self.without_updates() }, (!is_known).then_some(settled))
    }

    /// The failed attempts to apply these properties.
    pub fn find_failure(&self, digest: &str) -> Option<&FailedUpdate> {
        self.failed.as_ref().filter(|failed| failed.digest == digest)
    }

    /// Whether and when the declared properties are requested.
    pub fn next_request(&self, digest: &str, now: Timestamp) -> NextRequest {
        if let Some(pending) = &self.pending {
            let is_lost = pending.calls.judge_missing_effect(pending.requested_at, now) == MissingEffect::CallAgain;
            return if is_lost { NextRequest::Now } else { NextRequest::AfterResult };
        }
        let Some(failed) = self.find_failure(digest) else { return NextRequest::Now };
        match failed.last.map(|last| last + RETRY_AFTER) {
            _ if failed.count >= MAX_ATTEMPTS => NextRequest::AfterConfigChange,
            Some(at) if at > now => NextRequest::At(at),
            _ => NextRequest::Now,
        }
    }

    /// Explains in a plan why the declared properties are not requested now: as a problem, or as a
    /// note if the item has another problem, or other actions, which are made regardless. Returns
    /// false if they are requested now.
    pub(crate) fn explain_hold<A>(
        &self,
        item: &mut PlanItem<A>,
        digest: &str,
        code: &'static str,
        now: Timestamp,
    ) -> bool {
        let next = self.next_request(digest, now);
        match next {
            NextRequest::Now => return false,
            NextRequest::AfterResult => {
                item.notes.push("the update was requested, but SageMaker does not show it yet".to_owned());
            }
            NextRequest::At(_) | NextRequest::AfterConfigChange => {
                let reason = self.find_failure(digest).map_or("unknown", |failed| failed.reason.as_str());
                let problem = format!("the update of {} failed: {reason}", item.name);
                let problem = Problem::new(code, problem, next.describe_retry());
                if item.actions.is_empty() && item.problem.is_none() {
                    item.problem = Some(problem);
                } else {
                    item.notes.push(format!("{}; {}", problem.problem, problem.remedy));
                }
            }
        }
        true
    }

    /// The history with a request that is made now: another call of the pending one if that asks
    /// for the same properties. `modified_at` is the time of the resource's last change.
    #[must_use]
    pub fn with_request(
        &self,
        digest: &str,
        changes: &[Change],
        modified_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let earlier = self.pending.as_ref().filter(|pending| pending.digest == digest);
        let calls = earlier.map(|earlier| earlier.calls.clone()).unwrap_or_default();
        let pending = PendingUpdate {
            digest: digest.to_owned(),
            changes: changes.iter().map(Change::shorten_values).collect(),
            requested_at: earlier.map_or(now, |earlier| earlier.requested_at),
            calls: calls.with_call(now, None, modified_at),
        };
        Self { pending: Some(pending), ..self.clone() }
    }

    /// The history with the response to the last call.
    #[must_use]
    pub fn with_response(&self, response: Result<(), Option<&str>>) -> Self {
        let pending = self.pending.clone();
        let pending = pending.map(|pending| PendingUpdate { calls: pending.calls.with_response(response), ..pending });
        Self { pending, ..self.clone() }
    }

    /// Whether a call is pending whose effect is not known.
    pub fn is_unanswered(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.calls.accepted)
    }

    /// A new version of the configuration starts over.
    fn forget_outdated_failure(mut self, config: Option<&str>) -> Self {
        let is_outdated = |failed: &FailedUpdate| match (failed.config.as_deref(), config) {
            (Some(then), Some(now)) => then != now,
            _ => false,
        };
        self.failed = self.failed.filter(|failed| !is_outdated(failed));
        self
    }
}
