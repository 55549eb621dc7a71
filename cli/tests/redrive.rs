//! `automation redrive` against a queue that answers some calls with an error: what it says, and its exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// Calls by their operation and a letter's number.
type Calls = [(&'static str, usize)];

/// A dead-letter queue.
struct Queue {
    letters: usize,
    /// The calls that it refuses; a `ReceiveMessage` by the letter that would be the first.
    refused: &'static Calls,
    taken: usize,
    /// What was done, in order.
    done: Vec<(String, usize)>,
}

impl Queue {
    fn answer(&mut self, operation: &str, request: &Value) -> Result<Value, String> {
        let number = ["ReceiptHandle", "MessageBody"].iter().find_map(|name| request[name].as_str()?.parse().ok());
        if let Some(number) = number {
            if self.refused.contains(&(operation, number)) {
                return Err(format!("letter {number} stays"));
            }
            self.done.push((operation.to_owned(), number));
        }
        Ok(match operation {
            "ListDeadLetterSourceQueues" => json!({ "queueUrls": ["http://127.0.0.1/1/source"] }),
            "ReceiveMessage" if self.refused.contains(&("ReceiveMessage", self.taken)) => {
                return Err("no more".to_owned());
            }
            "ReceiveMessage" => {
                let most = request["MaxNumberOfMessages"].as_u64().unwrap().try_into().unwrap();
                let numbers = (self.taken..self.letters).take(most);
                let messages = numbers.map(|number| {
                    json!({ "MessageId": format!("m-{number}"), "ReceiptHandle": number.to_string(),
                        "Body": number.to_string(), "Attributes": { "SentTimestamp": "1790000000000" } })
                });
                let messages: Vec<_> = messages.collect();
                self.taken += messages.len();
                json!({ "Messages": messages })
            }
            _ => json!({}),
        })
    }
}

/// Answers requests of Amazon SQS in its JSON protocol until the test ends; its address.
fn serve(queue: &Arc<Mutex<Queue>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let queue = Arc::clone(queue);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            one(stream.unwrap(), &queue);
        }
    });
    url
}

fn one(mut stream: TcpStream, queue: &Mutex<Queue>) {
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
    let answer = queue.lock().unwrap().answer(&operation, &serde_json::from_slice(&body).unwrap());
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(message) => ("400 Bad Request", json!({ "__type": "InvalidParameterValue", "message": message })),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
}

/// Runs `automation redrive`: what was done, its output and its exit status.
fn redrive(letters: usize, refused: &'static Calls, args: &[&str]) -> (Vec<(String, usize)>, String, i32) {
    let queue = Arc::new(Mutex::new(Queue { letters, refused, taken: 0, done: Vec::new() }));
    let url = serve(&queue);
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

fn numbers(done: &[(String, usize)], operation: &str) -> BTreeSet<usize> {
    done.iter().filter(|(name, _)| name == operation).map(|(_, number)| *number).collect()
}

#[test]
fn each_letter_is_sent_and_deleted_in_turn() {
    let (done, text, status) = redrive(25, &[], &["--limit", "23"]);
    assert!(text.contains("23 sent back\nthere may be more: only 23 were looked at") && status == 0, "{text}");
    let done: Vec<_> = done.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    let expected = (0..23).flat_map(|number| ["SendMessage", "DeleteMessage"].map(|name| (name, number)));
    assert_eq!(done, expected.collect::<Vec<_>>());
}

#[test]
fn an_error_is_told_and_stops_no_other_letter() {
    let (done, text, status) =
        redrive(12, &[("SendMessage", 1), ("DeleteMessage", 2), ("ChangeMessageVisibility", 1)], &[]);
    for said in [
        "not sent m-1: SendMessage: letter 1 stays",
        "sent, not deleted m-2: DeleteMessage: letter 2 stays",
        "hidden for five minutes m-1: ChangeMessageVisibility: letter 1 stays",
        "11 of 12 sent back",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!((numbers(&done, "SendMessage").len(), numbers(&done, "DeleteMessage").len(), status), (11, 10, 1));

    let (_, text, status) = redrive(12, &[("ReceiveMessage", 10)], &["--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((told["letters"].as_array().unwrap().len(), status), (10, 1));
    assert!(told["stopped"].as_str().unwrap().starts_with("ReceiveMessage: no more"), "{told}");
    let (_, text, status) = redrive(12, &[("ReceiveMessage", 0)], &[]);
    assert!(text.contains("error: ReceiveMessage: no more") && status == 2, "{text}");
}

#[test]
fn what_is_only_looked_at_is_given_back() {
    for args in [&["--dry-run"][..], &["--filter", "cause=nothing like it"]] {
        let (done, text, status) = redrive(12, &[], args);
        assert_eq!((numbers(&done, "ChangeMessageVisibility").len(), done.len(), status), (12, 12, 0), "{text}");
    }
}
