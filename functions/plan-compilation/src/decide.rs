//! Decides which compilation requests an upload leads to, or which problems prevent them.

use std::{sync::Arc, time::Duration};

use automation::{
    config::{Config, FoundConfig, LoadError},
    event::ObjectCreated,
    objects::{BlockingReader, Object, Objects, OpenError},
};
use ledger::{LedgerTable, PERMISSION_RETRY};
use model_archive::{Framework, Inspection, Limits, Problem, Warning};
use neo::{
    CompilationPlan, CompilationRequest, CompilationRule, ModelSource, NewVersionPolicy, Overrides, PlanInput, Upload,
};
use notifications::Channel;
use sagemaker::model_packages::ModelPackages;
use tokio::time::timeout;
use tracing::{info, warn};
use worker::{CallError, CallErrorKind, Failure, backoff::Backoff, queue::Sender};

use crate::Planner;

/// The code of an upload that no rule matches.
pub(crate) const NO_RULE: &str = "no-rule";

/// How long an archive may take to be read: less than the function's timeout in template.yaml, so
/// that there is time to answer.
const READ_LIMIT: Duration = Duration::from_secs(280);

/// The requests and problems that result from an upload or a model package.
pub(crate) struct Decision {
    pub source: ModelSource,
    /// The rule that matched; `None` if there is none.
    pub rule: Option<String>,
    /// Whether the jobs of older versions are stopped.
    pub stops_older: bool,
    /// One for each target that can be compiled.
    pub requests: Vec<CompilationRequest>,
    /// Problems that prevent compilation, for all or for some of the targets.
    pub problems: Vec<Problem>,
    /// Findings that do not prevent compilation.
    pub warnings: Vec<Warning>,
    /// The limit of the configuration.
    pub max_jobs_per_day: Option<u32>,
}

impl Decision {
    fn rejected(upload: Upload, rule: Option<&CompilationRule>, problems: Vec<Problem>) -> Self {
        let rule = rule.map(|rule| rule.name.clone());
        Self {
            source: upload.into(),
            rule,
            stops_older: false,
            requests: Vec::new(),
            problems,
            warnings: Vec::new(),
            max_jobs_per_day: None,
        }
    }

