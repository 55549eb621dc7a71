//! One compilation job and its states: STARTING → INPROGRESS → COMPLETED | FAILED, or STOPPING → STOPPED.

use jiff::Timestamp;
use serde::Serialize;

use super::artifact::{Compiled, Work};
use super::request::CreateRequest;
use super::rules;
use super::target::Target;
use crate::clock::after_millis;
use crate::effects::Effect;
use crate::world::Surroundings;

/// The longest failure reason of the model (`FailureReason`).
const FAILURE_REASON_LENGTH: usize = 1024;

/// `CompilationJobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Starting,
    InProgress,
    Completed,
    Failed,
    Stopping,
    Stopped,
}

impl Status {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped)
    }

    /// As the operations write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::InProgress => "INPROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }

    /// As events write it.
    pub fn in_events(self) -> String {
        format!("{self:?}")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub arn: String,
    pub request: CreateRequest,
    pub target: Target,
    pub status: Status,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub failure_reason: String,
    pub compiled: Option<Compiled>,
    /// When it changes by itself; none in a terminal state and while its artifact is written.
    pub due: Option<Timestamp>,
}

impl Job {
    pub fn start(
        arn: String,
        request: CreateRequest,
        target: Target,
        at: Timestamp,
        around: &mut Surroundings,
    ) -> Self {
        let mut job = Self {
            arn,
            request,
            target,
            status: Status::Starting,
            created: at,
            modified: at,
            started: None,
            ended: None,
            failure_reason: String::new(),
            compiled: None,
            due: None,
        };
        job.enter(Status::Starting, at, around.effects);
        job.due = Some(after_millis(at, around.settings.spread(job.name(), around.settings.starting_ms)));
        job
    }

    pub fn name(&self) -> &str {
        &self.request.compilation_job_name
    }

    /// The change that is due at `at`.
    pub fn step(&mut self, at: Timestamp, around: &mut Surroundings) {
        self.due = None;
        match self.status {
            Status::Starting => {
                self.enter(Status::InProgress, at, around.effects);
                let wanted = around.settings.spread(self.name(), around.settings.in_progress_ms);
                self.due = Some(after_millis(at, wanted.min(self.allowed_ms())));
            }
            Status::InProgress => self.end(at, around),
            Status::Stopping => self.enter(Status::Stopped, at, around.effects),
            Status::Completed | Status::Failed | Status::Stopped => {}
        }
    }

    pub fn stop(&mut self, at: Timestamp, around: &mut Surroundings) {
        if self.status != Status::Stopping {
            self.enter(Status::Stopping, at, around.effects);
            self.due = Some(after_millis(at, around.settings.spread(self.name(), around.settings.stopping_ms)));
        }
    }

    pub fn finish(&mut self, result: Result<Compiled, String>, at: Timestamp, effects: &mut Vec<Effect>) {
        match result {
            Ok(compiled) => {
                self.compiled = Some(compiled);
                self.enter(Status::Completed, at, effects);
            }
            Err(reason) => {
                self.failure_reason = reason.chars().take(FAILURE_REASON_LENGTH).collect();
                self.enter(Status::Failed, at, effects);
            }
        }
    }

    fn end(&mut self, at: Timestamp, around: &mut Surroundings) {
        let wanted = around.settings.spread(self.name(), around.settings.in_progress_ms);
        let failure = around
            .faults
            .failure(self.name())
            .or_else(|| (wanted > self.allowed_ms()).then(|| self.timed_out()))
            .or_else(|| rules::failure(&self.request, &self.target));
        match failure {
            Some(reason) => self.finish(Err(reason), at, around.effects),
            None if around.has_s3 => around.effects.push(Effect::Compile(Work::of(self))),
            None => {
                let work = Work::of(self);
                self.finish(work.compiled().map_err(|error| work.internal_error(&error)), at, around.effects);
            }
        }
    }

    fn enter(&mut self, status: Status, at: Timestamp, effects: &mut Vec<Effect>) {
        self.status = status;
        self.modified = at;
        if status == Status::InProgress {
            self.started = Some(at);
        }
        if status.is_terminal() {
            self.ended = self.started.map(|_| at);
        }
        effects.push(Effect::Event(self.state_change()));
    }

    fn allowed_ms(&self) -> u64 {
        self.request.max_runtime_seconds().map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000))
    }

    fn timed_out(&self) -> String {
        let seconds = self.request.max_runtime_seconds().unwrap_or_default();
        format!("ClientError: TimeOut: The compilation job exceeded its MaxRuntimeInSeconds of {seconds} seconds.")
    }
}
