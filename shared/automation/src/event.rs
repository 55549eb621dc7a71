//! Typed events: the only place where the raw JSON of a queue message is parsed.

mod observation;

use aws_lambda_events::{s3::S3Event, sns::SnsMessage};
use jiff::Timestamp;
use maintenance::workteam::{LabelingJobState, TeamMessage};
use neo::{CompilationRequest, ModelId, REQUEST_VERSION};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use thiserror::Error;
use worker::Message;

pub use observation::{JobObservation, Observer};

use crate::objects::ObjectHead;

/// Characters of an unrecognized body that are quoted in the error.
const MAX_QUOTED: usize = 200;

/// `source` of the EventBridge events of S3.
const S3_SOURCE: &str = "aws.s3";

/// `detail-type` of the EventBridge event of an upload.
const OBJECT_CREATED: &str = "Object Created";

/// A message in one of the stack's queues.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Objects were created in a bucket.
    ObjectsCreated(Vec<ObjectCreated>),
    /// The test message that S3 sends when a notification is configured.
    S3Test,
    /// A request to start a compilation job.
    Compilation(Box<CompilationRequest>),
    /// A request to stop a compilation job, because a newer version of its model arrived.
    Stop(StopRequest),
    /// The status of a compilation job may have changed.
    Job(JobObservation),
    /// A call to SageMaker that failed and therefore changed nothing.
    FailedCall(String),
    /// The status of an image may have changed.
    ImageState(ImageState),
    /// The approval of a model package version may have changed.
    ModelPackageState(ModelPackageState),
    /// A message published to an SNS topic, such as SageMaker's messages to the topic of a work
    /// team.
    TeamMessage(TeamMessage),
    /// The status of a labeling job changed.
    LabelingJobState(LabelingJobState),
}

/// The type of SageMaker's events about images.
const IMAGE_STATE_CHANGE: &str = "SageMaker Image State Change";

/// One object of an `Object Created` event. Members that the event omits are fetched from S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    pub bucket: String,
    /// The decoded object key.
    pub key: String,
    /// `None` in a bucket without versioning.
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Orders the events of one key, as described by [`Sequencer`](ledger::Sequencer).
    pub sequencer: Option<String>,
    /// When it was uploaded, or `automation replay` sent it: the time of the event.
    pub uploaded_at: Option<Timestamp>,
    /// When `automation replay` sent it, for an upload that was rejected or failed; `None` for an
    /// event of S3.
    pub replayed_at: Option<Timestamp>,
}

impl ObjectCreated {
    /// An object that S3 shows, for an event that did not arrive.
    pub fn from_head(bucket: &str, key: &str, head: ObjectHead) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: head.version_id,
            etag: Some(head.etag),
            size: Some(head.size),
            sequencer: None,
            uploaded_at: head.last_modified,
            replayed_at: None,
        }
    }

    /// The model id of the upload, whether it is replayed or not; `None` if the event contains
    /// neither a version id nor an entity tag.
    pub fn model_id(&self) -> Option<ModelId> {
        let version = self.version_id.as_ref().or(self.etag.as_ref())?;
        Some(ModelId::new(&self.bucket, &self.key, version))
    }

    /// The body of the SQS message for an upload whose event did not arrive: the event that
    /// EventBridge would have sent, as far as S3 still shows it. `reason` takes the place of the S3
    /// operation.
    pub fn to_body(&self, created_at: Timestamp, reason: &str) -> String {
        let mut object = json!({ "key": self.key });
        let members = [
            ("size", self.size.map(Value::from)),
            ("etag", self.etag.clone().map(Value::from)),
            ("version-id", self.version_id.clone().map(Value::from)),
            ("sequencer", self.sequencer.clone().map(Value::from)),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                object[name] = value;
            }
        }
        let mut detail =
            json!({ "version": "0", "bucket": { "name": self.bucket }, "object": object, "reason": reason });
        if let Some(at) = self.replayed_at {
            detail["replayed-at"] = json!(at);
        }
        json!({
            "version": "0",
            "detail-type": OBJECT_CREATED,
            "source": S3_SOURCE,
            "time": created_at,
            "resources": [format!("arn:aws:s3:::{}", self.bucket)],
            "detail": detail,
        })
        .to_string()
    }
}

