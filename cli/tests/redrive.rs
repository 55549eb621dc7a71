//! `automation redrive` against a queue that rejects some calls: its output and its exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// Calls by operation and number of the message.
type Calls = [(&'static str, usize)];

/// A dead-letter queue.
struct Queue {
    messages: usize,
    /// Calls that are rejected; a `ReceiveMessage` by the first message that it would return.
    rejected: &'static Calls,
    received: usize,
    /// The calls that succeeded, in order.
    done: Vec<(String, usize)>,
}

impl Queue {
    fn answer_call(&mut self, operation: &str, request: &Value) -> Result<Value, String> {
        let number = ["ReceiptHandle", "MessageBody"].iter().find_map(|name| request[name].as_str()?.parse().ok());
        if let Some(number) = number {
            if self.rejected.contains(&(operation, number)) {
                return Err(format!("message {number} is rejected"));
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
                let numbers = (self.received..self.messages).take(most);
                let messages = numbers.map(|number| {
                    json!({ "MessageId": format!("m-{number}"), "ReceiptHandle": number.to_string(),
                        "Body": number.to_string(), "Attributes": { "SentTimestamp": "1790000000000" } })
                });
                let messages: Vec<_> = messages.collect();
                self.received += messages.len();
                json!({ "Messages": messages })
            }
            _ => json!({}),
        })
    }
}

/// Starts a server with the JSON protocol of Amazon SQS; returns its URL.
fn serve_queue(queue: &Arc<Mutex<Queue>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let queue = Arc::clone(queue);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer_request(stream.unwrap(), &queue);
        }
    });
    url
}

fn answer_request(mut stream: TcpStream, queue: &Mutex<Queue>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut operation, mut length) = (String::new(), 0);
    for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "x-amz-target" => value.strip_prefix("AmazonSQS.").unwrap().clone_into(&mut operation),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = queue.lock().unwrap().answer_call(&operation, &serde_json::from_slice(&body).unwrap());
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(message) => ("400 Bad Request", json!({ "__type": "InvalidParameterValue", "message": message })),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
}

/// Runs `automation redrive`; returns the calls that succeeded, the output and the exit status.
fn run_redrive(messages: usize, rejected: &'static Calls, args: &[&str]) -> (Vec<(String, usize)>, String, i32) {
    let queue = Arc::new(Mutex::new(Queue { messages, rejected, received: 0, done: Vec::new() }));
    let url = serve_queue(&queue);
    let output = Command::new(env!("CARGO_BIN_EXE_automation"))
        .args(["redrive", &format!("{url}/1/dead")])
        .args(args)
        .envs([("AWS_ENDPOINT_URL", url.as_str()), ("AWS_REGION", "eu-west-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let done = std::mem::take(&mut queue.lock().unwrap().done);
    (done, text, output.status.code().unwrap())
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
    assert!(text.contains("error: ReceiveMessage: no more") && status == 2, "{text}");
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
