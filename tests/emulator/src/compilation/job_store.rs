//! All compilation jobs, with the times of their next status changes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    artifact::{CompilationTask, CompiledArtifact},
    job::{EmulatedCompilationJob, EmulatedCompilationStatus},
};
use crate::{emulator_state::TransitionContext, settings::EmulatorSettings, side_effect::SideEffect};

#[derive(Debug, Default)]
pub(crate) struct CompilationJobStore {
    jobs: BTreeMap<String, EmulatedCompilationJob>,
    /// The `due` time and name of each job that changes automatically, sorted by time.
    due: BTreeSet<(Timestamp, String)>,
}

impl CompilationJobStore {
    pub fn get(&self, name: &str) -> Option<&EmulatedCompilationJob> {
        self.jobs.get(name)
    }

    pub fn iter_jobs(&self) -> impl Iterator<Item = &EmulatedCompilationJob> {
        self.jobs.values()
    }

    /// Number of jobs that count against the quota.
    pub fn count_running(&self) -> usize {
        self.iter_jobs().filter(|job| !job.status.is_terminal()).count()
    }

    pub fn insert(&mut self, job: EmulatedCompilationJob) {
        self.due.extend(job.due.map(|at| (at, job.name().to_owned())));
        self.jobs.insert(job.name().to_owned(), job);
    }

    /// Removes a job in a terminal status; such a job has no `due` time.
    pub fn remove(&mut self, name: &str) {
        self.jobs.remove(name);
    }

    /// Changes a job and updates its `due` time in the index.
    pub fn change_job(&mut self, name: &str, change: impl FnOnce(&mut EmulatedCompilationJob)) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if let Some(at) = job.due {
            self.due.remove(&(at, name.to_owned()));
        }
        change(job);
        self.due.extend(job.due.map(|at| (at, name.to_owned())));
    }

    /// Applies changed durations to the jobs that are in a status with a limited duration.
    pub fn reschedule_changes(&mut self, settings: &EmulatorSettings) {
        let scheduled: Vec<_> = self.due.iter().map(|(_, name)| name.clone()).collect();
        for name in scheduled {
            self.change_job(&name, |job| job.schedule_change(settings));
        }
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Applies all changes that are due by `now`, each with its own time.
    pub fn apply_due_changes(&mut self, now: Timestamp, context: &mut TransitionContext) {
        while let Some((at, name)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.change_job(&name, |job| job.apply_due_change(at, context));
        }
    }

    /// Ends a job whose task has finished, unless the job was stopped or replaced in the meantime.
    pub fn finish_task(
        &mut self,
        task: &CompilationTask,
        result: Result<CompiledArtifact, String>,
        at: Timestamp,
        effects: &mut Vec<SideEffect>,
    ) {
        self.change_job(&task.job_name, |job| {
            if job.created == task.created && job.status == EmulatedCompilationStatus::InProgress {
                job.finish_compilation(result, at, effects);
            }
        });
    }
}
