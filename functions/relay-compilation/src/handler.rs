//! What becomes of a hint that a compilation job changed its state.

use automation::{
    Clock,
    batch::Failure,
    call::{CallError, Kind},
    compilation_jobs::CompilationJobs,
    event::{Event, JobObservation},
    job::JobStatus,
    ledger::{JobRow, Ledger, Table},
    notification::Notification,
    objects::Objects,
    parking,
    queue::Sender,
    scope::ForeignJobs,
    telling::Telling,
    topic::Topic,
};
use neo::{CompilationRequest, FailureClass, JobName};
use tracing::info;

/// Turns job states into ledger rows and notifications.
pub struct Relay<J, T, N, Q, O> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// The Requests queue.
    pub requests: Q,
    /// S3.
    pub objects: O,
    /// Bucket that artifacts and summaries go to.
    pub artifact_bucket: String,
    /// The jobs that something else started and that are told of too.
    pub foreign: ForeignJobs,
    /// The time.
    pub clock: Clock,
}

impl<J: CompilationJobs, T: Table, N: Topic, Q: Sender, O: Objects> Relay<J, T, N, Q, O> {
    /// Handles one event of the JobStates queue.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Job(observation) => self.relay(observation).await,
            Event::FailedCall(call) => {
                info!(call, "a call that failed changed nothing");
                Ok(())
            }
            _ => Err(Failure::terminal("this is no state of a compilation job")),
        }
    }

    async fn relay(&self, observation: JobObservation) -> Result<(), Failure> {
        let lag = observation.at.map(|at| (self.clock)().duration_since(at).as_millis());
        let (job, seen_by) = (observation.job_name, observation.seen_by);
        let Some(row) = self.current(&job).await? else {
            info!(job, ?seen_by, "not told of");
            return Ok(());
        };
        info!(job, ?seen_by, status = %row.status, told = ?observation.status, lag_ms = lag, "observed");
        let mut next = next_attempt(&row);
        if let Some(attempt) = &next
            && !self.ledger.retry(&row, attempt).await?
        {
            next = None;
        }
        if row.status.is_terminal() {
            // Repeats of the same end make room once.
            self.ledger.once(&format!("made-room-{}", row.name), self.make_room(next.as_ref())).await?;
        }
        if let Some(notification) = Notification::job(&row, next.as_ref(), (self.clock)()) {
            self.ledger.once(&notification.id, self.topic.publish(&notification)).await?;
        }
        if row.status.is_terminal() {
            let telling = Telling {
                ledger: &self.ledger,
                topic: &self.topic,
                objects: &self.objects,
                artifact_bucket: &self.artifact_bucket,
                now: (self.clock)(),
            };
            telling.job_ended(&row).await?;
        }
        Ok(())
    }

    /// A job that ended made room for one that waits. Its own next attempt waits too, after the others: it starts when another job ends, or
    /// with the next sweep, and what made this one fail may have passed then.
    async fn make_room(&self, next: Option<&CompilationRequest>) -> Result<(), CallError> {
        parking::release(&self.ledger, &self.requests, 1).await?;
        if let Some(next) = next
            && !self.ledger.park(next).await?
        {
            let body = serde_json::to_string(next);
            let body = body.map_err(|error| CallError::other("SendMessage", Kind::Invalid, error.to_string()))?;
            self.requests.send(vec![body]).await?;
        }
        Ok(())
    }

    /// The job's row, after what SageMaker says of it right now; none for a job that is not to be told of. Nothing follows a terminal
    /// state, and SageMaker may not even know a job that was refused, or stopped before it began.
    async fn current(&self, job_name: &str) -> Result<Option<JobRow>, Failure> {
        let name = JobName::from(job_name.to_owned());
        let unknown = format!("SageMaker knows no compilation job named {name}");
        let known = self.ledger.job(&name).await?;
        if let Some(row) = known.as_ref().filter(|row| row.status.is_terminal()) {
            return Ok(Some(row.clone()));
        }
        if known.is_none() && !self.foreign.include(job_name) {
            return Ok(None);
        }
        match (known, self.jobs.describe(name.as_str()).await?) {
            (_, Some(seen)) => Ok(Some(self.ledger.observe(&seen).await?)),
            // SageMaker may not show yet what it has just taken.
            (Some(_), None) => Err(Failure::Transient(unknown.into())),
            // Somebody's job that is gone already: there is nothing to tell.
            (None, None) => {
                info!(job = job_name, "{unknown}");
                Ok(None)
            }
        }
    }
}

