//! What becomes of a compilation request.

use automation::{
    batch::Failure,
    call::Kind,
    compilation_jobs::{CompilationJobs, CreateError},
    event::{Event, JobObservation, Observer, StopRequest},
    job::{JobDescription, JobStatus},
    ledger::{Ledger, Table},
    queue::Sender,
};
use neo::{CompilationRequest, JobName, Source};
use tracing::{info, warn};

/// Turns compilation requests into jobs.
pub struct Starter<J, T, Q> {
    /// SageMaker's compilation jobs.
    pub jobs: J,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The JobStates queue.
    pub job_states: Q,
    /// Role that SageMaker compiles with.
    pub role_arn: String,
}

impl<J: CompilationJobs, T: Table, Q: Sender> Starter<J, T, Q> {
    /// Handles one event of the Requests queue.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Compilation(request) => self.start(&request).await,
            Event::Stop(stop) => self.stop(stop).await,
            _ => Err(Failure::terminal("this is no compilation request")),
        }
    }

    async fn start(&self, request: &CompilationRequest) -> Result<(), Failure> {
        let job = request.job_name.as_str();
        if let Some(known) = self.ledger.job(&request.job_name).await?.filter(|row| row.status.is_terminal()) {
            if known.status == JobStatus::Stopped {
                // It may have been created all the same, by a delivery that died before it could stop it.
                self.jobs.stop(job).await?;
            }
            info!(job, status = %known.status, "not started: it has ended, or was stopped before it began");
            return self.tell(job).await;
        }
        match self.jobs.create(request, &self.role_arn).await {
            Ok(()) => {
                self.accept(request).await?;
                info!(job, target = %request.target, "started");
            }
            Err(CreateError::Exists) => self.exists(request).await?,
            Err(CreateError::Refused(reason)) => self.refused(request, &reason).await?,
            Err(CreateError::Call(error)) if error.kind == Kind::Quota && self.ledger.park(request).await? => {
                info!(job, reason = error.message, "parked until a job ends");
                return Ok(());
            }
            Err(CreateError::Call(error)) => return Err(error.into()),
        }
        self.tell(job).await
    }

    /// Notes a job that runs; one that was withdrawn in the meantime is stopped.
    async fn accept(&self, request: &CompilationRequest) -> Result<(), Failure> {
        if self.ledger.accept(request).await? == JobStatus::Stopped {
            self.jobs.stop(request.job_name.as_str()).await?;
        }
        Ok(())
    }

    async fn stop(&self, stop: StopRequest) -> Result<(), Failure> {
        let job = &stop.job_name;
        if self.jobs.describe(job).await?.is_none() {
            self.ledger.withdraw(&JobName::from(job.clone())).await?;
        }
        // Even one that SageMaker did not know may be being created right now. Stopping what is not there does no harm.
        self.jobs.stop(job).await?;
        info!(job, "stopped for a newer version");
        self.tell(job).await
    }

    async fn tell(&self, job: &str) -> Result<(), Failure> {
        self.job_states.send(vec![JobObservation::hint(job, Observer::Start).to_body()]).await?;
        Ok(())
    }

    /// Notes a refusal, unless the same request was taken before and only its answer was lost: that job runs.
    async fn refused(&self, request: &CompilationRequest, reason: &str) -> Result<(), Failure> {
        let job = request.job_name.as_str();
        if self.jobs.describe(job).await?.is_some_and(|standing| is_same(request, &standing)) {
            info!(job, reason, "refused by SageMaker, but started before");
            return self.accept(request).await;
        }
        self.ledger.refuse(request, reason).await?;
        warn!(job, reason, "refused by SageMaker");
        Ok(())
    }

    /// The name is the idempotency key: the same request under it is this one, sent before.
    async fn exists(&self, request: &CompilationRequest) -> Result<(), Failure> {
        let job = request.job_name.as_str();
        let Some(standing) = self.jobs.describe(job).await? else {
            return Err(Failure::Transient(
                format!("SageMaker says that job {job} exists, and that it does not").into(),
            ));
        };
        if is_same(request, &standing) {
            self.accept(request).await?;
            info!(job, "started before");
        } else {
            let reason = format!("a job named {job} exists and compiles something else ({})", standing.source);
            self.ledger.refuse(request, &reason).await?;
            warn!(job, reason, "refused");
        }
        Ok(())
    }
}

