//! What must hold for the stack after any history: the guarantees, checked against the uploads
//! alone.

mod contents;

use std::collections::{BTreeMap, BTreeSet};

use neo::{JobDescription, JobStatus};
use notifications::Notification;
use serde_json::Value;

use super::{SimulatedStack, sagemaker_jobs::is_foreign};

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// How often each notification was published, by its id.
fn count_ids(published: &[Notification]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for notification in published {
        *counts.entry(notification.id.as_str()).or_default() += 1;
    }
    counts
}

impl SimulatedStack {
    /// Checks the guarantees for an idle stack against the uploads alone. Panics on a violation.
    pub fn check_invariants(&self) {
        assert!(self.dead_letters.is_empty(), "messages in dead-letter queues: {:?}", self.dead_letters);
        let rejected = self.rejected_requests();
        let jobs = self.own_jobs();
        // Each content of each key is compiled once for each target. It is compiled again only
        // after a failure, by a later upload. In addition, jobs that failed on the side of
        // SageMaker are retried.
        let retries: BTreeSet<String> = self.retried_jobs();
        let mut by_content: BTreeMap<(&str, &str), Vec<(JobStatus, bool)>> = BTreeMap::new();
        for job in &jobs {
            let is_retry = retries.contains(&job.name);
            by_content.entry((&job.source, &job.target)).or_default().push((job.status, is_retry));
        }
        for (key, contents) in self.contents.iter().filter(|(key, _)| !key.starts_with("latest/")) {
            let source = format!("s3://models/{key}");
            for &target in self.targets {
                let all = by_content.get(&(source.as_str(), target)).cloned().unwrap_or_default();
                let failed = all.iter().filter(|(status, _)| *status == JobStatus::Failed).count();
                let made: Vec<_> = all.iter().filter(|(_, is_retry)| !is_retry).map(|(status, _)| *status).collect();
                let rejected =
                    rejected.iter().filter(|request| **request == (source.clone(), target.to_owned())).count();
                assert!(
                    made.len() + rejected >= contents.len(),
                    "{key} {target}: {} contents, {rejected} rejected, jobs {made:?}",
                    contents.len()
                );
                assert!(
                    made.len() <= contents.len() + failed,
                    "{key} {target}: {} contents, jobs {made:?}",
                    contents.len()
                );
            }
        }
        self.check_newest_versions();
        self.check_replays();
        self.check_packages();
        let published = self.topic.published.read();
        let notified = count_ids(&published);
        for job in &jobs {
            let latest = job.source.starts_with("s3://models/latest/");
            assert!(latest || job.status != JobStatus::Stopped, "a job that must not be stopped was stopped: {job:#?}");
            let ends = match job.status {
                _ if self.deleted.iter().any(|deleted| deleted.name == job.name) => {
                    &["completed", "failed", "stopped", "rejected"][..]
                }
                JobStatus::Failed => &["failed"],
                JobStatus::Stopped => &["stopped"],
                _ => &["completed"],
            };
            let ids: Vec<_> = ends.iter().map(|end| format!("job-{end}-{}", job.name)).collect();
            assert!(ids.iter().any(|id| notified.contains_key(id.as_str())), "missing notification {ids:?}");
        }
        let mut repeats: usize = notified.values().map(|times| times - 1).sum();
        if let Some(bus) = &self.bus {
            let published = bus.published.read();
            let on_bus = count_ids(&published);
            // A job that has moved on is not reported as started again.
            let lasting = |counts: &BTreeMap<&str, usize>| -> Vec<String> {
                counts.keys().filter(|id| !id.starts_with("job-started-")).map(ToString::to_string).collect()
            };
            assert_eq!(lasting(&notified), lasting(&on_bus));
            repeats += on_bus.values().map(|times| times - 1).sum::<usize>();
        }
        assert!(
            repeats <= self.crashes,
            "{repeats} duplicate notifications for {} crashes: {notified:#?}",
            self.crashes
        );
        self.check_summaries(&notified);
        drop(published);
        self.check_contents();
    }

