//! All compilation jobs and the order in which they change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::artifact::{Compiled, Work};
use super::job::{Job, Status};
use crate::effects::Effect;
use crate::world::Surroundings;

/// The compilation jobs of the account.
#[derive(Debug, Default)]
pub(crate) struct CompilationJobs {
    jobs: BTreeMap<String, Job>,
    /// When which job changes next: its `due`, sorted.
    due: BTreeSet<(Timestamp, String)>,
}

impl CompilationJobs {
    pub fn get(&self, name: &str) -> Option<&Job> {
        self.jobs.get(name)
    }

    pub fn all(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// Jobs that count against the quota.
    pub fn running(&self) -> usize {
        self.all().filter(|job| !job.status.is_terminal()).count()
    }

    pub fn insert(&mut self, job: Job) {
        self.due.extend(job.due.map(|at| (at, job.name().to_owned())));
        self.jobs.insert(job.name().to_owned(), job);
    }

    /// Removes a job in a terminal state: nothing is due for it.
    pub fn remove(&mut self, name: &str) {
        self.jobs.remove(name);
    }

    /// Changes a job and keeps the order of what is due.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Job)) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if let Some(at) = job.due {
            self.due.remove(&(at, name.to_owned()));
        }
        change(job);
        self.due.extend(job.due.map(|at| (at, name.to_owned())));
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Lets all changes happen that are due by `now`, each at its own time.
    pub fn settle(&mut self, now: Timestamp, around: &mut Surroundings) {
        while let Some((at, name)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.change(&name, |job| job.step(at, around));
        }
    }

    /// Ends a job whose work is done, unless it was stopped or replaced meanwhile.
    pub fn finish(&mut self, work: &Work, result: Result<Compiled, String>, at: Timestamp, effects: &mut Vec<Effect>) {
        self.change(&work.job_name, |job| {
            if job.created == work.created && job.status == Status::InProgress {
                job.finish(result, at, effects);
            }
        });
    }
}
