//! Errors of AWS and of the command line: one sentence, and what to do about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "common/cloudformation.rs"]
mod cloudformation;
mod common;

use std::process::{Command, Stdio};

use cloudformation::describe_stack;
use common::{AwsRequest, run_automation, serve_aws};
use serde_json::{Value, json};

const CREDENTIALS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "test")];
const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");

/// Runs `automation` without any other settings of AWS; returns its output and its exit status.
fn run_cli(args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_automation"))
        .args(args)
        .env_clear()
        .envs([("HOME", env!("CARGO_TARGET_TMPDIR")), ("AWS_EC2_METADATA_DISABLED", "true")])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("$ automation {}\n{text}exit status {}", args.join(" "), output.status.code().unwrap())
}

/// Runs `automation` with credentials against a server that gives this answer to every request.
fn run_against(status: &'static str, body: &str, args: &[&str]) -> String {
    let body = body.to_owned();
    let url = serve_aws(move |_: &AwsRequest| (status, body.clone()));
    let (text, status) = run_automation(&url, args);
    format!("$ automation {}\n{text}exit status {status}", args.join(" "))
}

fn json_error(code: &str, message: &str) -> String {
    json!({ "__type": format!("com.amazonaws#{code}"), "message": message }).to_string()
}

fn s3_error(code: &str, message: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

const STATUS: [&str; 3] = ["status", "--table", "ledger"];

#[test]
fn missing_credentials_are_one_sentence() {
    insta::assert_snapshot!(run_cli(&STATUS, &[REGION]), @r#"
    $ automation status --table ledger
    error: no AWS credentials were found
      Fix: run `aws sso login`, then `eval "$(aws configure export-credentials --format env)"`; or choose a profile with --profile or AWS_PROFILE
    exit status 1
    "#);
    let undefined =
        run_cli(&[&STATUS[..], &["--profile", "nonexistent"]].concat(), &[&CREDENTIALS[..], &[REGION]].concat());
    insta::assert_snapshot!(undefined, @"
    $ automation status --table ledger --profile nonexistent
    error: no AWS credentials were found in the profile `nonexistent`
      Fix: check the name with `aws configure list-profiles`, or leave out --profile and set credentials in environment variables
    exit status 1
    ");
}

#[test]
fn expired_credentials_are_one_sentence() {
    let body = json_error("ExpiredTokenException", "The security token included in the request is expired");
    insta::assert_snapshot!(run_against("400 Bad Request", &body, &STATUS), @r#"
    $ automation status --table ledger
    error: the AWS credentials have expired
      Fix: run `aws sso login`, then `eval "$(aws configure export-credentials --format env)"`; or choose a profile with --profile or AWS_PROFILE
    exit status 1
    "#);
}

#[test]
fn refused_credentials_are_one_sentence() {
    let body = json_error("UnrecognizedClientException", "The security token included in the request is invalid.");
    insta::assert_snapshot!(run_against("400 Bad Request", &body, &STATUS), @r#"
    $ automation status --table ledger
    error: AWS does not accept the credentials (UnrecognizedClientException)
      Fix: check access key, session token and the clock of this machine with `aws sts get-caller-identity`; run `aws sso login`, then `eval "$(aws configure export-credentials --format env)"`; or choose a profile with --profile or AWS_PROFILE
    exit status 1
    "#);
}

#[test]
fn missing_region_is_one_sentence() {
    insta::assert_snapshot!(run_cli(&STATUS, &CREDENTIALS), @"
    $ automation status --table ledger
    error: no AWS Region is set
      Fix: pass --region or set AWS_REGION
    exit status 1
    ");
}

#[test]
fn denied_action_names_the_principal() {
    let message = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: dynamodb:Query on resource: \
                   arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/recent because no identity-based policy \
                   allows the dynamodb:Query action";
    insta::assert_snapshot!(run_against("400 Bad Request", &json_error("AccessDeniedException", message), &STATUS), @"
    $ automation status --table ledger
    error: AWS denied dynamodb:Query to arn:aws:iam::123456789012:user/me
      Fix: allow dynamodb:Query on arn:aws:dynamodb:eu-west-1:123456789012:table/ledger/index/recent, or choose another profile with --profile
    exit status 1
    ");
    let body = s3_error("AccessDenied", "Access Denied");
    insta::assert_snapshot!(run_against("403 Forbidden", &body, &["inspect", "s3://models/a.tar.gz"]), @"
    $ automation inspect s3://models/a.tar.gz
    error: AWS denied GetObject
      Fix: allow GetObject to the principal that `aws sts get-caller-identity` shows, or choose another profile with --profile
    exit status 1
    ");
}

#[test]
fn throttling_is_one_sentence() {
    let body = json_error("ThrottlingException", "Rate exceeded");
    insta::assert_snapshot!(run_against("400 Bad Request", &body, &STATUS), @"
    $ automation status --table ledger
    error: AWS is throttling Query
      Fix: try again in a minute
    exit status 1
    ");
}

#[test]
fn missing_network_is_one_sentence() {
    // Nothing listens there.
    let nowhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    insta::assert_snapshot!(run_cli(&STATUS, &[&CREDENTIALS[..], &[REGION, nowhere]].concat()), @"
    $ automation status --table ledger
    error: AWS did not respond to Query
      Fix: check the network, the proxy, the Region, and AWS_ENDPOINT_URL if it is set
    exit status 1
    ");
}

#[test]
fn missing_resources_are_one_sentence() {
    let no_bucket = s3_error("NoSuchBucket", "The specified bucket does not exist");
    let no_key = s3_error("NoSuchKey", "The specified key does not exist.");
    let no_table = json_error("ResourceNotFoundException", "Requested resource not found");
    let no_queue = json_error("QueueDoesNotExist", "The specified queue does not exist.");
    let no_stack = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id nothing \
                    does not exist</Message></Error></ErrorResponse>";
    let printed = [
        run_against("404 Not Found", &no_bucket, &["inspect", "s3://nothing/a.tar.gz"]),
        run_against("404 Not Found", &no_bucket, &["status", "s3://nothing/a.tar.gz", "--table", "ledger"]),
        run_against("404 Not Found", &no_bucket, &["maintain", "workteams", "--plan", "--config-bucket", "nothing"]),
        run_against("404 Not Found", &no_key, &["inspect", "s3://models/nothing.tar.gz"]),
        run_against("400 Bad Request", &no_table, &STATUS),
        run_against("400 Bad Request", &no_queue, &["redrive", "job-states", "--dry-run"]),
        run_against("400 Bad Request", no_stack, &["status", "--stack", "nothing"]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn verbose_shows_what_led_to_the_error() {
    let body = json_error("ValidationException", "The table is odd");
    let printed = run_against("400 Bad Request", &body, &[&STATUS[..], &["--verbose"]].concat());
    let (before, after) = printed.split_once("  Cause: ").expect("the causes are shown");
    assert!(before.contains("error: Query: The table is odd"), "{printed}");
    assert!(after.contains("  Cause: service error"), "{printed}");
}

#[test]
fn json_contains_the_error() {
    let body = json_error("ExpiredTokenException", "The security token included in the request is expired");
    let printed = [
        run_against("400 Bad Request", &body, &[&STATUS[..], &["--json"]].concat()),
        run_cli(&["status", "--json"], &[&CREDENTIALS[..], &[REGION]].concat()),
        run_cli(&["status", "--recnt", "--json"], &[]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn a_change_needs_a_terminal_or_yes() {
    let printed = [
        run_cli(&["redrive", "uploads"], &[]),
        run_cli(&["redrive", "uploads", "--delete", "--json"], &[]),
        run_cli(&["maintain", "images"], &[]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn options_that_do_not_apply_are_refused() {
    for (kind, options) in [
        ("workteams", &["--calendar"][..]),
        ("images", &["--calendar"]),
        ("workteams", &["--at", "2026-12-01T03:40Z"]),
        ("images", &["--at", "2026-12-01T03:40Z"]),
        ("workteams", &["--plan", "--table", "ledger"]),
        ("partner-apps", &["--plan", "--workteam-topic", "arn"]),
    ] {
        let printed = run_cli(&[&["maintain", kind][..], options].concat(), &[]);
        assert!(printed.contains(" applies to `maintain ") && printed.ends_with("exit status 2"), "{printed}");
    }
    insta::assert_snapshot!(run_cli(&["maintain", "workteams", "--calendar"], &[]), @"
    $ automation maintain workteams --calendar
    error: `--calendar` applies to `maintain partner-apps` only
      Fix: leave out --calendar
    exit status 2
    ");
}

#[test]
fn nothing_declared_needs_no_call() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("nothing-declared.yaml");
    std::fs::write(&file, "version: 1\n").unwrap();
    for kind in ["workteams", "partner-apps", "images"] {
        let printed = run_cli(&["maintain", kind, "--plan", "--config", file.to_str().unwrap()], &[]);
        let plural = kind.replace('-', " ").replace("workteams", "work teams");
        assert!(printed.ends_with(&format!("The configuration declares no {plural}.\nexit status 0")), "{printed}");
    }
}

/// The answers of AWS CloudFormation and Amazon DynamoDB for a stack with a ledger.
fn answer_as_stack(request: &AwsRequest) -> (&'static str, String) {
    if !request.operation.is_empty() {
        assert!(String::from_utf8_lossy(&request.body).contains("\"stack-ledger\""), "the output names the table");
        return ("200 OK", json!({ "Items": [] }).to_string());
    }
    let body = String::from_utf8_lossy(&request.body);
    assert_eq!(body, "Action=DescribeStacks&Version=2010-05-15&StackName=automation");
    ("200 OK", describe_stack(&[], &[("LedgerTableName", "stack-ledger")]))
}

#[test]
fn outputs_of_the_stack_name_its_resources() {
    let url = serve_aws(answer_as_stack);
    let variables = [&CREDENTIALS[..], &[REGION, ("AWS_ENDPOINT_URL", &url), ("LedgerTableName", "other")]].concat();
    let printed = run_cli(&["status", "--stack", "automation", "--json"], &variables);
    assert!(printed.ends_with("exit status 0"), "{printed}");
    let json = printed.split_once('\n').unwrap().1.trim_end_matches("exit status 0");
    assert_eq!(serde_json::from_str::<Value>(json).unwrap()["models"], json!([]));
}
