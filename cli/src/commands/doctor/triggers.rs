//! Checks what invokes the functions: events of the buckets, rules, schedules, event source
//! mappings.

use serde_json::{Value, json};
use worker::{CallError, CallErrorKind};

use super::{
    examination::Examination,
    finding::{Defect, Finding, examine_each},
};
use crate::{
    aws::signed_call::{ServiceName, encode_value},
    output::format_count,
};

const EVENTS: ServiceName = ServiceName { host: "events", signing: "events", setting: "EVENTBRIDGE" };
const LAMBDA: ServiceName = ServiceName { host: "lambda", signing: "lambda", setting: "LAMBDA" };
const SCHEDULER: ServiceName = ServiceName { host: "scheduler", signing: "scheduler", setting: "SCHEDULER" };

/// Checks that the buckets send their events to Amazon EventBridge.
pub(super) async fn check_bucket_events(examination: &Examination<'_>) -> Vec<Finding> {
    let stack = examination.stack;
    let more = stack.parameters.get("ModelBuckets").map(|list| list.split(',')).into_iter().flatten();
    let outputs = ["ModelBucketName", "ConfigBucketName"].into_iter().filter_map(|output| stack.outputs.get(output));
    let mut buckets: Vec<_> = outputs.map(String::as_str).chain(more.map(str::trim)).collect();
    buckets.retain(|bucket| !bucket.is_empty());
    let s3 = aws_sdk_s3::Client::new(examination.session.config());
    let passed = format!("EventBridge is on for {}", format_count(buckets.len(), "bucket"));
    examine_each("bucket-events", passed, buckets, async |bucket| {
        let answer = s3.get_bucket_notification_configuration().bucket(bucket).send().await;
        let answer = match answer.map_err(|error| CallError::from_sdk("GetBucketNotificationConfiguration", error)) {
            Err(error) if error.code() == Some("NoSuchBucket") => {
                return Ok(Some(Defect {
                    problem: format!("there is no bucket {bucket}"),
                    fix: format!("create the bucket {bucket}, or take it out of the template parameter ModelBuckets"),
                }));
            }
            // S3 names the endpoint of the other Region.
            Err(error) if error.code() == Some("PermanentRedirect") => {
                return Ok(Some(Defect {
                    problem: format!("the bucket {bucket} is in another Region, whose uploads the stack does not get"),
                    fix: format!(
                        "take the bucket {bucket} out of the template parameter ModelBuckets, and deploy a stack in its Region"
                    ),
                }));
            }
            answer => answer?,
        };
        Ok(answer.event_bridge_configuration().is_none().then(|| Defect {
            problem: format!("the bucket {bucket} sends no events to EventBridge"),
            fix: format!(
                "turn on Amazon EventBridge in the properties of the bucket {bucket}, or deploy the stack again if the bucket is its own"
            ),
        }))
    })
    .await
}

/// Checks that the rules are enabled.
pub(super) async fn check_rules(examination: &Examination<'_>) -> Vec<Finding> {
    let rules = examination.find_resources("AWS::Events::Rule");
    let passed = format!("every EventBridge rule is enabled ({})", rules.len());
    examine_each("rules", passed, rules, async |rule| {
        // A rule of another bus is `bus|rule`.
        let id = &rule.physical_id;
        let request = match id.split_once('|') {
            Some((bus, name)) => json!({ "Name": name, "EventBusName": bus }),
            None => json!({ "Name": id }),
        };
        let answer = examination.call_json(EVENTS, "DescribeRule", "AWSEvents.DescribeRule", &request).await?;
        Ok(find_disabled(&answer["State"], &["ENABLED"], || Defect {
            problem: format!("the rule {} is disabled", rule.logical_id),
            fix: format!("aws events enable-rule --name {}", request["Name"].as_str().unwrap_or_default()),
        }))
    })
    .await
}

/// Checks that the functions read their queues.
pub(super) async fn check_event_source_mappings(examination: &Examination<'_>) -> Vec<Finding> {
    let mappings = examination.find_resources("AWS::Lambda::EventSourceMapping");
    let passed = format!("every event source mapping is enabled ({})", mappings.len());
    examine_each("event-source-mappings", passed, mappings, async |mapping| {
        let path = format!("/2015-03-31/event-source-mappings/{}", encode_value(&mapping.physical_id));
        let answer = examination.call_get(LAMBDA, "GetEventSourceMapping", path).await?;
        Ok(find_disabled(&answer["State"], &["Enabled", "Enabling", "Updating"], || Defect {
            problem: format!("the function does not read its queue: {} is disabled", mapping.logical_id),
            fix: format!("aws lambda update-event-source-mapping --uuid {} --enabled", mapping.physical_id),
        }))
    })
    .await
}

/// Checks that the schedules are enabled.
pub(super) async fn check_schedules(examination: &Examination<'_>) -> Vec<Finding> {
    let groups = examination.find_resources("AWS::Scheduler::ScheduleGroup");
    examine_each("schedules", "every schedule is enabled", groups, async |group| {
        let path = format!("/schedules?ScheduleGroup={}&MaxResults=100", encode_value(&group.physical_id));
        let answer = examination.call_get(SCHEDULER, "ListSchedules", path).await?;
        let schedules = answer["Schedules"].as_array().map(Vec::as_slice).unwrap_or_default();
        let disabled = schedules.iter().find(|schedule| schedule["State"] != "ENABLED");
        Ok(disabled.map(|schedule| Defect {
            problem: format!("the schedule {} is disabled", schedule["Name"].as_str().unwrap_or_default()),
            fix: format!("enable it in the schedule group {} of EventBridge Scheduler", group.physical_id),
        }))
    })
    .await
}

/// Checks that the event bus exists to which notifications are sent too.
pub(super) async fn check_event_bus(examination: &Examination<'_>) -> Vec<Finding> {
    let bus = examination.stack.parameters.get("EventBusName");
    let passed = bus.map_or("no event bus is set".to_owned(), |bus| format!("the event bus {bus} exists"));
    examine_each("event-bus", passed, bus, async |bus| {
        let request = json!({ "Name": bus });
        match examination.call_json(EVENTS, "DescribeEventBus", "AWSEvents.DescribeEventBus", &request).await {
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(Some(Defect {
                problem: format!("there is no event bus {bus}"),
                fix: format!("aws events create-event-bus --name {bus}, or change the template parameter EventBusName"),
            })),
            answer => answer.map(|_| None),
        }
    })
    .await
}

fn find_disabled(state: &Value, enabled: &[&str], defect: impl Fn() -> Defect) -> Option<Defect> {
    let is_enabled = enabled.contains(&state.as_str().unwrap_or_default());
    (!is_enabled).then(defect)
}
