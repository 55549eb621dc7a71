//! The table in DynamoDB, against a server that answers as DynamoDB does.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use jiff::Timestamp;
use ledger::{ClaimRow, DynamoTable, Execution, Ledger, LedgerTable};
use serde_json::{Value, json};
use worker::CallErrorKind;

/// Starts a table with one item. The first write is stored, but its response is lost: an error of
/// the server takes its place.
fn serve_table(mut item: Option<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut is_first_write = true;
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (operation, body) = read_request(&stream);
            let (status, answer) = if operation == "GetItem" {
                ("200 OK", json!({ "Item": item }))
            } else if item.as_ref().map(|item| &item["revision"])
                == body.get("ExpressionAttributeValues").map(|values| &values[":expected"])
            {
                item = Some(body["Item"].clone());
                let status = if is_first_write { "500 Internal Server Error" } else { "200 OK" };
                is_first_write = false;
                (status, json!({}))
            } else {
                let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
                let returned = (body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD").then_some(&item);
                ("400 Bad Request", json!({ "__type": kind, "message": "no", "Item": returned }))
            };
            answer_request(stream, status, &answer.to_string());
        }
    });
    url
}

/// The operation and the body of a request.
fn read_request(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut operation, mut length) = (String::new(), 0);
    for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "x-amz-target" => value.rsplit('.').next().unwrap().clone_into(&mut operation),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (operation, serde_json::from_slice(&body).unwrap())
}

fn answer_request(mut stream: TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
}

fn connect_table(url: &str) -> DynamoTable {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(url)
        .retry_config(RetryConfig::standard())
        .build();
    DynamoTable::new(Client::from_conf(config), "ledger".to_owned())
}

/// Without the id of the write, the function would take its own claim for that of another
/// invocation, and wait until it expires.
#[tokio::test]
async fn own_write_whose_response_was_lost_counts_as_ours() {
    let ledger = Ledger::new(connect_table(&serve_table(None)), || Timestamp::UNIX_EPOCH);
    assert_eq!(ledger.run_once("a", async { Ok(()) }).await.unwrap(), Execution::Ran);
}

#[tokio::test]
async fn write_of_another_invocation_is_a_conflict() {
    for write_id in [None, Some("another")] {
        let mut item = json!({ "pk": { "S": "notice#a" }, "revision": { "N": "2" }, "expires_at": { "N": "0" },
            "row": { "M": { "state": { "S": "published" }, "at": { "S": "1970-01-01T00:00:00Z" } } } });
        if let Some(write_id) = write_id {
            item["write_id"] = json!({ "S": write_id });
        }
        let table = connect_table(&serve_table(Some(item)));
        let row = ClaimRow::Done { at: Timestamp::UNIX_EPOCH };
        assert_eq!(table.get_row::<ClaimRow>("notice#a").await.unwrap().unwrap().revision, 2);
        assert!(!table.put_row("notice#a", Some(1), &row, Timestamp::UNIX_EPOCH).await.unwrap());
        assert!(!table.put_row("notice#a", None, &row, Timestamp::UNIX_EPOCH).await.unwrap());
    }
}

/// A table that reads nothing of the first `throttled` batches. Returns its URL and the number of
/// requests.
fn serve_throttled_batches(throttled: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (_, body) = read_request(&stream);
            let is_throttled = counted.fetch_add(1, Ordering::SeqCst) < throttled;
            let unread = if is_throttled { body["RequestItems"].clone() } else { json!({}) };
            answer_request(stream, "200 OK", &json!({ "Responses": {}, "UnprocessedKeys": unread }).to_string());
        }
    });
    (url, requests)
}

#[tokio::test]
async fn keys_that_were_not_read_are_requested_again() {
    for (throttled, expected, requested) in [(2, None, 3), (usize::MAX, Some(CallErrorKind::Throttled), 6)] {
        let (url, requests) = serve_throttled_batches(throttled);
        let rows = connect_table(&url).get_rows::<ClaimRow>(&["notice#a".to_owned()]).await;
        assert_eq!(rows.err().map(|error| error.kind), expected);
        assert_eq!(requests.load(Ordering::SeqCst), requested);
    }
}
