//! `automation redrive` against a queue that rejects some calls: its output and its exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use common::{run_automation, serve_aws};
use serde_json::{Value, json};

/// Calls by operation and number of the message.
type Calls = [(&'static str, usize)];

/// A dead-letter queue.
#[derive(Default)]
struct Queue {
    messages: usize,
    /// Calls that are rejected; a `ReceiveMessage` by the first message that it would return.
    rejected: &'static Calls,
    received: usize,
    /// How often the first messages are received again before the others: their visibility timeout
    /// has expired.
    repeats: usize,
    /// The cause of the message with this number; all others have none.
    cause: Option<(usize, &'static str)>,
    /// The calls that succeeded, in order.
    done: Vec<(String, usize)>,
}

impl Queue {
    fn message(&self, number: usize) -> Value {
        let mut message = json!({ "MessageId": format!("m-{number}"), "ReceiptHandle": number.to_string(),
            "Body": number.to_string(),
            "Attributes": { "SentTimestamp": "1790000000000", "AWSTraceHeader": format!("Root=1-{number}") } });
        if let Some((_, cause)) = self.cause.filter(|(with_cause, _)| *with_cause == number) {
            message["MessageAttributes"] = json!({ "cause": { "DataType": "String", "StringValue": cause } });
        }
        message
    }

    fn answer_call(&mut self, operation: &str, request: &Value) -> Result<Value, String> {
        let number = ["ReceiptHandle", "MessageBody"].iter().find_map(|name| request[name].as_str()?.parse().ok());
        if let Some(number) = number {
            if self.rejected.contains(&(operation, number)) {
                return Err(format!("message {number} is rejected"));
            }
            let trace = &request["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
            if operation == "SendMessage" && trace != &format!("Root=1-{number}") {
                return Err(format!("message {number} lost its trace"));
            }
            self.done.push((operation.to_owned(), number));
        }
        Ok(match operation {
            "ListDeadLetterSourceQueues" => json!({ "queueUrls": ["http://127.0.0.1/1/source"] }),
            "ReceiveMessage" if self.rejected.contains(&("ReceiveMessage", self.received)) => {
                return Err("no more".to_owned());
            }
            "ReceiveMessage" => {
                let most = request["MaxNumberOfMessages"].as_u64().unwrap().try_into().unwrap();
                let is_repeat = self.received > 0 && self.repeats > 0;
                let first = if is_repeat { 0 } else { self.received };
                let messages: Vec<_> = (first..self.messages).take(most).map(|number| self.message(number)).collect();
                if is_repeat {
                    self.repeats -= 1;
                } else {
                    self.received += messages.len();
                }
                json!({ "Messages": messages })
            }
            _ => json!({}),
        })
    }
}

/// Starts a server with the JSON protocol of Amazon SQS; returns its URL.
fn serve_queue(queue: &Arc<Mutex<Queue>>) -> String {
    let queue = Arc::clone(queue);
    serve_aws(move |request| {
        let body = serde_json::from_slice(&request.body).unwrap();
        match queue.lock().unwrap().answer_call(&request.operation, &body) {
            Ok(body) => ("200 OK", body.to_string()),
            Err(message) => {
                ("400 Bad Request", json!({ "__type": "InvalidParameterValue", "message": message }).to_string())
            }
        }
    })
}

/// Runs `automation redrive`; returns the calls that succeeded, the output and the exit status.
fn run_redrive(messages: usize, rejected: &'static Calls, args: &[&str]) -> (Vec<(String, usize)>, String, i32) {
    run_on_queue(Queue { messages, rejected, ..Queue::default() }, args)
}

fn run_on_queue(queue: Queue, args: &[&str]) -> (Vec<(String, usize)>, String, i32) {
    let queue = Arc::new(Mutex::new(queue));
    let url = serve_queue(&queue);
    let dead = format!("{url}/1/dead");
    let confirmation: &[&str] = if args.contains(&"--dry-run") { &[] } else { &["--yes"] };
    let (text, status) = run_automation(&url, &[&["redrive", dead.as_str()], args, confirmation].concat());
    let done = std::mem::take(&mut queue.lock().unwrap().done);
    (done, text, status)
}

fn message_numbers(done: &[(String, usize)], operation: &str) -> BTreeSet<usize> {
    done.iter().filter(|(name, _)| name == operation).map(|(_, number)| *number).collect()
}

#[test]
fn each_message_is_sent_and_then_deleted() {
    let (done, text, status) = run_redrive(25, &[], &["--limit", "23"]);
    assert!(
        text.contains("23 messages redriven\nThere may be more messages: only 23 were read") && status == 0,
        "{text}"
    );
    let done: Vec<_> = done.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    let expected = (0..23).flat_map(|number| ["SendMessage", "DeleteMessage"].map(|name| (name, number)));
    assert_eq!(done, expected.collect::<Vec<_>>());
}

#[test]
fn an_error_is_reported_and_does_not_stop_the_run() {
    let (done, text, status) =
        run_redrive(12, &[("SendMessage", 1), ("DeleteMessage", 2), ("ChangeMessageVisibility", 1)], &[]);
    for expected in [
        "not sent m-1: SendMessage: message 1 is rejected",
        "sent, but not deleted m-2: DeleteMessage: message 2 is rejected",
        "not released, visible again in five minutes m-1: ChangeMessageVisibility: message 1 is rejected",
        "11 of 12 messages redriven",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(
        (message_numbers(&done, "SendMessage").len(), message_numbers(&done, "DeleteMessage").len(), status),
        (11, 10, 1)
    );

    let (_, text, status) = run_redrive(12, &[("ReceiveMessage", 10)], &["--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((report["letters"].as_array().unwrap().len(), status), (10, 1));
    assert!(report["stopped"].as_str().unwrap().starts_with("ReceiveMessage: no more"), "{report}");
    let (_, text, status) = run_redrive(12, &[("ReceiveMessage", 0)], &[]);
    assert!(text.contains("error: ReceiveMessage: no more") && status == 1, "{text}");
}

#[test]
fn messages_that_are_not_redriven_are_released() {
    for args in [&["--dry-run"][..], &["--filter", "cause=nothing like it"]] {
        let (done, text, status) = run_redrive(12, &[], args);
        assert_eq!(
            (message_numbers(&done, "ChangeMessageVisibility").len(), done.len(), status),
            (12, 12, 0),
            "{text}"
        );
    }
}

/// Reading a long queue takes longer than the visibility timeout: messages that do not match are
/// then received again.
#[test]
fn messages_received_again_do_not_end_the_run() {
    let queue = Queue { messages: 25, repeats: 3, cause: Some((24, "AccessDenied")), ..Queue::default() };
    let (done, text, status) = run_on_queue(queue, &["--filter", "cause=AccessDenied", "--limit", "5000"]);
    assert_eq!((message_numbers(&done, "DeleteMessage"), status), (BTreeSet::from([24]), 0), "{text}");
    assert!(text.contains("25 messages read\n1 message redriven; 24 not matched, left in the queue"), "{text}");
}

/// A queue that only ever returns what was read before has nothing else that is visible.
#[test]
fn a_queue_that_repeats_itself_ends_the_run() {
    let queue = Queue { messages: 12, repeats: usize::MAX, ..Queue::default() };
    let (done, text, status) = run_on_queue(queue, &["--filter", "cause=AccessDenied"]);
    assert_eq!((message_numbers(&done, "ChangeMessageVisibility").len(), status), (10, 1), "{text}");
    assert!(text.contains("10 messages read") && text.contains("stopped before the end of the queue"), "{text}");
}

#[test]
fn deleted_messages_are_not_sent() {
    let args = &["--delete", "--filter", "cause=NoSuchKey"];
    let queue = Queue { messages: 12, cause: Some((3, "GetObject: NoSuchKey")), ..Queue::default() };
    let (done, text, status) = run_on_queue(queue, args);
    assert_eq!((message_numbers(&done, "DeleteMessage"), status), (BTreeSet::from([3]), 0), "{text}");
    assert!(message_numbers(&done, "SendMessage").is_empty(), "{done:?}");
    assert!(text.contains("1 message deleted; 11 not matched, left in the queue"), "{text}");

    let (done, text, status) = run_redrive(2, &[("DeleteMessage", 1)], &["--delete"]);
    assert!(text.contains("not deleted m-1: DeleteMessage: message 1 is rejected"), "{text}");
    assert!(text.contains("1 of 2 messages deleted") && status == 1, "{text}");
    assert_eq!(message_numbers(&done, "ChangeMessageVisibility"), BTreeSet::from([1]), "it is visible again");
}
