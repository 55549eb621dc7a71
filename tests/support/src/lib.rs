//! Test doubles: in-memory implementations of the AWS services that the functions call. Clones
//! share their content.

pub mod sdk;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use automation::config::ConfigDocument;
use automation::{
    event::ObjectCreated,
    objects::{Object, Objects, OpenError},
};
use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use ledger::{LedgerRow, LedgerTable, List, ListRange, Versioned};
use maintenance::workteam::{LabelingJob, LabelingJobDescription, ObservedWorkteam, WorkteamAction, WorkteamCall};
use neo::{JobDescription, JobStatus};
use notifications::{Notification, sns::Topic};
use sagemaker::{
    compilation_jobs::{CompilationJobs, CreateJobError, JobPage, JobSummary},
    workteams::Workteams,
};
use serde_json::Value;
use worker::{
    CallError, CallErrorKind,
    backoff::Backoff,
    queue::{Sender, SourceQueue},
};

/// A value that is shared between a double and the test that inspects or sets it.
#[derive(Debug)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Shared<T> {
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode_row<R: LedgerRow>(row: &R) -> Result<Value, CallError> {
    serde_json::to_value(row).map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))
}

fn decode_row<R: LedgerRow>(value: Value) -> Result<R, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::local(CallErrorKind::Invalid, error.to_string()))
}

/// The ledger table.
#[derive(Debug, Clone, Default)]
pub struct MemoryTable {
    /// Rows by key, with their revisions.
    pub rows: Shared<BTreeMap<String, (u64, Value)>>,
    /// List and time of each row that is in a list, by key.
    lists: Shared<HashMap<String, (List, Timestamp)>>,
}

impl LedgerTable for MemoryTable {
    async fn get_row<R: LedgerRow>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        let found = self.rows.lock().get(key).cloned();
        found.map(|(revision, row)| Ok(Versioned { revision, row: decode_row(row)? })).transpose()
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        let rows = self.rows.lock();
        if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
            return Err(CallError::new("BatchGetItem", CallErrorKind::Invalid, "the list of keys contains duplicates"));
        }
        keys.iter().filter_map(|key| rows.get(key)).map(|(_, row)| decode_row(row.clone())).collect()
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        let rows = self.rows.lock();
        let lists = self.lists.lock();
        let mut keys: Vec<_> =
            lists.iter().filter(|(_, entry)| entry.0 == list).map(|(key, entry)| (entry.1, key)).collect();
        keys.sort();
        match range {
            ListRange::Newest => keys.reverse(),
            ListRange::After(time) => keys.retain(|(at, _)| at.as_millisecond() > time.as_millisecond()),
        }
        let listed = keys.into_iter().take(count).filter_map(|(_, key)| rows.get(key));
        listed.map(|(_, row)| decode_row(row.clone())).collect()
    }

    async fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        _: Timestamp,
    ) -> Result<bool, CallError> {
        let entry = row.list_entry();
        let row = encode_row(row)?;
        let mut rows = self.rows.lock();
        let revision = rows.get(key).map(|(revision, _)| *revision);
        if revision == expected_revision {
            rows.insert(key.to_owned(), (expected_revision.unwrap_or(0) + 1, row));
            let mut lists = self.lists.lock();
            match entry {
                Some(entry) => lists.insert(key.to_owned(), (entry.list, entry.at)),
                None => lists.remove(key),
            };
        }
        Ok(revision == expected_revision)
    }
}

/// A queue that functions send to.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    /// Bodies, oldest first.
    pub bodies: Shared<Vec<String>>,
}

impl Sender for MemoryQueue {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.bodies.lock().extend(bodies);
        Ok(())
    }
}

/// The queue a batch came from, with a `maxReceiveCount` of 3.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    /// Ids of the delayed records.
    pub delayed: Shared<Vec<String>>,
    /// Ids of the records moved to the dead-letter queue, with their causes.
    pub dead_letters: Shared<Vec<(String, String)>>,
}

fn message_id(record: &SqsMessage) -> String {
    record.message_id.clone().unwrap_or_default()
}

impl SourceQueue for MemorySource {
    async fn delay_record(&self, record: &SqsMessage, _: Backoff, _: Timestamp) -> Result<Duration, CallError> {
        self.delayed.lock().push(message_id(record));
        Ok(Duration::from_secs(1))
    }

    async fn retry_record(&self, _: &SqsMessage) -> Result<Duration, CallError> {
        Ok(Duration::from_secs(1))
    }

    async fn dead_letter_record(
        &self,
        record: &SqsMessage,
        _: &str,
        cause: &str,
        _: Timestamp,
    ) -> Result<(), CallError> {
        self.dead_letters.lock().push((message_id(record), cause.to_owned()));
        Ok(())
    }

    async fn is_last_delivery(&self, record: &SqsMessage) -> Result<bool, CallError> {
        Ok(record.attributes.get("ApproximateReceiveCount").is_some_and(|count| count == "3"))
    }
}

