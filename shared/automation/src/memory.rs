//! In-memory doubles of every edge, for tests. Clones share their content.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    call::{CallError, Kind},
    event::ObjectCreated,
    ledger::{List, Part, Row, Table, Versioned},
    notification::Notification,
    objects::{Object, Objects, OpenError},
    queue::{Sender, SourceQueue, Wait},
    topic::Topic,
};
#[cfg(feature = "sagemaker")]
use crate::{
    compilation_jobs::{CompilationJobs, CreateError, JobPage},
    job::{JobDescription, JobStatus},
    labeling::{LabelingJob, LabelingJobDescription},
    workteams::Workteams,
};
#[cfg(feature = "sagemaker")]
use maintenance::workteam::{StandingWorkteam, WorkteamAction, WorkteamCall};

/// Something shared between a double and the test that looks into it.
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
    /// Looks into it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode<R: Row>(row: &R) -> Result<Value, CallError> {
    serde_json::to_value(row).map_err(|error| CallError::other("memory", Kind::Invalid, error.to_string()))
}

fn decode<R: Row>(value: Value) -> Result<R, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::other("memory", Kind::Invalid, error.to_string()))
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct MemoryTable {
    /// Rows by key, with their revisions.
    pub rows: Shared<BTreeMap<String, (u64, Value)>>,
    /// The keys of the rows that are in a list, with their times.
    lists: Shared<HashMap<String, (List, Timestamp)>>,
}

impl Table for MemoryTable {
    async fn get<R: Row>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        let found = self.rows.lock().get(key).cloned();
        found.map(|(revision, row)| Ok(Versioned { revision, row: decode(row)? })).transpose()
    }

    async fn get_all<R: Row>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        let rows = self.rows.lock();
        if keys.iter().collect::<std::collections::BTreeSet<_>>().len() < keys.len() {
            return Err(CallError::other("BatchGetItem", Kind::Invalid, "the list of keys contains duplicates"));
        }
        keys.iter().filter_map(|key| rows.get(key)).map(|(_, row)| decode(row.clone())).collect()
    }

    async fn list<R: Row>(&self, list: List, part: Part, count: usize) -> Result<Vec<R>, CallError> {
        let rows = self.rows.lock();
        let lists = self.lists.lock();
        let mut keys: Vec<_> =
            lists.iter().filter(|(_, entry)| entry.0 == list).map(|(key, entry)| (entry.1, key)).collect();
        keys.sort();
        match part {
            Part::Newest => keys.reverse(),
            Part::After(time) => keys.retain(|(at, _)| at.as_millisecond() > time.as_millisecond()),
        }
        let listed = keys.into_iter().take(count).filter_map(|(_, key)| rows.get(key));
        listed.map(|(_, row)| decode(row.clone())).collect()
    }

    async fn put<R: Row>(&self, key: &str, over: Option<u64>, row: &R, _: Timestamp) -> Result<bool, CallError> {
        let entry = row.entry();
        let row = encode(row)?;
        let mut rows = self.rows.lock();
        let standing = rows.get(key).map(|(revision, _)| *revision);
        if standing == over {
            rows.insert(key.to_owned(), (over.unwrap_or(0) + 1, row));
            let mut lists = self.lists.lock();
            match entry {
                Some(entry) => lists.insert(key.to_owned(), (entry.list, entry.at)),
                None => lists.remove(key),
            };
        }
        Ok(standing == over)
    }
}

/// A queue that is sent to.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    /// Bodies, oldest first.
    pub bodies: Shared<Vec<String>>,
}

impl Sender for MemoryQueue {
    async fn send(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.bodies.lock().extend(bodies);
        Ok(())
    }
}

/// A queue that a batch came from; its messages are delivered three times.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    /// Ids of the records that wait.
    pub delayed: Shared<Vec<String>>,
    /// Ids of the dead letters, with their causes.
    pub dead_letters: Shared<Vec<(String, String)>>,
}

fn id(record: &SqsMessage) -> String {
    record.message_id.clone().unwrap_or_default()
}

impl SourceQueue for MemorySource {
    async fn delay(&self, record: &SqsMessage, _: Wait, _: Timestamp) -> Result<Duration, CallError> {
        self.delayed.lock().push(id(record));
        Ok(Duration::from_secs(1))
    }

    async fn retry(&self, _: &SqsMessage) -> Result<Duration, CallError> {
        Ok(Duration::from_secs(1))
    }

