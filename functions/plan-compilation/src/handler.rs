//! What becomes of an upload.

use std::sync::Arc;

use automation::{
    Clock,
    batch::Failure,
    config::{Config, ConfigSource, LoadError, Refused},
    event::{Event, ObjectCreated},
    ledger::{Ledger, ModelRow, ModelState, Table},
    notification::Notification,
    objects::{BlockingReader, Object, Objects, OpenError},
    queue::Sender,
    topic::Topic,
};
use model_archive::{Inspection, Limits, Problem};
use neo::{ModelId, Overrides, Planned, Upload};
use tracing::{info, warn};

/// Turns uploads into compilation requests.
pub struct Planner<O, T, N, Q> {
    pub config: ConfigSource<O>,
    pub objects: O,
    pub ledger: Ledger<T>,
    pub topic: N,
    pub requests: Q,
    pub artifact_bucket: String,
    pub clock: Clock,
}

/// What was decided over an upload.
struct Decision {
    upload: Upload,
    rule: Option<String>,
    plan: Result<Vec<neo::CompilationRequest>, Vec<Problem>>,
}

impl<O: Objects, T: Table, N: Topic, Q: Sender> Planner<O, T, N, Q> {
    /// Handles one event of the Uploads queue.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::ObjectsCreated(objects) => {
                for object in &objects {
                    self.upload(object).await?;
                }
                Ok(())
            }
            Event::S3Test => {
                info!("S3 tells that its notifications are configured");
                Ok(())
            }
            Event::Compilation(_) | Event::JobState(_) => Err(Failure::terminal("this is no event of an upload")),
        }
    }

    async fn upload(&self, object: &ObjectCreated) -> Result<(), Failure> {
        if object.key.ends_with('/') || object.size == Some(0) {
            info!(bucket = object.bucket, key = object.key, "skipped: a folder or an empty object");
            return Ok(());
        }
        if let Some(id) = model_id(object)
            && let Some(row) = self.ledger.model(&id).await?
        {
            return self.carry_out(&id, row).await;
        }
        let Some(decision) = self.decide(object).await? else {
            return Ok(());
        };
        let Decision { upload, rule, plan } = decision;
        let id = ModelId::new(&upload.bucket, &upload.key, upload.version());
        let mut row = ModelRow {
            upload,
            rule,
            state: ModelState::Planned,
            jobs: Vec::new(),
            problems: Vec::new(),
            planned_at: (self.clock)(),
        };
        match plan {
            Ok(requests) => {
                for request in &requests {
                    row.jobs.push(self.ledger.claim_job(request).await?);
                }
                if requests.iter().all(|request| !row.jobs.contains(&request.job_name)) {
                    row.state = ModelState::Reused;
                }
            }
            Err(problems) => {
                row.state = ModelState::Rejected;
                row.problems = problems;
            }
        }
        let row = self.ledger.create_model(&id, row).await?;
        self.carry_out(&id, row).await
    }

    /// Does what a model's row says; doing it again changes nothing.
    async fn carry_out(&self, id: &ModelId, row: ModelRow) -> Result<(), Failure> {
        let key = &row.upload.key;
        match row.state {
            ModelState::Requested => info!(key, model = id.as_str(), "planned before"),
            ModelState::Reused => {
                info!(key, model = id.as_str(), "the same bytes were compiled the same way before: nothing to do")
            }
            ModelState::Planned => {
                let jobs = self.ledger.jobs(&row.jobs).await?;
                let own = jobs.into_iter().filter_map(|job| job.request).filter(|request| request.model == *id);
                let requests: Vec<_> = own
                    .map(|request| serde_json::to_string(&request))
                    .collect::<Result<_, _>>()
                    .map_err(Failure::terminal)?;
                let count = requests.len();
                self.requests.send(requests).await?;
                self.ledger.mark_requested(id).await?;
                info!(key, model = id.as_str(), jobs = count, rule = row.rule, "compilation requested");
            }
            ModelState::Rejected => {
                let notification =
                    Notification::upload_rejected(&row.upload, id, row.rule.as_deref(), &row.problems, (self.clock)());
                self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
                warn!(
                    key,
                    model = id.as_str(),
                    problem = row.problems.first().map(|problem| &*problem.problem),
                    "rejected"
                );
            }
        }
        Ok(())
    }

    /// Decides over an upload; none if there is nothing to decide because a newer upload took its place.
    async fn decide(&self, object: &ObjectCreated) -> Result<Option<Decision>, Failure> {
        let rejected = |upload, rule, problems| Ok(Some(Decision { upload, rule, plan: Err(problems) }));
        let config = match self.config.load().await {
            Ok(config) => config,
            Err(LoadError::Call(error)) => return Err(error.into()),
            Err(error) => {
                if let LoadError::Invalid(refused) = &error {
                    self.tell_refused(refused, None).await?;
                }
                return rejected(as_told(object), None, vec![self.no_config(&error)]);
            }
        };
        if let Some(refused) = &config.refused {
            self.tell_refused(refused, config.version()).await?;
        }
        let Some(rule) = config.document.rule_for(&object.key) else {
            return rejected(as_told(object), None, vec![no_rule(&config, &object.key)]);
        };
        let opened = match self.objects.open(object).await {
            Ok(opened) => opened,
            Err(OpenError::Call(error)) => return Err(error.into()),
            Err(OpenError::Overwritten) => {
                info!(key = object.key, "overwritten before it was read: the newer upload has its own event");
                return Ok(None);
            }
            Err(OpenError::Gone) => return rejected(as_told(object), Some(rule.name.clone()), vec![gone(object)]),
        };
        let upload = Upload {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: opened.version_id.clone(),
            etag: opened.etag.clone(),
            size: opened.size,
        };
        if upload.size == 0 {
            info!(key = object.key, "skipped: an empty object");
            return Ok(None);
        }
        let metadata = opened.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let overrides = match Overrides::from_metadata(metadata) {
            Ok(overrides) => overrides,
            Err(problems) => return rejected(upload, Some(rule.name.clone()), problems),
        };
        let inspection = inspect(opened).await?;
        for warning in &inspection.warnings {
            warn!(key = object.key, warning = %warning, "in the archive");
        }
        let plan = neo::plan(&Planned {
            upload: &upload,
            overrides: &overrides,
            rule,
            defaults: &config.document.compilation.defaults,
            inspection: &inspection,
            artifact_bucket: &self.artifact_bucket,
        });
        Ok(Some(Decision { rule: Some(rule.name.clone()), upload, plan }))
    }

    async fn tell_refused(&self, refused: &Refused, in_force: Option<&str>) -> Result<(), Failure> {
        let (bucket, key) = (self.config.bucket(), self.config.key());
        let version = refused.version.as_deref();
        let notification =
            Notification::config_rejected(bucket, key, version, &refused.error, in_force, (self.clock)());
        self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        Ok(())
    }

    fn no_config(&self, error: &LoadError) -> Problem {
        let place = format!("s3://{}/{}", self.config.bucket(), self.config.key());
        Problem::new(
            "no-configuration",
            error.to_string(),
            format!(
                "put a valid automation.yaml at {place} (config/automation.example.yaml is one) and upload the archive again"
            ),
        )
    }
}

