//! The question of every command that changes something: where it is asked, and what each answer
//! does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/cloudformation.rs"]
mod cloudformation;
mod common;
#[path = "common/terminal.rs"]
mod terminal;

use std::sync::{Arc, Mutex};

use cloudformation::describe_stack;
use common::{AwsRequest, run_automation, serve_aws};
use serde_json::{Value, json};
use terminal::run_on_terminal;

/// The line above each question.
const PLACE: &str = "Account 123456789012, Region eu-west-1, stack automation, configuration version v7";

const CONFIG: &str = "version: 1
workteams:
  - { name: audit, description: Reviewers, members: { oidc: { groups: [auditors] } }, notifications: stack }
";

/// A stack with a message in a dead-letter queue, an upload without an answer, and a work team that
/// does not exist yet.
#[derive(Default)]
struct Stack {
    /// Whether the message of the dead-letter queue is received and not released.
    in_flight: bool,
    /// The calls that change something, in order.
    changes: Vec<String>,
}

impl Stack {
    fn answer_call(&mut self, AwsRequest { line, operation, .. }: &AwsRequest) -> (&'static str, String) {
        const CHANGES: [&str; 4] = ["SendMessage", "SendMessageBatch", "DeleteMessage", "CreateWorkteam"];
        if CHANGES.contains(&operation.as_str()) {
            self.changes.push(operation.clone());
        }
        let json = |body: Value| ("200 OK", body.to_string());
        match operation.as_str() {
            "ListDeadLetterSourceQueues" => json(json!({ "queueUrls": ["http://127.0.0.1/1/source"] })),
            "ReceiveMessage" if self.in_flight => json(json!({})),
            "ReceiveMessage" => {
                self.in_flight = true;
                let sent = json!({ "SentTimestamp": "1790000000000" });
                let message = json!({ "MessageId": "m", "ReceiptHandle": "r", "Body": "{}", "Attributes": sent });
                json(json!({ "Messages": [message] }))
            }
            "ChangeMessageVisibility" => {
                self.in_flight = false;
                json(json!({}))
            }
            "SendMessageBatch" => json(json!({ "Successful": [] })),
            "BatchGetItem" => json(json!({ "Responses": { "ledger": [] } })),
            "ListWorkteams" => json(json!({ "Workteams": [] })),
            "" => answer_rest(line),
            _ => json(json!({})),
        }
    }
}

/// The answers of AWS CloudFormation and Amazon S3.
fn answer_rest(line: &str) -> (&'static str, String) {
    if line.starts_with("GET /config/automation.yaml") {
        return ("200 OK\r\nx-amz-version-id: v7\r\nETag: \"7\"", CONFIG.to_owned());
    }
    if line.starts_with("HEAD /models/a.tar.gz") {
        return ("200 OK\r\nETag: \"e\"\r\nx-amz-version-id: v1", String::new());
    }
    if line.starts_with("GET /models/?list-type=2") {
        let object = "<Contents><Key>a.tar.gz</Key><LastModified>2026-11-20T12:00:00.000Z</LastModified>\
                      <ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>";
        return ("200 OK", format!("<ListBucketResult><IsTruncated>false</IsTruncated>{object}</ListBucketResult>"));
    }
    let outputs = [
        ("ConfigBucketName", "config"),
        ("LedgerTableName", "ledger"),
        ("UploadsQueueUrl", "http://127.0.0.1/1/uploads"),
        ("UploadsDeadLetterQueueUrl", "http://127.0.0.1/1/dead"),
        ("WorkteamTopicArn", "arn:aws:sns:eu-west-1:123456789012:topic"),
    ];
    ("200 OK", describe_stack(&[], &outputs))
}

fn serve_stack() -> (String, Arc<Mutex<Stack>>) {
    let stack = Arc::new(Mutex::new(Stack::default()));
    let served = Arc::clone(&stack);
    (serve_aws(move |request| served.lock().unwrap().answer_call(request)), stack)
}

/// Each command, its question, and the calls that change something after a yes.
const COMMANDS: [(&[&str], &str, &[&str]); 4] = [
    (
        &["redrive", "uploads"],
        "Redrive 1 message of the dead-letter queue uploads? [y/N]",
        &["SendMessage", "DeleteMessage"],
    ),
    (
        &["redrive", "uploads", "--delete"],
        "Delete 1 message of the dead-letter queue uploads? [y/N]",
        &["DeleteMessage"],
    ),
    (
        &["replay", "s3://models/"],
        "Send 1 upload (1 never answered, 0 rejected, 0 failed) of models to the Uploads queue? [y/N]",
        &["SendMessageBatch"],
    ),
    (&["maintain", "workteams"], "Apply this plan? [y/N]", &["CreateWorkteam"]),
];

#[test]
fn the_place_is_shown_above_every_question() {
    for (command, question, changes) in COMMANDS {
        let args = [command, &["--stack", "automation"]].concat();
        let (url, stack) = serve_stack();
        let (shown, _) = run_on_terminal(&url, &args, "y\n");
        let asked = shown.replace("\r\n", "\n");
        assert!(asked.contains(&format!("{PLACE}\n{question}")), "{command:?}: {shown}");
        assert_eq!(stack.lock().unwrap().changes, changes, "{command:?}: {shown}");
    }
}

#[test]
fn every_other_answer_changes_nothing() {
    for (command, question, _) in COMMANDS {
        let args = [command, &["--stack", "automation"]].concat();
        for answer in ["n\n", "\n", ""] {
            let (url, stack) = serve_stack();
            let (shown, status) = run_on_terminal(&url, &args, answer);
            assert!(shown.contains(question) && shown.contains("Nothing was changed."), "{command:?}: {shown}");
            assert_eq!((&stack.lock().unwrap().changes, status), (&Vec::new(), 1), "{command:?} {answer:?}: {shown}");
        }
    }
}

#[test]
fn without_a_terminal_a_change_needs_yes() {
    for (command, _, changes) in COMMANDS {
        let args = [command, &["--stack", "automation"]].concat();
        let (url, stack) = serve_stack();
        let (shown, status) = run_automation(&url, &args);
        assert!(shown.contains("\n  Fix: pass --yes to go on without asking, or --"), "{command:?}: {shown}");
        assert_eq!((&stack.lock().unwrap().changes, status), (&Vec::new(), 2), "{command:?}: {shown}");
        let (shown, _) = run_automation(&url, &[&args[..], &["--yes"]].concat());
        assert_eq!(stack.lock().unwrap().changes, changes, "{command:?}: {shown}");
    }
}
