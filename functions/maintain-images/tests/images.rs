//! Runs and events against the `SageMaker` emulator, on its clock.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

use std::{cell::Cell, time::Duration};

use automation::{
    config::ConfigSource,
    event::Event,
    images::SageMakerImages,
    ledger::Ledger,
    memory::{MemoryObjects, MemoryTable, MemoryTopic, StoredObject},
};
use aws_sdk_sagemaker::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use jiff::Timestamp;
use maintain_images::handler::Maintainer;
use sagemaker_emulator::{Emulator, Fault, Outcome, Owner, Settings};

/// How long an update takes.
const TAKES: Duration = Duration::from_mins(1);

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
    maintainer: Maintainer<SageMakerImages, MemoryObjects, MemoryTable, MemoryTopic>,
}

impl Account {
    /// An account with the image `base`.
    async fn new(config: &str) -> Self {
        let settings = Settings { updating_ms: 60_000, jitter_percent: 0, ..Settings::default() };
        let owner = Owner { region: "eu-west-1".to_owned(), account: "123456789012".to_owned() };
        let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
        emulator.pause();
        let aws = aws_sdk_sagemaker::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(emulator.url())
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(aws);
        let objects = MemoryObjects::default();
        let maintainer = Maintainer {
            images: SageMakerImages::new(client.clone()),
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            ledger: Ledger::new(MemoryTable::default(), now),
            topic: MemoryTopic::default(),
            clock: now,
        };
        let account = Self { emulator, client, objects, maintainer };
        let create = account.client.create_image().image_name("base").description("old").display_name("Base");
        create.role_arn("arn:aws:iam::123456789012:role/old").send().await.unwrap();
        account.pass();
        account.configure("1", config);
        account
    }

    fn configure(&self, version: &str, images: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: format!("version: 1\nimages:\n{images}").into_bytes(),
            ..StoredObject::default()
        };
        self.objects.put("config", "automation.yaml", object);
    }

    fn pass(&self) {
        self.emulator.advance(TAKES);
        NOW.set(self.emulator.now().as_second());
    }

    async fn run(&self) {
        self.maintainer.scheduled().await.unwrap();
    }

    async fn event(&self) {
        let event = std::fs::read_to_string("../../events/image-state.json").unwrap();
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let body = event["Records"][0]["body"].as_str().unwrap().replace("training-base", "base");
        self.maintainer.handle(Event::parse(&body).unwrap()).await.unwrap();
    }

    /// Requests that change images, without the name, each with its outcome.
    fn changes(&self) -> Vec<String> {
        let requests = self.emulator.requests().into_iter();
        let writes = requests.filter(|request| ["UpdateImage", "AddTags"].contains(&request.operation.as_str()));
        writes
            .map(|request| {
                let mut what = request.body.clone();
                what.as_object_mut().unwrap().retain(|member, _| member != "ImageName" && member != "ResourceArn");
                match &request.outcome {
                    Outcome::Accepted => what.to_string(),
                    outcome => format!("{what} {outcome:?}"),
                }
            })
            .collect()
    }

    fn told(&self) -> String {
        let told = self.maintainer.topic.published.lock();
        let texts: Vec<_> =
            told.iter().map(|told| format!("{}: {}\n\n{}", told.kind.as_str(), told.subject, told.text)).collect();
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

/// SEMANTICS unchanged-no-call: On an unchanged account a run makes no call that changes anything.
#[tokio::test]
async fn an_image_is_brought_to_what_is_declared_and_then_left_alone() {
    let account = Account::new(DECLARED).await;
    account.run().await;
    account.run().await;
    account.pass();
    account.event().await;
    account.event().await;
    let expected = [
        r#"{"Tags":[{"Key":"team","Value":"ml"}]}"#,
        r#"{"DeleteProperties":["Description"],"DisplayName":"Training base","RoleArn":"arn:aws:iam::123456789012:role/image"}"#,
    ];
    assert_eq!(account.changes(), expected);
    insta::assert_snapshot!(account.told());
    let before = account.emulator.requests().len();
    account.run().await;
    println!("one look at an unchanged account: {} read calls", account.emulator.requests().len() - before);
    assert_eq!(account.emulator.requests().len() - before, 2);
    assert_eq!(account.changes(), expected);
}

/// SEMANTICS failed-not-blindly: An update of an image that failed is not asked for again until the configuration says something
/// else.
#[tokio::test]
async fn a_failed_update_waits_for_another_configuration() {
    let account = Account::new("  - { name: base, display_name: New }").await;
    account.emulator.script(Fault::fail_update("base", 1, "the role cannot be assumed"));
    for _ in 0..5 {
        account.run().await;
        account.pass();
    }
    assert_eq!(account.changes().len(), 1);
    account.configure("2", "  - { name: base, display_name: Newer }");
    for _ in 0..3 {
        account.run().await;
        account.pass();
    }
    assert_eq!(account.changes(), [r#"{"DisplayName":"New"}"#, r#"{"DisplayName":"Newer"}"#]);
    insta::assert_snapshot!(account.told());
}

#[tokio::test]
async fn what_somebody_else_is_at_waits() {
    let account = Account::new("  - { name: base, display_name: New }").await;
    account.emulator.script(Fault::next("UpdateImage", 1, "ResourceInUse", "Image base is in use."));
    account.run().await;
    account.client.update_image().image_name("base").description("by hand").send().await.unwrap();
    account.run().await;
    account.pass();
    account.run().await;
    let changes = account.changes();
    assert!(changes[0].contains("ResourceInUse") && changes[1].contains("by hand"), "{changes:?}");
    assert_eq!(changes[2], r#"{"DisplayName":"New"}"#);
    assert_eq!(account.told(), "", "and nobody has to know");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_once() {
    let config = "
  - { name: unknown }
  - { name: base, role_arn: \"arn:aws-us-gov:iam::123456789012:role/image\" }
";
    let account = Account::new(config).await;
    account.run().await;
    account.run().await;
    assert_eq!(account.changes(), [""; 0]);
    insta::assert_snapshot!(account.told());
}
