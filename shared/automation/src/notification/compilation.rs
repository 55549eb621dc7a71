//! What is told of models and their compilation jobs.

use jiff::Timestamp;
use model_archive::Problem;
use neo::{CompilationRequest, FailureClass, JobName, ModelId, Source, Upload, unsupported_operators};
use serde::Serialize;

use super::{Notification, NotificationType, Severity, subject, text};
use crate::{
    console,
    job::JobStatus,
    ledger::{JobRow, ModelRow},
};

/// Problems that one notification names; with more, the rest is counted. Keeps the message below SNS's 256 KiB.
const MAX_PROBLEMS: usize = 20;

/// A model version in a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ModelReport {
    #[serde(flatten)]
    pub source: Source,
    /// Of an upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_uri: Option<String>,
    /// The message attribute `model`.
    #[serde(skip)]
    pub uri: String,
}

/// A compilation job in a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct JobReport {
    pub name: JobName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    pub target: String,
    pub status: JobStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_class: Option<FailureClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported_operators: Vec<String>,
    /// Of a job in a summary; a job's own notification has it in its problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The job that is asked for in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<JobName>,
    /// Whether another upload of the same bytes asked for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Links::is_empty")]
    pub links: Links,
}

/// Pages of the AWS console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

impl Links {
    fn is_empty(&self) -> bool {
        self.job.is_none() && self.artifact.is_none()
    }
}

impl From<&Source> for ModelReport {
    fn from(source: &Source) -> Self {
        Self { source: source.clone(), s3_uri: source.upload().map(Upload::s3_uri), uri: source.uri() }
    }
}

impl From<&JobRow> for JobReport {
    fn from(row: &JobRow) -> Self {
        let failure_class = row.failure_class();
        let reason = row.failure_reason.as_deref().filter(|_| failure_class.is_some());
        let links = row.arn.as_deref().map(|arn| Links {
            job: console::compilation_job(arn),
            artifact: row.artifact.as_deref().and_then(|artifact| console::object(artifact, arn)),
        });
        Self {
            name: row.name.clone(),
            arn: row.arn.clone(),
            target: row.target.clone(),
            status: row.status,
            attempt: row.request.as_ref().map(|request| request.attempt),
            artifact: row.artifact.clone(),
            failure_reason: row.failure_reason.clone(),
            failure_class,
            unsupported_operators: reason.map(unsupported_operators).unwrap_or_default(),
            remedy: None,
            retried_as: None,
            reused: false,
            duration_seconds: row.duration_seconds(),
            billed_seconds: row.billed_seconds(),
            links: links.unwrap_or_default(),
        }
    }
}

impl Notification {
    /// An upload that cannot be compiled, or not for all of its targets.
    pub fn upload_rejected(model: &ModelId, row: &ModelRow, time: Timestamp) -> Self {
        let (source, rule) = (&row.source, row.rule.as_deref());
        let severity = if row.jobs.is_empty() { Severity::Error } else { Severity::Warning };
        let what = if row.jobs.is_empty() { "rejected" } else { "rejected for some targets" };
        let problems = few(&row.problems);
        Self {
            subject: subject(&format!("Compilation {what}: {}", source.stem())),
            text: text::upload_rejected(source, rule, row.jobs.len(), &problems),
            model: Some(source.into()),
            rule: row.rule.clone(),
            problems,
            ..Self::new(NotificationType::CompilationRejected, severity, format!("upload-rejected-{model}"), time)
        }
    }

    /// An artifact of this system that came back as an upload, and was left out. The same for every one of a bucket and a day: a loop
    /// would tell without end.
    pub fn own_output(upload: &Upload, problem: Problem, time: Timestamp) -> Self {
        let id = format!("own-output-{}-{}", upload.bucket, time.strftime("%F"));
        let problems = vec![problem];
        let source = Source::from(upload.clone());
        Self {
            subject: subject(&format!("Skipped: {} is no upload but an artifact", source.stem())),
            text: text::own_output(&source, &problems),
            model: Some((&source).into()),
            problems,
            ..Self::new(NotificationType::CompilationRejected, Severity::Warning, id, time)
        }
    }

