//! Weeks of runs against the `SageMaker` emulator, on its clock.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

use std::{cell::Cell, time::Duration};

use automation::{
    config::ConfigSource,
    event::{Event, ObjectCreated},
    ledger::Ledger,
    memory::{MemoryObjects, MemoryTable, MemoryTopic, StoredObject},
    partner_apps::SageMakerApps,
};
use aws_sdk_sagemaker::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{PartnerAppAuthType, PartnerAppType},
};
use jiff::Timestamp;
use maintain_partner_apps::handler::Maintainer;
use sagemaker_emulator::{Emulator, Fault, Outcome, Owner, Settings};
use serde_json::Value;

/// The schedule's period.
const PERIOD: Duration = Duration::from_mins(15);

/// How long an update takes.
const UPDATING_MS: u64 = 30 * 60 * 1000;

/// A Monday, far enough ahead that no machine's clock has passed it.
const MONDAY: &str = "2100-03-01T00:00:00Z";

thread_local! {
    /// A clock of each test's own: tests run beside each other.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

struct Account {
    emulator: Emulator,
    client: Client,
    objects: MemoryObjects,
    maintainer: Maintainer<SageMakerApps, MemoryObjects, MemoryTable, MemoryTopic>,
}

impl Account {
    /// An account with these apps of one type, at 00:00 of [`MONDAY`].
    async fn new(apps: &[&str], versions: &[(&str, Option<Timestamp>)], config: &str) -> Self {
        let settings = Settings { updating_ms: UPDATING_MS, jitter_percent: 0, ..Settings::default() };
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
        emulator.pause();
        emulator.set_partner_app_versions("fiddler", versions);
        let aws = aws_sdk_sagemaker::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(emulator.url())
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(aws);
        let start: Timestamp = MONDAY.parse().unwrap();
        let created = start - jiff::SignedDuration::from_hours(1);
        emulator.advance(created.duration_since(emulator.now()).unsigned_abs());
        for name in apps {
            let create = client.create_partner_app().name(*name).r#type(PartnerAppType::Fiddler).tier("small");
            let create = create.execution_role_arn("arn:aws:iam::123456789012:role/apps");
            create.auth_type(PartnerAppAuthType::Iam).send().await.unwrap();
        }
        let objects = MemoryObjects::default();
        let maintainer = Maintainer {
            apps: SageMakerApps::new(client.clone()),
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            ledger: Ledger::new(MemoryTable::default(), now),
            topic: MemoryTopic::default(),
            clock: now,
        };
        let account = Self { emulator, client, objects, maintainer };
        account.configure("1", config);
        account.at(start);
        account
    }

    fn configure(&self, version: &str, config: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: format!("version: 1\n{config}").into_bytes(),
            ..StoredObject::default()
        };
        self.objects.put("config", "automation.yaml", object);
    }

    fn at(&self, time: Timestamp) {
        self.emulator.advance(time.duration_since(self.emulator.now()).unsigned_abs());
        NOW.set(time.as_second());
    }

    /// The schedule's runs of so many days.
    async fn days(&self, days: u64) -> Vec<Value> {
        let mut results = Vec::new();
        for _ in 0..days * 24 * 4 {
            results.push(self.maintainer.scheduled().await.unwrap());
            self.at(now() + PERIOD);
        }
        results
    }

    /// The event of a new configuration.
    async fn changed(&self) {
        let event = ObjectCreated {
            bucket: "config".to_owned(),
            key: "automation.yaml".to_owned(),
            version_id: None,
            etag: None,
            size: None,
            sequencer: None,
        };
        self.maintainer.handle(Event::ObjectsCreated(vec![event])).await.unwrap();
    }

    /// Requests that change apps since the start, each with its time and outcome.
    fn changes(&self) -> Vec<String> {
        let requests = self.emulator.requests().into_iter();
        let writes = requests.filter(|request| ["UpdatePartnerApp", "AddTags"].contains(&request.operation.as_str()));
        writes
            .map(|request| {
                let arn = request.body.get("Arn").or(request.body.get("ResourceArn")).and_then(Value::as_str).unwrap();
                let mut what = request.body.clone();
                for member in ["Arn", "ResourceArn", "ClientToken"] {
                    what.as_object_mut().unwrap().remove(member);
                }
                let outcome = match &request.outcome {
                    Outcome::Refused { code, .. } => code.clone(),
                    outcome => format!("{outcome:?}"),
                };
                let time = request.time.strftime("%a %d %H:%M");
                format!("{time} app {} {what} {outcome}", arn.rsplit('0').next().unwrap_or_default())
            })
            .collect()
    }

    fn reads(&self) -> usize {
        let requests = self.emulator.requests();
        requests
            .iter()
            .filter(|request| request.operation.starts_with("Describe") || request.operation.starts_with("List"))
            .count()
    }

    fn told(&self) -> Vec<String> {
        let told = self.maintainer.topic.published.lock();
        told.iter().map(|notification| format!("{}: {}", notification.kind.as_str(), notification.subject)).collect()
    }
}