/// A hint that the status of an image changed. The actual status is fetched from SageMaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageState {
    pub image_name: String,
}

impl ImageState {
    /// The body of the SQS message, in the form of SageMaker's event.
    pub fn to_body(&self) -> String {
        json!({ "detail-type": IMAGE_STATE_CHANGE, "detail": { "ImageName": self.image_name } }).to_string()
    }
}

/// A hint that the approval status of a model package version changed. The actual status is fetched
/// from SageMaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPackageState {
    /// The name of its group.
    pub group: String,
    /// The ARN of the version.
    pub arn: String,
    /// When the event was sent.
    pub changed_at: Option<Timestamp>,
}

/// A request to start-compilation to stop a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequest {
    pub job_name: String,
}

impl StopRequest {
    /// The body of the SQS message.
    pub fn to_body(&self) -> String {
        json!({ "version": REQUEST_VERSION, "stop": self.job_name }).to_string()
    }
}

/// Why a message body is not a valid event.
#[derive(Debug, Error)]
pub enum EventError {
    #[error("the body is not JSON ({cause}): `{body}`")]
    NotJson {
        cause: serde_json::Error,
        /// The start of the body.
        body: String,
    },
    /// Valid JSON of an unknown kind; the start of the body.
    #[error("unrecognized event: `{0}`")]
    Unrecognized(String),
    /// Of a known kind, but not valid.
    #[error("not a valid {what}: {cause}")]
    Malformed {
        /// The kind of event.
        what: &'static str,
        cause: String,
    },
}

impl Message for Event {
    type Error = EventError;

    /// Groups the log lines of one model version (by its id in the ledger) or one job (by its
    /// name).
    fn correlation_id(&self) -> Option<String> {
        match self {
            Self::ObjectsCreated(objects) => objects.first()?.model_id().map(|id| id.to_string()),
            Self::S3Test | Self::FailedCall(_) => None,
            Self::Compilation(request) => Some(request.model.to_string()),
            Self::Stop(stop) => Some(stop.job_name.clone()),
            Self::Job(observation) => Some(observation.job_name.clone()),
            Self::ImageState(state) => Some(state.image_name.clone()),
            Self::ModelPackageState(state) => Some(state.arn.clone()),
            Self::TeamMessage(message) => Some(message.id.clone()),
            Self::LabelingJobState(state) => Some(state.job_name().to_owned()),
        }
    }

    /// Parses a message body: an EventBridge event, an S3 notification, either of them in an SNS
    /// envelope, or a message that a function of this stack sent.
    fn parse(body: &str) -> Result<Self, EventError> {
        let value: Value = serde_json::from_str(body)
            .map_err(|cause| EventError::NotJson { cause, body: body.chars().take(MAX_QUOTED).collect() })?;
        let has = |name: &str| value.get(name).is_some();
        let is = |name: &str, text: &str| value.get(name).and_then(Value::as_str) == Some(text);
        if has("Records") {
            parse_s3_notification(value)
        } else if is("Event", "s3:TestEvent") {
            Ok(Self::S3Test)
        } else if is("Type", "Notification") && has("Message") {
            parse_sns_notification(parse_value("SNS notification", value)?)
        } else if is("source", S3_SOURCE) && is("detail-type", OBJECT_CREATED) {
            parse_object_created(value)
        } else if is("detail-type", "SageMaker Compilation Job State Change") {
            observation::parse_state_change(&value)
        } else if is("detail-type", "AWS API Call via CloudTrail") {
            observation::parse_api_call(&value)
        } else if is("detail-type", IMAGE_STATE_CHANGE) {
            parse_image_state(&value)
        } else if is("detail-type", "SageMaker Model Package State Change") {
            parse_model_package_state(&value)
        } else if is("detail-type", "SageMaker Ground Truth Labeling Job State Change") {
            parse_labeling_job_state(&value)
        } else if has("job_name") || has("stop") {
            parse_own_message(value)
        } else {
            Err(EventError::Unrecognized(body.chars().take(MAX_QUOTED).collect()))
        }
    }
}

fn parse_value<T: DeserializeOwned>(what: &'static str, value: Value) -> Result<T, EventError> {
    serde_json::from_value(value).map_err(|error| EventError::Malformed { what, cause: error.to_string() })
}

