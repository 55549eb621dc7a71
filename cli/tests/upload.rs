//! `automation upload` against Amazon S3: what it refuses, and what it sends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "common/folder.rs"]
mod folder;
#[path = "common/terminal.rs"]
mod terminal;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use common::{AwsRequest, run_automation, serve_aws};
use folder::Folder;
use serde_json::Value;
use support::{build_archive, read_squeezenet};
use terminal::run_on_terminal;

const CONFIG: &str = "version: 1
compilation:
  rules:
    - { name: vision, keys: \"vision/*.tar.gz\", targets: [ { device: ml_c5 } ] }
";

/// More than one part, and not compressible.
const PADDING: usize = 20_000_000;

/// A request line without the version of the protocol, and the size of the body.
type Calls = Arc<Mutex<Vec<(String, usize)>>>;

/// Starts Amazon S3; `refused` is a part of the request line of a call that fails.
fn serve_s3(refused: Option<&'static str>) -> (String, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let url = serve_aws(move |AwsRequest { line, body, .. }| {
        let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
        seen.lock().unwrap().push((line.clone(), body.len()));
        if refused.is_some_and(|refused| line.contains(refused)) {
            return (
                "403 Forbidden",
                "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>".to_owned(),
            );
        }
        let body = match line.split_once('?') {
            Some((_, query)) if query.contains("uploads") => {
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
            }
            Some(_) if line.starts_with("POST") => "<CompleteMultipartUploadResult/>",
            None if line == "POST /" => {
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            }
            _ => "",
        };
        ("200 OK", body.to_owned())
    });
    (url, calls)
}

struct UploadFolder(Folder);

impl UploadFolder {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        folder.write_file("automation.yaml", CONFIG);
        Self(folder)
    }

    /// Writes an archive of these members; returns its path and that of the configuration.
    fn write_archive(&self, members: &[(&str, &[u8])]) -> (String, String) {
        let archive = self.0.write_file("a.tar.gz", build_archive(members));
        (archive, self.0.0.join("automation.yaml").display().to_string())
    }

    /// Runs the command with an archive of these members; returns its output and exit status.
    fn upload(&self, url: &str, members: &[(&str, &[u8])], destination: &str) -> (String, i32) {
        self.upload_with(url, members, destination, &[])
    }

    fn upload_with(&self, url: &str, members: &[(&str, &[u8])], destination: &str, options: &[&str]) -> (String, i32) {
        let (archive, config) = self.write_archive(members);
        let args = ["upload", &archive, destination, "--config", &config, "--yes", "-m", "neo-targets=ml_c5"];
        run_automation(url, &[&args, options].concat())
    }
}

/// Bytes that do not compress.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(PADDING)
    .collect()
}

#[test]
fn an_archive_is_planned_and_sent() {
    let folder = UploadFolder::new("upload-small");
    let (url, calls) = serve_s3(None);
    let (text, status) = folder.upload(&url, &[("model.onnx", &read_squeezenet())], "s3://models/vision/");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("rule vision") && text.ends_with("Uploaded to s3://models/vision/a.tar.gz\n"), "{text}");
    let calls = calls.lock().unwrap();
    assert!(calls.len() == 1 && calls[0].0.starts_with("PUT /models/vision/a.tar.gz"), "{calls:?}");
}

#[test]
fn what_cannot_be_compiled_is_not_sent() {
    let folder = UploadFolder::new("upload-refused");
    let (url, calls) = serve_s3(None);
    let (text, status) = folder.upload(&url, &[("readme.txt", b"no model")], "s3://models/vision/");
    assert!(text.ends_with("Nothing was uploaded.\n") && status == 1, "{text}");
    let (text, status) = folder.upload(&url, &[("model.onnx", &read_squeezenet())], "s3://models/elsewhere.tar.gz");
    assert!(text.contains("no rule in") && status == 1, "{text}");
    assert!(
        text.contains("the destination of `automation upload`; the rules have the keys `vision/*.tar.gz`"),
        "{text}"
    );
    let (text, status) = folder.upload(&url, &[("model.onnx", &read_squeezenet())], "models/a.tar.gz");
    assert!(text.contains("Fix: use s3://bucket/key.tar.gz") && status == 2, "{text}");
    assert!(calls.lock().unwrap().is_empty());
}

#[test]
fn nothing_is_sent_before_the_answer_is_yes() {
    let folder = UploadFolder::new("upload-terminal");
    let (archive, config) = folder.write_archive(&[("model.onnx", &read_squeezenet())]);
    let args = ["upload", &archive, "s3://models/vision/", "--config", &config];
    for (answer, uploads, expected) in [("y\n", 1, 0), ("n\n", 0, 1), ("", 0, 1)] {
        let (url, calls) = serve_s3(None);
        let (text, status) = run_on_terminal(&url, &args, answer);
        let place = text.find("Account 123456789012, Region eu-west-1, configuration");
        assert!(place.is_some() && place < text.find("? [y/N]"), "{answer:?}: {text}");
        let calls = calls.lock().unwrap();
        let sent = calls.iter().filter(|(line, _)| line.starts_with("PUT ")).count();
        assert_eq!((sent, status), (uploads, expected), "{answer:?}: {text}");
    }
}

