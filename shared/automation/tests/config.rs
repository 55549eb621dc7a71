//! The active configuration, for different versions in the bucket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use automation::{
    ModelBuckets,
    config::{Config, ConfigSource, FoundConfig, LoadError},
};
use configuration::ConfigDocument;
use jiff::{SignedDuration, Timestamp};
use ledger::{Ledger, ValidConfigRow};
use notifications::notifier::Notifier;
use support::{MemoryObjects, MemoryTable, MemoryTopic, StoredObject};
use worker::{CallError, CallErrorKind, Failure};

const GOOD: &str = "version: 1\ncompilation: { rules: [ { name: all, keys: '**', targets: [ { device: ml_c5 } ] } ] }";

fn put_document(objects: &MemoryObjects, version: &str, text: &str) {
    let object = StoredObject {
        version_id: Some(version.to_owned()),
        etag: format!("etag-{version}"),
        bytes: text.as_bytes().to_vec(),
        ..StoredObject::default()
    };
    objects.put_version("config", "automation.yaml", object);
}

fn config_source(objects: &MemoryObjects) -> ConfigSource<MemoryObjects> {
    ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned())
}

#[tokio::test]
async fn missing_document_is_named_in_the_error() {
    let error = config_source(&MemoryObjects::default()).load_active().await.unwrap_err();
    assert_eq!(error.to_string(), "there is no configuration at s3://config/automation.yaml");
}

/// SEMANTICS last-good-config: An invalid configuration is rejected, and the last valid version
/// remains active.
#[tokio::test]
async fn last_valid_version_stays_active_after_an_invalid_one() {
    let objects = MemoryObjects::default();
    put_document(&objects, "1", GOOD);
    put_document(&objects, "2", "");
    put_document(&objects, "3", "version: 1\ncompilatoin: {}");
    let config = config_source(&objects).load_active().await.unwrap();
    assert_eq!(config.version(), Some("1"));
    let rejected = config.rejected.unwrap();
    assert_eq!(rejected.version.as_deref(), Some("3"));
    assert!(rejected.error.contains("compilatoin"), "{}", rejected.error);
}

#[tokio::test]
async fn rule_for_a_bucket_the_stack_does_not_know_is_rejected() {
    let objects = MemoryObjects::default();
    put_document(&objects, "1", GOOD);
    put_document(&objects, "2", &GOOD.replace("keys:", "bucket: partner-models, keys:"));
    let with_buckets = |existing: &[&str]| {
        let existing = existing.iter().map(|bucket| (*bucket).to_owned()).collect();
        config_source(&objects).with_model_buckets(ModelBuckets::new("models", existing))
    };
    let config = with_buckets(&["other-models"]).load_active().await.unwrap();
    assert_eq!(config.version(), Some("1"));
    insta::assert_snapshot!(config.rejected.unwrap().error, @"compilation.rules[0].bucket: `partner-models` of rule `all` matches no model bucket of the stack (models, other-models); add the bucket to the template parameter ModelBuckets and update the stack, then upload the configuration again");
    assert_eq!(with_buckets(&["partner-models"]).load_active().await.unwrap().version(), Some("2"));
}

#[tokio::test]
async fn latest_error_is_returned_without_a_valid_version() {
    let objects = MemoryObjects::default();
    put_document(&objects, "1", "version: 1\ncompilation: [");
    let error = config_source(&objects).load_active().await.unwrap_err();
    assert!(matches!(&error, LoadError::Invalid(rejected) if rejected.version.as_deref() == Some("1")), "{error}");
}

#[tokio::test]
async fn change_is_effective_at_once() {
    let objects = MemoryObjects::default();
    let source = config_source(&objects);
    put_document(&objects, "1", GOOD);
    assert_eq!(source.load_active().await.unwrap().version(), Some("1"));
    put_document(&objects, "2", GOOD);
    assert_eq!(source.load_active().await.unwrap().version(), Some("2"));
}

const SHARED_LOCATIONS: &str = "version: 1
compilation:
  rules:
    - name: edge
      keys: '**'
      output: '{key}/{version}/{target}'
      targets:
        - { device: ml_c5 }
        - { device: ml_c5, compiler_options: { mcpu: skylake-avx512 } }
";

/// When the document was uploaded that is in use when the stack first loads its configuration with
/// the checks of this release.
const FIRST_UPLOAD: Timestamp = Timestamp::constant(1_000_000, 0);