fn is_same(request: &CompilationRequest, standing: &JobDescription) -> bool {
    let is_same_model = match &request.source {
        Source::Upload(_) => {
            request.framework.is_some_and(|framework| standing.framework == framework.as_str())
                && standing.data_input_config == request.data_input_config
        }
        // Of a package, SageMaker may tell a framework and inputs that were not sent.
        Source::Package(_) => true,
    };
    is_same_model
        && standing.source == request.source.uri()
        && standing.target == request.target.to_string()
        && standing.output_location == request.output_location
}

#[cfg(test)]
mod tests {
    use automation::{
        ledger::Reuse,
        memory::{Answer, MemoryJobs, MemoryQueue, MemoryTable},
        parking,
    };
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    type TestStarter = Starter<MemoryJobs, MemoryTable, MemoryQueue>;

    fn starter() -> TestStarter {
        Starter {
            jobs: MemoryJobs::default(),
            ledger: Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH),
            job_states: MemoryQueue::default(),
            role_arn: "arn:aws:iam::123456789012:role/neo".to_owned(),
        }
    }

    fn request(key: &str) -> Event {
        let body = json!({
            "version": 1, "job_name": "resnet-ml-c5-abc", "model": "m", "content": "c",
            "source": { "bucket": "models", "key": key, "version_id": "v1", "etag": "e", "size": 1 },
            "rule": "all", "target": { "device": "ml_c5" }, "framework": "ONNX", "framework_version": null,
            "data_input_config": "{\"data\":[1,3]}", "compiler_options": null, "output_location": "s3://artifacts/",
            "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
        });
        Event::parse(&body.to_string()).unwrap()
    }

    async fn status(starter: &TestStarter) -> Option<(JobStatus, Option<String>)> {
        let row = starter.ledger.job(&JobName::from("resnet-ml-c5-abc".to_owned())).await.unwrap();
        row.map(|row| (row.status, row.failure_reason))
    }

    /// SEMANTICS once-per-target: One accepted upload version gives exactly one compilation job per target, however
    /// often it is told and whatever is lost in between.
    #[tokio::test]
    async fn a_request_delivered_twice_is_one_job() {
        let starter = starter();
        starter.handle(request("a.tar.gz")).await.unwrap();
        starter.handle(request("a.tar.gz")).await.unwrap();
        assert_eq!(starter.jobs.jobs.lock().len(), 1);
        assert_eq!(status(&starter).await, Some((JobStatus::Starting, None)));
        assert_eq!(
            *starter.job_states.bodies.lock(),
            [r#"{"version":1,"job_name":"resnet-ml-c5-abc","seen_by":"start"}"#; 2]
        );
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_asked_for_again() {
        let starter = starter();
        starter.jobs.answers.lock().push(Answer::Lost);
        assert!(matches!(starter.handle(request("a.tar.gz")).await, Err(Failure::Transient(_))));
        starter.handle(request("a.tar.gz")).await.unwrap();
        assert_eq!(starter.jobs.jobs.lock().len(), 1);
        assert_eq!(status(&starter).await, Some((JobStatus::Starting, None)));
    }

    /// SEMANTICS quota-waits: A quota answer parks a request until there is room; it consumes no deliveries and
    /// loses nothing.
    #[tokio::test]
    async fn a_used_up_quota_parks_the_request_until_it_is_released() {
        let starter = starter();
        starter.jobs.answers.lock().push(Answer::Quota);
        starter.handle(request("a.tar.gz")).await.unwrap();
        assert_eq!(status(&starter).await, Some((JobStatus::Requested, None)));
        assert!(starter.jobs.jobs.lock().is_empty() && starter.job_states.bodies.lock().is_empty());
        let released = MemoryQueue::default();
        assert_eq!(parking::release(&starter.ledger, &released, 5).await.unwrap(), 1);
        assert_eq!(parking::release(&starter.ledger, &released, 5).await.unwrap(), 0);
        let body = released.bodies.lock().remove(0);
        starter.handle(Event::parse(&body).unwrap()).await.unwrap();
        assert_eq!(status(&starter).await, Some((JobStatus::Starting, None)));
    }

    #[tokio::test]
    async fn a_refusal_is_noted_and_relayed() {
        let starter = starter();
        starter.jobs.answers.lock().push(Answer::Refused("Unsupported framework version".to_owned()));
        starter.handle(request("a.tar.gz")).await.unwrap();
        let refused = (JobStatus::Rejected, Some("Unsupported framework version".to_owned()));
        assert_eq!(status(&starter).await, Some(refused));
        assert_eq!(starter.job_states.bodies.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_refusal_after_a_lost_answer_does_not_deny_the_job_that_runs() {
        let starter = starter();
        *starter.jobs.answers.lock() = vec![Answer::Refused("no such role".to_owned()), Answer::Lost];
        assert!(matches!(starter.handle(request("a.tar.gz")).await, Err(Failure::Transient(_))));
        starter.handle(request("a.tar.gz")).await.unwrap();
        assert_eq!(status(&starter).await, Some((JobStatus::Starting, None)));
    }

    #[tokio::test]
    async fn somebody_elses_job_of_that_name_is_not_ours() {
        let starter = starter();
        starter.handle(request("a.tar.gz")).await.unwrap();
        let fresh = TestStarter { ledger: self::starter().ledger, ..starter };
        fresh.handle(request("b.tar.gz")).await.unwrap();
        let (status, reason) = status(&fresh).await.unwrap();
        assert_eq!(status, JobStatus::Rejected);
        assert!(reason.unwrap().contains("compiles something else (s3://models/a.tar.gz)"));
    }

    #[tokio::test]
    async fn a_model_package_is_known_by_its_arn() {
        let starter = starter();
        let package = |number: u32| {
            let arn = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/{number}");
            let Event::Compilation(mut request) = request("a.tar.gz") else { panic!() };
            let source = json!({ "model_package_version_arn": arn, "version": "1-abc" });
            request.source = serde_json::from_value(source).unwrap();
            (request.framework, request.data_input_config) = (None, None);
            Event::Compilation(request)
        };
        starter.handle(package(1)).await.unwrap();
        // What SageMaker derived is no other job.
        starter.jobs.jobs.lock().get_mut("resnet-ml-c5-abc").unwrap().framework = "ONNX".to_owned();
        let fresh = TestStarter { ledger: self::starter().ledger, ..starter };
        fresh.handle(package(1)).await.unwrap();
        assert_eq!(status(&fresh).await, Some((JobStatus::Starting, None)));
        let fresh = TestStarter { ledger: self::starter().ledger, ..fresh };
        fresh.handle(package(2)).await.unwrap();
        assert!(status(&fresh).await.unwrap().1.unwrap().contains("compiles something else (arn:aws:sagemaker"));
    }

    #[tokio::test]
    async fn a_job_that_was_stopped_before_it_began_is_not_started() {
        let starter = starter();
        let Event::Compilation(planned) = request("a.tar.gz") else { panic!() };
        starter.ledger.claim_job(&planned, Reuse::Running).await.unwrap();
        let stop = || Event::parse(r#"{"version":1,"stop":"resnet-ml-c5-abc"}"#).unwrap();
        starter.handle(stop()).await.unwrap();
        starter.handle(request("a.tar.gz")).await.unwrap();
        assert!(starter.jobs.jobs.lock().is_empty());
        assert_eq!(status(&starter).await, Some((JobStatus::Stopped, None)));
    }

    #[tokio::test]
    async fn a_job_that_runs_is_stopped() {
        let starter = starter();
        starter.handle(request("a.tar.gz")).await.unwrap();
        starter.handle(Event::parse(r#"{"version":1,"stop":"resnet-ml-c5-abc"}"#).unwrap()).await.unwrap();
        assert_eq!(starter.jobs.jobs.lock()["resnet-ml-c5-abc"].status, JobStatus::Stopping);
    }

    #[tokio::test]
    async fn other_events_are_refused() {
        assert!(matches!(starter().handle(Event::S3Test).await, Err(Failure::Terminal(_))));
    }
}