#[test]
fn json_of_upload_has_the_plan() {
    let folder = UploadFolder::new("upload-json");
    let (url, calls) = serve_s3(None);
    let read = |members: &[(&str, &[u8])]| -> (Value, i32) {
        let (text, status) = folder.upload_with(&url, members, "s3://models/vision/", &["--json"]);
        (serde_json::from_str(&text).unwrap(), status)
    };
    let (json, status) = read(&[("model.onnx", &read_squeezenet())]);
    assert_eq!((&json["uri"], &json["uploaded"], status), (&"s3://models/vision/a.tar.gz".into(), &true.into(), 0));
    assert_eq!(json["plan"]["targets"][0]["target"], "ml_c5");
    let (json, status) = read(&[("readme.txt", b"no model")]);
    assert_eq!(
        (&json["uploaded"], &json["plan"]["problems"][0]["code"], status),
        (&false.into(), &"no-model".into(), 1)
    );
    assert_eq!(calls.lock().unwrap().len(), 1);
    let (text, status) = folder.upload_with(&url, &[], "models", &["--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["error"]["code"], status), (&"usage".into(), 2));
}

/// Whether this text, of a terminal or a file, has a progress bar.
fn has_bar(text: &str) -> bool {
    text.contains(" MiB of ") || text.contains('\x1b')
}

#[test]
fn bars_are_shown_on_a_terminal_only_and_removed() {
    let folder = UploadFolder::new("upload-bars");
    let result = folder.0.0.join("result");
    let members: [(&str, &[u8]); 2] = [("model.onnx", &read_squeezenet()), ("noise.bin", &noise())];
    let (archive, config) = folder.write_archive(&members);
    let inspect: &[&str] = &["inspect", &archive];
    let redirection = format!(">{}", result.display());
    let upload: &[&str] = &["upload", &archive, "s3://models/vision/", "--config", &config, "--yes"];
    for (command, bars) in [(inspect, 1), (upload, 2)] {
        let (url, _) = serve_s3(None);
        let (expected, status) = run_automation(&url, command);
        assert!(!has_bar(&expected) && status == 0, "{expected}");
        // The terminal gets stderr only: the bars.
        let (shown, status) = run_on_terminal(&url, &[command, &[&redirection]].concat(), "");
        assert_eq!((fs::read_to_string(&result).unwrap(), status), (expected, 0), "{shown:?}");
        assert_eq!(shown.matches(" 0 B of 20.12 MiB ").count(), bars, "{shown:?}");
        assert!(shown.contains("16.00 MiB of 20.12 MiB ") || bars == 1, "{shown:?}");
        // The last one is erased, and nothing is drawn after it.
        assert_eq!(shown.rsplit_once("\x1b[2K").unwrap().1.trim(), "", "{shown:?}");
    }
    folder.write_archive(&[("model.onnx", &read_squeezenet())]);
    let (shown, status) = run_on_terminal("", &[inspect, &[&redirection]].concat(), "");
    assert_eq!((shown.as_str(), status), ("", 0));
}

#[test]
fn a_large_archive_is_sent_in_parts() {
    let folder = UploadFolder::new("upload-parts");
    let members: [(&str, &[u8]); 2] = [("model.onnx", &read_squeezenet()), ("noise.bin", &noise())];
    let (url, calls) = serve_s3(None);
    let (text, status) = folder.upload(&url, &members, "s3://models/vision/large.tar.gz");
    assert_eq!(status, 0, "{text}");
    let calls = calls.lock().unwrap();
    let parts: Vec<_> = calls.iter().filter(|(line, _)| line.contains("partNumber=")).collect();
    assert!(parts.len() == 2 && parts[0].1 >= 16 * 1024 * 1024, "{parts:?}");
    assert!(calls.last().unwrap().0.starts_with("POST /models/vision/large.tar.gz?uploadId=u1"), "{calls:?}");
}

#[test]
fn parts_of_a_failed_upload_are_deleted() {
    let folder = UploadFolder::new("upload-aborted");
    let members: [(&str, &[u8]); 2] = [("model.onnx", &read_squeezenet()), ("noise.bin", &noise())];
    let (url, calls) = serve_s3(Some("partNumber=2"));
    let (text, status) = folder.upload(&url, &members, "s3://models/vision/large.tar.gz");
    assert!(text.contains("error: AWS denied UploadPart") && status == 1, "{text}");
    let calls = calls.lock().unwrap();
    assert!(calls.last().unwrap().0.starts_with("DELETE /models/vision/large.tar.gz?"), "{calls:?}");
}