/// The SNS topic for notifications.
#[derive(Debug, Clone, Default)]
pub struct MemoryTopic {
    /// The published notifications, oldest first.
    pub published: Shared<Vec<Notification>>,
    /// How many of the next publications get no response.
    pub failures: Shared<usize>,
    /// Whether every publication is rejected as invalid.
    pub refuses: Shared<bool>,
}

impl MemoryTopic {
    /// The types of the published notifications, oldest first.
    pub fn types(&self) -> Vec<&'static str> {
        self.published.lock().iter().map(|notification| notification.kind.as_str()).collect()
    }
}

impl Topic for MemoryTopic {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(CallError::new("Publish", CallErrorKind::Unanswered, "the topic did not respond"));
        }
        if *self.refuses.lock() {
            return Err(CallError::new("Publish", CallErrorKind::Invalid, "the topic rejects every notification"));
        }
        self.published.lock().push(notification.clone());
        Ok(())
    }
}

/// One version of an object.
#[derive(Debug, Clone, Default)]
pub struct StoredObject {
    pub version_id: Option<String>,
    pub etag: String,
    pub metadata: HashMap<String, String>,
    pub bytes: Vec<u8>,
}

/// S3 buckets.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    /// Versions by bucket and key, oldest first.
    pub objects: Shared<BTreeMap<(String, String), Vec<StoredObject>>>,
    /// How many times objects were opened.
    pub opened: Shared<usize>,
}

impl MemoryObjects {
    pub fn put_version(&self, bucket: &str, key: &str, object: StoredObject) {
        self.objects.lock().entry((bucket.to_owned(), key.to_owned())).or_default().push(object);
    }
}

impl Objects for MemoryObjects {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        *self.opened.lock() += 1;
        let objects = self.objects.lock();
        let versions = objects.get(&(object.bucket.clone(), object.key.clone())).ok_or(OpenError::Gone)?;
        let found = match &object.version_id {
            Some(version) => versions.iter().find(|stored| stored.version_id.as_ref() == Some(version)),
            None => versions.last(),
        };
        let found = found.ok_or(OpenError::Gone)?.clone();
        if object.version_id.is_none() && object.etag.as_ref().is_some_and(|etag| *etag != found.etag) {
            return Err(OpenError::Overwritten);
        }
        Ok(Object {
            version_id: found.version_id,
            etag: found.etag,
            size: found.bytes.len() as u64,
            metadata: found.metadata,
            body: Box::pin(std::io::Cursor::new(found.bytes)),
        })
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        let objects = self.objects.lock();
        let versions = objects.get(&(bucket.to_owned(), key.to_owned())).into_iter().flatten().rev();
        Ok(versions.filter_map(|stored| stored.version_id.clone()).collect())
    }

    async fn write_object(&self, bucket: &str, key: &str, _: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.put_version(bucket, key, StoredObject { bytes, ..StoredObject::default() });
        Ok(())
    }
}

/// The scripted response to a `CreateCompilationJob` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedResponse {
    /// The job is created, but the response is lost.
    Lost,
    /// The quota for concurrent jobs is used up.
    Quota,
    /// The request is rejected with this message.
    Rejected(String),
}

/// SageMaker's compilation jobs.
#[derive(Debug, Clone, Default)]
pub struct MemoryJobs {
    /// Jobs by name.
    pub jobs: Shared<BTreeMap<String, JobDescription>>,
    /// Responses to the next requests, the last one first; without one, a request is accepted.
    pub answers: Shared<Vec<ScriptedResponse>>,
    /// Start times of the windows that were listed.
    pub listed_from: Shared<Vec<Timestamp>>,
    /// Whether lists omit every job.
    pub unlisted: Shared<bool>,
    /// When jobs were modified; a job without an entry is in every list.
    pub modified_at: Shared<BTreeMap<String, Timestamp>>,
}

impl CompilationJobs for MemoryJobs {
    async fn create_job(&self, request: &neo::CompilationRequest, _: &str) -> Result<(), CreateJobError> {
        let name = request.job_name.to_string();
        let response = self.answers.lock().pop();
        match response {
            Some(ScriptedResponse::Quota) => {
                return Err(CallError::new("CreateCompilationJob", CallErrorKind::Quota, "the quota is used up").into());
            }
            Some(ScriptedResponse::Rejected(reason)) => return Err(CreateJobError::Rejected(reason)),
            Some(ScriptedResponse::Lost) | None => {}
        }
        let mut jobs = self.jobs.lock();
        if jobs.contains_key(&name) {
            return Err(CreateJobError::Exists);
        }
        let job = JobDescription {
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
            status: JobStatus::Starting,
            source: request.source.to_uri(),
            framework: request.framework.map(|framework| framework.to_string()).unwrap_or_default(),
            data_input_config: request.data_input_config.clone(),
            target: request.target.to_string(),
            output_location: request.output_location.clone(),
            artifact: None,
            failure_reason: None,
            created_at: None,
            started_at: None,
            ended_at: None,
            name: name.clone(),
        };
        jobs.insert(name, job);
        match response {
            Some(ScriptedResponse::Lost) => {
                Err(CallError::new("CreateCompilationJob", CallErrorKind::Unanswered, "connection reset").into())
            }
            _ => Ok(()),
        }
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        Ok(self.jobs.lock().get(name).cloned())
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        if let Some(job) = self.jobs.lock().get_mut(name).filter(|job| !job.status.is_terminal()) {
            job.status = JobStatus::Stopping;
        }
        Ok(())
    }

