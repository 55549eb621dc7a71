//! A server that answers as an AWS service, and `automation` running against it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Output},
};

/// One request: its first line, the operation of a JSON protocol, and its body.
pub struct AwsRequest {
    pub line: String,
    /// `x-amz-target` without the service; empty for Amazon S3.
    pub operation: String,
    pub body: Vec<u8>,
}

/// Starts a server whose answers are a status line and a body; returns its URL.
pub fn serve_aws(answer: impl Fn(&AwsRequest) -> (&'static str, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (status, body) = answer(&read_request(&stream));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    url
}

fn read_request(stream: &TcpStream) -> AwsRequest {
    let mut reader = BufReader::new(stream);
    let mut request = AwsRequest { line: String::new(), operation: String::new(), body: Vec::new() };
    reader.read_line(&mut request.line).unwrap();
    let mut length = 0;
    for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "x-amz-target" => value.rsplit('.').next().unwrap().clone_into(&mut request.operation),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).unwrap();
    request
}

/// Runs `automation` against the server; returns its output and its exit status.
pub fn run_automation(url: &str, args: &[&str]) -> (String, i32) {
    let Output { stdout, stderr, status } = Command::new(env!("CARGO_BIN_EXE_automation"))
        .args(args)
        .envs([("AWS_ENDPOINT_URL", url), ("AWS_REGION", "eu-west-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .output()
        .unwrap();
    (String::from_utf8([stdout, stderr].concat()).unwrap(), status.code().unwrap())
}