    /// A job's state, or none if nobody needs to be told of it; `next` is the attempt that follows a failed one.
    pub fn job(row: &JobRow, next: Option<&CompilationRequest>, time: Timestamp) -> Option<Self> {
        use NotificationType::{
            CompilationCompleted, CompilationFailed, CompilationRejected, CompilationStarted, CompilationStopped,
        };
        let (kind, severity) = match row.status {
            JobStatus::Starting | JobStatus::InProgress => (CompilationStarted, Severity::Info),
            JobStatus::Completed => (CompilationCompleted, Severity::Info),
            JobStatus::Failed if next.is_some() => (CompilationFailed, Severity::Warning),
            JobStatus::Failed => (CompilationFailed, Severity::Error),
            JobStatus::Stopped => (CompilationStopped, Severity::Warning),
            JobStatus::Rejected => (CompilationRejected, Severity::Error),
            JobStatus::Requested | JobStatus::Stopping | JobStatus::Unknown => return None,
        };
        let what = kind.as_str().strip_prefix("compilation.").unwrap_or_default();
        let job = JobReport { retried_as: next.map(|next| next.job_name.clone()), ..JobReport::from(row) };
        let request = row.request.as_ref();
        let name = request.map_or(row.name.as_str(), |request| request.source.stem());
        let problems = match kind {
            CompilationRejected => vec![refused(row)],
            CompilationFailed => vec![failed(row, next)],
            _ => Vec::new(),
        };
        let mut notification = Self {
            subject: subject(&format!("Compilation {what}: {name} for {}", job.target)),
            model: request.map(|request| (&request.source).into()),
            rule: request.map(|request| request.rule.clone()),
            problems,
            ..Self::new(kind, severity, format!("job-{what}-{}", row.name), time)
        };
        notification.text = text::job(kind, name, &job, &notification);
        notification.job = Some(job);
        Some(notification)
    }

    /// A model whose bytes an earlier job compiled the same way; none if that job has not completed.
    pub fn reused(id: &ModelId, model: &ModelRow, job: &JobRow, time: Timestamp) -> Option<Self> {
        let told = Self::job(job, None, time).filter(|told| told.kind == NotificationType::CompilationCompleted)?;
        let name = model.source.stem();
        let mut notification = Self {
            id: format!("{}-{id}", told.id),
            subject: subject(&format!("Compilation completed: {name} for {}, by an earlier job", job.target)),
            model: Some((&model.source).into()),
            rule: model.rule.clone(),
            reused_from: Some(job.name.clone()),
            ..told
        };
        notification.text = text::job(notification.kind, name, &JobReport::from(job), &notification);
        Some(notification)
    }

    /// The end of a model's last job. `document` is the `s3://…` of the same as an object.
    pub fn summary(model: &ModelRow, id: &ModelId, rows: &[JobRow], document: &str, time: Timestamp) -> Self {
        let jobs: Vec<JobReport> = rows
            .iter()
            .map(|row| JobReport {
                remedy: matches!(row.status, JobStatus::Failed | JobStatus::Rejected).then(|| remedy(row)),
                reused: !row.was_asked_for_by(id),
                ..JobReport::from(row)
            })
            .collect();
        let completed = jobs.iter().filter(|job| job.status == JobStatus::Completed).count();
        let stopped = jobs.iter().filter(|job| job.status == JobStatus::Stopped).count();
        let problems = few(&model.problems);
        let severity = match jobs.len() - completed {
            0 if problems.is_empty() => Severity::Info,
            0 => Severity::Warning,
            rest if rest == stopped => Severity::Warning,
            _ => Severity::Error,
        };
        let source = &model.source;
        Self {
            subject: subject(&format!("{}: compiled for {completed} of {} targets", source.stem(), jobs.len())),
            text: text::summary(source, model.rule.as_deref(), &jobs, &problems, document),
            model: Some(source.into()),
            rule: model.rule.clone(),
            jobs,
            problems,
            summary: Some(document.to_owned()),
            ..Self::new(NotificationType::ModelSummary, severity, format!("summary-{id}"), time)
        }
    }
}

fn refused(row: &JobRow) -> Problem {
    let reason = row.failure_reason.as_deref().unwrap_or("no reason given");
    Problem::new("refused-by-sagemaker", format!("SageMaker refused the compilation job: {reason}"), remedy(row))
}

fn failed(row: &JobRow, next: Option<&CompilationRequest>) -> Problem {
    let reason = row.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
    let remedy = match next {
        Some(next) => {
            let longer =
                row.request.as_ref().is_some_and(|request| request.max_runtime_seconds < next.max_runtime_seconds);
            let limit = if longer { format!(", with {} s", next.max_runtime_seconds) } else { String::new() };
            format!(
                "none is needed now: it is started again by itself{limit}, attempt {} of {}",
                next.attempt,
                next.retries + 1
            )
        }
        None => remedy(row),
    };
    Problem::new("compilation-failed", reason, remedy)
}

