//! What differs between two versions of the configuration.
#![allow(clippy::unwrap_used, reason = "tests")]

use configuration::ConfigDocument;
use document::YamlNode;

const BEFORE: &str = "version: 1
x-shared: &day { day: TUE, start: \"03:30\" }
compilation:
  defaults: { retries: 1, tags: { owner: me } }
  rules:
    - name: bert
      keys: \"nlp/*.tar.gz\"
      inputs: { ids: [1, 128] }
      targets:
        - device: ml_c5
        - platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }
          compiler_options: { gpu-code: sm_72, trt-ver: 8.2.1, cuda-ver: \"10.2\" }
    - { name: vision, keys: \"vision/*.tar.gz\", targets: [ { device: ml_c5 } ] }
    - { name: old, keys: \"old/*.tar.gz\", targets: [ { device: ml_m4 } ] }
partner_apps:
  - app: comet
    application: { admin_users: [ ann, bob ], arguments: { token: secret-1, url: secret-2, color: secret-3 } }
images:
  - { name: base, description: The base }
workteams:
  - { name: radiology, description: Radiologists, members: { oidc: { groups: [ day ] } }, notifications: stack }
";

const AFTER: &str = "version: 1
compilation:
  max_jobs_per_day: 100
  defaults: { retries: 3, tags: { owner: me, team: ml } }
  rules:
    - { name: vision, keys: \"vision/**/*.tar.gz\", targets: [ { device: ml_c5 } ] }
    - name: bert
      keys: \"nlp/*.tar.gz\"
      inputs: { ids: [1, 256] }
      targets:
        - device: jetson_nano
        - platform: { os: LINUX, arch: ARM64, accelerator: NVIDIA }
          compiler_options: { gpu-code: sm_75, trt-ver: 8.2.1, cuda-ver: \"10.2\" }
    - { name: new, keys: \"new/*.tar.gz\", targets: [ { device: ml_c5 }, { device: ml_m5 } ] }
partner_apps:
  - app: comet
    application: { admin_users: [ bob, eve ], arguments: { token: secret-9, url: secret-2, size: secret-4 } }
  - { app: fiddler, application: { arguments: { token: secret-5 } } }
images:
  - { name: base, description: null }
workteams:
  - { name: radiology, description: Radiologists, members: { oidc: { groups: [ day, night ] } }, notifications: stack }
";

fn list_changes(before: Option<&str>, after: &str) -> String {
    let earlier = before.map(|text| ConfigDocument::parse(text).unwrap());
    let changes = ConfigDocument::parse(after).unwrap().list_changes(earlier.as_ref());
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn changes_are_listed_by_section_and_entry() {
    insta::assert_snapshot!(list_changes(Some(BEFORE), AFTER));
}

#[test]
fn everything_is_new_in_the_first_version() {
    insta::assert_snapshot!(list_changes(None, AFTER));
    assert_eq!(list_changes(None, "version: 1\n"), "");
}

#[test]
fn what_is_written_differently_is_no_change() {
    let rewritten = BEFORE.replace("{ day: TUE, start: \"03:30\" }", "{}").replace("bert\n", "'bert' # first\n");
    assert_eq!(list_changes(Some(BEFORE), &rewritten), "");
}

#[test]
fn values_of_arguments_are_never_shown() {
    for (before, after) in [(Some(BEFORE), AFTER), (Some(AFTER), BEFORE), (None, BEFORE)] {
        let changes = list_changes(before, after);
        assert!(!changes.is_empty() && !changes.contains("secret"), "{changes}");
    }
}

#[test]
fn debug_shows_no_values_of_arguments() {
    let (node, document) = (BEFORE.parse::<YamlNode>().unwrap(), ConfigDocument::parse(BEFORE).unwrap());
    for text in [format!("{node:?}"), format!("{document:?}")] {
        assert!(text.contains("token") && !text.contains("secret"), "{text}");
    }
}

/// Errors are published. None shows a value of an argument, whatever is wrong with it.
#[test]
fn errors_show_no_values_of_arguments() {
    for arguments in [
        "secret",
        "[secret]",
        "{ token: [secret] }",
        "{ token: { secret: secret } }",
        "{ token: *secret }",
        "{ token: *secret/* }",
        "{ token: @secret }",
        "{ token: %secret }",
        "{ token: `secret` }",
        "{ token: \"secret\"secret }",
        "{ token: \"secret\\secret\" }",
        "{ token: secret",
        "{ token: secret ]",
        "\n        token: @secret",
        "\n        token: *secret/*",
        "\n        token: secret: secret",
        "\n        token\n        secret",
        "\n        secret\n",
        "\n         secret\n        more: secret",
    ] {
        let text =
            format!("version: 1\npartner_apps:\n  - app: comet\n    application:\n      arguments: {arguments}\n");
        let errors = ConfigDocument::parse(&text).map(|_| text.clone()).unwrap_err().to_string();
        assert!(!errors.contains("secret"), "{text}\n{errors}");
    }
}