    pub(crate) fn from_plan(
        source: ModelSource,
        rule: &CompilationRule,
        plan: &CompilationPlan,
        stops_older: bool,
        max_jobs_per_day: Option<u32>,
    ) -> Self {
        let warnings = plan.all_warnings();
        for warning in &warnings {
            let key = source.as_upload().map_or_else(|| source.to_uri(), |upload| upload.key.clone());
            warn!(key, warning = %warning, "Compilation plan has a warning");
        }
        Self {
            source,
            rule: Some(rule.name.clone()),
            stops_older,
            requests: plan.requests().cloned().collect(),
            problems: plan.all_problems(),
            warnings,
            max_jobs_per_day,
        }
    }
}

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Decides about an upload; `None` if it is skipped, because a newer upload replaced it, it is
    /// empty, or it is in a bucket that also has other uses and no rule matches it.
    pub(crate) async fn decide_upload(&self, object: &ObjectCreated) -> Result<Option<Decision>, Failure> {
        let config = match self.config.load_and_report(&self.notifier, (self.clock)()).await? {
            FoundConfig::Active(config) => config,
            FoundConfig::Unavailable(error) => {
                let problems = vec![self.no_configuration_problem(object, &error)];
                return Ok(Some(Decision::rejected(upload_from_event(object), None, problems)));
            }
        };
        let compilation = &config.document.compilation;
        let Some(rule) = compilation.find_rule(&object.bucket, &object.key, &self.model_buckets) else {
            if self.model_buckets.is_existing(&object.bucket) {
                info!(bucket = object.bucket, key = object.key, "Object skipped: no rule matches it");
                return Ok(None);
            }
            let problems = vec![no_matching_rule_problem(&config, object)];
            return Ok(Some(Decision::rejected(upload_from_event(object), None, problems)));
        };
        let opened = match self.archives.open_object(object).await {
            Ok(archive) => self.decide_archive(object, archive, rule, &config).await,
            Err(error) => Err(ReadFailure::Open(error)),
        };
        match opened {
            Ok(decision) => Ok(decision),
            Err(ReadFailure::TooSlow) => self.decide_too_slow(object, rule).await,
            Err(ReadFailure::Other(failure)) => Err(failure),
            Err(ReadFailure::Open(OpenError::Call(error))) if error.kind == CallErrorKind::Denied => {
                self.decide_unreadable(object, rule, error).await
            }
            Err(ReadFailure::Open(OpenError::Call(error))) => Err(error.into()),
            Err(ReadFailure::Open(OpenError::Overwritten)) => {
                info!(key = object.key, "Upload skipped: it was overwritten, and the newer upload has its own event");
                Ok(None)
            }
            Err(ReadFailure::Open(OpenError::Gone)) => {
                let problems = vec![object_deleted_problem(object)];
                Ok(Some(Decision::rejected(upload_from_event(object), Some(rule), problems)))
            }
        }
    }

    /// S3 refuses to return the object. This is tried again for some minutes, since a permission
    /// may have been given a moment ago; then the upload is rejected with the fix.
    async fn decide_unreadable(
        &self,
        object: &ObjectCreated,
        rule: &CompilationRule,
        error: CallError,
    ) -> Result<Option<Decision>, Failure> {
        let upload = upload_from_event(object);
        let id = ModelSource::from(upload.clone()).model_id();
        if !self.ledger.record_refusal(id.as_str()).await? {
            return Err(Failure::Deferred { cause: error.to_string(), backoff: Backoff::Fixed(PERMISSION_RETRY) });
        }
        // S3 shows the key of an object also to those who may not use it.
        let head = if is_kms_refusal(&error.message) {
            self.archives.find_object(&object.bucket, &object.key).await.ok().flatten()
        } else {
            None
        };
        let key = head.and_then(|head| head.kms_key);
        let problems = vec![unreadable_object_problem(object, &error.message, key.as_deref())];
        Ok(Some(Decision::rejected(upload, Some(rule), problems)))
    }

    /// The archive could not be read in the time of an invocation. This is tried again for some
    /// minutes, since S3 may be slow for a while; then the upload is rejected.
    pub(crate) async fn decide_too_slow(
        &self,
        object: &ObjectCreated,
        rule: &CompilationRule,
    ) -> Result<Option<Decision>, Failure> {
        let upload = upload_from_event(object);
        let id = ModelSource::from(upload.clone()).model_id();
        let problem = format!("the archive could not be read within {} seconds", READ_LIMIT.as_secs());
        if !self.ledger.record_refusal(&format!("slow#{id}")).await? {
            return Err(Failure::Deferred { cause: problem, backoff: Backoff::Fixed(PERMISSION_RETRY) });
        }
        let fix = format!(
            "remove files from the archive that are not part of the model, or wait until S3 is faster; then {}",
            upload.suggest_retry()
        );
        Ok(Some(Decision::rejected(upload, Some(rule), vec![Problem::new("archive-too-slow", problem, fix)])))
    }

    async fn decide_archive(
        &self,
        object: &ObjectCreated,
        archive: Object,
        rule: &CompilationRule,
        config: &Config,
    ) -> Result<Option<Decision>, ReadFailure> {
        let upload = Upload {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: archive.version_id.clone(),
            etag: archive.etag.clone(),
            size: archive.size.or(object.size).unwrap_or_default(),
            replayed_at: object.replayed_at,
        };
        if archive.size == Some(0) {
            info!(key = object.key, "Upload skipped: the object is empty");
            return Ok(None);
        }
        let max_size = Limits::default().inflated_bytes;
        if upload.size > max_size {
            let problem = format!("the archive has {} bytes, more than {max_size}", upload.size);
            let problems = vec![Problem::new("limit-size", problem, "compile a smaller model")];
            return Ok(Some(Decision::rejected(upload, Some(rule), problems)));
        }
        let metadata = archive.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let overrides = match Overrides::from_metadata(metadata) {
            Ok(overrides) => overrides,
            Err(problems) => return Ok(Some(Decision::rejected(upload, Some(rule), problems))),
        };
        let input = PlanInput {
            upload: &upload,
            overrides: &overrides,
            rule,
            defaults: &config.document.compilation.defaults,
            inspection: &Inspection::default(),
            artifact_bucket: self.models.artifact_bucket(),
            model_buckets: &self.model_buckets,
            region: self.region.as_deref(),
        };
        // What is certain whatever the archive contains is answered without reading it.
        let problems = neo::find_problems_before_inspection(&input);
        if !problems.is_empty() {
            return Ok(Some(Decision::rejected(upload, Some(rule), problems)));
        }
        let inspection = inspect_archive(archive, overrides.expected_framework(rule), READ_LIMIT).await?;
        let plan = neo::plan_upload(&PlanInput { inspection: &inspection, ..input });
        let stops_older = plan.on_new_version == NewVersionPolicy::Stop;
        let limit = config.document.compilation.max_jobs_per_day;
        Ok(Some(Decision::from_plan(upload.into(), rule, &plan, stops_older, limit)))
    }

    fn no_configuration_problem(&self, object: &ObjectCreated, error: &LoadError) -> Problem {
        let uri = format!("s3://{}/{}", self.config.bucket(), self.config.key());
        Problem::new(
            "no-configuration",
            error.to_string(),
            format!(
                "upload a valid automation.yaml to {uri} (see config/automation.example.yaml), then {}",
                upload_from_event(object).suggest_retry()
            ),
        )
    }
}

