//! `automation doctor` against a stack in order, and against one where everything is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/cloudformation.rs"]
mod cloudformation;
mod common;

use cloudformation::{describe_stack, list_members};
use common::{AwsRequest, run_automation, serve_aws};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:notifications";

fn describe_own_stack() -> String {
    let parameters = [("EventBusName", "models"), ("ModelBuckets", "gone,abroad")];
    let outputs = [
        ("ModelBucketName", "models"),
        ("ConfigBucketName", "config"),
        ("LedgerTableName", "ledger"),
        ("NotificationsTopicArn", TOPIC),
        ("UploadsDeadLetterQueueUrl", "http://127.0.0.1/1/uploads"),
    ];
    describe_stack(&parameters, &outputs)
}

fn list_resources() -> String {
    let resource = |name: &str, id: &str, kind: &str| {
        format!(
            "<LogicalResourceId>{name}</LogicalResourceId><PhysicalResourceId>{id}</PhysicalResourceId><ResourceType>{kind}</ResourceType>"
        )
    };
    let resources = [
        resource("UploadRule", "automation-UploadRule", "AWS::Events::Rule"),
        resource("PlanUploads", "uuid-1", "AWS::Lambda::EventSourceMapping"),
        resource("ScheduleGroup", "automation-schedules", "AWS::Scheduler::ScheduleGroup"),
        resource("NotificationsTopic", TOPIC, "AWS::SNS::Topic"),
    ];
    list_members("ListStackResources", "StackResourceSummaries", &resources)
}

const EVENTS_ON: &str = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";

/// Answers as the services of a stack that is in order, or broken.
fn answer_call(request: &AwsRequest, is_broken: bool) -> (&'static str, String) {
    let body = String::from_utf8_lossy(&request.body);
    let choose = |good: Value, bad: Value| ("200 OK", if is_broken { bad } else { good }.to_string());
    let answer = |text: &str| ("200 OK", text.to_owned());
    let xml = |good: &str, bad: &str| answer(if is_broken { bad } else { good });
    if request.line.contains("/event-source-mappings/uuid-1") {
        return choose(json!({ "State": "Enabled" }), json!({ "State": "Disabled" }));
    }
    if request.line.contains("/schedules?") {
        let schedule = |state: &str| json!({ "Schedules": [{ "Name": "sweep", "State": state }] });
        return choose(schedule("ENABLED"), schedule("DISABLED"));
    }
    if is_broken && request.line.starts_with("GET /gone") {
        return ("404 Not Found", "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>".to_owned());
    }
    if is_broken && request.line.starts_with("GET /abroad") {
        let error = "<Error><Code>PermanentRedirect</Code><Endpoint>abroad.s3.amazonaws.com</Endpoint></Error>";
        return ("301 Moved Permanently", error.to_owned());
    }
    if request.line.contains("notification") {
        return xml(EVENTS_ON, "<NotificationConfiguration/>");
    }
    if request.line.starts_with("GET /config/automation.yaml") {
        return answer(if is_broken { "version: 2\n" } else { "version: 1\n" });
    }
    if request.line.contains("?versions") || request.line.contains("versions&") {
        return answer("<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>");
    }
    match request.operation.as_str() {
        "DescribeRule" => return choose(json!({ "State": "ENABLED" }), json!({ "State": "DISABLED" })),
        "DescribeEventBus" if is_broken => {
            return ("400 Bad Request", json!({ "__type": "ResourceNotFoundException" }).to_string());
        }
        "ListPartnerApps" if is_broken => {
            let message =
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: sagemaker:ListPartnerApps";
            return ("400 Bad Request", json!({ "__type": "AccessDeniedException", "message": message }).to_string());
        }
        "GetQueueAttributes" => {
            let count = |count: &str| json!({ "Attributes": { "ApproximateNumberOfMessages": count } });
            return choose(count("0"), count("2"));
        }
        "Query" => return answer(&json!({ "Count": 0, "Items": [] }).to_string()),
        "" => {}
        _ => return answer("{}"),
    }
    let subscribed = "<SubscriptionArn>arn</SubscriptionArn><Endpoint>me@example.com</Endpoint>";
    let pending = "<SubscriptionArn>PendingConfirmation</SubscriptionArn><Endpoint>me@example.com</Endpoint>";
    match body.split('&').next().unwrap() {
        "Action=DescribeStacks" => answer(&describe_own_stack()),
        "Action=ListStackResources" => answer(&list_resources()),
        "Action=ListSubscriptionsByTopic" => {
            let subscription = if is_broken { pending } else { subscribed };
            answer(&list_members("ListSubscriptionsByTopic", "Subscriptions", &[subscription.to_owned()]))
        }
        _ => panic!("{} {body} is not expected", request.line),
    }
}

/// Runs the command; returns its output and its exit status, and whether a call changed anything.
fn run_doctor(is_broken: bool, args: &[&str]) -> (String, i32) {
    let url = serve_aws(move |request| answer_call(request, is_broken));
    run_automation(&url, &[&["doctor", "--stack", "automation"], args].concat())
}

#[test]
fn a_stack_in_order_passes_every_check() {
    let (text, status) = run_doctor(false, &[]);
    assert_eq!(status, 0, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn every_problem_has_its_fix() {
    let (text, status) = run_doctor(true, &[]);
    assert_eq!(status, 1, "{text}");
    insta::assert_snapshot!(text);
    let (text, status) = run_doctor(true, &["--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let failed: Vec<_> = findings.iter().filter(|finding| finding["result"] != "passed").collect();
    assert_eq!((Value::from(failed.len()), status), (report["problems"].clone(), 1));
    assert!(failed.iter().all(|finding| finding["fix"].is_string()), "{report:#}");
}

#[test]
fn the_stack_has_to_be_named() {
    let (text, status) = run_automation("http://127.0.0.1:9", &["doctor"]);
    assert!(text.contains("Fix: pass --stack NAME") && status == 2, "{text}");
}
