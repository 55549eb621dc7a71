//! The one place where raw JSON becomes a typed event.

mod observation;

use aws_lambda_events::{s3::S3Event, sns::SnsMessage};
use jiff::Timestamp;
use neo::{CompilationRequest, ModelId, REQUEST_VERSION};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

pub use observation::{JobObservation, Observer};

use crate::labeling::{LabelingJobState, TeamMessage};

/// Characters of an unknown body that are quoted in the answer to it.
const QUOTED: usize = 200;

/// Everything that may stand in a queue.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Objects were created in a bucket.
    ObjectsCreated(Vec<ObjectCreated>),
    /// S3 tells that a notification was configured.
    S3Test,
    /// A compilation job is to be started.
    Compilation(Box<CompilationRequest>),
    /// A compilation job is to be stopped: a newer version of its model arrived.
    Stop(StopRequest),
    /// A compilation job may have changed its state.
    Job(JobObservation),
    /// A call to SageMaker that failed, and so changed nothing.
    FailedCall(String),
    /// An image changed its state.
    ImageState(ImageState),
    /// A message to a topic, such as SageMaker's to that of a work team.
    TeamMessage(TeamMessage),
    /// A labeling job changed its state.
    LabelingJobState(LabelingJobState),
}

/// One object of an "object created" event. What the event leaves out is asked of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// Version id; none in a bucket without versioning.
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Orders the events of one key; [`Sequencer`](crate::ledger::Sequencer) says how.
    pub sequencer: Option<String>,
}

impl ObjectCreated {
    /// The model's id, where the event tells the object's version.
    pub fn model_id(&self) -> Option<ModelId> {
        let version = self.version_id.as_ref().or(self.etag.as_ref())?;
        Some(ModelId::new(&self.bucket, &self.key, version))
    }
}

/// A hint that an image changed its state: the truth is asked of SageMaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageState {
    /// The image's name.
    pub image_name: String,
}

/// Asks start-compilation to stop a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequest {
    /// The job's name.
    pub job_name: String,
}

impl StopRequest {
    /// The message's body.
    pub fn to_body(&self) -> String {
        json!({ "version": REQUEST_VERSION, "stop": self.job_name }).to_string()
    }
}