    async fn dead_letter(&self, record: &SqsMessage, _: &str, cause: &str, _: Timestamp) -> Result<(), CallError> {
        self.dead_letters.lock().push((id(record), cause.to_owned()));
        Ok(())
    }

    async fn is_last_delivery(&self, record: &SqsMessage) -> Result<bool, CallError> {
        Ok(record.attributes.get("ApproximateReceiveCount").is_some_and(|count| count == "3"))
    }
}

/// A topic.
#[derive(Debug, Clone, Default)]
pub struct MemoryTopic {
    /// What was published, oldest first.
    pub published: Shared<Vec<Notification>>,
    /// How many of the next publications fail.
    pub failures: Shared<usize>,
    /// Whether publications are refused for good.
    pub refuses: Shared<bool>,
}

impl MemoryTopic {
    /// The types of what was published, oldest first.
    pub fn types(&self) -> Vec<&'static str> {
        self.published.lock().iter().map(|notification| notification.kind.as_str()).collect()
    }
}

impl Topic for MemoryTopic {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(CallError::other("Publish", Kind::Unanswered, "the topic refuses"));
        }
        if *self.refuses.lock() {
            return Err(CallError::other("Publish", Kind::Invalid, "the topic refuses for good"));
        }
        self.published.lock().push(notification.clone());
        Ok(())
    }
}

/// One stored object version.
#[derive(Debug, Clone, Default)]
pub struct StoredObject {
    /// Version id.
    pub version_id: Option<String>,
    /// Entity tag.
    pub etag: String,
    /// User metadata.
    pub metadata: HashMap<String, String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Buckets.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    /// Versions by bucket and key, oldest first.
    pub objects: Shared<BTreeMap<(String, String), Vec<StoredObject>>>,
    /// How often objects were opened.
    pub opened: Shared<usize>,
}

impl MemoryObjects {
    /// Stores a version of an object.
    pub fn put(&self, bucket: &str, key: &str, object: StoredObject) {
        self.objects.lock().entry((bucket.to_owned(), key.to_owned())).or_default().push(object);
    }
}

impl Objects for MemoryObjects {
    async fn open(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
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

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        let objects = self.objects.lock();
        let versions = objects.get(&(bucket.to_owned(), key.to_owned())).into_iter().flatten().rev();
        Ok(versions.filter_map(|stored| stored.version_id.clone()).collect())
    }

    async fn write(&self, bucket: &str, key: &str, _: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.put(bucket, key, StoredObject { bytes, ..StoredObject::default() });
        Ok(())
    }
}

/// SageMaker's answer to the next request for a job.
#[cfg(feature = "sagemaker")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The job is created, but the answer is lost.
    Lost,
    /// The quota is used up.
    Quota,
    /// The request is refused.
    Refused(String),
}

/// SageMaker.
#[cfg(feature = "sagemaker")]
#[derive(Debug, Clone, Default)]
pub struct MemoryJobs {
    /// Jobs by name.
    pub jobs: Shared<BTreeMap<String, JobDescription>>,
    /// Answers to the next requests; afterwards every request is taken.
    pub answers: Shared<Vec<Answer>>,
    /// Beginnings of the windows that were listed.
    pub listed_from: Shared<Vec<Timestamp>>,
    /// Whether lists leave every job out.
    pub unlisted: Shared<bool>,
    /// When jobs were modified; one of which nothing is said is in every list.
    pub modified_at: Shared<BTreeMap<String, Timestamp>>,
}

#[cfg(feature = "sagemaker")]
impl CompilationJobs for MemoryJobs {
    async fn create(&self, request: &neo::CompilationRequest, _: &str) -> Result<(), CreateError> {
        let name = request.job_name.to_string();
        let answer = self.answers.lock().pop();
        match answer {
            Some(Answer::Quota) => {
                return Err(CallError::other("CreateCompilationJob", Kind::Quota, "the quota is used up").into());
            }
            Some(Answer::Refused(reason)) => return Err(CreateError::Refused(reason)),
            Some(Answer::Lost) | None => {}
        }
        let mut jobs = self.jobs.lock();
        if jobs.contains_key(&name) {
            return Err(CreateError::Exists);
        }
        let job = JobDescription {
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/{name}"),
            status: JobStatus::Starting,
            source: request.source.uri(),
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
        match answer {
            Some(Answer::Lost) => {
                Err(CallError::other("CreateCompilationJob", Kind::Unanswered, "connection reset").into())
            }
            _ => Ok(()),
        }
    }

    async fn describe(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        Ok(self.jobs.lock().get(name).cloned())
    }

    async fn stop(&self, name: &str) -> Result<(), CallError> {
        if let Some(job) = self.jobs.lock().get_mut(name).filter(|job| !job.status.is_terminal()) {
            job.status = JobStatus::Stopping;
        }
        Ok(())
    }

    async fn modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        const PAGE: usize = 2;
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
            .take(PAGE)
            .map(|job| crate::compilation_jobs::JobSummary { name: job.name.clone(), status: job.status });
        let next = (start + PAGE < listed.len()).then(|| (start + PAGE).to_string());
        Ok(JobPage { jobs: summaries.collect(), next })
    }
}

