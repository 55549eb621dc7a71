//! Notifications about models and their compilation jobs.

mod text;

use jiff::Timestamp;
use ledger::{ArtifactCheck, JobRow, ModelRow, ModelWait};
use model_archive::{Problem, limit_problems, limit_warnings};
use neo::{
    CompilationRequest, FailureClass, JobName, JobOptions, JobStatus, ModelId, ModelSource, NOT_APPROVED, Upload,
    find_unsupported_operators, read_quota_value, suggest_failure_fix,
};
use serde::Serialize;

use crate::{
    Notification, NotificationType, Severity,
    console::{job_console_url, object_console_url},
    notification::format_ascii_subject,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ModelReport {
    #[serde(flatten)]
    pub source: ModelSource,
    /// `None` for a model package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_uri: Option<String>,
    /// The value of the message attribute `model`.
    #[serde(skip)]
    pub uri: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobReport {
    pub name: JobName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    pub target: String,
    /// What distinguishes the job from others for its target.
    #[serde(skip_serializing_if = "JobOptions::is_empty")]
    pub options: JobOptions,
    /// The value of the message attribute `options`.
    #[serde(skip)]
    pub options_text: String,
    pub status: JobStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_check: Option<ArtifactCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_class: Option<FailureClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported_operators: Vec<String>,
    /// How to fix it. Only in a summary: in a job's own notification it is part of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<JobName>,
    /// Whether another model version requested the job.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_seconds: Option<i64>,
    #[serde(skip_serializing_if = "JobConsoleLinks::is_empty")]
    pub links: JobConsoleLinks,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct JobConsoleLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

impl JobConsoleLinks {
    fn is_empty(&self) -> bool {
        self.job.is_none() && self.artifact.is_none()
    }
}

impl From<&ModelSource> for ModelReport {
    fn from(source: &ModelSource) -> Self {
        Self { source: source.clone(), s3_uri: source.as_upload().map(Upload::s3_uri), uri: source.to_uri() }
    }
}

impl From<&JobRow> for JobReport {
    fn from(row: &JobRow) -> Self {
        let failure_class = row.failure_class();
        let reason = row.failure_reason.as_deref().filter(|_| failure_class.is_some());
        let options = row.options();
        let links = row.arn.as_deref().map(|arn| JobConsoleLinks {
            job: job_console_url(arn),
            artifact: row.artifact.as_deref().and_then(|artifact| object_console_url(artifact, arn)),
        });
        Self {
            name: row.name.clone(),
            arn: row.arn.clone(),
            target: row.target.clone(),
            options_text: options.to_string(),
            options,
            status: row.status,
            attempt: row.request.as_ref().map(|request| request.attempt),
            artifact: row.artifact.clone(),
            artifact_check: row.artifact_check,
            failure_reason: row.failure_reason.clone(),
            failure_class,
            unsupported_operators: reason.map(find_unsupported_operators).unwrap_or_default(),
            remedy: None,
            retried_as: None,
            reused: false,
            duration_seconds: row.duration_seconds(),
            billed_seconds: row.billed_seconds(),
            links: links.unwrap_or_default(),
        }
    }
}

impl JobReport {
    /// Whether there is a compiled model.
    fn is_compiled(&self) -> bool {
        self.status == JobStatus::Completed && !self.is_input()
    }

    /// Whether the artifact is the input.
    fn is_input(&self) -> bool {
        self.artifact_check == Some(ArtifactCheck::NotCompiled)
    }
}

impl Notification {
    /// A model that cannot be compiled, or not for all of its targets.
    pub fn upload_rejected(model: &ModelId, row: &ModelRow, time: Timestamp) -> Self {
        let (source, rule) = (&row.source, row.rule.as_deref());
        let severity = if row.jobs.is_empty() { Severity::Error } else { Severity::Warning };
        let rejected = if row.jobs.is_empty() { "rejected" } else { "rejected for some targets" };
        let problems = limit_problems(&row.problems);
        Self {
            subject: format_ascii_subject(&format!("Compilation {rejected}: {}", source.display_name())),
            text: text::format_upload_rejected_text(source, rule, row.jobs.len(), &problems, &row.warnings),
            model: Some(source.into()),
            rule: row.rule.clone(),
            problems,
            warnings: limit_warnings(&row.warnings),
            ..Self::new(NotificationType::CompilationRejected, severity, format!("upload-rejected-{model}"), time)
        }
    }

    /// An artifact of this stack was uploaded as a model, and skipped. The id is the same for all
    /// of a bucket and day: otherwise a loop would publish notifications without end.
    pub fn own_artifact(upload: &Upload, problem: Problem, time: Timestamp) -> Self {
        let id = format!("own-output-{}-{}", upload.bucket, time.strftime("%F"));
        let problems = vec![problem];
        let source = ModelSource::from(upload.clone());
        Self {
            subject: format_ascii_subject(&format!(
                "Skipped: {} is a compiled artifact, not a new model",
                source.display_name()
            )),
            text: text::format_own_artifact_text(&source, &problems),
            model: Some((&source).into()),
            problems,
            ..Self::new(NotificationType::CompilationRejected, Severity::Warning, id, time)
        }
    }

    /// A file that no rule matches; `None` for an archive, which is reported as a rejected model.
    /// The id is the same for all files of a folder and day: a bucket may hold many other files.
    pub fn unmatched_file(row: &ModelRow, time: Timestamp) -> Option<Self> {
        let upload = row.source.as_upload()?;
        let key = upload.key.to_ascii_lowercase();
        if [".tar.gz", ".tgz", ".tar", ".zip", ".gz"].iter().any(|suffix| key.ends_with(suffix)) {
            return None;
        }
        let folder = upload.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let id = format!("no-rule-{}-{}", ModelId::new(&upload.bucket, folder, ""), row.planned_at.strftime("%F"));
        Some(Self {
            subject: format_ascii_subject(&format!("Skipped: no rule for {}", row.source.display_name())),
            text: text::format_unmatched_file_text(&row.source, folder, &row.problems),
            model: Some((&row.source).into()),
            problems: row.problems.clone(),
            ..Self::new(NotificationType::CompilationRejected, Severity::Warning, id, time)
        })
    }

    /// A rule for model package groups that cannot be applied; once per `version` of the
    /// configuration.
    pub fn rule_rejected(rule: &str, problem: Problem, version: Option<&str>, time: Timestamp) -> Self {
        let id = format!("rule-rejected-{}-{rule}-{}", version.unwrap_or("unversioned"), problem.code);
        let problems = vec![problem];
        Self {
            subject: format_ascii_subject(&format!("Compilation rejected: rule {rule} cannot be applied")),
            text: text::format_rule_rejected_text(rule, &problems),
            rule: Some(rule.to_owned()),
            problems,
            ..Self::new(NotificationType::CompilationRejected, Severity::Error, id, time)
        }
    }

    /// The status of a job; `None` for a status that is not published. `next_attempt` is the retry
    /// of a failed job.
    pub fn job_status(row: &JobRow, next_attempt: Option<&CompilationRequest>, time: Timestamp) -> Option<Self> {
        use NotificationType::{
            CompilationCompleted, CompilationFailed, CompilationRejected, CompilationStarted, CompilationStopped,
        };
        let (kind, severity) = match row.status {
            JobStatus::Starting | JobStatus::InProgress => (CompilationStarted, Severity::Info),
            JobStatus::Completed if row.artifact_check == Some(ArtifactCheck::NotCompiled) => {
                (CompilationCompleted, Severity::Warning)
            }
            JobStatus::Completed => (CompilationCompleted, Severity::Info),
            JobStatus::Failed if next_attempt.is_some() => (CompilationFailed, Severity::Warning),
            JobStatus::Failed => (CompilationFailed, Severity::Error),
            JobStatus::Stopped => (CompilationStopped, Severity::Warning),
            JobStatus::Rejected => (CompilationRejected, Severity::Error),
            JobStatus::Requested | JobStatus::Stopping | JobStatus::Unknown => return None,
        };
        let status = kind.as_str().strip_prefix("compilation.").unwrap_or_default();
        let job = JobReport { retried_as: next_attempt.map(|next| next.job_name.clone()), ..JobReport::from(row) };
        let request = row.request.as_ref();
        let name = request.map_or(row.name.as_str(), |request| request.source.display_name());
        let problems = match kind {
            CompilationRejected => vec![rejected_job_problem(row)],
            CompilationFailed => vec![failed_job_problem(row, next_attempt)],
            CompilationCompleted if job.is_input() => vec![not_compiled_problem(row)],
            _ => Vec::new(),
        };
        // Where they help: before the result is known, and where it is bad.
        let warnings = match kind {
            CompilationStarted | CompilationRejected | CompilationFailed => true,
            _ => job.is_input(),
        };
        let warnings = request.filter(|_| warnings).map(|request| request.warnings.clone()).unwrap_or_default();
        let title = if job.is_input() { "Not compiled".to_owned() } else { format!("Compilation {status}") };
        let mut notification = Self {
            subject: format_ascii_subject(&format!("{title}: {name} for {}", job.target)),
            model: request.map(|request| (&request.source).into()),
            rule: request.map(|request| request.rule.clone()),
            problems,
            warnings,
            ..Self::new(kind, severity, format!("job-{status}-{}", row.publication_name()), time)
        };
        notification.text = text::format_job_text(kind, name, &job, &notification);
        notification.job = Some(job);
        Some(notification)
    }

    /// Requests of a model wait for SageMaker's quota. `jobs` are those that wait.
    pub fn compilation_waiting(
        id: &ModelId,
        model: &ModelRow,
        wait: &ModelWait,
        jobs: &[JobRow],
        time: Timestamp,
    ) -> Self {
        let source = &model.source;
        let quota = wait.reason.as_deref().and_then(read_quota_value);
        let problems = vec![waiting_problem(wait.reason.as_deref(), quota)];
        let jobs: Vec<JobReport> = jobs.iter().map(JobReport::from).collect();
        let severity = if quota == Some(0) { Severity::Error } else { Severity::Warning };
        Self {
            subject: format_ascii_subject(&format!("Compilation waiting for a quota: {}", source.display_name())),
            text: text::format_waiting_text(source, model.rule.as_deref(), wait.since, &jobs, &problems, time),
            model: Some(source.into()),
            rule: model.rule.clone(),
            jobs,
            problems,
            ..Self::new(NotificationType::CompilationWaiting, severity, format!("waiting-{id}"), time)
        }
    }

    /// An earlier job compiled the same bytes, or model package, with the same settings. `None` if
    /// that job has not completed.
    pub fn reused_artifact(id: &ModelId, model: &ModelRow, job: &JobRow, time: Timestamp) -> Option<Self> {
        let completed =
            Self::job_status(job, None, time).filter(|job| job.kind == NotificationType::CompilationCompleted)?;
        let name = model.source.display_name();
        let mut notification = Self {
            id: format!("{}-{id}", completed.id),
            subject: format_ascii_subject(&format!(
                "{}: {name} for {}, reused from an earlier job",
                if completed.severity == Severity::Info { "Compilation completed" } else { "Not compiled" },
                job.target
            )),
            model: Some((&model.source).into()),
            rule: model.rule.clone(),
            reused_from: Some(job.name.clone()),
            ..completed
        };
        notification.text = text::format_job_text(notification.kind, name, &JobReport::from(job), &notification);
        Some(notification)
    }

    /// The last job of a model version finished. `summary_uri` is the S3 URI of this notification
    /// as an object.
    pub fn model_summary(model: &ModelRow, id: &ModelId, rows: &[JobRow], summary_uri: &str, time: Timestamp) -> Self {
        let jobs: Vec<JobReport> = rows
            .iter()
            .map(|row| JobReport {
                remedy: suggest_summary_fix(row),
                reused: !row.was_requested_by(id),
                ..JobReport::from(row)
            })
            .collect();
        let completed = jobs.iter().filter(|job| job.is_compiled()).count();
        // Stopped on purpose, or not compiled although SageMaker reports no failure.
        let warnings = jobs.iter().filter(|job| job.status == JobStatus::Stopped || job.is_input()).count();
        let problems = limit_problems(&model.problems);
        let severity = match jobs.len() - completed {
            0 if problems.is_empty() => Severity::Info,
            0 => Severity::Warning,
            not_completed if not_completed == warnings => Severity::Warning,
            _ => Severity::Error,
        };
        let source = &model.source;
        Self {
            subject: format_ascii_subject(&format!(
                "{}: compiled for {completed} of {} targets",
                source.display_name(),
                jobs.len()
            )),
            text: text::format_summary_text(source, model, &jobs, &problems, summary_uri),
            model: Some(source.into()),
            rule: model.rule.clone(),
            jobs,
            problems,
            warnings: limit_warnings(&model.warnings),
            summary: Some(summary_uri.to_owned()),
            ..Self::new(NotificationType::ModelSummary, severity, format!("summary-{id}"), time)
        }
    }
}

/// `quota` is the value of the quota that `reason`, SageMaker's message, names.
fn waiting_problem(reason: Option<&str>, quota: Option<u64>) -> Problem {
    let problem = reason.unwrap_or("the request waits until another compilation job has finished");
    let fix = match quota {
        Some(0) => {
            "request a quota above 0 in Service Quotas (service Amazon SageMaker). The jobs keep waiting and are \
             then started; do not upload the archive again"
        }
        _ => {
            "no action needed if other compilation jobs are running: waiting jobs are started as others finish. \
             To start more at the same time, request a higher quota in Service Quotas (service Amazon \
             SageMaker)"
        }
    };
    Problem::new("waiting-for-quota", problem, fix)
}

fn rejected_job_problem(row: &JobRow) -> Problem {
    let reason = row.failure_reason.as_deref().unwrap_or("no reason given");
    if reason.starts_with(NOT_APPROVED) {
        return Problem::new("package-not-approved", reason, suggest_job_fix(row));
    }
    let problem = format!("SageMaker rejected the compilation job: {reason}");
    Problem::new("refused-by-sagemaker", problem, suggest_job_fix(row))
}

fn not_compiled_problem(row: &JobRow) -> Problem {
    let problem = "SageMaker returned the input unchanged: the artifact has the size and the ETag of the archive";
    Problem::new("not-compiled", problem, suggest_not_compiled_fix(row))
}

fn suggest_not_compiled_fix(row: &JobRow) -> String {
    let rule = row.request.as_ref().map(|request| request.rule.as_str()).unwrap_or_default();
    format!(
        "read the job's log in the log group /aws/sagemaker/CompilationJobs, and compile the model for another target or with another framework version (rule `{rule}` of automation.yaml); a runtime of the framework itself can load this artifact"
    )
}

/// How to fix a job in a summary; `None` for a job that needs no fix.
fn suggest_summary_fix(row: &JobRow) -> Option<String> {
    match row.status {
        JobStatus::Failed | JobStatus::Rejected => Some(suggest_job_fix(row)),
        _ => (row.artifact_check == Some(ArtifactCheck::NotCompiled)).then(|| suggest_not_compiled_fix(row)),
    }
}

fn failed_job_problem(row: &JobRow, next_attempt: Option<&CompilationRequest>) -> Problem {
    let reason = row.failure_reason.as_deref().unwrap_or("SageMaker gave no reason");
    let fix = match next_attempt {
        Some(next) => {
            let has_longer_limit =
                row.request.as_ref().is_some_and(|request| request.max_runtime_seconds < next.max_runtime_seconds);
            let limit = if has_longer_limit {
                format!(" with max_runtime_seconds {}", next.max_runtime_seconds)
            } else {
                String::new()
            };
            let (attempt, attempts) = (next.attempt, next.retries + 1);
            format!("no action needed: it will be retried automatically{limit} (attempt {attempt} of {attempts})")
        }
        None => suggest_job_fix(row),
    };
    Problem::new("compilation-failed", reason, fix)
}

/// How to fix a job that failed or was rejected.
fn suggest_job_fix(row: &JobRow) -> String {
    let request = row.request.as_ref();
    let source = request.map(|request| &request.source);
    let reason = row.failure_reason.as_deref().unwrap_or_default();
    match row.failure_class() {
        None if reason.starts_with(NOT_APPROVED) => {
            "nothing, if the version must not be compiled; otherwise approve it, and name it in a rule with \
             `model_package_version`"
                .to_owned()
        }
        None if FailureClass::from_reason(reason) == FailureClass::Permission => {
            let role = request.and_then(|request| request.role_arn.as_deref());
            suggest_permission_fix(role, source.and_then(ModelSource::as_upload))
        }
        None => match source {
            Some(ModelSource::Package(_)) => {
                "fix the rule or the model package as described by SageMaker; the job is then requested again"
                    .to_owned()
            }
            source => format!(
                "fix the rule or the model as described by SageMaker, then {}",
                suggest_upload_retry(source.and_then(ModelSource::as_upload))
            ),
        },
        Some(_) => suggest_failure_fix(reason, request.map(|request| request.rule.as_str()), source),
    }
}

fn suggest_upload_retry(upload: Option<&Upload>) -> String {
    upload.map_or_else(|| "upload the archive again".to_owned(), Upload::suggest_retry)
}

/// How to fix a request that lacks a permission. `role` is the compilation role of the rule.
fn suggest_permission_fix(role: Option<&str>, upload: Option<&Upload>) -> String {
    let role = match role {
        Some(role) => format!(
            "check that the template parameter CompilationRoleArns lists {role}, and that its trust policy allows sagemaker.amazonaws.com to assume it"
        ),
        None => {
            "check that no service control policy or permissions boundary takes this permission from the stack's roles"
                .to_owned()
        }
    };
    let retry = match upload {
        Some(_) => suggest_upload_retry(upload),
        None => "change the rule (for example, edit a tag)".to_owned(),
    };
    format!("give the permission that SageMaker names; {role}. Then {retry}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use maintenance::Change;
    use model_archive::Warning;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        hostile_text::{HOSTILE, assert_harmless},
        notification::MAX_SUBJECT,
    };

    fn sample_upload() -> Upload {
        Upload {
            bucket: "models".to_owned(),
            key: "vision/résumé model.tar.gz".to_owned(),
            version_id: Some("3HL4kqtJlcpXroDTDmJ".to_owned()),
            etag: "b1946ac92492d2347c6235b4d2611184".to_owned(),
            size: 102_400,
            replayed_at: None,
        }
    }

    fn sample_warning() -> Warning {
        let warning = "the model was saved with ONNX IR 9, opset 21; AWS documents ONNX 1.7 (IR 7, opset 12) for ml_c5";
        Warning::new("model-version", warning)
    }

    fn job_row(target: &str, status: JobStatus) -> JobRow {
        let request = serde_json::from_value(json!({
            "version": 1, "job_name": format!("model-{target}-abc"), "model": model_id(), "content": "c", "source": sample_upload(),
            "rule": "edge-vision", "target": { "device": target }, "framework": "ONNX", "framework_version": null,
            "data_input_config": null, "compiler_options": null, "output_location": "s3://artifacts/model/",
            "max_runtime_seconds": 900, "tags": {}, "attempt": 1, "warnings": [sample_warning()],
        }))
        .unwrap();
        JobRow {
            name: format!("model-{}-abc", target.replace('_', "-")).into(),
            status,
            statuses: Vec::new(),
            models: BTreeSet::new(),
            target: target.to_owned(),
            foreign_options: JobOptions::default(),
            request: Some(request),
            arn: (status != JobStatus::Rejected).then(|| {
                let name = target.replace('_', "-");
                format!("arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/model-{name}-abc")
            }),
            artifact: (status == JobStatus::Completed).then(|| format!("s3://artifacts/model/model-{target}.tar.gz")),
            artifact_check: None,
            earlier_jobs: 0,
            create_calls: 0,
            unseen: 0,
            failure_reason: match status {
                JobStatus::Failed => Some("ClientError: OperatorNotImplemented: NonMaxSuppression".to_owned()),
                JobStatus::Rejected => Some("Unsupported framework version field for target".to_owned()),
                _ => None,
            },
            quota_wait: None,
            created_at: (status != JobStatus::Rejected).then(|| Timestamp::from_second(70).unwrap()),
            started_at: (status != JobStatus::Rejected).then(|| Timestamp::from_second(100).unwrap()),
            ended_at: status.is_terminal().then(|| Timestamp::from_second(350).unwrap()),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// A job for one platform with this version of `TensorRT`.
    fn job_row_with_options(trt: &str) -> JobRow {
        let mut row = job_row("ml_c5", JobStatus::Completed);
        let target = neo::Target::from_name("LINUX_ARM64_NVIDIA").unwrap();
        row.target = target.to_string();
        if let Some(request) = &mut row.request {
            request.target = target;
            request.framework_version = Some("1.8".to_owned());
            request.compiler_options = Some(json!({ "trt-ver": trt, "cuda-ver": "10.2" }).to_string());
        }
        row
    }

    fn model_id() -> ModelId {
        ModelId::new("models", "vision/résumé model.tar.gz", "3HL4kqtJlcpXroDTDmJ")
    }

    fn rejected_model(problems: &[Problem]) -> ModelRow {
        ModelRow {
            source: sample_upload().into(),
            rule: Some("edge-vision".to_owned()),
            state: ledger::ModelState::Rejected,
            jobs: Vec::new(),
            unused_jobs: BTreeSet::new(),
            problems: problems.to_vec(),
            warnings: Vec::new(),
            planned_at: Timestamp::UNIX_EPOCH,
            uploaded_at: None,
            sequencer: None,
            last_replay: None,
            stops_older: false,
        }
    }

    const SUMMARY: &str = "s3://artifacts/vision/model/3HL4kqtJlcpXroDTDmJ/summary.json";

    fn compiled_model() -> ModelRow {
        let warnings = vec![sample_warning()];
        ModelRow { state: ledger::ModelState::Requested, warnings, ..rejected_model(&[]) }
    }

    fn package_notifications(now: Timestamp) -> Vec<Notification> {
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        let source: ModelSource =
            serde_json::from_value(json!({ "model_package_version_arn": arn, "version": "3-abc" })).unwrap();
        let (id, model) = (source.model_id(), ModelRow { source: source.clone(), ..compiled_model() });
        let job = |target, status| {
            let mut row = job_row(target, status);
            if let Some(request) = &mut row.request {
                (request.source, request.framework, request.model) = (source.clone(), None, id.clone());
            }
            row
        };
        let mut failed = job("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("ClientError: InputConfiguration: unable to extract DataInputConfig".to_owned());
        let refused = job("ml_c5", JobStatus::Rejected);
        let mut unapproved = job("ml_c5", JobStatus::Rejected);
        unapproved.failure_reason = Some(format!("{NOT_APPROVED}: its approval status is Rejected"));
        let completed = job("ml_m5", JobStatus::Completed);
        let summary = "s3://artifacts/resnet/3-abc/summary.json";
        let mut notifications = Vec::new();
        notifications.extend(Notification::job_status(&failed, None, now));
        notifications.extend(Notification::job_status(&refused, None, now));
        notifications.extend(Notification::job_status(&unapproved, None, now));
        let problem = Problem::new(
            "package-group-missing",
            "there is no model package group `resnet` in the account and Region of the stack",
            "create the group, or correct model_package_group in rule `registry`",
        );
        notifications.push(Notification::rule_rejected("registry", problem, Some("v2"), now));
        let another = ModelId::new("", arn, "3-def");
        notifications.extend(Notification::reused_artifact(&another, &model, &completed, now));
        notifications.push(Notification::model_summary(&model, &another, &[failed, completed], summary, now));
        notifications
    }

    fn waiting_notifications(now: Timestamp) -> Vec<Notification> {
        let words = |quota| {
            format!(
                "The account-level service limit 'Maximum number of concurrent compilation jobs' is {quota} Jobs, with current utilization of {quota} Jobs and a request delta of 1 Jobs."
            )
        };
        let jobs = ["ml_c5", "ml_m5"].map(|target| JobRow {
            arn: None,
            created_at: None,
            started_at: None,
            ..job_row(target, JobStatus::Requested)
        });
        [(20, 62), (0, 2)]
            .map(|(quota, minutes)| {
                let since = now - jiff::SignedDuration::from_mins(minutes);
                let wait = ModelWait { since, parked_at: now, reason: Some(words(quota)), published: false };
                Notification::compilation_waiting(&model_id(), &compiled_model(), &wait, &jobs, now)
            })
            .into()
    }

    fn unmatched_model() -> ModelRow {
        let upload = Upload { key: "vision/notes/readme.txt".to_owned(), ..sample_upload() };
        let problem = "no rule matches the key `vision/notes/readme.txt`: edge-vision (vision/*.tar.gz)";
        let fix =
            "add a rule to automation.yaml whose keys match it, or upload the archive under a key that a rule matches";
        ModelRow { source: upload.into(), rule: None, ..rejected_model(&[Problem::new("no-rule", problem, fix)]) }
    }

    fn sample_notifications() -> Vec<Notification> {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let problems = [Problem::new(
            "not-gzip",
            "the archive is not gzip-compressed: it looks like a zip file",
            "create the archive with `tar -czf model.tar.gz <model files>`",
        )];
        let statuses =
            [JobStatus::Starting, JobStatus::Completed, JobStatus::Failed, JobStatus::Stopped, JobStatus::Rejected];
        let mut all: Vec<_> = statuses
            .iter()
            .filter_map(|status| Notification::job_status(&job_row("ml_c5", *status), None, now))
            .collect();
        let mut failed = job_row("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("ClientError: Access Denied when calling sts:AssumeRole".to_owned());
        all.extend(Notification::job_status(&failed, None, now));
        failed.failure_reason =
            Some("ServerError: There was an internal server error during the compilation job".to_owned());
        let next = failed.request.as_ref().and_then(|request| request.next_attempt(FailureClass::Service));
        all.extend(Notification::job_status(&failed, next.as_ref(), now));
        all.push(Notification::upload_rejected(&model_id(), &rejected_model(&problems), now));
        let problem = Problem::new(
            "own-output",
            "s3://models/a.tar.gz is an artifact of the compilation job a",
            "stop copying artifacts into the model bucket",
        );
        all.push(Notification::own_artifact(&sample_upload(), problem, now));
        all.extend(Notification::unmatched_file(&unmatched_model(), now));
        all.extend(Notification::reused_artifact(
            &model_id(),
            &rejected_model(&[]),
            &job_row("ml_c5", JobStatus::Completed),
            now,
        ));
        let mut reused = job_row("ml_m5", JobStatus::Completed);
        if let Some(request) = &mut reused.request {
            request.model = ModelId::new("models", "vision/résumé model.tar.gz", "an earlier one");
        }
        let rows = [job_row("ml_c5", JobStatus::Completed), job_row("jetson_nano", JobStatus::Failed), reused];
        all.push(Notification::model_summary(&compiled_model(), &model_id(), &rows, SUMMARY, now));
        let [older, newer] = ["7.1.3", "8.2.1"].map(job_row_with_options);
        all.extend(Notification::job_status(&newer, None, now));
        all.push(Notification::model_summary(&compiled_model(), &model_id(), &[older, newer], SUMMARY, now));
        all.extend(waiting_notifications(now));
        all.extend(package_notifications(now));
        let mut unchanged = job_row("ml_c5", JobStatus::Completed);
        unchanged.artifact_check = Some(ArtifactCheck::NotCompiled);
        let mut unreadable = job_row("ml_m5", JobStatus::Completed);
        unreadable.artifact_check = Some(ArtifactCheck::NotReadable);
        all.extend(Notification::job_status(&unchanged, None, now));
        all.push(Notification::model_summary(&compiled_model(), &model_id(), &[unchanged, unreadable], SUMMARY, now));
        let change = |field: &str, from: Option<&str>, to: Option<&str>| Change {
            field: field.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let declared = [
            change("rules", None, Some("edge-vision (vision/*.tar.gz for ml_c5, jetson_nano)")),
            change("work teams", None, Some("radiology")),
        ];
        let changes = [
            change("rule edge-vision, targets", Some("ml_c5"), None),
            change("rule edge-vision, targets", None, Some("jetson_xavier, ml_m5")),
            change("rule edge-vision, retries", Some("2"), Some("3")),
            change("partner app comet, application.arguments", Some("token"), Some("token (new value), url (new)")),
            change("work teams", Some("audit"), None),
        ];
        let accepted = |version: &str, previous: Option<&str>, changes: Vec<Change>| {
            Notification::config_accepted("config", "automation.yaml", Some(version), previous, changes, now)
        };
        all.push(accepted("v1", None, declared.to_vec()));
        all.push(accepted("v2", Some("v1"), changes.to_vec()));
        all.push(accepted("v3", Some("v2"), Vec::new()));
        all.push(Notification::config_rejected(
            "config",
            "automation.yaml",
            Some("v2"),
            "version (line 1, column 10): expected 1, found 2",
            Some("v1"),
            now,
        ));
        all
    }

    #[test]
    fn texts_are_readable() {
        let texts: Vec<_> = sample_notifications().iter().map(|n| format!("# {}\n{}", n.subject, n.text)).collect();
        insta::assert_snapshot!(texts.join("\n----\n"));
    }

    #[test]
    fn documents_are_versioned_and_complete() {
        insta::assert_json_snapshot!(sample_notifications());
    }

    /// The examples of both in docs/NOTIFICATIONS.md.
    #[test]
    fn chat_and_bus_receive_the_same_notification() {
        let time = Timestamp::from_second(1_790_000_000).unwrap();
        let completed = Notification::job_status(&job_row("ml_c5", JobStatus::Completed), None, time).unwrap();
        let message: Value = serde_json::from_str(&completed.sns_message().unwrap()).unwrap();
        let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
        let entry = crate::event_bus::build_entry("models", &completed).unwrap();
        let detail: Value = serde_json::from_str(entry.detail().unwrap()).unwrap();
        assert_eq!(detail, serde_json::to_value(&completed).unwrap());
        let event = json!({ "source": entry.source(), "detail-type": entry.detail_type(), "detail": detail });
        insta::assert_json_snapshot!(json!({ "chat": chat, "event": event }));
    }

    #[test]
    fn sns_accepts_every_message() {
        for notification in sample_notifications() {
            let message: Value = serde_json::from_str(&notification.sns_message().unwrap()).unwrap();
            let document: Value = serde_json::from_str(message["default"].as_str().unwrap()).unwrap();
            assert_eq!(document["type"], notification.kind.as_str());
            assert_eq!(document["version"], 1);
            let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
            assert_eq!(chat["source"], "custom");
            assert!(notification.subject.is_ascii() && notification.subject.len() <= MAX_SUBJECT);
            assert!(notification.subject.starts_with(|c: char| c.is_ascii_alphanumeric()));
            assert!(notification.message_attributes().iter().all(|(_, value)| !value.is_empty()));
        }
    }

    #[test]
    fn replay_has_its_own_id_in_the_thread_of_its_upload() {
        let first = rejected_model(&[Problem::new("p", "what", "fix")]);
        let replay = ModelRow { source: first.source.to_replay(Timestamp::MAX).unwrap(), ..first.clone() };
        let [first, replay] =
            [first, replay].map(|row| Notification::upload_rejected(&row.source.model_id(), &row, Timestamp::MAX));
        assert_ne!(first.id, replay.id);
        let thread = |notification: &Notification| {
            let message: Value = serde_json::from_str(&notification.sns_message().unwrap()).unwrap();
            let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
            chat["metadata"]["threadId"].clone()
        };
        assert!(thread(&first).is_string());
        assert_eq!(thread(&first), thread(&replay));
    }

    #[test]
    fn hostile_names_forge_neither_lines_nor_mentions() {
        let time = Timestamp::UNIX_EPOCH;
        for padding in [0, 1024 - HOSTILE.len() - ".tar.gz".len()] {
            let key = format!("{HOSTILE}{}.tar.gz", "x".repeat(padding));
            let mut failed = job_row("ml_c5", JobStatus::Failed);
            failed.failure_reason = Some(key.clone());
            if let Some(ModelSource::Upload(upload)) = failed.request.as_mut().map(|request| &mut request.source) {
                upload.key.clone_from(&key);
            }
            let source = failed.request.clone().unwrap().source;
            let problem = Problem::new("p", format!("{key} is bad"), format!("delete {key}"));
            let rejected = ModelRow { source: source.clone(), ..rejected_model(std::slice::from_ref(&problem)) };
            let completed = JobRow { status: JobStatus::Completed, ..failed.clone() };
            let wait = ModelWait { since: time, parked_at: time, reason: Some(key.clone()), published: false };
            let file = Upload { key: key.replace(".tar.gz", ".txt"), ..source.as_upload().unwrap().clone() };
            let unmatched = ModelRow { source: file.into(), ..rejected.clone() };
            let another = ModelId::new("models", "other", "v");
            let notifications = [
                Some(Notification::upload_rejected(&model_id(), &rejected, time)),
                Some(Notification::own_artifact(source.as_upload().unwrap(), problem, time)),
                Notification::unmatched_file(&unmatched, time),
                Notification::job_status(&failed, None, time),
                Some(Notification::compilation_waiting(&model_id(), &rejected, &wait, &[failed.clone()], time)),
                Notification::reused_artifact(&another, &rejected, &completed, time),
                Some(Notification::model_summary(&rejected, &model_id(), &[failed], SUMMARY, time)),
            ];
            for notification in notifications {
                assert_harmless(&notification.unwrap());
            }
        }
    }

    #[test]
    fn jobs_of_one_target_differ_by_their_options() {
        let now = Timestamp::UNIX_EPOCH;
        let rows = ["7.1.3", "8.2.1"].map(job_row_with_options);
        let summary = Notification::model_summary(&compiled_model(), &model_id(), &rows, SUMMARY, now);
        for (row, trt) in rows.iter().zip(["7.1.3", "8.2.1"]) {
            let text = format!("cuda-ver=10.2, framework_version=1.8, trt-ver={trt}");
            let notification = Notification::job_status(row, None, now).unwrap();
            let attributes = notification.message_attributes();
            for (name, value) in [("target", "LINUX_ARM64_NVIDIA"), ("options", text.as_str())] {
                assert!(attributes.contains(&(name, value.into())), "{attributes:?}");
            }
            assert!(notification.text.contains(&format!("Options      {text}\n")), "{}", notification.text);
            assert!(summary.text.contains(&format!("LINUX_ARM64_NVIDIA ({text}): COMPLETED")), "{}", summary.text);
        }
        let summary = serde_json::to_value(&summary).unwrap();
        assert_eq!(summary["jobs"][1]["options"]["trt-ver"], "8.2.1");
        let without = Notification::job_status(&job_row("ml_c5", JobStatus::Completed), None, now).unwrap();
        assert!(without.message_attributes().iter().all(|(name, _)| *name != "options"));
        assert_eq!(serde_json::to_value(&without).unwrap()["job"].get("options"), None);
    }

    #[test]
    fn warnings_are_shown_where_they_help() {
        let line = "\nWarning: the model was saved with ONNX IR 9, opset 21; AWS documents";
        let now = Timestamp::UNIX_EPOCH;
        let mut all = vec![
            (Notification::model_summary(&compiled_model(), &model_id(), &[], SUMMARY, now), true),
            (Notification::upload_rejected(&model_id(), &compiled_model(), now), true),
        ];
        for (status, shown) in [
            (JobStatus::Starting, true),
            (JobStatus::Failed, true),
            (JobStatus::Rejected, true),
            (JobStatus::Completed, false),
            (JobStatus::Stopped, false),
        ] {
            all.push((Notification::job_status(&job_row("ml_c5", status), None, now).unwrap(), shown));
        }
        for (notification, shown) in all {
            assert_eq!(notification.text.contains(line), shown, "{}", notification.text);
            let json = serde_json::to_value(&notification).unwrap();
            assert_eq!(json["warnings"][0]["code"] == "model-version", shown, "{json}");
        }
    }

    #[test]
    fn intermediate_statuses_are_not_published() {
        for status in [JobStatus::Requested, JobStatus::Stopping, JobStatus::Unknown] {
            assert_eq!(Notification::job_status(&job_row("ml_c5", status), None, Timestamp::UNIX_EPOCH), None);
        }
    }

    #[test]
    fn a_summary_of_many_targets_fits_into_a_message() {
        let mut failed = job_row("ml_c5", JobStatus::Failed);
        failed.failure_reason = Some("\"é\"".repeat(256));
        let rows = vec![failed; 60];
        let summary =
            Notification::model_summary(&compiled_model(), &model_id(), &rows, SUMMARY, Timestamp::UNIX_EPOCH);
        assert!(summary.sns_message().unwrap().len() < 256 * 1024, "{}", summary.sns_message().unwrap().len());
    }

    #[test]
    fn a_thousand_problems_fit_into_a_message() {
        let long = "x".repeat(2000);
        let problems: Vec<_> = (0..1000).map(|n| Problem::new("p", format!("{n} {long}"), "none")).collect();
        let notification =
            Notification::upload_rejected(&model_id(), &rejected_model(&problems), Timestamp::UNIX_EPOCH);
        assert!(notification.sns_message().unwrap().len() < 256 * 1024);
        assert_eq!(notification.problems.len(), 21);
        assert!(notification.text.contains("980 more problems are not listed"));
    }
}
