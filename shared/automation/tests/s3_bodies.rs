//! Bodies of S3 objects that break, against a server that answers as S3 does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use automation::{
    event::ObjectCreated,
    objects::{Object, Objects, OpenError, S3Objects},
};
use aws_sdk_s3::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
};
use tokio::io::AsyncReadExt;

const SIZE: usize = 100_000;

/// How the server answers a request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// With everything that was requested.
    Whole,
    /// Announces everything, and closes the connection after so many bytes.
    Cut(usize),
    /// Announces everything, and sends nothing more after so many bytes.
    Stall(usize),
    /// Announces no length, and ends after so many bytes.
    Unannounced(usize),
    /// The object was overwritten.
    Overwritten,
}

fn build_content() -> Vec<u8> {
    (0..SIZE).map(|position| u8::try_from(position % 251).unwrap()).collect()
}

/// The requests that a server got: range and condition.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// Starts a server with one object that gives these answers, and then whole ones.
fn serve_object(answers: Vec<Answer>) -> (S3Objects, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let seen = requests.clone();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let answer = answers.get(number).copied().unwrap_or(Answer::Whole);
            let seen = seen.clone();
            std::thread::spawn(move || answer_request(&stream.unwrap(), answer, &seen));
        }
    });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(url)
        .force_path_style(true)
        .build();
    (S3Objects::new(Client::from_conf(config)), requests)
}

fn answer_request(mut stream: &TcpStream, answer: Answer, seen: &Requests) {
    let (mut range, mut condition) = (String::new(), String::new());
    for line in BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "range" => value.clone_into(&mut range),
            "if-match" => value.clone_into(&mut condition),
            _ => {}
        }
    }
    let offset = range.strip_prefix("bytes=").map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    seen.lock().unwrap().push((range, condition));
    let rest = &build_content()[offset..];
    let (length, sent) = match answer {
        Answer::Whole => (Some(rest.len()), rest.len()),
        Answer::Cut(sent) | Answer::Stall(sent) => (Some(rest.len()), sent.min(rest.len())),
        Answer::Unannounced(sent) => (None, sent.min(rest.len())),
        Answer::Overwritten => {
            let head = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes()).unwrap();
        }
    };
    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    let range = format!("Content-Range: bytes {offset}-{}/{SIZE}\r\n", SIZE - 1);
    let head = format!("HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nConnection: close\r\n{range}{length}\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&rest[..sent]));
    if let Answer::Stall(_) = answer {
        std::thread::sleep(Duration::from_mins(1));
    }
}

async fn open_object(objects: &S3Objects, size: Option<u64>) -> Object {
    let (bucket, key) = ("models".to_owned(), "a.tar.gz".to_owned());
    let object = ObjectCreated {
        bucket,
        key,
        version_id: None,
        etag: Some("e".to_owned()),
        size,
        sequencer: None,
        uploaded_at: None,
        replayed_at: None,
    };
    objects.open_object(&object).await.unwrap()
}

async fn read_object(objects: &S3Objects, size: Option<u64>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_object(objects, size).await.body.read_to_end(&mut bytes).await.map(|_| bytes)
}

fn seen_ranges(requests: &Requests) -> Vec<String> {
    let requests = requests.lock().unwrap();
    assert!(requests.iter().all(|(_, condition)| condition == "\"e\""), "{requests:?}");
    requests.iter().map(|(range, _)| range.clone()).collect()
}

#[tokio::test]
async fn broken_body_is_resumed_where_it_broke() {
    // More often than a body is opened again without progress.
    let (objects, requests) = serve_object(vec![Answer::Cut(10_000); 8]);
    assert!(read_object(&objects, None).await.unwrap() == build_content());
    let expected: Vec<_> = (1..=8).map(|part| format!("bytes={}-", 10_000 * part)).collect();
    assert_eq!(seen_ranges(&requests)[1..], expected);
}

#[tokio::test]
async fn stalled_body_is_resumed() {
    let (objects, requests) = serve_object(vec![Answer::Stall(70_000)]);
    assert!(read_object(&objects, None).await.unwrap() == build_content());
    assert_eq!(seen_ranges(&requests), ["", "bytes=70000-"]);
}

#[tokio::test]
async fn body_without_length_ends_with_the_size_of_the_event() {
    let (objects, requests) = serve_object(vec![Answer::Unannounced(70_000), Answer::Unannounced(10_000)]);
    assert!(read_object(&objects, Some(SIZE as u64)).await.unwrap() == build_content());
    assert_eq!(seen_ranges(&requests), ["", "bytes=70000-", "bytes=80000-"]);
}

#[tokio::test]
async fn absent_length_is_not_an_empty_object() {
    let (objects, requests) = serve_object(vec![Answer::Unannounced(SIZE)]);
    assert_eq!(open_object(&objects, None).await.size, None);
    let (objects, _) = (serve_object(vec![Answer::Unannounced(SIZE)]).0, requests);
    assert!(read_object(&objects, None).await.unwrap() == build_content());
}

#[tokio::test]
async fn body_that_never_continues_is_an_error_of_the_transfer() {
    let (objects, requests) = serve_object([vec![Answer::Cut(5)], vec![Answer::Cut(0); 50]].concat());
    let error = read_object(&objects, None).await.unwrap_err();
    assert!(error.get_ref().is_none_or(|cause| !cause.is::<OpenError>()), "{error}");
    assert_eq!(seen_ranges(&requests), [vec![""], vec!["bytes=5-"; 5]].concat());
}

#[tokio::test]
async fn overwritten_object_is_not_resumed() {
    let (objects, _) = serve_object(vec![Answer::Cut(5), Answer::Overwritten]);
    let error = read_object(&objects, None).await.unwrap_err();
    assert!(matches!(error.downcast(), Ok(OpenError::Overwritten)));
}
