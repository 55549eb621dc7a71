//! `automation config` against a bucket with several versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{AwsRequest, run_automation, serve_aws};
use serde_json::{Value, json};

const OLD: &str = "version: 1
compilation:
  rules:
    - { name: vision, keys: \"vision/*.tar.gz\", targets: [ { device: ml_c5 } ] }
partner_apps:
  - { app: comet, application: { arguments: { token: secret-1 } } }
";

/// Answers as Amazon S3 with these versions, the newest first.
fn serve_versions(versions: Vec<(&'static str, String)>) -> String {
    serve_aws(move |AwsRequest { line, .. }| {
        let path = line.split(' ').nth(1).unwrap();
        if path.contains("versions") {
            let listed = versions.iter().map(|(id, _)| {
                format!(
                    "<Version><Key>automation.yaml</Key><VersionId>{id}</VersionId><IsLatest>false</IsLatest></Version>"
                )
            });
            let listed: String = listed.collect();
            return (
                "200 OK",
                format!("<ListVersionsResult><IsTruncated>false</IsTruncated>{listed}</ListVersionsResult>"),
            );
        }
        assert!(path.starts_with("/config/automation.yaml"), "only this object is read: {line}");
        let named = |id: &str| path.contains(&format!("versionId={id}"));
        let found =
            versions.iter().find(|(id, _)| named(id)).or(versions.first().filter(|_| !path.contains("versionId")));
        match found {
            Some(("v3", text)) => ("200 OK\r\nx-amz-version-id: v3\r\nETag: \"3\"", text.clone()),
            Some(("v2", text)) => {
                let head =
                    "200 OK\r\nx-amz-version-id: v2\r\nETag: \"2\"\r\nLast-Modified: Mon, 02 Nov 2026 10:00:00 GMT";
                (head, text.clone())
            }
            Some((_, text)) => ("200 OK\r\nx-amz-version-id: v1\r\nETag: \"1\"", text.clone()),
            None => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>".to_owned()),
        }
    })
}

fn run_config(versions: Vec<(&'static str, String)>, args: &[&str]) -> (String, i32) {
    run_automation(&serve_versions(versions), &[&["config", "--config-bucket", "config"], args].concat())
}

fn three_versions() -> Vec<(&'static str, String)> {
    let active = OLD.replace("device: ml_c5", "device: jetson_nano").replace("secret-1", "secret-2");
    vec![("v3", "version: 2\n".to_owned()), ("v2", active), ("v1", OLD.to_owned())]
}

#[test]
fn the_active_version_is_shown_with_its_changes() {
    let (text, status) = run_config(three_versions(), &[]);
    assert_eq!(status, 0, "{text}");
    let age = text.lines().find(|line| line.contains("uploaded")).and_then(|line| line.split_once(" (")).unwrap().1;
    insta::assert_snapshot!(text.replace(age, "AGE)"));
}

#[test]
fn json_of_config_has_the_same_facts() {
    let (text, status) = run_config(three_versions(), &["--json"]);
    assert!(status == 0 && !text.contains("secret"), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["version_id"], "v2");
    assert_eq!(report["uploaded_at"], "2026-11-02T10:00:00Z");
    assert_eq!((&report["previous_version_id"], &report["sections"]["partner_apps"]), (&json!("v1"), &json!(1)));
    assert_eq!(report["rejected"]["version_id"], "v3");
    assert_eq!(report["changes"][0], json!({ "field": "rule vision, targets", "from": "ml_c5" }));
}

#[test]
fn the_first_version_is_shown_whole() {
    let (text, status) = run_config(vec![("v1", OLD.to_owned())], &[]);
    assert!(
        text.contains("No earlier version was valid; this one declares\n  + rules: vision (vision/*.tar.gz for ml_c5)"),
        "{text}"
    );
    assert_eq!(status, 0);
}

#[test]
fn config_without_a_valid_version_is_an_error() {
    let (text, status) = run_config(vec![("v3", "version: 2\n".to_owned())], &["--json"]);
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&error["error"]["code"], status), (&json!("no-configuration"), 1), "{text}");
    let (text, status) = run_automation("http://127.0.0.1:9", &["config"]);
    assert!(text.contains("Fix: pass --stack NAME or --config-bucket") && status == 2, "{text}");
}
