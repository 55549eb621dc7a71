//! A compilation job and its statuses: STARTING → INPROGRESS → COMPLETED | FAILED, or
//! STOPPING → STOPPED.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    artifact::{CompilationTask, CompiledArtifact},
    request::CreateJobRequest,
    request_rules,
    target::RequestedTarget,
};
use crate::{
    clock::add_millis, emulator_state::TransitionContext, settings::EmulatorSettings, side_effect::SideEffect,
};

/// Maximum length of `FailureReason` in the service model.
const FAILURE_REASON_LENGTH: usize = 1024;

/// `CompilationJobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum EmulatedCompilationStatus {
    Starting,
    InProgress,
    Completed,
    Failed,
    Stopping,
    Stopped,
}

impl EmulatedCompilationStatus {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped)
    }

    /// The spelling in API responses.
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

    /// The spelling in EventBridge events.
    pub fn to_event_status(self) -> String {
        format!("{self:?}")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EmulatedCompilationJob {
    pub arn: String,
    pub request: CreateJobRequest,
    pub target: RequestedTarget,
    pub status: EmulatedCompilationStatus,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub failure_reason: String,
    pub artifact: Option<CompiledArtifact>,
    /// Time of the next automatic status change; `None` in a terminal status and while the artifact
    /// is being written.
    pub due: Option<Timestamp>,
}

impl EmulatedCompilationJob {
    pub fn start_new(
        arn: String,
        request: CreateJobRequest,
        target: RequestedTarget,
        at: Timestamp,
        context: &mut TransitionContext,
    ) -> Self {
        let mut job = Self {
            arn,
            request,
            target,
            status: EmulatedCompilationStatus::Starting,
            created: at,
            modified: at,
            started: None,
            ended: None,
            failure_reason: String::new(),
            artifact: None,
            due: None,
        };
        job.enter_status(EmulatedCompilationStatus::Starting, at, context.effects);
        job.schedule_change(context.settings);
        job
    }

    pub fn name(&self) -> &str {
        &self.request.compilation_job_name
    }

    /// Applies the status change that is due at `at`.
    pub fn apply_due_change(&mut self, at: Timestamp, context: &mut TransitionContext) {
        self.due = None;
        match self.status {
            EmulatedCompilationStatus::Starting => {
                self.enter_status(EmulatedCompilationStatus::InProgress, at, context.effects);
                self.schedule_change(context.settings);
            }
            EmulatedCompilationStatus::InProgress => self.end_compilation(at, context),
            EmulatedCompilationStatus::Stopping => {
                self.enter_status(EmulatedCompilationStatus::Stopped, at, context.effects);
            }
            EmulatedCompilationStatus::Completed
            | EmulatedCompilationStatus::Failed
            | EmulatedCompilationStatus::Stopped => {}
        }
    }

    pub fn begin_stopping(&mut self, at: Timestamp, context: &mut TransitionContext) {
        if self.status != EmulatedCompilationStatus::Stopping {
            self.enter_status(EmulatedCompilationStatus::Stopping, at, context.effects);
            self.schedule_change(context.settings);
        }
    }

    /// Sets the time of the next automatic status change, counted from the last one.
    pub fn schedule_change(&mut self, settings: &EmulatorSettings) {
        let millis = match self.status {
            EmulatedCompilationStatus::Starting => settings.spread_duration(self.name(), settings.starting_ms),
            EmulatedCompilationStatus::InProgress => {
                settings.spread_duration(self.name(), settings.in_progress_ms).min(self.max_runtime_ms())
            }
            EmulatedCompilationStatus::Stopping => settings.spread_duration(self.name(), settings.stopping_ms),
            EmulatedCompilationStatus::Completed
            | EmulatedCompilationStatus::Failed
            | EmulatedCompilationStatus::Stopped => return,
        };
        self.due = Some(add_millis(self.modified, millis));
    }

    pub fn finish_compilation(
        &mut self,
        result: Result<CompiledArtifact, String>,
        at: Timestamp,
        effects: &mut Vec<SideEffect>,
    ) {
        match result {
            Ok(artifact) => {
                self.artifact = Some(artifact);
                self.enter_status(EmulatedCompilationStatus::Completed, at, effects);
            }
            Err(reason) => {
                self.failure_reason = reason.chars().take(FAILURE_REASON_LENGTH).collect();
                self.enter_status(EmulatedCompilationStatus::Failed, at, effects);
            }
        }
    }

    fn end_compilation(&mut self, at: Timestamp, context: &mut TransitionContext) {
        let wanted = context.settings.spread_duration(self.name(), context.settings.in_progress_ms);
        let failure = context
            .faults
            .take_job_failure(self.name())
            .or_else(|| (wanted > self.max_runtime_ms()).then(|| self.timeout_reason()))
            .or_else(|| request_rules::find_failure(&self.request, &self.target));
        match failure {
            Some(reason) => self.finish_compilation(Err(reason), at, context.effects),
            None if context.has_s3 => context.effects.push(SideEffect::Compile(CompilationTask::from(&*self))),
            None => {
                let task = CompilationTask::from(&*self);
                self.finish_compilation(
                    task.build_artifact().map_err(|error| task.internal_error_reason(&error)),
                    at,
                    context.effects,
                );
            }
        }
    }

    fn enter_status(&mut self, status: EmulatedCompilationStatus, at: Timestamp, effects: &mut Vec<SideEffect>) {
        self.status = status;
        self.modified = at;
        if status == EmulatedCompilationStatus::InProgress {
            self.started = Some(at);
        }
        if status.is_terminal() {
            self.ended = self.started.map(|_| at);
        }
        effects.push(SideEffect::Event(self.to_state_change()));
    }

    fn max_runtime_ms(&self) -> u64 {
        self.request.max_runtime_seconds().map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000))
    }

    fn timeout_reason(&self) -> String {
        let seconds = self.request.max_runtime_seconds().unwrap_or_default();
        format!("ClientError: TimeOut: The compilation job exceeded its MaxRuntimeInSeconds of {seconds} seconds.")
    }
}
