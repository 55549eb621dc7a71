//! The JSON Schema matches the committed file, the keys that are read, and the documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use configuration::ConfigDocument;
use serde_json::Value;

fn schema_json() -> Value {
    serde_json::to_value(automation_cli::generate_schema()).unwrap()
}

fn repository_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_committed_schema_is_current() {
    let path = repository_root().join("config/automation.schema.json");
    let text = serde_json::to_string_pretty(&schema_json()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        committed == text,
        "config/automation.schema.json is out of date: run `automation schema > config/automation.schema.json`"
    );
}

#[test]
fn the_example_names_the_schema() {
    let example = fs::read_to_string(repository_root().join("config/automation.example.yaml")).unwrap();
    assert_eq!(example.lines().next(), Some("# yaml-language-server: $schema=automation.schema.json"));
}

#[test]
fn the_example_of_apps_and_images_is_valid() {
    let example = fs::read_to_string(repository_root().join("config/apps-and-images.example.yaml")).unwrap();
    let document = ConfigDocument::parse(&example).unwrap();
    assert!(document.warnings.is_empty(), "{:?}", document.warnings);
    assert_eq!((document.declared.partner_apps.len(), document.declared.images.len()), (2, 1));
}

/// The keys of a map in the schema.
fn schema_keys(schema: &Value, name: &str) -> BTreeSet<String> {
    let map = if name.is_empty() { schema } else { &schema["$defs"][name] };
    assert_eq!(map["additionalProperties"], false, "{name} allows unknown keys");
    map["properties"].as_object().unwrap().keys().cloned().collect()
}

/// The keys that are read where the document has an unknown key: the error lists them.
fn known_keys(document: &str) -> BTreeSet<String> {
    let error = ConfigDocument::parse(document).unwrap_err();
    let keys = |message: &str| {
        let (keys, _) = message.strip_prefix("expected one of the keys ")?.split_once(", found `QQQQ`")?;
        Some(keys.to_owned())
    };
    let allowed = error.errors.iter().find_map(|error| keys(&error.message)).expect(document);
    allowed.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let app = |text: &str| format!("version: 1\npartner_apps: [ {{ {text} }} ]");
    let team = |text: &str| format!("version: 1\nworkteams: [ {{ {text} }} ]");
    let rule = |text: &str| format!("version: 1\ncompilation: {{ rules: [ {{ {text} }} ] }}");
    let schema = schema_json();
    for (name, document) in [
        ("", "version: 1\nQQQQ: 1".to_owned()),
        ("Compilation", "version: 1\ncompilation: { QQQQ: 1 }".to_owned()),
        ("Defaults", "version: 1\ncompilation: { defaults: { QQQQ: 1 } }".to_owned()),
        ("Rule", rule("QQQQ: 1")),
        ("Target", rule("targets: [ { QQQQ: 1 } ]")),
        ("Platform", rule("targets: [ { platform: { QQQQ: 1 } } ]")),
        ("Vpc", rule("vpc: { QQQQ: 1 }")),
        ("CoreMlInput", rule("inputs: { x: { QQQQ: 1 } }")),
        ("PartnerApp", app("QQQQ: 1")),
        ("Window", app("window: { QQQQ: 1 }")),
        ("After", app("after: { QQQQ: 1 }")),
        ("Application", app("application: { QQQQ: 1 }")),
        ("Image", "version: 1\nimages: [ { QQQQ: 1 } ]".to_owned()),
        ("Workteam", team("QQQQ: 1")),
        ("Members", team("members: { QQQQ: 1 }")),
        ("CognitoGroup", team("members: { cognito: [ { QQQQ: 1 } ] }")),
        ("OidcGroups", team("members: { oidc: { QQQQ: 1 } }")),
        ("WorkerAccess", team("worker_access: { QQQQ: 1 }")),
    ] {
        assert_eq!(schema_keys(&schema, name), known_keys(&document), "{name}");
    }
}

/// Every key has a row in the documentation, with its default and an example, and every row a key.
#[test]
fn the_documentation_has_every_key() {
    let text = fs::read_to_string(repository_root().join("docs/CONFIGURATION.md")).unwrap();
    let schema = schema_json();
    let mut known = BTreeSet::new();
    for name in [
        "", "Compilation", "Defaults", "Rule", "Target", "Platform", "Vpc", "CoreMlInput", "PartnerApp", "Window",
        "After", "Application", "Image", "Workteam", "Members", "CognitoGroup", "OidcGroups", "WorkerAccess",
    ] {
        known.extend(schema_keys(&schema, name));
    }
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect())
        .collect();
    let documented: BTreeSet<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(documented, known);
    for row in &rows {
        assert!(
            row.len() == 4 && row.iter().all(|cell| !cell.is_empty()),
            "key, description, default, example: {row:?}"
        );
    }
    for (key, default) in schema_defaults(&schema) {
        let row = rows.iter().find(|row| row[0] == format!("`{key}`")).unwrap();
        assert!(row[2].contains(&default), "the default of {key} is {default}: {row:?}");
    }
}

/// The defaults in the schema.
fn schema_defaults(schema: &Value) -> Vec<(String, String)> {
    let rule = schema["$defs"]["Rule"]["properties"].as_object().unwrap();
    let stated = rule.iter().filter(|(_, value)| !value["default"].is_null());
    stated.map(|(key, value)| (key.clone(), value["default"].to_string().trim_matches('"').to_owned())).collect()
}

/// `tests/test_schema.py` reads the same documents with the schema.
#[test]
fn the_documents_in_the_documentation_are_valid() {
    let docs = fs::read_dir(repository_root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut blocks = 0;
    for page in pages.chain([repository_root().join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        let yaml = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        // Others are workflows.
        for document in yaml.filter(|block| block.lines().any(|line| line.starts_with("version:"))) {
            blocks += 1;
            if let Err(error) = ConfigDocument::parse(document) {
                panic!("{}: {error}\n{document}", page.display());
            }
        }
    }
    assert!(blocks >= 5, "{blocks}");
}

#[test]
fn null_counts_as_absent() {
    let text = "version: 1.0
partner_apps: null
images: [ { name: base, description: null, display_name: null, tags: null } ]
compilation:
  defaults: { retries: null, vpc: null, on_new_version: null }
  rules:
    - { name: a, keys: 'a/*', model_package_version: null, framework: null, targets: [ { device: ml_c7g, platform: null } ] }
";
    if let Err(error) = ConfigDocument::parse(text) {
        panic!("{error}");
    }
}