fn parse_s3_notification(value: Value) -> Result<Event, EventError> {
    const WHAT: &str = "S3 notification";
    let malformed = |cause: String| EventError::Malformed { what: WHAT, cause };
    let event: S3Event = parse_value(WHAT, value)?;
    event
        .records
        .into_iter()
        .map(|record| {
            let name = record.event_name.unwrap_or_default();
            if !name.starts_with("ObjectCreated:") {
                return Err(malformed(format!(
                    "expected an eventName that starts with ObjectCreated:, found `{name}`"
                )));
            }
            let missing = |what: &str| malformed(format!("s3.{what} is missing"));
            let object = record.s3.object;
            Ok(ObjectCreated {
                bucket: record.s3.bucket.name.ok_or_else(|| missing("bucket.name"))?,
                key: decode_key(&object.key.ok_or_else(|| missing("object.key"))?).map_err(malformed)?,
                version_id: object.version_id.filter(|version| !version.is_empty()),
                etag: object.e_tag,
                size: object.size.and_then(|size| size.try_into().ok()),
                sequencer: object.sequencer,
                uploaded_at: Timestamp::from_millisecond(record.event_time.timestamp_millis()).ok(),
                replayed_at: None,
            })
        })
        .collect::<Result<_, _>>()
        .map(Event::ObjectsCreated)
}

/// Decodes the form encoding of keys in S3 notifications and in lists. (Keys in EventBridge events
/// are not encoded.)
pub(crate) fn decode_key(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(error) => Err(format!("the key `{key}` is not UTF-8 when decoded: {error}")),
    }
}

#[derive(Deserialize)]
struct ObjectCreatedEvent {
    time: Option<Timestamp>,
    detail: ObjectCreatedDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ObjectCreatedDetail {
    bucket: BucketDetail,
    object: ObjectDetail,
    /// A member of our own.
    replayed_at: Option<Timestamp>,
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

fn parse_object_created(value: Value) -> Result<Event, EventError> {
    let ObjectCreatedEvent { time, detail: ObjectCreatedDetail { bucket, object, replayed_at } } =
        parse_value("Object Created event", value)?;
    Ok(Event::ObjectsCreated(vec![ObjectCreated {
        bucket: bucket.name,
        key: object.key,
        version_id: object.version_id.filter(|version| !version.is_empty()),
        etag: object.etag,
        size: object.size,
        sequencer: object.sequencer,
        uploaded_at: time,
        replayed_at,
    }]))
}

/// Only the name is read: the status differs in case from that of the API, and the failure reason
/// is missing.
fn parse_image_state(value: &Value) -> Result<Event, EventError> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let arn = || text("/detail/ImageArn").or_else(|| text("/resources/0"));
    let name = text("/detail/ImageName").or_else(|| arn()?.split_once(":image/").map(|(_, name)| name));
    match name {
        Some(name) => Ok(Event::ImageState(ImageState { image_name: name.to_owned() })),
        None => Err(EventError::Malformed {
            what: "image state change",
            cause: "it contains neither detail.ImageName nor the ARN of an image".to_owned(),
        }),
    }
}

/// The name of the group is read from the ARN if it is missing: an ARN may not have its capitals.
fn parse_model_package_state(value: &Value) -> Result<Event, EventError> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let arn = text("/detail/ModelPackageArn").or_else(|| text("/resources/0"));
    let of_arn = || arn?.split_once(":model-package/")?.1.rsplit_once('/').map(|(group, _)| group);
    match (text("/detail/ModelPackageGroupName").or_else(of_arn), arn) {
        (Some(group), Some(arn)) => {
            let changed_at = text("/time").and_then(|time| time.parse().ok());
            Ok(Event::ModelPackageState(ModelPackageState { group: group.to_owned(), arn: arn.to_owned(), changed_at }))
        }
        _ => Err(EventError::Malformed {
            what: "model package state change",
            cause: "it does not contain the ARN of a version and the name of its group".to_owned(),
        }),
    }
}