/// The model's id where the event alone tells it.
fn model_id(object: &ObjectCreated) -> Option<ModelId> {
    let version = object.version_id.as_ref().or(object.etag.as_ref())?;
    Some(ModelId::new(&object.bucket, &object.key, version))
}

/// The upload as its event tells of it, for answers that need no look at the object.
fn as_told(object: &ObjectCreated) -> Upload {
    Upload {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        version_id: object.version_id.clone(),
        etag: object.etag.clone().unwrap_or_default(),
        size: object.size.unwrap_or_default(),
    }
}

fn no_rule(config: &Config, key: &str) -> Problem {
    let rules = &config.document.compilation.rules;
    let patterns: Vec<_> = rules.iter().map(|rule| format!("{} ({})", rule.name, rule.keys.as_str())).collect();
    let known = if patterns.is_empty() { "there are no rules".to_owned() } else { patterns.join(", ") };
    Problem::new(
        "no-rule",
        format!("no rule is for the key `{key}`: {known}"),
        "add a rule to automation.yaml whose keys match it, or upload the archive under a key that one matches",
    )
}

fn gone(object: &ObjectCreated) -> Problem {
    Problem::new(
        "object-gone",
        format!("s3://{}/{} was deleted before it could be read", object.bucket, object.key),
        "upload the archive again",
    )
}

/// Streams the object through the inspector, on a thread that may block.
async fn inspect(object: Object) -> Result<Inspection, Failure> {
    let alive = Arc::new(());
    let reader = BlockingReader::new(object.body, &alive);
    let inspected = tokio::task::spawn_blocking(move || model_archive::inspect(reader, &Limits::default())).await;
    match inspected {
        Ok(Ok(inspection)) => Ok(inspection),
        Ok(Err(error)) => Err(Failure::Transient(Box::new(error))),
        Err(error) => Err(Failure::Transient(Box::new(error))),
    }
}