async fn load_and_report(
    objects: &MemoryObjects,
    notifier: &Notifier<MemoryTable, MemoryTopic>,
) -> (Config, Vec<&'static str>) {
    let found = find_config(objects, notifier).await.unwrap();
    let FoundConfig::Active(config) = found else { panic!("{found:?}") };
    (config, notifier.topic().types())
}

fn put_document_at(objects: &MemoryObjects, version: &str, text: &str, uploaded: Timestamp) {
    let object = StoredObject {
        version_id: Some(version.to_owned()),
        etag: format!("etag-{version}"),
        last_modified: Some(uploaded),
        bytes: text.as_bytes().to_vec(),
        ..StoredObject::default()
    };
    objects.put_version("config", "automation.yaml", object);
}

/// What a later release adds to the checks never invalidates a document that is in use.
#[tokio::test]
async fn active_document_with_shared_locations_keeps_working() {
    assert!(ConfigDocument::parse(SHARED_LOCATIONS).unwrap_err().to_string().contains("have the same location"));
    let objects = MemoryObjects::default();
    // The clock of the function is weeks behind that of S3.
    put_document_at(&objects, "v1", SHARED_LOCATIONS, FIRST_UPLOAD);
    let (active, published) = load_and_report(&objects, &new_notifier()).await;
    assert_eq!((active.version(), active.rejected.is_none()), (Some("v1"), true));
    assert_eq!(published, [""; 0]);
    assert!(active.document.warnings[0].fix.contains("/{job} is appended"), "{:?}", active.document.warnings);
}

#[tokio::test]
async fn new_document_with_shared_locations_is_rejected() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document_at(&objects, "v1", SHARED_LOCATIONS, FIRST_UPLOAD);
    load_and_report(&objects, &notifier).await;
    put_document_at(&objects, "v2", SHARED_LOCATIONS, FIRST_UPLOAD + SignedDuration::from_secs(1));
    let (active, published) = load_and_report(&objects, &notifier).await;
    assert_eq!((active.version(), published), (Some("v1"), vec!["config.rejected"]));
    let error = active.rejected.unwrap().error;
    assert!(error.contains("targets[1]") && error.contains("`ml_c5` (compilation.rules[0].targets[0])"), "{error}");
}

#[tokio::test]
async fn first_document_of_a_new_stack_is_new() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    assert!(matches!(find_config(&objects, &notifier).await.unwrap(), FoundConfig::Unavailable(_)));
    put_document_at(&objects, "v1", SHARED_LOCATIONS, FIRST_UPLOAD);
    assert!(matches!(find_config(&objects, &notifier).await.unwrap(), FoundConfig::Unavailable(_)));
    assert_eq!(notifier.topic().types(), ["config.rejected"]);
}

/// Finds the configuration as a function does in a new process.
async fn find_config(
    objects: &MemoryObjects,
    notifier: &Notifier<MemoryTable, MemoryTopic>,
) -> Result<FoundConfig, Failure> {
    config_source(objects).load_and_report(notifier, Timestamp::UNIX_EPOCH).await
}

fn new_notifier() -> Notifier<MemoryTable, MemoryTopic> {
    Notifier::new(Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH), MemoryTopic::default())
}

#[tokio::test]
async fn valid_version_behind_many_invalid_ones_stays_active() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document(&objects, "good", GOOD);
    assert!(matches!(find_config(&objects, &notifier).await.unwrap(), FoundConfig::Active(_)));
    for version in 0..50 {
        put_document(&objects, &format!("bad-{version}"), "version: 1\ncompilation: [");
    }
    let FoundConfig::Active(config) = find_config(&objects, &notifier).await.unwrap() else {
        panic!("expected the last valid version to be active");
    };
    assert_eq!(config.version(), Some("good"));
    assert!(config.rejected.is_some());
}

#[tokio::test]
async fn version_deleted_since_it_was_listed_is_skipped() {
    let objects = MemoryObjects::default();
    for (version, text) in [("1", GOOD), ("2", GOOD), ("3", "")] {
        put_document(&objects, version, text);
    }
    objects.deleted_since.update(|versions| versions.insert("2".to_owned()));
    assert_eq!(config_source(&objects).load_active().await.unwrap().version(), Some("1"));
}

