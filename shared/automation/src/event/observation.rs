//! What tells that a compilation job may have changed its state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Event, UnknownEvent};
use crate::job::JobStatus;

/// The version of the message this release writes and reads.
pub(super) const VERSION: u32 = 1;

/// Something saw that a compilation job changed its state, or may have. It comes doubled, late and in any order, so it is no more than a
/// hint: what holds is what SageMaker answers when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobObservation {
    /// The job's name.
    pub job_name: String,
    /// Who saw it.
    pub seen_by: Observer,
    /// The state that was seen, where it is told.
    pub status: Option<JobStatus>,
    /// When the state was taken on, where it is told.
    pub at: Option<Timestamp>,
}

/// Who tells of compilation jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// start-compilation asked for it, or learnt that there is nothing to ask for.
    #[default]
    Start,
    /// sweep-compilations found it.
    Sweep,
    /// SageMaker's event, which no document promises.
    StateChange,
    /// A trail of API calls.
    CloudTrail,
}

impl JobObservation {
    /// An observation that names no state.
    pub fn hint(job_name: impl Into<String>, seen_by: Observer) -> Self {
        Self { job_name: job_name.into(), seen_by, status: None, at: None }
    }

    /// The message's body.
    pub fn to_body(&self) -> String {
        json!({ "version": VERSION, "job_name": self.job_name, "seen_by": self.seen_by }).to_string()
    }
}

/// SageMaker documents no such event: what it tells is taken from wherever it stands.
pub(super) fn state_change(event: &Value) -> Result<Event, UnknownEvent> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let arn = || text("/detail/CompilationJobArn").or_else(|| text("/resources/0"));
    let name =
        text("/detail/CompilationJobName").or_else(|| arn()?.split_once(":compilation-job/").map(|(_, name)| name));
    let Some(name) = name else {
        return Err(UnknownEvent::Malformed {
            what: "compilation job state change",
            cause: "neither detail.CompilationJobName nor a compilation job's ARN is in it".to_owned(),
        });
    };
    let mut times = ["/detail/LastModifiedTime", "/time"].iter().filter_map(|pointer| event.pointer(pointer));
    Ok(Event::Job(JobObservation {
        job_name: name.to_owned(),
        seen_by: Observer::StateChange,
        status: text("/detail/CompilationJobStatus")
            .map(JobStatus::parse)
            .filter(|status| *status != JobStatus::Unknown),
        at: times.find_map(time),
    }))
}

/// A call of `CreateCompilationJob` or `StopCompilationJob` as CloudTrail tells of it.
pub(super) fn api_call(event: &Value) -> Result<Event, UnknownEvent> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let call = text("/detail/eventName").unwrap_or_default();
    let name = text("/detail/requestParameters/compilationJobName");
    match (call, name) {
        ("CreateCompilationJob" | "StopCompilationJob", Some(name)) => match text("/detail/errorCode") {
            Some(error) => Ok(Event::FailedCall(format!("{call} of {name}: {error}"))),
            None => Ok(Event::Job(JobObservation {
                at: event.pointer("/detail/eventTime").and_then(time),
                ..JobObservation::hint(name, Observer::CloudTrail)
            })),
        },
        _ => Err(UnknownEvent::Malformed {
            what: "API call via CloudTrail",
            cause: format!(
                "`{call}` is no call that names a compilation job; only CreateCompilationJob and StopCompilationJob are read"
            ),
        }),
    }
}

/// SageMaker's events write times in four forms: milliseconds since the epoch as an integer, as a float or as a text, and ISO 8601.
fn time(value: &Value) -> Option<Timestamp> {
    let milliseconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.parse::<f64>() {
            Ok(number) => number,
            Err(_) => return text.parse().ok(),
        },
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a float outside of i64 saturates, and is no time then")]
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &Value) -> JobObservation {
        match Event::parse(&event.to_string()).unwrap() {
            Event::Job(observation) => observation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_is_named_by_whatever_names_it() {
        let change = "SageMaker Compilation Job State Change";
        for event in [
            json!({ "detail-type": change, "detail": { "CompilationJobName": "job" } }),
            json!({ "detail-type": change, "detail": {
                "CompilationJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:compilation-job/job", "CompilationJobStatus": 3 } }),
            json!({ "detail-type": change, "resources": ["arn:aws-cn:sagemaker:cn-north-1:123456789012:compilation-job/job"] }),
        ] {
            assert_eq!(read(&event), JobObservation::hint("job", Observer::StateChange));
        }
    }

    #[test]
    fn states_are_read_in_any_casing_and_times_in_all_four_forms() {
        let at = Timestamp::from_millisecond(1_592_411_992_203).ok();
        for (status, time) in [
            ("Completed", json!(1_592_411_992_203_u64)),
            ("COMPLETED", json!(1_592_411_992_203.0)),
            ("completed", json!("1592411992203")),
            ("Completed", json!("2020-06-17T16:39:52.203Z")),
        ] {
            let seen =
                read(&json!({ "detail-type": "SageMaker Compilation Job State Change", "time": "2026-01-01T00:00:00Z",
                "detail": { "CompilationJobName": "job", "CompilationJobStatus": status, "LastModifiedTime": time } }));
            assert_eq!((seen.status, seen.at), (Some(JobStatus::Completed), at), "{time}");
        }
        for (time, read_as) in
            [(json!("1592411992203"), at), (json!(true), None), (json!("soon"), None), (json!(1e300), None)]
        {
            let event = json!({ "detail-type": "SageMaker Compilation Job State Change", "time": time,
                "detail": { "CompilationJobName": "job", "CompilationJobStatus": "Melting" } });
            assert_eq!((read(&event).status, read(&event).at), (None, read_as), "{time}");
        }
    }

    #[test]
    fn calls_of_a_trail_are_observations_unless_they_failed() {
        let call = |detail: Value| json!({ "detail-type": "AWS API Call via CloudTrail", "source": "aws.sagemaker", "detail": detail });
        let seen = read(&call(json!({ "eventName": "StopCompilationJob", "eventTime": "2026-09-21T13:38:04Z",
            "requestParameters": { "compilationJobName": "job" } })));
        assert_eq!((seen.seen_by, seen.at), (Observer::CloudTrail, Timestamp::from_second(1_789_997_884).ok()));
        let failed = call(json!({ "eventName": "CreateCompilationJob", "errorCode": "ResourceInUse",
            "requestParameters": { "compilationJobName": "job" } }));
        assert_eq!(
            Event::parse(&failed.to_string()).unwrap(),
            Event::FailedCall("CreateCompilationJob of job: ResourceInUse".to_owned())
        );
        let other = call(json!({ "eventName": "UpdateWorkteam", "requestParameters": {} }));
        assert!(Event::parse(&other.to_string()).unwrap_err().to_string().contains("`UpdateWorkteam` is no call"));
    }
}
