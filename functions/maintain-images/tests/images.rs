//! Runs the handler against the `SageMaker` emulator, on the emulator's clock.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{cell::Cell, time::Duration};

use automation::{ConfigSource, event::Event};
use jiff::Timestamp;
use ledger::Ledger;
use maintain_images::ImageMaintainer;
use notifications::notifier::Notifier;
use sagemaker::SageMakerClient;
use sagemaker_emulator::{Emulator, EmulatorSettings, Owner, RequestOutcome, ScriptedFault};
use serde_json::Value;
use support::{
    MemoryObjects, MemoryTable, MemoryTopic, StoredObject,
    sdk::{Client, connect_client},
};
use worker::Message;

/// How long an update takes.
const UPDATE_TIME: Duration = Duration::from_mins(1);

thread_local! {
    /// One clock per test, because tests run in parallel.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn current_time() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

struct ImageAccount {
    emulator: Emulator,
    client: Client,
    objects: MemoryObjects,
    maintainer: ImageMaintainer<SageMakerClient, MemoryObjects, MemoryTable, MemoryTopic>,
}

impl ImageAccount {
    /// Creates an account with the image `base`.
    async fn new(config: &str) -> Self {
        let settings = EmulatorSettings { updating_ms: 60_000, jitter_percent: 0, ..EmulatorSettings::default() };
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
            clock: current_time,
        };
        let account = Self { emulator, client, objects, maintainer };
        let create = account.client.create_image().image_name("base").description("old").display_name("Base");
        create.role_arn("arn:aws:iam::123456789012:role/old").send().await.unwrap();
        account.finish_updates();
        account.put_config("1", config);
        account
    }

    fn put_config(&self, version: &str, images: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: format!("version: 1\nimages:\n{images}").into_bytes(),
            ..StoredObject::default()
        };
        self.objects.put_version("config", "automation.yaml", object);
    }

    fn finish_updates(&self) {
        self.emulator.advance_clock(UPDATE_TIME);
        NOW.set(self.emulator.now().as_second());
    }

    async fn run_schedule(&self) {
        self.maintainer.handle_schedule().await.unwrap();
    }

    async fn deliver_image_event(&self) {
        let event = std::fs::read_to_string("../../events/image-state.json").unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        let body = event["Records"][0]["body"].as_str().unwrap().replace("training-base", "base");
        self.maintainer.handle_event(Event::parse(&body).unwrap()).await.unwrap();
    }

    /// Bodies of the requests that change images, without the name, each with its outcome unless it
    /// was accepted.
    fn change_requests(&self) -> Vec<String> {
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

    fn published_texts(&self) -> String {
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

const DECLARED: &str = "
  - name: base
    display_name: Training base
    description: null
    role_arn: arn:aws:iam::123456789012:role/image
    tags: { team: ml }
";

/// SEMANTICS unchanged-no-call: A run on an unchanged account makes no mutating API call.
#[tokio::test]
async fn image_is_updated_once_to_match_the_configuration() {
    let account = ImageAccount::new(DECLARED).await;
    account.run_schedule().await;
    account.run_schedule().await;
    account.finish_updates();
    account.deliver_image_event().await;
    account.deliver_image_event().await;
    let expected = [
        r#"{"Tags":[{"Key":"team","Value":"ml"}]}"#,
        r#"{"DeleteProperties":["Description"],"DisplayName":"Training base","RoleArn":"arn:aws:iam::123456789012:role/image"}"#,
    ];
    assert_eq!(account.change_requests(), expected);
    insta::assert_snapshot!(account.published_texts());
    let before = account.emulator.logged_requests().len();
    account.run_schedule().await;
    let calls = account.emulator.logged_requests().len() - before;
    println!("A run on an unchanged account makes {calls} calls");
    assert_eq!(calls, 2);
    assert_eq!(account.change_requests(), expected);
}

/// SEMANTICS failed-not-blindly: An image update that failed is not retried until the configuration
/// of the image changes.
#[tokio::test]
async fn failed_update_is_not_repeated_until_the_config_changes() {
    let account = ImageAccount::new("  - { name: base, display_name: New }").await;
    account.emulator.add_fault(ScriptedFault::fail_update("base", 1, "the role cannot be assumed"));
    for _ in 0..5 {
        account.run_schedule().await;
        account.finish_updates();
    }
    assert_eq!(account.change_requests().len(), 1);
    account.put_config("2", "  - { name: base, display_name: Newer }");
    for _ in 0..3 {
        account.run_schedule().await;
        account.finish_updates();
    }
    assert_eq!(account.change_requests(), [r#"{"DisplayName":"New"}"#, r#"{"DisplayName":"Newer"}"#]);
    insta::assert_snapshot!(account.published_texts());
}

#[tokio::test]
async fn update_waits_while_the_image_is_in_use() {
    let account = ImageAccount::new("  - { name: base, display_name: New }").await;
    account.emulator.add_fault(ScriptedFault::answer_with_error(
        "UpdateImage",
        1,
        "ResourceInUse",
        "Image base is in use.",
    ));
    account.run_schedule().await;
    account.client.update_image().image_name("base").description("by hand").send().await.unwrap();
    account.run_schedule().await;
    account.finish_updates();
    account.run_schedule().await;
    let changes = account.change_requests();
    assert!(changes[0].contains("ResourceInUse") && changes[1].contains("by hand"), "{changes:?}");
    assert_eq!(changes[2], r#"{"DisplayName":"New"}"#);
    assert_eq!(account.published_texts(), "", "expected no notification");
}

#[tokio::test]
async fn impossible_change_is_reported_once() {
    let config = "
  - { name: unknown }
  - { name: base, role_arn: \"arn:aws-us-gov:iam::123456789012:role/image\" }
";
    let account = ImageAccount::new(config).await;
    account.run_schedule().await;
    account.run_schedule().await;
    assert_eq!(account.change_requests(), [""; 0]);
    insta::assert_snapshot!(account.published_texts());
}