/// What is asked for after a job that failed through no fault of the model, as often as its rule allows.
fn next_attempt(row: &JobRow) -> Option<CompilationRequest> {
    let reason = row.failure_reason.as_deref().filter(|_| row.status == JobStatus::Failed)?;
    row.request.as_ref()?.retry(FailureClass::of(reason))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use automation::{
        event::Observer,
        job::JobDescription,
        ledger::{ModelRow, ModelState, Reuse},
        memory::{MemoryJobs, MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic},
    };
    use jiff::Timestamp;
    use neo::{ModelId, Upload};
    use serde_json::json;

    use super::*;

    type TestRelay = Relay<MemoryJobs, MemoryTable, MemoryTopic, MemoryQueue, MemoryObjects>;

    /// A relay, and a model with two planned jobs.
    async fn relay() -> (TestRelay, [CompilationRequest; 2]) {
        let clock: Clock = || Timestamp::UNIX_EPOCH;
        let upload = Upload {
            bucket: "models".to_owned(),
            key: "resnet.tar.gz".to_owned(),
            version_id: Some("v1".to_owned()),
            etag: "e".to_owned(),
            size: 1,
        };
        let model = ModelId::new(&upload.bucket, &upload.key, upload.version());
        let requests = ["ml_c5", "ml_m5"].map(|target| {
            serde_json::from_value::<CompilationRequest>(json!({
                "version": 1, "job_name": format!("resnet-{target}"), "model": model, "content": target, "source": upload,
                "rule": "all", "target": { "device": target }, "framework": "ONNX", "framework_version": null,
                "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/",
                "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
            }))
            .unwrap()
        });
        let ledger = Ledger::new(MemoryTable::default(), clock);
        for request in &requests {
            ledger.claim_job(request, Reuse::Running).await.unwrap();
        }
        let jobs = requests.iter().map(|request| request.job_name.clone()).collect();
        let rule = Some("all".to_owned());
        let row = ModelRow {
            source: upload.into(),
            rule,
            state: ModelState::Requested,
            jobs,
            problems: Vec::new(),
            planned_at: clock(),
            sequencer: None,
            stops_older: false,
        };
        ledger.create_model(&model, row).await.unwrap();
        let (jobs, topic, queue) = (MemoryJobs::default(), MemoryTopic::default(), MemoryQueue::default());
        let (objects, artifact_bucket) = (MemoryObjects::default(), "artifacts".to_owned());
        let foreign = ForeignJobs::default();
        (Relay { jobs, ledger, topic, requests: queue, objects, artifact_bucket, foreign, clock }, requests)
    }

    async fn tell(relay: &TestRelay, request: &CompilationRequest, status: JobStatus) -> Result<(), Failure> {
        let name = request.job_name.to_string();
        let job = JobDescription {
            name: name.clone(),
            arn: format!("arn:{name}"),
            status,
            source: request.source.uri(),
            framework: "ONNX".to_owned(),
            data_input_config: None,
            target: request.target.to_string(),
            output_location: request.output_location.clone(),
            artifact: (status == JobStatus::Completed).then(|| format!("s3://artifacts/{name}.tar.gz")),
            failure_reason: (status == JobStatus::Failed).then(|| "ClientError: no".to_owned()),
            created_at: None,
            started_at: None,
            ended_at: None,
        };
        relay.jobs.jobs.lock().insert(name.clone(), job);
        hint(relay, &name).await
    }

    async fn hint(relay: &TestRelay, name: &str) -> Result<(), Failure> {
        relay.handle(Event::Job(JobObservation::hint(name, Observer::Sweep))).await
    }

    /// SEMANTICS every-end-told: Every terminal job state reaches the topic; a repeat of the same state is
    /// suppressed.
    /// SEMANTICS one-summary: When the last target of a model has ended, one summary of the whole model follows.
    #[tokio::test]
    async fn every_state_is_told_once_and_the_model_when_its_last_job_ends() {
        let (relay, [first, second]) = relay().await;
        for status in [JobStatus::Starting, JobStatus::InProgress, JobStatus::Completed, JobStatus::Completed] {
            tell(&relay, &first, status).await.unwrap();
        }
        assert_eq!(relay.topic.types(), ["compilation.started", "compilation.completed"]);
        tell(&relay, &second, JobStatus::Failed).await.unwrap();
        tell(&relay, &second, JobStatus::Failed).await.unwrap();
        assert_eq!(relay.topic.types()[2..], ["compilation.failed", "model.summary"]);
        let summary = relay.topic.published.lock().last().unwrap().subject.clone();
        assert_eq!(summary, "resnet: compiled for 1 of 2 targets");
        let kept = relay.objects.objects.lock()[&("artifacts".to_owned(), "resnet/v1/summary.json".to_owned())].clone();
        let document: serde_json::Value = serde_json::from_slice(&kept[0].bytes).unwrap();
        assert_eq!((kept.len(), document["subject"].as_str()), (1, Some(summary.as_str())));
        assert_eq!(document["summary"], "s3://artifacts/resnet/v1/summary.json");
    }

    /// SEMANTICS reused-told: A model that an earlier job compiled is told of its artifact, with `reused_from`, and summed up.
    #[tokio::test]
    async fn a_model_that_shares_the_jobs_of_another_is_told_of_them_once() {
        let (relay, requests) = relay().await;
        let again = ModelId::new("models", "resnet.tar.gz", "v2");
        for request in &requests {
            let request =
                CompilationRequest { model: again.clone(), job_name: "again".to_owned().into(), ..request.clone() };
            assert_ne!(relay.ledger.claim_job(&request, Reuse::Running).await.unwrap(), request.job_name);
        }
        let first = relay.ledger.model(&requests[0].model).await.unwrap().unwrap();
        relay.ledger.create_model(&again, ModelRow { state: ModelState::Reused, ..first }).await.unwrap();
        for request in &requests {
            tell(&relay, request, JobStatus::Completed).await.unwrap();
            tell(&relay, request, JobStatus::Completed).await.unwrap();
        }
        let told = ["compilation.completed", "compilation.completed", "model.summary", "model.summary"];
        let types = relay.topic.types();
        assert_eq!(types[..2], told[..2], "of the first target");
        assert_eq!(
            types[2..].iter().collect::<BTreeSet<_>>(),
            told.iter().collect(),
            "of the second, and of both models"
        );
        let published = relay.topic.published.lock();
        let reused: Vec<_> = published.iter().filter(|told| told.text.contains("compiled before")).collect();
        assert_eq!(reused.len(), requests.len());
        let document = serde_json::to_value(reused[0]).unwrap();
        assert_eq!(document["reused_from"], requests[0].job_name.as_str());
        assert_eq!(published.len(), 6);
    }

    #[tokio::test]
    async fn a_job_that_ends_makes_room_for_one_that_waits() {
        let (relay, [first, second]) = relay().await;
        assert!(relay.ledger.park(&second).await.unwrap());
        tell(&relay, &first, JobStatus::InProgress).await.unwrap();
        assert!(relay.requests.bodies.lock().is_empty());
        tell(&relay, &first, JobStatus::Completed).await.unwrap();
        let released = relay.requests.bodies.lock().clone();
        assert_eq!(released.len(), 1);
        assert!(matches!(Event::parse(&released[0]).unwrap(), Event::Compilation(request) if *request == second));
    }

    #[tokio::test]
    async fn a_refused_request_counts_as_ended() {
        let (relay, [first, second]) = relay().await;
        relay.ledger.refuse(&first, "no such target").await.unwrap();
        hint(&relay, first.job_name.as_str()).await.unwrap();
        assert_eq!(relay.topic.types(), ["compilation.rejected"]);
        tell(&relay, &second, JobStatus::Completed).await.unwrap();
        assert_eq!(relay.topic.types()[1..], ["compilation.completed", "model.summary"]);
    }

    #[tokio::test]
    async fn a_job_that_sagemaker_failed_is_tried_again_and_the_model_waits_for_it() {
        let (relay, [first, second]) = relay().await;
        tell(&relay, &second, JobStatus::Completed).await.unwrap();
        let mut attempt = first;
        for number in 2..=3 {
            fail(&relay, &attempt, "ServerError: There was an internal server error").await;
            let (_, parked) = relay.ledger.next_parked(9).await.unwrap();
            assert_eq!(parked.len(), 1);
            relay.ledger.unpark(&[parked[0].job_name.clone()]).await.unwrap();
            attempt = parked[0].clone();
            assert_eq!(attempt.attempt, number);
            assert!(relay.topic.published.lock().last().unwrap().text.contains(&format!("attempt {number} of 3")));
        }
        assert!(!relay.topic.types().contains(&"model.summary"));
        fail(&relay, &attempt, "ServerError: There was an internal server error").await;
        assert!(relay.ledger.next_parked(9).await.unwrap().1.is_empty(), "three attempts are all");
        assert_eq!(
            relay.topic.types()[1..],
            ["compilation.failed"; 3].iter().copied().chain(["model.summary"]).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_model_at_fault_is_not_tried_again() {
        let (relay, [first, _]) = relay().await;
        fail(&relay, &first, "ClientError: InputConfiguration: TVM cannot convert").await;
        assert!(relay.ledger.next_parked(9).await.unwrap().1.is_empty());
    }

    async fn fail(relay: &TestRelay, request: &CompilationRequest, reason: &str) {
        tell(relay, request, JobStatus::InProgress).await.unwrap();
        let name = request.job_name.to_string();
        if let Some(job) = relay.jobs.jobs.lock().get_mut(&name) {
            job.status = JobStatus::Failed;
            job.failure_reason = Some(reason.to_owned());
        }
        hint(relay, &name).await.unwrap();
        relay.topic.published.lock().retain(|notification| notification.kind.as_str() != "compilation.started");
    }

    #[tokio::test]
    async fn a_topic_that_refuses_is_asked_again() {
        let (relay, [first, _]) = relay().await;
        *relay.topic.failures.lock() = 1;
        assert!(matches!(tell(&relay, &first, JobStatus::Completed).await, Err(Failure::Transient(_))));
        tell(&relay, &first, JobStatus::Completed).await.unwrap();
        assert_eq!(relay.topic.types(), ["compilation.completed"]);
    }

    #[tokio::test]
    async fn a_job_that_something_else_started_is_told_of_too() {
        let (relay, [first, _]) = relay().await;
        let foreign = CompilationRequest { job_name: "by-hand".to_owned().into(), ..first };
        tell(&relay, &foreign, JobStatus::Completed).await.unwrap();
        assert_eq!(relay.topic.types(), ["compilation.completed"]);
        assert_eq!(relay.topic.published.lock()[0].subject, "Compilation completed: by-hand for ml_c5");
    }

    #[tokio::test]
    async fn a_job_that_something_else_started_is_not_told_of_if_nobody_wants_it() {
        let (relay, [first, _]) = relay().await;
        let relay = Relay { foreign: ForeignJobs::none(), ..relay };
        let foreign = CompilationRequest { job_name: "by-hand".to_owned().into(), ..first.clone() };
        tell(&relay, &foreign, JobStatus::Completed).await.unwrap();
        assert!(relay.topic.types().is_empty());
        tell(&relay, &first, JobStatus::Completed).await.unwrap();
        assert_eq!(relay.topic.types(), ["compilation.completed"], "its own are told of");
        relay.handle(Event::FailedCall("StopCompilationJob of x".to_owned())).await.unwrap();
    }

    #[tokio::test]
    async fn a_job_that_nobody_knows_any_more_is_not_told_of() {
        let (relay, [first, _]) = relay().await;
        hint(&relay, "nobody").await.unwrap();
        assert!(relay.topic.types().is_empty());
        // One of ours may only not be shown yet.
        assert!(matches!(hint(&relay, first.job_name.as_str()).await, Err(Failure::Transient(_))));
    }

    #[tokio::test]
    async fn a_version_that_a_newer_one_replaced_is_not_tried_again() {
        let (relay, [first, second]) = relay().await;
        relay.ledger.supersede(&first.model).await.unwrap();
        fail(&relay, &first, "CapacityError: no machine").await;
        assert!(relay.ledger.next_parked(9).await.unwrap().1.is_empty());
        tell(&relay, &second, JobStatus::Completed).await.unwrap();
        assert_eq!(relay.topic.types(), ["compilation.failed", "compilation.completed", "model.summary"]);
    }

    #[tokio::test]
    async fn repeats_of_an_end_make_room_once() {
        let (relay, [first, second]) = relay().await;
        for number in 0..3 {
            let waiting = CompilationRequest { job_name: format!("waiting-{number}").into(), ..second.clone() };
            assert!(relay.ledger.park(&waiting).await.unwrap());
        }
        fail(&relay, &first, "CapacityError: no machine").await;
        hint(&relay, first.job_name.as_str()).await.unwrap();
        let released = relay.requests.bodies.lock().clone();
        assert_eq!(released.len(), 1, "{released:?}");
        let (waiting, _) = relay.ledger.next_parked(9).await.unwrap();
        assert_eq!(waiting.len(), 3, "two of them and the next attempt");
    }
}