/// S3 events can also arrive through SNS. Any other message is passed on unchanged.
fn parse_sns_notification(envelope: SnsMessage) -> Result<Event, EventError> {
    let value = serde_json::from_str(&envelope.message).unwrap_or(Value::Null);
    let is_from_s3 = value["Records"][0]["eventSource"] == "aws:s3"
        || value["Event"] == "s3:TestEvent"
        || (value["source"] == S3_SOURCE && value["detail-type"] == OBJECT_CREATED);
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

/// The detail contains only the status; the job is identified by its ARN.
fn parse_labeling_job_state(value: &Value) -> Result<Event, EventError> {
    let malformed = |cause: &str| EventError::Malformed { what: "labeling job state change", cause: cause.to_owned() };
    let arn = value["resources"][0].as_str().filter(|arn| arn.contains(":labeling-job/"));
    let status = value["detail"]["LabelingJobStatus"].as_str().filter(|status| !status.is_empty());
    Ok(Event::LabelingJobState(LabelingJobState {
        arn: arn.ok_or_else(|| malformed("resources[0] is not the ARN of a labeling job"))?.to_owned(),
        status: status.ok_or_else(|| malformed("detail.LabelingJobStatus is missing"))?.to_owned(),
    }))
}

fn parse_own_message(value: Value) -> Result<Event, EventError> {
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
        let Stop { stop } = parse_versioned("stop request", REQUEST_VERSION, value)?;
        Ok(Event::Stop(StopRequest { job_name: stop }))
    } else if value.get("source").is_some() {
        Ok(Event::Compilation(Box::new(parse_versioned("compilation request", REQUEST_VERSION, value)?)))
    } else {
        let State { job_name, seen_by } = parse_versioned("job state", observation::VERSION, value)?;
        Ok(Event::Job(JobObservation::without_status(job_name, seen_by)))
    }
}

fn parse_versioned<T: DeserializeOwned>(what: &'static str, known: u32, value: Value) -> Result<T, EventError> {
    let version = value.get("version").cloned().unwrap_or_default();
    if version == json!(known) {
        return parse_value(what, value);
    }
    let cause = format!("its version is {version}; this release supports version {known}");
    Err(EventError::Malformed { what, cause })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use aws_lambda_events::sqs::SqsEvent;
    use proptest::prelude::*;

    use super::*;

    /// Parses every payload under `events/` that SQS delivers.
    #[test]
    fn every_sample_event_is_parsed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut parsed = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let Ok(batch) = serde_json::from_str::<SqsEvent>(&text) else {
                continue;
            };
            for record in batch.records {
                let name = path.file_stem().unwrap().to_string_lossy();
                let event = match Event::parse(record.body.as_deref().unwrap()) {
                    Ok(event) => format!("{event:#?}"),
                    Err(error) => format!("rejected: {error}"),
                };
                parsed.push(format!("{name}\n{event}"));
            }
        }
        insta::assert_snapshot!(parsed.join("\n\n"));
    }

    #[test]
    fn rebuilt_event_is_parsed_as_the_upload() {
        let cases = [(Some("v1".to_owned()), Some(7), None), (None, None, Some(Timestamp::MAX))];
        for (version_id, size, replayed_at) in cases {
            let (bucket, key, etag) = ("b".to_owned(), "a b+c%20\n.tar.gz".to_owned(), Some("e".to_owned()));
            let uploaded_at = Some(Timestamp::UNIX_EPOCH);
            let upload =
                ObjectCreated { bucket, key, version_id, etag, size, sequencer: None, uploaded_at, replayed_at };
            let body = upload.to_body(Timestamp::UNIX_EPOCH, "Replay");
            assert_eq!(Event::parse(&body).unwrap(), Event::ObjectsCreated(vec![upload]), "{body}");
        }
    }

    #[test]
    fn keys_are_decoded_in_both_encodings() {
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
    fn invalid_events_are_rejected_with_the_cause() {
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
            r#"{"detail-type":"SageMaker Model Package State Change","detail":{"ModelPackageGroupName":"resnet"}}"#,
            r#"{"version":2,"job_name":"a"}"#,
            r#"{"version":9,"job_name":"a","source":{}}"#,
            r#"{"version":1,"job_name":"a","source":{}}"#,
            r#"{"version":1,"stop":7}"#,
        ];
        let errors = cases.map(|body| format!("{body}\n  => {}", Event::parse(body).unwrap_err()));
        insta::assert_snapshot!(errors.join("\n"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,200}") {
            let _ = Event::parse(&body);
        }
    }
}
