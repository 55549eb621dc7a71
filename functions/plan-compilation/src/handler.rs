//! Plans compilations for the events of the Uploads queue.
//!
//! Planning has two steps, so that a crash between them repeats nothing:
//!
//! 1. [`decide`](crate::decide) inspects the archive and decides which jobs to request. The
//!    decision is stored in the ledger *before* anything is sent.
//! 2. [`dispatch`](crate::dispatch) carries out the stored decision. It is idempotent: job names
//!    are derived from the request, so sending a request twice starts one job.
//!
//! A redelivered event finds the stored decision and only repeats step 2. This is why the ledger
//! lookup comes first.

use std::slice;

use automation::{
    ConfigSource, ModelNotifier,
    config::Config,
    event::{Event, ObjectCreated},
    objects::Objects,
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, ModelRow, Sequencer};
use model_archive::Problem;
use neo::{
    CompilationConfig, CompilationPlan, CompilationRule, ModelBuckets, ModelId, ModelPackageArn, ModelSource,
    PackagePlanInput,
};
use notifications::{Channel, Notification, notifier::Notifier};
use sagemaker::model_packages::ModelPackages;
use serde_json::{Value, json};
use tracing::{info, warn};
use worker::{Clock, Failure, metrics, queue::Sender};

use crate::{
    decide::{Decision, upload_from_event},
    missed_uploads::UploadSearch,
    package_groups::PackageSearch,
};