const STAGED: &str = "
partner_apps:
  - { app: staging, upgrade: auto, window: { start: \"TUE:03:30\", minutes: 120 }, tier: large }
  - { app: production, upgrade: auto, window: { start: \"THU:22:00\", minutes: 120 }, after: { app: staging, days: 7 } }
";

/// SEMANTICS one-step-in-its-window: A partner app is upgraded only to the version offered, one step at a time, only inside its
/// window, never while another update runs.
#[tokio::test]
async fn staging_goes_first_and_production_follows_after_its_soak() {
    let account = Account::new(&["staging", "production"], &[("1.3", None), ("1.4", None)], STAGED).await;
    account.emulator.script(Fault::next(
        "UpdatePartnerApp",
        1,
        "ConflictException",
        "Another operation is in progress.",
    ));
    account.emulator.script(Fault::fail_update("production", 1, "no capacity"));
    account.days(21).await;
    assert_eq!(
        account.changes(),
        [
            r#"Tue 02 03:30 app  {"Tier":"large"} ConflictException"#,
            r#"Tue 02 03:45 app  {"Tier":"large"} Accepted"#,
            r#"Tue 02 04:15 app  {"AppVersion":"1.4"} Accepted"#,
            r#"Thu 11 22:00 app 1 {"AppVersion":"1.4"} Accepted"#,
            r#"Thu 18 22:00 app 1 {"AppVersion":"1.4"} Accepted"#,
        ]
    );
    let tokens: Vec<_> = account
        .emulator
        .requests()
        .into_iter()
        .filter(|request| request.operation == "UpdatePartnerApp")
        .filter_map(|request| request.body["ClientToken"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(tokens[0], tokens[1], "a repeat is the same call");
    assert_ne!(tokens[3], tokens[4], "another try is another call");
    assert!(tokens.iter().all(|token| token.len() == 36), "{tokens:?}");
    insta::assert_snapshot!(account.told().join("\n"));
    let published = account.maintainer.topic.published.lock();
    let texts: Vec<_> = published.iter().map(|told| format!("{}\n\n{}", told.subject, told.text)).collect();
    insta::assert_snapshot!("texts", texts.join("\n=====\n"));
}

/// SEMANTICS unchanged-no-call: On an unchanged account a run makes no call that changes anything.
#[tokio::test]
async fn an_unchanged_account_is_only_read_and_rarely() {
    let account = Account::new(&["staging", "production"], &[("1.4", None)], STAGED).await;
    account.days(3).await;
    account.emulator.reset();
    let results = account.days(0).await;
    assert!(results.is_empty());
    let account =
        Account::new(&["staging", "production"], &[("1.4", None)], &STAGED.replace(", tier: large", "")).await;
    let results = account.days(7).await;
    let idle = results.iter().filter(|result| result.get("idle").is_some()).count();
    let reads = account.reads();
    println!("{} runs in a week: {idle} idle, {reads} read calls", results.len());
    assert_eq!(account.changes(), [""; 0]);
    // Two windows of 8 runs each, and a look every six hours: three calls each.
    assert!(idle > 600 && reads < 200, "{idle} idle, {reads} reads");
    let before = account.reads();
    account.changed().await;
    println!("one look: {} read calls", account.reads() - before);
    assert_eq!(account.reads() - before, 3);
    assert_eq!(account.changes(), [""; 0]);
}

/// SEMANTICS three-tries: An update that fails is tried again in later windows, three times in all; then people are told.
#[tokio::test]
async fn what_fails_three_times_is_left_to_people() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:01:00, minutes: 60 } } ]";
    let account = Account::new(&["fiddler"], &[("1.3", None), ("1.4", None)], config).await;
    account.emulator.script(Fault::fail_update("fiddler", 9, "no capacity"));
    account.days(35).await;
    let asked: Vec<_> = account.changes().iter().map(|change| change.chars().take(12).collect::<String>()).collect();
    assert_eq!(asked, ["Mon 01 01:00", "Mon 08 01:00", "Mon 15 01:00"]);
    let types = account.maintainer.topic.types();
    let count = |kind: &str| types.iter().filter(|told| **told == kind).count();
    assert_eq!((count("partner_app.upgrade_failed"), count("partner_app.blocked")), (3, 1), "{types:?}");
}

#[tokio::test]
async fn the_end_of_a_version_is_told_in_stages_and_overrides_the_soak() {
    let eol = "2100-06-15T00:00:00Z".parse().unwrap();
    let config = STAGED.replace("days: 7 }", "days: 300 }, force_before_eol_days: 30").replace(", tier: large", "");
    let account = Account::new(&["staging", "production"], &[("1.3", Some(eol)), ("1.4", None)], &config).await;
    account.days(100).await;
    let upgrades: Vec<_> = account.changes().iter().map(|change| change.chars().take(18).collect::<String>()).collect();
    // 30 days before the 15th of June is the 16th of May, a Sunday; the Thursday after it is the 20th.
    assert_eq!(upgrades, ["Tue 02 03:30 app  ", "Thu 20 22:00 app 1"]);
    insta::assert_snapshot!(account.told().join("\n"));
}

#[tokio::test]
async fn one_apps_trouble_does_not_stop_the_others() {
    let config = "
partner_apps:
  - { app: gone, upgrade: auto, window: { start: MON:00:00 } }
  - { app: \"arn:aws:sagemaker:eu-west-1:999999999999:partner-app/app-ABCDEFGHIJKL\" }
  - { app: windowless, upgrade: auto }
  - { app: grouped, window: { start: MON:00:00 }, application: { role_group_assignments: { ORG_ADMIN: [admins] } } }
  - { app: fine, upgrade: auto, window: { start: MON:00:00 }, tags: { team: ml } }
";
    let account = Account::new(&["windowless", "grouped", "fine"], &[("1.3", None), ("1.4", None)], config).await;
    account.maintainer.scheduled().await.unwrap();
    let changes = account.changes();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[0].contains("team") && changes[1].contains("1.4"), "{changes:?}");
    insta::assert_snapshot!(account.told().join("\n"));
}

#[tokio::test]
async fn all_of_many_apps_over_pages_are_found() {
    let names: Vec<_> = (0..120).map(|number| format!("app{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let config = "partner_apps: [ { app: app119, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = Account::new(&names, &[("1.3", None), ("1.4", None)], config).await;
    account.maintainer.scheduled().await.unwrap();
    assert_eq!(account.changes().len(), 1);
    assert_eq!(account.reads(), 3, "two pages, and the one app that is declared");
}

/// The offer changes between the look and the call: that is no fault of anybody.
#[tokio::test]
async fn an_offer_that_changed_meanwhile_is_decided_over_again() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = Account::new(&["fiddler"], &[("1.3", None), ("1.5", None)], config).await;
    account.emulator.script(Fault::next(
        "UpdatePartnerApp",
        1,
        "ValidationException",
        "AppVersion 1.5 is not available.",
    ));
    account.maintainer.scheduled().await.unwrap();
    let app = account.client.list_partner_apps().send().await.unwrap().summaries()[0].clone();
    assert_eq!(app.status().unwrap().as_str(), "Available");
    account.emulator.set_partner_app_versions("fiddler", &[("1.3", None), ("1.4", None), ("1.5", None)]);
    account.at(now() + PERIOD);
    account.maintainer.scheduled().await.unwrap();
    assert!(account.changes()[1].contains(r#"{"AppVersion":"1.4"} Accepted"#), "{:?}", account.changes());
}

/// Downgrades are never asked for.
#[tokio::test]
async fn an_offer_that_leads_back_is_refused() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = Account::new(&["fiddler"], &[("1.3", None), ("1.2", None)], config).await;
    account.maintainer.scheduled().await.unwrap();
    assert_eq!(account.changes(), [""; 0]);
    assert_eq!(account.told(), ["partner_app.blocked: fiddler: blocked, offer-leads-back"]);
}

/// An answer that is lost is asked for again with the same token, and takes effect once.
#[tokio::test]
async fn a_lost_answer_upgrades_once() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = Account::new(&["fiddler"], &[("1.3", None), ("1.4", None)], config).await;
    account.emulator.script(Fault::drop("UpdatePartnerApp", 1, sagemaker_emulator::When::Before));
    account.days(1).await;
    let changes = account.changes();
    assert_eq!(changes.len(), 2, "{changes:?}");
    let types = account.maintainer.topic.types();
    assert_eq!(types, ["partner_app.upgrade_available", "partner_app.upgrade_started", "partner_app.upgraded"]);
}