/// Uploads are delayed, not rejected, if there is no configuration any more.
#[tokio::test]
async fn records_wait_while_a_known_configuration_is_missing() {
    for breaks in ["deleted", "invalid"] {
        let (objects, notifier) = (MemoryObjects::default(), new_notifier());
        assert!(matches!(find_config(&objects, &notifier).await.unwrap(), FoundConfig::Unavailable(_)), "{breaks}");
        put_document(&objects, "good", GOOD);
        find_config(&objects, &notifier).await.unwrap();
        objects.objects.take();
        if breaks == "invalid" {
            put_document(&objects, "bad", "version: 1\ncompilation: [");
        }
        let failure = find_config(&objects, &notifier).await.unwrap_err();
        assert!(matches!(failure, Failure::Deferred { .. }), "{breaks}: {failure:?}");
        let source = config_source(&objects);
        let config = source.load_or_report(&notifier, Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(config.is_none(), "expected reconciliation to do nothing");
    }
}

/// SEMANTICS config-reported: A version of the configuration that becomes active is reported once,
/// with what differs from the version before.
#[tokio::test]
async fn accepted_version_is_reported_once_with_its_changes() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document(&objects, "v1", GOOD);
    for _ in 0..3 {
        find_config(&objects, &notifier).await.unwrap();
    }
    put_document(&objects, "v2", &GOOD.replace("ml_c5", "ml_m5"));
    put_document(&objects, "v3", "version: 2");
    for _ in 0..3 {
        find_config(&objects, &notifier).await.unwrap();
    }
    assert_eq!(notifier.topic().types(), ["config.rejected"]);
    let texts: Vec<_> = notifier.topic().accepted.read().iter().map(|published| published.text.clone()).collect();
    insta::assert_snapshot!(texts.join("---\n"), @r"
    The configuration s3://config/automation.yaml is valid and active.

    Declared:
    - rules: all (** for ml_c5)
    ---
    The configuration s3://config/automation.yaml is valid and active.

    Changes since version v1:
    - rule all, targets: removed ml_c5
    - rule all, targets: added ml_m5
    ");
}

#[tokio::test]
async fn crash_after_publishing_repeats_nothing() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document(&objects, "v1", GOOD);
    find_config(&objects, &notifier).await.unwrap();
    put_document(&objects, "v2", GOOD);
    find_config(&objects, &notifier).await.unwrap();
    // As if the second version had not been recorded.
    let row = ValidConfigRow { version: Some("v1".to_owned()) };
    notifier.ledger().record_valid_config(&row).await.unwrap();
    find_config(&objects, &notifier).await.unwrap();
    assert_eq!(notifier.topic().accepted.read().len(), 2);
    assert_eq!(notifier.ledger().find_valid_config().await.unwrap().unwrap().version.as_deref(), Some("v2"));
}

#[tokio::test]
async fn version_recorded_by_an_earlier_release_is_not_reported() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document(&objects, "v1", GOOD);
    let row = ValidConfigRow { version: Some("v1".to_owned()) };
    notifier.ledger().record_valid_config(&row).await.unwrap();
    find_config(&objects, &notifier).await.unwrap();
    assert!(notifier.topic().accepted.read().is_empty());
}

#[tokio::test]
async fn version_after_a_deleted_one_is_reported_whole() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    let row = ValidConfigRow { version: Some("deleted".to_owned()) };
    notifier.ledger().record_valid_config(&row).await.unwrap();
    put_document(&objects, "v1", GOOD);
    find_config(&objects, &notifier).await.unwrap();
    let published = notifier.topic().accepted.read();
    assert!(published[0].text.contains("Declared:\n- rules: all (** for ml_c5)"), "{}", published[0].text);
}

/// Uploads do not wait for the invocation that reports the version.
#[tokio::test]
async fn version_reported_elsewhere_delays_nothing() {
    let (objects, notifier) = (MemoryObjects::default(), new_notifier());
    put_document(&objects, "v1", GOOD);
    let found = notifier.ledger().run_once("config-accepted-v1", async {
        let found = find_config(&objects, &notifier).await.unwrap();
        assert!(matches!(found, FoundConfig::Active(_)), "{found:?}");
        Err(CallError::new("Publish", CallErrorKind::Throttled, "the other invocation fails"))
    });
    found.await.unwrap_err();
    assert_eq!(notifier.ledger().find_valid_config().await.unwrap(), None, "so that the next one reports it");
    find_config(&objects, &notifier).await.unwrap();
    assert_eq!(notifier.topic().accepted.read().len(), 1);
}
