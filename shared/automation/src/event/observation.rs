//! Observations: hints that the status of a compilation job may have changed.

use jiff::Timestamp;
use neo::JobStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Event, EventError};

/// The version of the message that this release writes and reads.
pub(super) const VERSION: u32 = 1;

/// A hint that the status of a compilation job has changed, or may have. Observations can be
/// duplicated, late and out of order, so a status that is recorded comes from SageMaker itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobObservation {
    pub job_name: String,
    /// Where the observation comes from.
    pub seen_by: Observer,
    /// The observed status; `None` if the observation does not contain it.
    pub status: Option<JobStatus>,
    /// When the status changed; `None` if the observation does not contain it.
    pub at: Option<Timestamp>,
}

/// Where an observation comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// start-compilation, after it requested the job or found that no request is needed.
    #[default]
    Start,
    /// sweep-compilations.
    Sweep,
    /// A state change event of SageMaker, which AWS does not document for compilation jobs.
    StateChange,
    /// An API call, recorded by a CloudTrail trail.
    CloudTrail,
}

impl JobObservation {
    /// An observation that does not contain the status.
    pub fn without_status(job_name: impl Into<String>, seen_by: Observer) -> Self {
        Self { job_name: job_name.into(), seen_by, status: None, at: None }
    }

    /// The body of the SQS message.
    pub fn to_body(&self) -> String {
        json!({ "version": VERSION, "job_name": self.job_name, "seen_by": self.seen_by }).to_string()
    }
}

/// AWS does not document this event for compilation jobs, so every place in which a value may occur
/// is read.
pub(super) fn parse_state_change(event: &Value) -> Result<Event, EventError> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let arn = || text("/detail/CompilationJobArn").or_else(|| text("/resources/0"));
    let name =
        text("/detail/CompilationJobName").or_else(|| arn()?.split_once(":compilation-job/").map(|(_, name)| name));
    let Some(name) = name else {
        return Err(EventError::Malformed {
            what: "compilation job state change",
            cause: "it contains neither detail.CompilationJobName nor the ARN of a compilation job".to_owned(),
        });
    };
    let mut times = ["/detail/LastModifiedTime", "/time"].iter().filter_map(|pointer| event.pointer(pointer));
    Ok(Event::Job(JobObservation {
        job_name: name.to_owned(),
        seen_by: Observer::StateChange,
        status: text("/detail/CompilationJobStatus")
            .map(JobStatus::from)
            .filter(|status| *status != JobStatus::Unknown),
        at: times.find_map(parse_time),
    }))
}

/// A call of `CreateCompilationJob` or `StopCompilationJob`, as recorded by CloudTrail.
pub(super) fn parse_api_call(event: &Value) -> Result<Event, EventError> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let call = text("/detail/eventName").unwrap_or_default();
    let name = text("/detail/requestParameters/compilationJobName");
    match (call, name) {
        ("CreateCompilationJob" | "StopCompilationJob", Some(name)) => match text("/detail/errorCode") {
            Some(error) => Ok(Event::FailedCall(format!("{call} of {name}: {error}"))),
            None => Ok(Event::Job(JobObservation {
                at: event.pointer("/detail/eventTime").and_then(parse_time),
                ..JobObservation::without_status(name, Observer::CloudTrail)
            })),
        },
        _ => Err(EventError::Malformed {
            what: "API call via CloudTrail",
            cause: format!(
                "expected CreateCompilationJob or StopCompilationJob with the name of a compilation job, found `{call}`"
            ),
        }),
    }
}

/// Parses a time in any of the four forms that SageMaker's events use: milliseconds since the epoch
/// as an integer, as a float or as a string, and ISO 8601.
fn parse_time(value: &Value) -> Option<Timestamp> {
    let milliseconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.parse::<f64>() {
            Ok(number) => number,
            Err(_) => return text.parse().ok(),
        },
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float outside the range of i64 saturates, which is not a valid time"
    )]
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

#[cfg(test)]
mod tests {
    use worker::Message;

    use super::*;

    fn parse_observation(event: &Value) -> JobObservation {
        match Event::parse(&event.to_string()).unwrap() {
            Event::Job(observation) => observation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn job_name_is_read_from_the_name_or_an_arn() {
        let change = "SageMaker Compilation Job State Change";
        for event in [
            json!({ "detail-type": change, "detail": { "CompilationJobName": "job" } }),
            json!({ "detail-type": change, "detail": {
                "CompilationJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/job", "CompilationJobStatus": 3 } }),
            json!({ "detail-type": change, "resources": ["arn:aws-cn:sagemaker:cn-north-1:123456789012:compilation-job/job"] }),
        ] {
            assert_eq!(parse_observation(&event), JobObservation::without_status("job", Observer::StateChange));
        }
    }

    #[test]
    fn status_is_read_in_any_case_and_time_in_all_four_forms() {
        let at = Timestamp::from_millisecond(1_592_411_992_203).ok();
        for (status, time) in [
            ("Completed", json!(1_592_411_992_203_u64)),
            ("COMPLETED", json!(1_592_411_992_203.0)),
            ("completed", json!("1592411992203")),
            ("Completed", json!("2020-06-17T16:39:52.203Z")),
        ] {
            let observation = parse_observation(
                &json!({ "detail-type": "SageMaker Compilation Job State Change", "time": "2026-01-01T00:00:00Z",
                "detail": { "CompilationJobName": "job", "CompilationJobStatus": status, "LastModifiedTime": time } }),
            );
            assert_eq!((observation.status, observation.at), (Some(JobStatus::Completed), at), "{time}");
        }
        for (time, expected) in
            [(json!("1592411992203"), at), (json!(true), None), (json!("soon"), None), (json!(1e300), None)]
        {
            let event = json!({ "detail-type": "SageMaker Compilation Job State Change", "time": time,
                "detail": { "CompilationJobName": "job", "CompilationJobStatus": "Melting" } });
            assert_eq!((parse_observation(&event).status, parse_observation(&event).at), (None, expected), "{time}");
        }
    }

    #[test]
    fn cloudtrail_calls_are_observations_unless_they_failed() {
        let call = |detail: Value| json!({ "detail-type": "AWS API Call via CloudTrail", "source": "aws.sagemaker", "detail": detail });
        let observation =
            parse_observation(&call(json!({ "eventName": "StopCompilationJob", "eventTime": "2026-09-21T13:38:04Z",
            "requestParameters": { "compilationJobName": "job" } })));
        assert_eq!(
            (observation.seen_by, observation.at),
            (Observer::CloudTrail, Timestamp::from_second(1_789_997_884).ok())
        );
        let failed = call(json!({ "eventName": "CreateCompilationJob", "errorCode": "ResourceInUse",
            "requestParameters": { "compilationJobName": "job" } }));
        assert_eq!(
            Event::parse(&failed.to_string()).unwrap(),
            Event::FailedCall("CreateCompilationJob of job: ResourceInUse".to_owned())
        );
        let other = call(json!({ "eventName": "UpdateWorkteam", "requestParameters": {} }));
        assert!(Event::parse(&other.to_string()).unwrap_err().to_string().contains("found `UpdateWorkteam`"));
    }
}