/// Turns uploads and model packages into compilation requests.
pub struct Planner<O, T, N, Q, P> {
    pub config: ConfigSource<O>,
    /// Where uploaded archives are read from.
    pub archives: O,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// Publishes artifacts and summaries of jobs that ended before the upload.
    pub models: ModelNotifier<T, N, O>,
    /// SageMaker's model registry.
    pub packages: P,
    /// The Requests queue.
    pub requests: Q,
    /// The Uploads queue, to which missed uploads are sent.
    pub uploads: Q,
    /// The queues of the functions that apply the other sections of the configuration.
    pub config_queues: Vec<Q>,
    /// The buckets whose uploads are compiled.
    pub model_buckets: ModelBuckets,
    /// Existing buckets that artifacts may be written to.
    pub artifact_buckets: Vec<String>,
    /// The Region of the jobs.
    pub region: Option<String>,
    pub clock: Clock,
}

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Handles one event of the Uploads queue.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(objects) => {
                let mut planned = Vec::with_capacity(objects.len());
                for object in &objects {
                    planned.push(if object.bucket == self.config.bucket() && object.key == self.config.key() {
                        self.apply_config(object).await
                    } else {
                        self.plan_upload(object).await
                    });
                }
                Failure::merge_results(planned)
            }
            Event::ModelPackageState(state) => self.plan_changed_package(&state).await,
            Event::S3Test => {
                info!("S3 test event received: notifications of a bucket are configured");
                Ok(())
            }
            _ => Err(Failure::terminal(
                "not an upload event; expected an S3 Object Created event or an approved model package",
            )),
        }
    }

    /// Handles an invocation by the schedule: finds uploads, configurations and approved model
    /// packages whose event did not arrive.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        let mut search = UploadSearch::default();
        let searched = self.find_missed_uploads(&mut search).await;
        let reconciled = self.reconcile_config().await;
        let UploadSearch { calls, checked, found } = search;
        let counts = [("UploadsChecked", checked), ("UploadsFound", found)];
        metrics::write_counts(&counts, (self.clock)());
        info!(calls, checked, found, "Search for missed uploads finished");
        Failure::merge_results([reconciled, searched.map_err(Failure::from)])?;
        Ok(json!({ "calls": calls, "checked": checked, "found": found }))
    }

    /// Plans approved model packages whose event did not arrive.
    pub(crate) async fn find_approved_packages(&self, config: &Config) -> Result<(), Failure> {
        let mut search = PackageSearch::default();
        let planned = self.plan_approved_packages(config, &mut search).await;
        let PackageSearch { groups, planned: found, problems } = search;
        if groups + problems > 0 {
            metrics::write_counts(&[("PackagesFound", found), ("PackageGroupProblems", problems)], (self.clock)());
            info!(groups, found, problems, "Search for approved model packages finished");
        }
        match planned {
            Err(Failure::Deferred { cause, .. }) => {
                warn!(cause, "Search for approved model packages not complete; the next run continues");
                Ok(())
            }
            planned => planned,
        }
    }

    /// Plans one upload, unless this object version was planned before.
    async fn plan_upload(&self, object: &ObjectCreated) -> Result<(), Failure> {
        if object.key.ends_with('/') || object.size == Some(0) {
            info!(bucket = object.bucket, key = object.key, "Object skipped: a folder marker or an empty object");
            return Ok(());
        }
        if !self.model_buckets.may_hold_model(&object.bucket, &object.key) {
            info!(bucket = object.bucket, key = object.key, "Object skipped: not an archive, in an existing bucket");
            return Ok(());
        }
        let planned = match object.model_id() {
            Some(id) => self.ledger.find_model(&id).await?.map(|model| (id, model)),
            None => None,
        };
        match (planned, object.replayed_at) {
            // Planned before, but the function may have crashed before it sent every request.
            (Some((id, model)), None) => self.dispatch_model(&id, &model).await,
            (Some((id, model)), Some(at)) => self.replay_upload(object, &id, &model, at).await,
            (None, _) => {
                let object = ObjectCreated { replayed_at: None, ..object.clone() };
                let sequencer = object.sequencer.clone().map(Sequencer::from);
                self.plan_version(&object, sequencer).await
            }
        }
    }

    /// Plans an upload once more that was rejected or failed. The replay counts as another version
    /// of the same bytes: what was compiled is reused, and its answer has another id.
    async fn replay_upload(
        &self,
        object: &ObjectCreated,
        id: &ModelId,
        first: &ModelRow,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let replay = ModelSource::from(upload_from_event(object)).model_id();
        if let Some(model) = self.ledger.find_model(&replay).await? {
            return self.dispatch_model(&replay, &model).await;
        }
        let Some(last) = self.ledger.find_last_plans(slice::from_ref(id)).await?.pop() else { return Ok(()) };
        let last_id = last.source.model_id();
        let jobs = self.ledger.find_jobs(&last.jobs).await?;
        if last.find_failure(&jobs).is_none() {
            info!(key = object.key, model = last_id.as_str(), "Upload not replayed: it was compiled, or still is");
            return self.dispatch_model(&last_id, &last).await;
        }
        // The summary of the last plan comes first: both are written to the same object.
        self.models.publish_earlier_results(&last_id, &last, &jobs, (self.clock)()).await?;
        self.ledger.record_replay(id, at).await?;
        self.plan_version(object, first.sequencer.clone()).await
    }

    /// Plans an object version that has no decision in the ledger.
    async fn plan_version(&self, object: &ObjectCreated, sequencer: Option<Sequencer>) -> Result<(), Failure> {
        if let Some(problem) = self.find_own_artifact(object).await? {
            return self.report_own_artifact(object, problem).await;
        }
        match self.decide_upload(object).await? {
            Some(decision) => self.record_and_dispatch(decision, sequencer, object.uploaded_at).await,
            None => Ok(()),
        }
    }

    /// Plans the model packages that a configuration names. What was requested before is not
    /// requested again.
    pub(crate) async fn plan_model_packages(&self, config: &Config) -> Result<(), Failure> {
        let compilation = &config.document.compilation;
        let packages = compilation.rules.iter().filter(|rule| rule.model_package().is_some()).count();
        info!(packages, "Planning the model packages that the configuration names");
        let mut planned = Vec::with_capacity(packages);
        for rule in &compilation.rules {
            let Some(package) = rule.model_package() else { continue };
            let (source, plan) = self.build_package_plan(compilation, rule, package, None);
            // A package that cannot be planned does not keep back those of the other rules.
            planned.push(self.plan_model_package(source, rule, &plan, compilation.max_jobs_per_day).await);
        }
        Failure::merge_results(planned)
    }

    /// What a rule requests for a model package version.
    pub(crate) fn build_package_plan(
        &self,
        compilation: &CompilationConfig,
        rule: &CompilationRule,
        package: &ModelPackageArn,
        created_again_at: Option<Timestamp>,
    ) -> (ModelSource, CompilationPlan) {
        neo::plan_package(&PackagePlanInput {
            package,
            created_again_at,
            rule,
            defaults: &compilation.defaults,
            artifact_bucket: self.models.artifact_bucket(),
            model_buckets: &self.model_buckets,
            region: self.region.as_deref(),
        })
    }

    pub(crate) async fn plan_model_package(
        &self,
        source: ModelSource,
        rule: &CompilationRule,
        plan: &CompilationPlan,
        max_jobs_per_day: Option<u32>,
    ) -> Result<(), Failure> {
        let id = source.model_id();
        if let Some(model) = self.ledger.find_model(&id).await? {
            return self.dispatch_model(&id, &model).await;
        }
        let decision = Decision::from_plan(source, rule, plan, false, max_jobs_per_day);
        self.record_and_dispatch(decision, None, None).await
    }

    /// Reports an artifact of this stack that was uploaded as a model: once per bucket and day, so
    /// that a loop does not notify about each artifact.
    async fn report_own_artifact(&self, object: &ObjectCreated, problem: Problem) -> Result<(), Failure> {
        let now = (self.clock)();
        warn!(
            bucket = object.bucket,
            key = object.key,
            problem = problem.problem,
            "Object skipped: it is an artifact of this stack"
        );
        metrics::write_counts(&[("OwnOutputsSkipped", 1)], now);
        self.notifier.publish_once(&Notification::own_artifact(&upload_from_event(object), problem, now)).await
    }
}

#[cfg(test)]
mod tests;