/// A body that is no event of ours.
#[derive(Debug, Error)]
pub enum UnknownEvent {
    /// Not JSON at all.
    #[error("the body is not JSON ({cause}): `{body}`")]
    NotJson {
        /// What the parser says.
        cause: serde_json::Error,
        /// The body's beginning.
        body: String,
    },
    /// JSON, but nothing this system reads.
    #[error("the body is no event this system reads: `{0}`")]
    Unrecognised(String),
    /// Of a known kind, but not of its form.
    #[error("not a valid {what}: {cause}")]
    Malformed {
        /// The kind it says it is.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl Event {
    /// Ties together what belongs to one model version (its id in the ledger) or one job (its name).
    pub fn correlation_id(&self) -> Option<String> {
        match self {
            Self::ObjectsCreated(objects) => objects.first()?.model_id().map(|id| id.to_string()),
            Self::S3Test | Self::FailedCall(_) => None,
            Self::Compilation(request) => Some(request.model.to_string()),
            Self::Stop(stop) => Some(stop.job_name.clone()),
            Self::Job(observation) => Some(observation.job_name.clone()),
            Self::ImageState(state) => Some(state.image_name.clone()),
            Self::TeamMessage(message) => Some(message.id.clone()),
            Self::LabelingJobState(state) => Some(state.name().to_owned()),
        }
    }

    /// Reads a message body: an EventBridge event, an S3 notification, either wrapped by SNS, or one of our own messages.
    pub fn parse(body: &str) -> Result<Self, UnknownEvent> {
        let value: Value = serde_json::from_str(body)
            .map_err(|cause| UnknownEvent::NotJson { cause, body: body.chars().take(QUOTED).collect() })?;
        let has = |name: &str| value.get(name).is_some();
        let is = |name: &str, text: &str| value.get(name).and_then(Value::as_str) == Some(text);
        if has("Records") {
            s3_notification(value)
        } else if is("Event", "s3:TestEvent") {
            Ok(Self::S3Test)
        } else if is("Type", "Notification") && has("Message") {
            published(read("SNS notification", value)?)
        } else if is("source", "aws.s3") && is("detail-type", "Object Created") {
            object_created(value)
        } else if is("detail-type", "SageMaker Compilation Job State Change") {
            observation::state_change(&value)
        } else if is("detail-type", "AWS API Call via CloudTrail") {
            observation::api_call(&value)
        } else if is("detail-type", "SageMaker Image State Change") {
            image_state(&value)
        } else if is("detail-type", "SageMaker Ground Truth Labeling Job State Change") {
            labeling_job_state(&value)
        } else if has("job_name") || has("stop") {
            own_message(value)
        } else {
            Err(UnknownEvent::Unrecognised(body.chars().take(QUOTED).collect()))
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(what: &'static str, value: Value) -> Result<T, UnknownEvent> {
    serde_json::from_value(value).map_err(|error| UnknownEvent::Malformed { what, cause: error.to_string() })
}

fn s3_notification(value: Value) -> Result<Event, UnknownEvent> {
    const WHAT: &str = "S3 notification";
    let malformed = |cause: String| UnknownEvent::Malformed { what: WHAT, cause };
    let event: S3Event = read(WHAT, value)?;
    event
        .records
        .into_iter()
        .map(|record| {
            let name = record.event_name.unwrap_or_default();
            if !name.starts_with("ObjectCreated:") {
                return Err(malformed(format!("eventName is `{name}`; only ObjectCreated events are read")));
            }
            let absent = |what: &str| malformed(format!("s3.{what} is missing"));
            let object = record.s3.object;
            Ok(ObjectCreated {
                bucket: record.s3.bucket.name.ok_or_else(|| absent("bucket.name"))?,
                key: decode_key(&object.key.ok_or_else(|| absent("object.key"))?).map_err(malformed)?,
                version_id: object.version_id.filter(|version| !version.is_empty()),
                etag: object.e_tag,
                size: object.size.and_then(|size| size.try_into().ok()),
                sequencer: object.sequencer,
            })
        })
        .collect::<Result<_, _>>()
        .map(Event::ObjectsCreated)
}

/// Undoes the form encoding of keys in S3 notifications. (Keys in EventBridge events are not encoded.)
fn decode_key(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(error) => Err(format!("the key `{key}` is not UTF-8 when decoded: {error}")),
    }
}

#[derive(Deserialize)]
struct ObjectCreatedEvent {
    detail: ObjectCreatedDetail,
}

#[derive(Deserialize)]
struct ObjectCreatedDetail {
    bucket: BucketDetail,
    object: ObjectDetail,
}

#[derive(Deserialize)]
struct BucketDetail {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ObjectDetail {
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

fn object_created(value: Value) -> Result<Event, UnknownEvent> {
    let ObjectCreatedEvent { detail: ObjectCreatedDetail { bucket, object } } = read("Object Created event", value)?;
    Ok(Event::ObjectsCreated(vec![ObjectCreated {
        bucket: bucket.name,
        key: object.key,
        version_id: object.version_id.filter(|version| !version.is_empty()),
        etag: object.etag,
        size: object.size,
        sequencer: object.sequencer,
    }]))
}

/// The status in it is in another case than the operations', and no reason of a failure is in it: only the name is taken.
fn image_state(value: &Value) -> Result<Event, UnknownEvent> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let arn = || text("/detail/ImageArn").or_else(|| text("/resources/0"));
    let name = text("/detail/ImageName").or_else(|| arn()?.split_once(":image/").map(|(_, name)| name));
    match name {
        Some(name) => Ok(Event::ImageState(ImageState { image_name: name.to_owned() })),
        None => Err(UnknownEvent::Malformed {
            what: "image state change",
            cause: "neither detail.ImageName nor an image's ARN is in it".to_owned(),
        }),
    }
}

/// S3 notifies through SNS too. Whatever else is published is nobody's but the topic's, and is kept as it is.
fn published(envelope: SnsMessage) -> Result<Event, UnknownEvent> {
    let value = serde_json::from_str(&envelope.message).unwrap_or(Value::Null);
    let is_from_s3 = value["Records"][0]["eventSource"] == "aws:s3"
        || value["Event"] == "s3:TestEvent"
        || (value["source"] == "aws.s3" && value["detail-type"] == "Object Created");
    if is_from_s3 {
        return Event::parse(&envelope.message);
    }
    let published_at = Timestamp::from_millisecond(envelope.timestamp.timestamp_millis());
    Ok(Event::TeamMessage(TeamMessage {
        id: envelope.message_id,
        topic_arn: envelope.topic_arn,
        subject: envelope.subject.filter(|subject| !subject.is_empty()),
        message: envelope.message,
        published_at: published_at.unwrap_or_default(),
    }))
}

/// The detail has the state alone; the job is named by its ARN.
fn labeling_job_state(value: &Value) -> Result<Event, UnknownEvent> {
    let malformed =
        |cause: &str| UnknownEvent::Malformed { what: "labeling job state change", cause: cause.to_owned() };
    let arn = value["resources"][0].as_str().filter(|arn| arn.contains(":labeling-job/"));
    let status = value["detail"]["LabelingJobStatus"].as_str().filter(|status| !status.is_empty());
    Ok(Event::LabelingJobState(LabelingJobState {
        arn: arn.ok_or_else(|| malformed("resources[0] is no labeling job's ARN"))?.to_owned(),
        status: status.ok_or_else(|| malformed("detail.LabelingJobStatus is missing"))?.to_owned(),
    }))
}

fn own_message(value: Value) -> Result<Event, UnknownEvent> {
    #[derive(Deserialize)]
    struct Stop {
        stop: String,
    }
    #[derive(Deserialize)]
    struct State {
        job_name: String,
        #[serde(default)]
        seen_by: Observer,
    }
    if value.get("stop").is_some() {
        let Stop { stop } = read_version("stop request", REQUEST_VERSION, value)?;
        Ok(Event::Stop(StopRequest { job_name: stop }))
    } else if value.get("source").is_some() {
        Ok(Event::Compilation(Box::new(read_version("compilation request", REQUEST_VERSION, value)?)))
    } else {
        let State { job_name, seen_by } = read_version("job state", observation::VERSION, value)?;
        Ok(Event::Job(JobObservation::hint(job_name, seen_by)))
    }
}

fn read_version<T: serde::de::DeserializeOwned>(
    what: &'static str,
    known: u32,
    value: Value,
) -> Result<T, UnknownEvent> {
    let version = value.get("version").cloned().unwrap_or_default();
    if version == json!(known) {
        return read(what, value);
    }
    let cause = format!("its version is {version}, this release reads version {known}");
    Err(UnknownEvent::Malformed { what, cause })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use aws_lambda_events::sqs::SqsEvent;
    use proptest::prelude::*;

    use super::*;

    /// Every payload under `events/` that SQS delivers, read as its function reads it.
    #[test]
    fn every_sample_event_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut read = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let Ok(batch) = serde_json::from_str::<SqsEvent>(&text) else {
                continue;
            };
            for record in batch.records {
                let name = path.file_stem().unwrap().to_string_lossy();
                let event = match Event::parse(record.body.as_deref().unwrap()) {
                    Ok(event) => format!("{event:#?}"),
                    Err(error) => format!("refused: {error}"),
                };
                read.push(format!("{name}\n{event}"));
            }
        }
        insta::assert_snapshot!(read.join("\n\n"));
    }

    #[test]
    fn keys_mean_the_same_in_both_encodings() {
        for key in ["a b.tar.gz", "a+b.tar.gz", "100%.tar.gz", "%2B.tar.gz", "ünï/日本.tar.gz", "a&b=c;d.tar.gz"] {
            let encoded: String =
                percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string();
            let plus = encoded.replace("%20", "+").replace("%2F", "/");
            for form in [&encoded, &plus] {
                let notification = json!({ "Records": [{
                    "eventVersion": "2.5", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
                    "eventTime": "2026-09-21T13:33:20.000Z", "eventName": "ObjectCreated:Put",
                    "userIdentity": {}, "requestParameters": {}, "responseElements": {},
                    "s3": { "bucket": { "name": "b" }, "object": { "key": form, "size": 1, "eTag": "e" } },
                }]});
                let Event::ObjectsCreated(objects) = Event::parse(&notification.to_string()).unwrap() else { panic!() };
                assert_eq!(objects[0].key, key, "{form}");
            }
            let raw = json!({ "source": "aws.s3", "detail-type": "Object Created",
                "detail": { "bucket": { "name": "b" }, "object": { "key": key } } });
            let Event::ObjectsCreated(objects) = Event::parse(&raw.to_string()).unwrap() else { panic!() };
            assert_eq!(objects[0].key, key);
        }
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_cause() {
        let cases = [
            "",
            "{",
            "[]",
            r#"{"hello":"world"}"#,
            r#"{"Records":[{"eventName":"ObjectRemoved:Delete"}]}"#,
            r#"{"Type":"Notification","Message":"hello","MessageId":"m","TopicArn":"t"}"#,
            r#"{"detail-type":"SageMaker Ground Truth Labeling Job State Change","resources":["x"],"detail":{}}"#,
            r#"{"detail-type":"SageMaker Ground Truth Labeling Job State Change","resources":["arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/x"],"detail":{}}"#,
            r#"{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"}}}"#,
            r#"{"detail-type":"SageMaker Compilation Job State Change","detail":{}}"#,
            r#"{"version":2,"job_name":"a"}"#,
            r#"{"version":9,"job_name":"a","source":{}}"#,
            r#"{"version":1,"job_name":"a","source":{}}"#,
            r#"{"version":1,"stop":7}"#,
        ];
        let answers = cases.map(|body| format!("{body}\n  => {}", Event::parse(body).unwrap_err()));
        insta::assert_snapshot!(answers.join("\n"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,200}") {
            let _ = Event::parse(&body);
        }
    }
}