/// The upload as its event describes it, for decisions made without reading the object.
pub(crate) fn upload_from_event(object: &ObjectCreated) -> Upload {
    Upload {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        version_id: object.version_id.clone(),
        etag: object.etag.clone().unwrap_or_default(),
        size: object.size.unwrap_or_default(),
        replayed_at: object.replayed_at,
    }
}

fn no_matching_rule_problem(config: &Config, object: &ObjectCreated) -> Problem {
    let rules = &config.document.compilation.rules;
    let for_bucket = rules.iter().filter(|rule| rule.bucket_pattern().is_none());
    let with_keys = for_bucket.filter_map(|rule| Some((&rule.name, rule.key_pattern()?)));
    let patterns: Vec<_> = with_keys.map(|(name, keys)| format!("{name} ({})", keys.as_str())).collect();
    let known = if patterns.is_empty() { "there are no rules for uploads".to_owned() } else { patterns.join(", ") };
    Problem::new(
        NO_RULE,
        format!("no rule matches the key `{}`: {known}", object.key),
        format!(
            "add a rule to automation.yaml whose keys match it and run `{}`, or upload the archive under a key that a \
             rule matches",
            upload_from_event(object).replay_command()
        ),
    )
}

fn object_deleted_problem(object: &ObjectCreated) -> Problem {
    Problem::new(
        "object-gone",
        format!("s3://{}/{} was deleted before it could be read", object.bucket, object.key),
        "upload the archive again",
    )
}

/// The reasons differ only in the message of S3. `key` is the KMS key of the object, if it is
/// known.
fn unreadable_object_problem(object: &ObjectCreated, reason: &str, key: Option<&str>) -> Problem {
    let uri = format!("s3://{}/{}", object.bucket, object.key);
    let replay = upload_from_event(object).suggest_retry();
    let fix = if is_kms_refusal(reason) {
        let key = key.unwrap_or("the ARN of the KMS key that encrypts the object");
        format!(
            "check that the key is enabled, add {key} to the template parameter KmsKeyArns and update the stack; if the \
             key policy does not delegate to IAM, let it allow kms:Decrypt to the roles in the stack's outputs \
             PlanCompilationRoleArn and CompilationRoleArn; then {replay}"
        )
    } else if reason.to_lowercase().contains("storage class") {
        format!("copy the object to the storage class STANDARD: aws s3 cp {uri} {uri} --storage-class STANDARD")
    } else {
        format!(
            "allow plan-compilation's role to read the object (s3:GetObject and s3:GetObjectVersion on \
             arn:aws:s3:::{}/*, in the bucket policy too); then {replay}",
            object.bucket
        )
    };
    Problem::new("object-not-readable", format!("S3 does not allow reading {uri}: {reason}"), fix)
}

fn is_kms_refusal(reason: &str) -> bool {
    let lower = reason.to_lowercase();
    lower.contains("kms") || lower.contains("ciphertext")
}

/// Why an archive could not be inspected.
#[derive(Debug)]
enum ReadFailure {
    Open(OpenError),
    /// It was not read to its end in time.
    TooSlow,
    Other(Failure),
}

/// Streams an archive through the inspector, on a thread that may block.
async fn inspect_archive(
    object: Object,
    expected: Option<Framework>,
    limit: Duration,
) -> Result<Inspection, ReadFailure> {
    let alive = Arc::new(());
    let reader = BlockingReader::new(object, &alive);
    let inspect = move || model_archive::inspect_archive_for(expected, reader, &Limits::default());
    match timeout(limit, tokio::task::spawn_blocking(inspect)).await {
        Ok(Ok(Ok(inspection))) => Ok(inspection),
        Ok(Ok(Err(mut error))) => match error.source.downcast::<OpenError>() {
            Ok(changed) => Err(ReadFailure::Open(changed)),
            Err(source) => {
                error.source = source;
                Err(ReadFailure::Other(Failure::Transient(Box::new(error))))
            }
        },
        Ok(Err(error)) => Err(ReadFailure::Other(Failure::Transient(Box::new(error)))),
        Err(_) => Err(ReadFailure::TooSlow),
    }
}