    async fn list_modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        const PAGE_SIZE: usize = 2;
        self.listed_from.lock().push(after);
        if *self.unlisted.lock() {
            return Ok(JobPage { jobs: Vec::new(), next: None });
        }
        let start: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let (jobs, modified_at) = (self.jobs.lock(), self.modified_at.lock());
        let is_within =
            |job: &&JobDescription| modified_at.get(&job.name).is_none_or(|at| (after..=until).contains(at));
        let listed: Vec<_> = jobs.values().filter(is_within).collect();
        let summaries = listed
            .iter()
            .skip(start)
            .take(PAGE_SIZE)
            .map(|job| JobSummary { name: job.name.clone(), status: job.status });
        let next = (start + PAGE_SIZE < listed.len()).then(|| (start + PAGE_SIZE).to_string());
        Ok(JobPage { jobs: summaries.collect(), next })
    }
}

/// A private work team without members.
pub fn observed_team(name: &str, topic: Option<&str>) -> ObservedWorkteam {
    ObservedWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: format!("The people of {name}"),
        members: BTreeSet::new(),
        topic: topic.map(str::to_owned),
        worker_access: None,
        portal: Some("abcdefghij.labeling.eu-west-1.sagemaker.aws".to_owned()),
    }
}

/// SageMaker's work teams.
#[derive(Debug, Clone, Default)]
pub struct MemoryWorkteams {
    /// The teams, oldest first.
    pub teams: Shared<Vec<ObservedWorkteam>>,
    /// Labeling jobs by the ARN of their team, newest first.
    pub jobs: Shared<BTreeMap<String, Vec<LabelingJob>>>,
    /// Labeling jobs by name.
    pub described: Shared<BTreeMap<String, LabelingJobDescription>>,
    /// How many times the teams were listed.
    pub listed: Shared<usize>,
    /// The actions that were applied, oldest first.
    pub calls: Shared<Vec<WorkteamAction>>,
    /// The errors of the next read operations, the last one first.
    pub failures: Shared<Vec<CallErrorKind>>,
    /// The errors of the next actions for a team, by its name; the last one first.
    pub refused: Shared<Vec<(String, CallErrorKind)>>,
    /// Whether `ListWorkteams` never responds.
    pub hangs: Shared<bool>,
}

impl MemoryWorkteams {
    fn fail_if_scripted(&self, operation: &'static str) -> Result<(), CallError> {
        let failure = self.failures.lock().pop();
        failure.map_or(Ok(()), |kind| Err(CallError::new(operation, kind, "SageMaker rejects the call")))
    }
}

impl Workteams for MemoryWorkteams {
    async fn list_teams(&self) -> Result<Vec<ObservedWorkteam>, CallError> {
        *self.listed.lock() += 1;
        if *self.hangs.lock() {
            return std::future::pending().await;
        }
        self.fail_if_scripted("ListWorkteams")?;
        Ok(self.teams.lock().clone())
    }

    async fn apply_action(&self, action: WorkteamAction) -> Result<(), CallError> {
        self.calls.lock().push(action.clone());
        let (WorkteamAction::Create(call) | WorkteamAction::Update(call)) = action;
        let rejection = self.refused.lock().pop_if(|(name, _)| *name == call.name);
        if let Some((name, kind)) = rejection {
            return Err(CallError::new("CreateWorkteam", kind, format!("SageMaker rejects {name}")));
        }
        let mut teams = self.teams.lock();
        let WorkteamCall { name, description, members, topic, worker_access } = call;
        if !teams.iter().any(|team| team.name == name) {
            teams.push(observed_team(&name, None));
        }
        for team in teams.iter_mut().filter(|team| team.name == name) {
            team.description = description.clone().unwrap_or_else(|| team.description.clone());
            team.members = members.clone().unwrap_or_else(|| team.members.clone());
            team.topic = topic.clone().or_else(|| team.topic.clone());
            team.worker_access = worker_access.or(team.worker_access);
        }
        Ok(())
    }

    async fn list_open_jobs(&self, team_arn: &str) -> Result<Vec<LabelingJob>, CallError> {
        self.fail_if_scripted("ListLabelingJobsForWorkteam")?;
        if !self.teams.lock().iter().any(|team| team.arn == team_arn) {
            return Err(CallError::new(
                "ListLabelingJobsForWorkteam",
                CallErrorKind::NotFound,
                "there is no such team",
            ));
        }
        Ok(self.jobs.lock().get(team_arn).cloned().unwrap_or_default())
    }

    async fn describe_labeling_job(&self, name: &str) -> Result<Option<LabelingJobDescription>, CallError> {
        self.fail_if_scripted("DescribeLabelingJob")?;
        Ok(self.described.lock().get(name).cloned())
    }
}