    /// The jobs that the stack started, also those that were deleted. A job that was deleted before
    /// its end was observed counts as failed, also if its request was sent again and rejected.
    fn own_jobs(&self) -> Vec<JobDescription> {
        let rows = self.table.rows.read();
        let jobs = self.jobs.jobs.read();
        let mut all = jobs.clone();
        for job in &self.deleted {
            let row = rows.get(&format!("job#{}", job.name)).map(|(_, row)| &row["status"]);
            let is_lost = row.is_some_and(|status| status == "FAILED" || status == "REJECTED");
            let status = if is_lost { JobStatus::Failed } else { job.status };
            all.entry(job.name.clone()).or_insert_with(|| JobDescription { status, ..job.clone() });
        }
        all.into_values().filter(|job| !is_foreign(&job.name)).collect()
    }

    /// Names of the jobs that are a second or later attempt.
    fn retried_jobs(&self) -> BTreeSet<String> {
        let rows = self.table.rows.read();
        let jobs = rows.iter().filter_map(|(key, (_, row))| Some((key.strip_prefix("job#")?, row)));
        jobs.filter(|(_, row)| row["request"]["attempt"].as_u64() > Some(1)).map(|(name, _)| name.to_owned()).collect()
    }

    /// Checks that every model has a summary, and a notification for each artifact that it reuses
    /// from a job of another model.
    fn check_summaries(&self, notified: &BTreeMap<&str, usize>) {
        let rows = self.table.rows.read();
        for (key, (_, row)) in rows.iter() {
            assert!(
                !key.starts_with("job#") || row["status"] != "REQUESTED",
                "a job is still REQUESTED in an idle stack: {row:#}"
            );
            let Some(model) = key.strip_prefix("model#") else { continue };
            match row["state"].as_str() {
                Some("requested" | "reused") => {}
                // Its jobs may or may not have been requested before it was superseded.
                Some("superseded") => continue,
                state => panic!("unexpected state of a model in an idle stack: {state:?}"),
            }
            assert!(notified.contains_key(format!("summary-{model}").as_str()), "no summary of {row:#}");
            for job in row["jobs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let (_, job) = &rows[&format!("job#{job}")];
                if job["status"] == "COMPLETED" && job["request"]["model"] != model {
                    let id = format!("job-completed-{}-{model}", job["name"].as_str().unwrap_or_default());
                    assert!(notified.contains_key(id.as_str()), "missing notification {id}");
                }
            }
        }
    }

    /// Returns source and target of every request that SageMaker rejected, and checks that each was
    /// reported.
    fn rejected_requests(&self) -> Vec<(String, String)> {
        let (rows, published) = (self.table.rows.read(), self.topic.published.read());
        let rejected = rows.iter().filter(|(key, (_, row))| key.starts_with("job#") && row["status"] == "REJECTED");
        let mut requests = Vec::new();
        for (_, (_, row)) in rejected {
            let id = format!("job-rejected-{}", text(&row["name"]));
            assert!(published.iter().any(|notification| notification.id == id), "missing notification {id}");
            assert!(
                !self.jobs.jobs.read().contains_key(&text(&row["name"])),
                "reported as rejected, but the job exists: {row:#}"
            );
            requests.push((format!("s3://models/{}", text(&row["request"]["source"]["key"])), text(&row["target"])));
        }
        requests
    }

    /// Checks keys with `on_new_version: stop`: the newest version has a job for each target that
    /// was not stopped.
    fn check_newest_versions(&self) {
        let rows = self.table.rows.read();
        let jobs = rows.iter().filter(|(key, _)| key.starts_with("job#")).map(|(_, (_, row))| row);
        let mut ended = BTreeSet::new();
        for row in jobs {
            let source = &row["request"]["source"];
            if row["status"] != "STOPPED" {
                ended.insert((text(&source["key"]), text(&source["etag"]), text(&row["target"])));
            }
        }
        for (key, content) in self.newest.iter().filter(|(key, _)| key.starts_with("latest/")) {
            for &target in self.targets {
                let newest = (key.clone(), format!("content-{content}"), target.to_owned());
                assert!(
                    ended.contains(&newest),
                    "the newest version has no job that ended without being stopped: {newest:?} {ended:#?}"
                );
            }
        }
    }
}