/// What to do about a job that failed or was refused.
fn remedy(row: &JobRow) -> String {
    let request = row.request.as_ref();
    let source = request.map(|request| &request.source);
    match row.failure_class() {
        None if source.is_some_and(|source| source.upload().is_none()) => {
            "correct the rule or the model package as SageMaker says: what was refused is then asked for again"
                .to_owned()
        }
        None => "correct the rule or the model as SageMaker says, and upload the archive again".to_owned(),
        Some(class) => class.remedy(request.map(|request| request.rule.as_str()), source),
    }
}

fn few(problems: &[Problem]) -> Vec<Problem> {
    let mut few = problems[..problems.len().min(MAX_PROBLEMS)].to_vec();
    if problems.len() > MAX_PROBLEMS {
        let more = format!("{} more problems are not listed", problems.len() - MAX_PROBLEMS);
        few.push(Problem::new("more", more, "mend these first and upload the archive again"));
    }
    few
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{super::MAX_SUBJECT, *};

    fn upload() -> Upload {
        Upload {
            bucket: "models".to_owned(),
            key: "vision/résumé model.tar.gz".to_owned(),
            version_id: Some("3HL4kqtJlcpXroDTDmJ".to_owned()),
            etag: "b1946ac92492d2347c6235b4d2611184".to_owned(),
            size: 102_400,
        }
    }

    fn row(target: &str, status: JobStatus) -> JobRow {
        let request = serde_json::from_value(json!({
            "version": 1, "job_name": format!("model-{target}-abc"), "model": model(), "content": "c", "source": upload(),
            "rule": "edge-vision", "target": { "device": target }, "framework": "ONNX", "framework_version": null,
            "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/model/",
            "max_runtime_seconds": 900, "tags": {}, "attempt": 1,
        }))
        .unwrap();
        JobRow {
            name: format!("model-{}-abc", target.replace('_', "-")).into(),
            status,
            states: Vec::new(),
            models: BTreeSet::new(),
            target: target.to_owned(),
            request: Some(request),
            arn: (status != JobStatus::Rejected).then(|| {
                let name = target.replace('_', "-");
                format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/model-{name}-abc")
            }),
            artifact: (status == JobStatus::Completed).then(|| format!("s3://artifacts/model/model-{target}.tar.gz")),
            failure_reason: match status {
                JobStatus::Failed => Some("ClientError: OperatorNotImplemented: NonMaxSuppression".to_owned()),
                JobStatus::Rejected => Some("Unsupported framework version field for target".to_owned()),
                _ => None,
            },
            created_at: (status != JobStatus::Rejected).then(|| Timestamp::from_second(70).unwrap()),
            started_at: (status != JobStatus::Rejected).then(|| Timestamp::from_second(100).unwrap()),
            ended_at: status.is_terminal().then(|| Timestamp::from_second(350).unwrap()),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn model() -> ModelId {
        ModelId::new("models", "vision/résumé model.tar.gz", "3HL4kqtJlcpXroDTDmJ")
    }

    fn rejected(problems: &[Problem]) -> ModelRow {
        ModelRow {
            source: upload().into(),
            rule: Some("edge-vision".to_owned()),
            state: crate::ledger::ModelState::Rejected,
            jobs: Vec::new(),
            problems: problems.to_vec(),
            planned_at: Timestamp::UNIX_EPOCH,
            sequencer: None,
            stops_older: false,
        }
    }

    const SUMMARY: &str = "s3://artifacts/vision/model/3HL4kqtJlcpXroDTDmJ/summary.json";

    fn compiled() -> ModelRow {
        ModelRow { state: crate::ledger::ModelState::Requested, ..rejected(&[]) }
    }

    /// What is told of a version of a model package.
    fn of_package(now: Timestamp) -> Vec<Notification> {
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        let source: Source =
            serde_json::from_value(json!({ "model_package_version_arn": arn, "version": "3-abc" })).unwrap();
        let (id, model) = (source.model_id(), ModelRow { source: source.clone(), ..compiled() });
        let job = |target, status| {
            let mut row = row(target, status);
            if let Some(request) = &mut row.request {
                (request.source, request.framework, request.model) = (source.clone(), None, id.clone());
            }
            row
        };
        let mut failed = job("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("ClientError: InputConfiguration: unable to extract DataInputConfig".to_owned());
        let refused = job("ml_c5", JobStatus::Rejected);
        let completed = job("ml_m5", JobStatus::Completed);
        let summary = "s3://artifacts/resnet/3-abc/summary.json";
        let mut told = Vec::new();
        told.extend(Notification::job(&failed, None, now));
        told.extend(Notification::job(&refused, None, now));
        let another = ModelId::new("", arn, "3-def");
        told.extend(Notification::reused(&another, &model, &completed, now));
        told.push(Notification::summary(&model, &another, &[failed, completed], summary, now));
        told
    }

    fn every() -> Vec<Notification> {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let problems = [Problem::new(
            "not-gzip",
            "the archive is not gzip: it starts with PK, as a zip file does",
            "pack it with tar -czf",
        )];
        let states =
            [JobStatus::Starting, JobStatus::Completed, JobStatus::Failed, JobStatus::Stopped, JobStatus::Rejected];
        let mut all: Vec<_> =
            states.iter().filter_map(|status| Notification::job(&row("ml_c5", *status), None, now)).collect();
        let mut failed = row("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("ClientError: Access Denied when calling sts:AssumeRole".to_owned());
        all.extend(Notification::job(&failed, None, now));
        failed.failure_reason =
            Some("ServerError: There was an internal server error during the compilation job".to_owned());
        let next = failed.request.as_ref().and_then(|request| request.retry(FailureClass::Service));
        all.extend(Notification::job(&failed, next.as_ref(), now));
        all.push(Notification::upload_rejected(&model(), &rejected(&problems), now));
        let problem =
            Problem::new("own-output", "s3://models/a.tar.gz is an artifact of the job a", "stop what copies it");
        all.push(Notification::own_output(&upload(), problem, now));
        all.extend(Notification::reused(&model(), &rejected(&[]), &row("ml_c5", JobStatus::Completed), now));
        let mut reused = row("ml_m5", JobStatus::Completed);
        if let Some(request) = &mut reused.request {
            request.model = ModelId::new("models", "vision/résumé model.tar.gz", "an earlier one");
        }
        let rows = [row("ml_c5", JobStatus::Completed), row("jetson_nano", JobStatus::Failed), reused];
        all.push(Notification::summary(&compiled(), &model(), &rows, SUMMARY, now));
        all.extend(of_package(now));
        all.push(Notification::config_rejected(
            "config",
            "automation.yaml",
            Some("v2"),
            "version: found 2",
            Some("v1"),
            now,
        ));
        all
    }

    #[test]
    fn texts_are_worth_reading() {
        let texts: Vec<_> = every().iter().map(|n| format!("# {}\n{}", n.subject, n.text)).collect();
        insta::assert_snapshot!(texts.join("\n----\n"));
    }

    #[test]
    fn documents_are_versioned_and_whole() {
        insta::assert_json_snapshot!(every());
    }

    #[test]
    fn every_message_is_one_that_sns_takes() {
        for notification in every() {
            let message: Value = serde_json::from_str(&notification.message().unwrap()).unwrap();
            let document: Value = serde_json::from_str(message["default"].as_str().unwrap()).unwrap();
            assert_eq!(document["type"], notification.kind.as_str());
            assert_eq!(document["version"], 1);
            let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
            assert_eq!(chat["source"], "custom");
            assert!(notification.subject.is_ascii() && notification.subject.len() <= MAX_SUBJECT);
            assert!(notification.subject.starts_with(|c: char| c.is_ascii_alphanumeric()));
            assert!(notification.attributes().iter().all(|(_, value)| !value.is_empty()));
        }
    }

    #[test]
    fn a_state_that_is_no_news_is_not_told() {
        for status in [JobStatus::Requested, JobStatus::Stopping, JobStatus::Unknown] {
            assert_eq!(Notification::job(&row("ml_c5", status), None, Timestamp::UNIX_EPOCH), None);
        }
    }

    #[test]
    fn a_summary_of_every_target_fits_into_a_message() {
        let mut failed = row("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("\"é\"".repeat(256));
        let rows = vec![failed; 60];
        let summary = Notification::summary(&compiled(), &model(), &rows, SUMMARY, Timestamp::UNIX_EPOCH);
        assert!(summary.message().unwrap().len() < 256 * 1024, "{}", summary.message().unwrap().len());
    }

    #[test]
    fn a_thousand_problems_fit_into_a_message() {
        let long = "x".repeat(2000);
        let problems: Vec<_> = (0..1000).map(|n| Problem::new("p", format!("{n} {long}"), "none")).collect();
        let notification = Notification::upload_rejected(&model(), &rejected(&problems), Timestamp::UNIX_EPOCH);
        assert!(notification.message().unwrap().len() < 256 * 1024);
        assert_eq!(notification.problems.len(), MAX_PROBLEMS + 1);
    }
}
