//! What the notifications say: each must agree with SageMaker, and nothing is announced that did
//! not happen.

use std::collections::BTreeSet;

use neo::{JobDescription, JobStatus};
use serde_json::Value;

use super::{SimulatedStack, text};
use crate::{process::REFUSAL, simulated_stack::sagemaker_jobs::is_foreign};

impl SimulatedStack {
    /// Checks every published notification against the jobs and the ledger.
    pub(super) fn check_contents(&self) {
        for notification in self.topic.published.read().iter() {
            let document = serde_json::to_value(notification).unwrap_or_default();
            match document["type"].as_str() {
                Some("model.summary") => self.check_summary(&document),
                // Only requests wait: every job of an idle stack has started since.
                Some("compilation.waiting") => {}
                Some("compilation.rejected") => self.check_rejection(&document),
                Some(
                    "compilation.started" | "compilation.completed" | "compilation.failed" | "compilation.stopped",
                ) => {
                    self.check_job_status(&document);
                }
                kind => panic!("unexpected notification {kind:?}: {document:#}"),
            }
        }
        self.check_foreign_ends();
    }

    /// The jobs of this name that SageMaker has or had.
    fn all_jobs_named(&self, name: &str) -> Vec<JobDescription> {
        let jobs = self.jobs.jobs.read();
        let deleted = self.deleted.iter().filter(|job| job.name == name);
        deleted.chain(jobs.get(name)).cloned().collect()
    }

    fn check_job_status(&self, document: &Value) {
        let job = &document["job"];
        let name = text(&job["name"]);
        let known = self.all_jobs_named(&name);
        if known.is_empty() && document["type"] == "compilation.stopped" {
            // A request that was withdrawn before it reached SageMaker.
            return;
        }
        assert!(!known.is_empty(), "a job is announced that never existed: {document:#}");
        // A deleted job may end as lost, and an earlier job of a name in any status.
        let is_exact = !is_foreign(&name) && self.deleted.iter().all(|deleted| deleted.name != name);
        let status = match document["type"].as_str() {
            Some("compilation.completed") => Some(JobStatus::Completed),
            Some("compilation.failed") => Some(JobStatus::Failed),
            Some("compilation.stopped") => Some(JobStatus::Stopped),
            _ => None,
        };
        if let Some(status) = status.filter(|_| is_exact) {
            assert_eq!(known[0].status, status, "the wrong status is announced: {document:#}");
            assert_eq!(job["artifact"].as_str(), known[0].artifact.as_deref(), "{document:#}");
            assert_eq!(job["failure_reason"].as_str(), known[0].failure_reason.as_deref(), "{document:#}");
        }
        assert_eq!(text(&job["target"]), known[0].target, "{document:#}");
        if document["reused_from"].is_string() {
            self.check_reused(document, &name);
        } else if !is_foreign(&name) {
            let model = &document["model"];
            let source = text(&model["s3_uri"]) + &text(&model["model_package_version_arn"]);
            assert_eq!(source, known[0].source, "{document:#}");
        }
        if let Some(next) = job["retried_as"].as_str() {
            let rows = self.table.rows.read();
            assert!(
                rows.contains_key(&format!("job#{next}")),
                "a retry is announced that does not happen: {document:#}"
            );
        }
    }

    /// An artifact may be announced only for a model whose final plan has the job.
    fn check_reused(&self, document: &Value, job: &str) {
        let rows = self.table.rows.read();
        let id = text(&document["id"]);
        let model = id.strip_prefix(&format!("job-completed-{job}-")).unwrap_or_default();
        let Some((_, row)) = rows.get(&format!("model#{model}")) else {
            panic!("an artifact is announced for an unknown model: {document:#}")
        };
        let jobs = row["jobs"].as_array().into_iter().flatten();
        assert!(
            jobs.clone().any(|known| known == job),
            "an artifact of another job is announced: {document:#} {row:#}"
        );
        let (_, job) = &rows[&format!("job#{job}")];
        assert_eq!(job["request"]["source"]["etag"], row["upload"]["etag"], "{document:#}");
    }

    /// A summary lists the final jobs of its model, each with its final status, in the notification
    /// and in the object.
    fn check_summary(&self, document: &Value) {
        let rows = self.table.rows.read();
        let id = text(&document["id"]);
        let model = id.strip_prefix("summary-").unwrap_or_default();
        let (_, row) = &rows[&format!("model#{model}")];
        let names = |jobs: &Value| -> BTreeSet<String> { jobs.as_array().into_iter().flatten().map(text).collect() };
        let final_jobs: BTreeSet<(String, String)> = names(&row["jobs"])
            .into_iter()
            .map(|name| {
                let status = text(&rows[&format!("job#{name}")].1["status"]);
                (name, status)
            })
            .collect();
        let place = text(&document["summary"]);
        let place = place.strip_prefix("s3://").and_then(|place| place.split_once('/')).unwrap_or_default();
        let objects = self.objects.objects.read();
        let object = objects.get(&(place.0.to_owned(), place.1.to_owned())).and_then(|versions| versions.last());
        let object: Value = object.and_then(|object| serde_json::from_slice(&object.bytes).ok()).unwrap_or_default();
        // The summaries of replays are written to the same object.
        let is_replayed = !row["last_replay"].is_null() || !row["upload"]["replayed_at"].is_null();
        assert!(row["last_replay"].is_null() || object["id"] != document["id"], "not the last summary: {object:#}");
        for summary in [document, &object].into_iter().take(if is_replayed { 1 } else { 2 }) {
            let listed = summary["jobs"].as_array().into_iter().flatten();
            let listed: BTreeSet<_> = listed.map(|job| (text(&job["name"]), text(&job["status"]))).collect();
            assert_eq!(listed, final_jobs, "the summary does not list the final jobs: {summary:#}");
        }
    }

    /// A rejected job does not exist. No upload of these histories is rejected as a whole, and the
    /// rule for model packages only if SageMaker refuses a list.
    fn check_rejection(&self, document: &Value) {
        if document["problems"][0]["code"] == "package-group-refused" {
            assert!(document.to_string().contains(REFUSAL), "the list was not refused: {document:#}");
            return;
        }
        let name = text(&document["job"]["name"]);
        let rows = self.table.rows.read();
        let row = rows.get(&format!("job#{name}")).map(|(_, row)| row);
        assert!(row.is_some_and(|row| row["status"] == "REJECTED"), "a job was not rejected: {document:#}");
        assert!(!self.jobs.jobs.read().contains_key(&name), "reported as rejected, but the job exists: {document:#}");
    }

    /// Each job that was created outside of the stack is reported when it finishes, even if its
    /// name was used before.
    fn check_foreign_ends(&self) {
        let published = self.topic.published.read();
        for (name, ends) in &self.foreign_ends {
            let documents = published.iter().filter_map(|notification| serde_json::to_value(notification).ok());
            let of_job = documents.filter(|document| document["job"]["name"] == **name);
            let ended = of_job.filter(|document| document["type"] != "compilation.started");
            let ids: BTreeSet<_> = ended.map(|document| text(&document["id"])).collect();
            assert!(
                (ends.all - ends.unseen..=ends.all).contains(&ids.len()),
                "{ends:?} of {name} are reported: {ids:?}"
            );
        }
    }
}
