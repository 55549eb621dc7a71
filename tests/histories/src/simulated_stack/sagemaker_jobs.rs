//! What happens to the compilation jobs in SageMaker.

use automation::event::Event;
use jiff::{SignedDuration, Timestamp};
use ledger::JobRow;
use neo::{JobDescription, JobOptions, JobStatus};
use support::StoredObject;
use worker::Message;

use super::SimulatedStack;
use crate::clock::now;

impl SimulatedStack {
    pub(super) fn list_running_jobs(&self) -> Vec<String> {
        let jobs = self.jobs.jobs.read();
        jobs.values().filter(|job| !job.status.is_terminal()).map(|job| job.name.clone()).collect()
    }

    /// Advances a running job to its next status.
    pub(crate) fn progress_job(&mut self, index: usize, fails: bool) {
        let running = self.list_running_jobs();
        let Some(name) = running.get(index % running.len().max(1)) else { return };
        let Some(mut job) = self.jobs.jobs.read().get(name).cloned() else { return };
        job.status = match job.status {
            JobStatus::Starting => JobStatus::InProgress,
            JobStatus::Stopping => JobStatus::Stopped,
            _ if fails => JobStatus::Failed,
            _ => JobStatus::Completed,
        };
        if job.status == JobStatus::Completed {
            let artifact = format!("{}{name}-{}.tar.gz", job.output_location, job.target);
            if let Some((bucket, key)) = artifact.strip_prefix("s3://").and_then(|place| place.split_once('/')) {
                let object =
                    StoredObject { etag: name.clone(), bytes: b"compiled".to_vec(), ..StoredObject::default() };
                self.objects.put_version(bucket, key, object);
            }
            job.artifact = Some(artifact);
        }
        // Every second failure is on the side of SageMaker, which is retried.
        if job.status == JobStatus::Failed {
            let class = if index.is_multiple_of(2) { "ServerError: internal" } else { "ClientError: no" };
            job.failure_reason = Some(class.to_owned());
        }
        if job.status.is_terminal() && is_foreign(name) {
            self.foreign_ends.entry(name.clone()).or_default().all += 1;
        }
        self.jobs.replace_job(name, Some(job));
    }

    /// Deletes a finished job of the stack.
    pub(crate) fn delete_job(&mut self, index: usize) {
        let jobs = self.jobs.jobs.read();
        let ended = jobs.values().filter(|job| job.status.is_terminal() && !is_foreign(&job.name));
        let names: Vec<_> = ended.map(|job| job.name.clone()).collect();
        drop(jobs);
        let name = names.get(index % names.len().max(1));
        self.deleted.extend(name.and_then(|name| self.jobs.replace_job(name, None)));
    }

    /// Creates a job that the stack did not request. A job of its name that has finished is deleted
    /// first.
    pub(super) fn create_foreign_job(&mut self, number: u8) {
        let name = format!("{FOREIGN_PREFIX}{number}");
        let before = self.jobs.jobs.read().get(&name).cloned();
        let mut created_at = now();
        if let Some(before) = before {
            if !before.status.is_terminal() {
                return;
            }
            // The clock of SageMaker does not go back.
            created_at = before.created_at.map_or(created_at, |at| created_at.max(at + TICK));
            if !self.was_end_recorded(&before) {
                self.foreign_ends.entry(name.clone()).or_default().unseen += 1;
            }
            self.deleted.push(before);
        }
        self.jobs.replace_job(&name, Some(describe_foreign_job(name.clone(), created_at)));
    }

    /// Whether the ledger has the end of a job.
    fn was_end_recorded(&self, job: &JobDescription) -> bool {
        let rows = self.table.rows.read();
        let row = rows.get(&format!("job#{}", job.name)).map(|(_, row)| row.clone());
        let row: Option<JobRow> = row.and_then(|row| serde_json::from_value(row).ok());
        row.is_some_and(|row| row.status.is_terminal() && row.created_at == job.created_at)
    }

    /// Whether the ledger has a job that has not finished.
    pub(super) fn has_unfinished_row(&self) -> bool {
        let rows = self.table.rows.read();
        let jobs = rows.iter().filter(|(key, _)| key.starts_with("job#")).map(|(_, (_, row))| row);
        let mut statuses = jobs.filter_map(|row| serde_json::from_value::<JobStatus>(row["status"].clone()).ok());
        statuses.any(|status| !status.is_terminal())
    }

    /// Checks that a stop that was processed has stopped its job, or that the request for the job
    /// is delivered again: SageMaker did not show the job yet, and that delivery stops it.
    pub(super) fn check_stop(&self, body: Option<&str>) {
        let job = match body.map(Event::parse) {
            Some(Ok(Event::Stop(stop))) => stop.job_name,
            Some(Ok(Event::Compilation(request))) if self.is_cancelled(request.job_name.as_str()) => {
                request.job_name.to_string()
            }
            _ => return,
        };
        let is_requested = |body: &String| matches!(Event::parse(body), Ok(Event::Compilation(request)) if request.job_name.as_str() == job);
        if self.requests.bodies.read().iter().any(is_requested) {
            return;
        }
        let status = self.jobs.jobs.read().get(&job).map(|job| job.status);
        assert!(
            status.is_none_or(|status| status == JobStatus::Stopping || status.is_terminal()),
            "{job} was not stopped: {status:?}"
        );
    }

    /// Whether the ledger has a job as stopped.
    fn is_cancelled(&self, job: &str) -> bool {
        let rows = self.table.rows.read();
        rows.get(&format!("job#{job}")).is_some_and(|(_, row)| row["status"] == "STOPPED")
    }
}

/// The difference of two times of SageMaker's clock, at least.
const TICK: SignedDuration = SignedDuration::from_millis(1);

/// The finished jobs of one name that were created outside of the stack.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ForeignEnds {
    pub all: usize,
    /// Those that were deleted before the ledger had their end.
    pub unseen: usize,
}

/// The first characters of the names of jobs that something else created.
const FOREIGN_PREFIX: &str = "nightly-";

pub(super) fn is_foreign(name: &str) -> bool {
    name.starts_with(FOREIGN_PREFIX)
}

fn describe_foreign_job(name: String, created_at: Timestamp) -> JobDescription {
    JobDescription {
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
        status: JobStatus::Starting,
        source: "s3://elsewhere/model.tar.gz".to_owned(),
        framework: "ONNX".to_owned(),
        data_input_config: None,
        options: JobOptions::default(),
        target: "ml_c5".to_owned(),
        output_location: "s3://elsewhere/out/".to_owned(),
        artifact: None,
        failure_reason: None,
        created_at: Some(created_at),
        started_at: None,
        ended_at: None,
        name,
    }
}
