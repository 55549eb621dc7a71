//! An account with one image in the `SageMaker` emulator, on the emulator's clock.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::{cell::Cell, time::Duration};

use automation::{
    ConfigSource,
    event::{Event, ObjectCreated},
};
use jiff::Timestamp;
use ledger::Ledger;
use maintain_images::ImageMaintainer;
use notifications::notifier::Notifier;
use sagemaker::{READ_LIMIT, SageMakerClient};
use sagemaker_emulator::{Emulator, EmulatorSettings, Owner, RequestOutcome};
use serde_json::Value;
use support::{
    MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic, StoredObject,
    sdk::{Client, connect_client},
};
use worker::{Failure, Message};

/// How long an update takes.
const UPDATE_TIME: Duration = Duration::from_mins(1);

thread_local! {
    /// One clock per test, because tests run in parallel.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn current_time() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

pub struct ImageAccount {
    pub emulator: Emulator,
    pub client: Client,
    pub objects: MemoryObjects,
    pub maintainer: ImageMaintainer<SageMakerClient, MemoryObjects, MemoryTable, MemoryTopic, MemoryQueue>,
}

impl ImageAccount {
    /// Creates an account with the image `base`.
    pub async fn new(config: &str) -> Self {
        let settings = EmulatorSettings {
            updating_ms: 60_000,
            jitter_percent: 0,
            max_list_rps: None,
            ..EmulatorSettings::default()
        };
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
        emulator.pause_clock();
        let client = connect_client(&emulator.endpoint_url(), "eu-west-1");
        let objects = MemoryObjects::default();
        let ledger = Ledger::new(MemoryTable::default(), current_time);
        let maintainer = ImageMaintainer {
            images: SageMakerClient::new(client.clone()),
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            notifier: Notifier::new(ledger.clone(), MemoryTopic::default()),
            ledger,
            queue: MemoryQueue::default(),
            read_limit: READ_LIMIT,
            clock: current_time,
        };
        let account = Self { emulator, client, objects, maintainer };
        let create = account.client.create_image().image_name("base").description("old").display_name("Base");
        create.role_arn("arn:aws:iam::123456789012:role/old").send().await.unwrap();
        account.finish_updates();
        account.put_config("1", config);
        account
    }

    pub fn put_config(&self, version: &str, images: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: format!("version: 1\nimages:\n{images}").into_bytes(),
            ..StoredObject::default()
        };
        self.objects.put_version("config", "automation.yaml", object);
    }

    pub fn finish_updates(&self) {
        self.advance_clock(UPDATE_TIME);
    }

    pub async fn run_schedule(&self) {
        self.maintainer.handle_schedule().await.unwrap();
    }

    /// Runs the handler as its schedule does, every six hours.
    pub async fn run_days(&self, days: u64) {
        for _ in 0..days * 4 {
            self.run_schedule().await;
            self.advance_clock(Duration::from_hours(6));
        }
    }

    pub fn advance_clock(&self, by: Duration) {
        self.emulator.advance_clock(by);
        NOW.set(self.emulator.now().as_second());
    }

    pub async fn deliver_config_event(&self) -> Result<(), Failure> {
        let event = ObjectCreated {
            bucket: "config".to_owned(),
            key: "automation.yaml".to_owned(),
            version_id: None,
            etag: None,
            size: None,
            sequencer: None,
            replayed_at: None,
        };
        self.maintainer.handle_event(Event::ObjectsCreated(vec![event])).await
    }

    /// The display name that SageMaker shows.
    pub async fn display_name(&self) -> String {
        let image = self.client.describe_image().image_name("base").send().await.unwrap();
        image.display_name().unwrap_or_default().to_owned()
    }

    pub async fn deliver_image_event(&self) {
        let event = std::fs::read_to_string("../../events/image-state.json").unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        let body = event["Records"][0]["body"].as_str().unwrap().replace("training-base", "base");
        self.maintainer.handle_event(Event::parse(&body).unwrap()).await.unwrap();
    }

    /// Bodies of the requests that change images, without the name, each with its outcome unless it
    /// was accepted.
    pub fn change_requests(&self) -> Vec<String> {
        let requests = self.emulator.logged_requests().into_iter();
        let writes = requests.filter(|request| ["UpdateImage", "AddTags"].contains(&request.operation.as_str()));
        writes
            .map(|request| {
                let mut body = request.body.clone();
                body.as_object_mut().unwrap().retain(|member, _| member != "ImageName" && member != "ResourceArn");
                match &request.outcome {
                    RequestOutcome::Accepted => body.to_string(),
                    outcome => format!("{body} {outcome:?}"),
                }
            })
            .collect()
    }

    pub fn published_types(&self) -> Vec<&'static str> {
        self.maintainer.notifier.topic().types()
    }

    pub fn published_texts(&self) -> String {
        let published = self.maintainer.notifier.topic().published.lock();
        let texts: Vec<_> = published
            .iter()
            .map(|notification| {
                format!("{}: {}\n\n{}", notification.kind.as_str(), notification.subject, notification.text)
            })
            .collect();
        texts.join("=====\n")
    }
}
