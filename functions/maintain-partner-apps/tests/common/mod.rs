//! An account with partner apps in the `SageMaker` emulator, on the emulator's clock.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::{cell::Cell, time::Duration};

use automation::{
    ConfigSource,
    event::{Event, ObjectCreated},
};
use jiff::{SignedDuration, Timestamp};
use ledger::Ledger;
use maintain_partner_apps::AppMaintainer;
use notifications::notifier::Notifier;
use sagemaker::{READ_LIMIT, SageMakerClient};
use sagemaker_emulator::{Emulator, EmulatorSettings, Owner, RequestOutcome};
use serde_json::Value;
use support::{
    MemoryObjects, MemoryTable, MemoryTopic, StoredObject,
    sdk::{
        Client, connect_client,
        types::{PartnerAppAuthType, PartnerAppType},
    },
};

/// The schedule's period.
pub const PERIOD: Duration = Duration::from_mins(15);

/// How long an update takes.
const UPDATING_MS: u64 = 30 * 60 * 1000;

/// A Monday in the far future, later than the time of any machine that runs the tests.
const MONDAY: &str = "2100-03-01T00:00:00Z";

thread_local! {
    /// One clock per test, because tests run in parallel.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

pub fn current_time() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

pub struct AppAccount {
    pub emulator: Emulator,
    pub client: Client,
    pub objects: MemoryObjects,
    pub maintainer: AppMaintainer<SageMakerClient, MemoryObjects, MemoryTable, MemoryTopic>,
}

impl AppAccount {
    /// Creates an account with apps of one type, at 00:00 on [`MONDAY`].
    pub async fn new(apps: &[&str], versions: &[(&str, Option<Timestamp>)], config: &str) -> Self {
        let settings = EmulatorSettings {
            updating_ms: UPDATING_MS,
            jitter_percent: 0,
            max_list_rps: None,
            ..EmulatorSettings::default()
        };
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
        emulator.pause_clock();
        emulator.set_partner_app_versions("fiddler", versions);
        let client = connect_client(&emulator.endpoint_url(), "eu-west-1");
        let start: Timestamp = MONDAY.parse().unwrap();
        let created = start - SignedDuration::from_hours(1);
        emulator.advance_clock(created.duration_since(emulator.now()).unsigned_abs());
        for name in apps {
            let create = client.create_partner_app().name(*name).r#type(PartnerAppType::Fiddler).tier("small");
            let create = create.execution_role_arn("arn:aws:iam::123456789012:role/apps");
            create.auth_type(PartnerAppAuthType::Iam).send().await.unwrap();
        }
        let objects = MemoryObjects::default();
        let ledger = Ledger::new(MemoryTable::default(), current_time);
        let maintainer = AppMaintainer {
            apps: SageMakerClient::new(client.clone()),
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            notifier: Notifier::new(ledger.clone(), MemoryTopic::default()),
            ledger,
            read_limit: READ_LIMIT,
            clock: current_time,
        };
        let account = Self { emulator, client, objects, maintainer };
        account.put_config("1", config);
        account.set_time(start);
        account
    }

    pub fn put_config(&self, version: &str, config: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: format!("version: 1\n{config}").into_bytes(),
            ..StoredObject::default()
        };
        self.objects.put_version("config", "automation.yaml", object);
    }

    pub fn set_time(&self, time: Timestamp) {
        self.emulator.advance_clock(time.duration_since(self.emulator.now()).unsigned_abs());
        NOW.set(time.as_second());
    }

    /// Runs the handler as its schedule does, for some days.
    pub async fn run_days(&self, days: u64) -> Vec<Value> {
        let mut results = Vec::new();
        for _ in 0..days * 24 * 4 {
            results.push(self.maintainer.handle_schedule().await.unwrap());
            self.set_time(current_time() + PERIOD);
        }
        results
    }

    pub async fn deliver_config_event(&self) {
        let event = ObjectCreated {
            bucket: "config".to_owned(),
            key: "automation.yaml".to_owned(),
            version_id: None,
            etag: None,
            size: None,
            sequencer: None,
            replayed_at: None,
        };
        self.maintainer.handle_event(Event::ObjectsCreated(vec![event])).await.unwrap();
    }

    /// Requests that change apps, each with its time, body and outcome.
    pub fn change_requests(&self) -> Vec<String> {
        let requests = self.emulator.logged_requests().into_iter();
        let writes = requests.filter(|request| ["UpdatePartnerApp", "AddTags"].contains(&request.operation.as_str()));
        writes
            .map(|request| {
                let arn = request.body.get("Arn").or(request.body.get("ResourceArn")).and_then(Value::as_str).unwrap();
                let mut body = request.body.clone();
                for member in ["Arn", "ResourceArn", "ClientToken"] {
                    body.as_object_mut().unwrap().remove(member);
                }
                let outcome = match &request.outcome {
                    RequestOutcome::Refused { code, .. } => code.clone(),
                    outcome => format!("{outcome:?}"),
                };
                let time = request.time.strftime("%a %d %H:%M");
                format!("{time} app {} {body} {outcome}", arn.rsplit('0').next().unwrap_or_default())
            })
            .collect()
    }

    pub fn count_reads(&self) -> usize {
        let requests = self.emulator.logged_requests();
        requests
            .iter()
            .filter(|request| request.operation.starts_with("Describe") || request.operation.starts_with("List"))
            .count()
    }

    /// The setting `Tier` that SageMaker shows for the first app.
    pub async fn tier(&self) -> String {
        let arn = self.client.list_partner_apps().send().await.unwrap().summaries()[0].arn().unwrap().to_owned();
        let app = self.client.describe_partner_app().arn(arn).send().await.unwrap();
        app.tier().unwrap_or_default().to_owned()
    }

    pub fn published_types(&self) -> Vec<&'static str> {
        self.maintainer.notifier.topic().types()
    }

    pub fn published_subjects(&self) -> Vec<String> {
        let published = self.maintainer.notifier.topic().published.lock();
        published
            .iter()
            .map(|notification| format!("{}: {}", notification.kind.as_str(), notification.subject))
            .collect()
    }
}
