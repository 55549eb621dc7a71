//! Replays of uploads: what `automation replay` sends, and what must have come of it.

use std::collections::BTreeMap;

use automation::event::ObjectCreated;
use jiff::SignedDuration;
use ledger::{JobRow, ModelRow, ModelState};
use neo::{JobStatus, ModelSource};

use super::{SimulatedStack, model_key};
use crate::clock::now;

/// A replay of an upload that was planned before.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    key: String,
    version: String,
    /// How often this version was planned before; `None` if nothing follows from the replay,
    /// because the version had not failed.
    plans: Option<usize>,
}

impl SimulatedStack {
    /// Sends the newest version of a model to the Uploads queue, as `automation replay` does.
    pub(crate) fn replay_upload(&mut self, model: u8, deliveries: u8) {
        let (bucket, key) = ("models".to_owned(), model_key(model));
        let newest = self
            .objects
            .objects
            .read()
            .get(&(bucket.clone(), key.clone()))
            .and_then(|versions| versions.last())
            .map(|newest| (newest.version_id.clone(), newest.etag.clone(), newest.bytes.len() as u64));
        let Some((version_id, etag, size)) = newest else { return };
        let version = version_id.clone().unwrap_or_default();
        let plans = self.plans_of(&key, &version);
        // Each replay has another time.
        let at = now() + SignedDuration::new(0, i32::try_from(self.replays.len()).unwrap_or(i32::MAX));
        let replayed_at = (!plans.is_empty()).then_some(at);
        let object = ObjectCreated {
            bucket,
            key: key.clone(),
            version_id,
            etag: Some(etag),
            size: Some(size),
            sequencer: None,
            uploaded_at: None,
            replayed_at,
        };
        self.uploads.bodies.update(|all| all.extend(vec![object.to_body(at, "Replay"); deliveries.into()]));
        let has_failed = plans.iter().all(|plan| plan.find_failure(&self.jobs_of(plan)).is_some());
        let plans = (has_failed && !plans.is_empty()).then_some(plans.len());
        self.replays.push(Replay { key, version, plans });
    }

    /// The plans of an upload version: the first, and those of its replays.
    fn plans_of(&self, key: &str, version: &str) -> Vec<ModelRow> {
        let rows = self.table.rows.read();
        let models = rows.iter().filter(|(name, _)| name.starts_with("model#"));
        let models = models.filter_map(|(_, (_, row))| serde_json::from_value::<ModelRow>(row.clone()).ok());
        let is_plan = |model: &ModelRow| {
            model.source.version() == version && model.source.as_upload().is_some_and(|upload| upload.key == key)
        };
        models.filter(is_plan).collect()
    }

    fn jobs_of(&self, plan: &ModelRow) -> Vec<JobRow> {
        let rows = self.table.rows.read();
        let jobs = plan.jobs.iter().filter_map(|name| rows.get(&format!("job#{name}")));
        jobs.filter_map(|(_, row)| serde_json::from_value(row.clone()).ok()).collect()
    }

    /// Checks that each upload that had failed was planned once more for a replay, that no other
    /// one was, and that no target was compiled twice.
    pub(super) fn check_replays(&self) {
        for Replay { key, version, plans } in &self.replays {
            let now = self.plans_of(key, version);
            let is_superseded = now.iter().any(|plan| plan.state == ModelState::Superseded);
            if let Some(before) = plans {
                assert!(is_superseded || now.len() > *before, "a replay of {key} {version} came to nothing: {now:#?}");
            }
            for plan in now.iter().filter(|plan| plan.last_replay.is_some()) {
                let failed = self.jobs_of(plan).iter().any(|job| job.status != JobStatus::Completed);
                assert!(failed, "an upload that had not failed was replayed: {plan:#?}");
            }
        }
        let mut compiled = BTreeMap::new();
        for (_, (_, row)) in self.table.rows.read().iter().filter(|(name, _)| name.starts_with("job#")) {
            let Ok(job) = serde_json::from_value::<JobRow>(row.clone()) else { continue };
            let upload = job.request.as_ref().map(|request| &request.source).and_then(ModelSource::as_upload);
            if let Some(upload) = upload.filter(|_| job.status == JobStatus::Completed) {
                let target = (upload.key.clone(), upload.version().to_owned(), job.target.clone());
                let earlier = compiled.insert(target, job.name.clone());
                assert_eq!(earlier, None, "compiled again for a replay: {job:#?}");
            }
        }
    }
}