/// A private team without members.
#[cfg(feature = "sagemaker")]
pub fn standing_team(name: &str, topic: Option<&str>) -> StandingWorkteam {
    StandingWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: format!("The people of {name}"),
        members: std::collections::BTreeSet::new(),
        topic: topic.map(str::to_owned),
        worker_access: None,
        portal: Some("abcdefghij.labeling.eu-west-1.sagemaker.aws".to_owned()),
    }
}

/// SageMaker's work teams.
#[cfg(feature = "sagemaker")]
#[derive(Debug, Clone, Default)]
pub struct MemoryWorkteams {
    /// The teams, oldest first.
    pub teams: Shared<Vec<StandingWorkteam>>,
    /// Labeling jobs by the ARN of their team, newest first.
    pub jobs: Shared<BTreeMap<String, Vec<LabelingJob>>>,
    /// Labeling jobs by name.
    pub described: Shared<BTreeMap<String, LabelingJobDescription>>,
    /// How often the teams were listed.
    pub listed: Shared<usize>,
    /// Calls that were made, oldest first.
    pub calls: Shared<Vec<WorkteamAction>>,
    /// What the next questions fail with; the last one first.
    pub failures: Shared<Vec<Kind>>,
    /// What the next calls for a team fail with.
    pub refused: Shared<Vec<(String, Kind)>>,
    /// Whether questions are never answered.
    pub hangs: Shared<bool>,
}

#[cfg(feature = "sagemaker")]
impl MemoryWorkteams {
    fn fail(&self, operation: &'static str) -> Result<(), CallError> {
        let failure = self.failures.lock().pop();
        failure.map_or(Ok(()), |kind| Err(CallError::other(operation, kind, "SageMaker refuses")))
    }
}

#[cfg(feature = "sagemaker")]
impl Workteams for MemoryWorkteams {
    async fn teams(&self) -> Result<Vec<StandingWorkteam>, CallError> {
        *self.listed.lock() += 1;
        if *self.hangs.lock() {
            return std::future::pending().await;
        }
        self.fail("ListWorkteams")?;
        Ok(self.teams.lock().clone())
    }

    async fn act(&self, action: WorkteamAction) -> Result<(), CallError> {
        self.calls.lock().push(action.clone());
        let (WorkteamAction::Create(call) | WorkteamAction::Update(call)) = action;
        let refused = self.refused.lock().pop_if(|(name, _)| *name == call.name);
        if let Some((name, kind)) = refused {
            return Err(CallError::other("CreateWorkteam", kind, format!("SageMaker refuses {name}")));
        }
        let mut teams = self.teams.lock();
        let WorkteamCall { name, description, members, topic, worker_access } = call;
        if !teams.iter().any(|team| team.name == name) {
            teams.push(standing_team(&name, None));
        }
        for team in teams.iter_mut().filter(|team| team.name == name) {
            team.description = description.clone().unwrap_or_else(|| team.description.clone());
            team.members = members.clone().unwrap_or_else(|| team.members.clone());
            team.topic = topic.clone().or_else(|| team.topic.clone());
            team.worker_access = worker_access.or(team.worker_access);
        }
        Ok(())
    }

    async fn open_jobs(&self, team_arn: &str) -> Result<Vec<LabelingJob>, CallError> {
        self.fail("ListLabelingJobsForWorkteam")?;
        if !self.teams.lock().iter().any(|team| team.arn == team_arn) {
            return Err(CallError::other("ListLabelingJobsForWorkteam", Kind::NotFound, "there is no such team"));
        }
        Ok(self.jobs.lock().get(team_arn).cloned().unwrap_or_default())
    }

    async fn labeling_job(&self, name: &str) -> Result<Option<LabelingJobDescription>, CallError> {
        self.fail("DescribeLabelingJob")?;
        Ok(self.described.lock().get(name).cloned())
    }
}
