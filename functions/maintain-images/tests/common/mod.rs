//! An account with one image, and the function that maintains it.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::{ops::Deref, time::Duration};

use automation::event::Event;
use maintain_images::ImageMaintainer;
use sagemaker::{READ_LIMIT, SageMakerClient};
use sagemaker_emulator::RequestOutcome;
use serde_json::Value;
use support::{
    MemoryObjects, MemoryQueue, MemoryTable, MemoryTopic,
    account::{TestAccount, account_time},
    config_event,
};
use worker::{Failure, Message};

/// How long an update takes.
const UPDATE_TIME: Duration = Duration::from_mins(1);

pub struct ImageAccount {
    account: TestAccount,
    pub maintainer: ImageMaintainer<SageMakerClient, MemoryObjects, MemoryTable, MemoryTopic, MemoryQueue>,
}

impl Deref for ImageAccount {
    type Target = TestAccount;

    fn deref(&self) -> &TestAccount {
        &self.account
    }
}

impl ImageAccount {
    /// Creates an account with the image `base`.
    pub async fn new(images: &str) -> Self {
        let account = TestAccount::start(UPDATE_TIME).await;
        let maintainer = ImageMaintainer {
            images: SageMakerClient::new(account.client.clone()),
            config: account.stack.config_source(),
            notifier: account.stack.notifier.clone(),
            ledger: account.stack.ledger.clone(),
            queue: MemoryQueue::default(),
            read_limit: READ_LIMIT,
            clock: account_time,
        };
        let account = Self { account, maintainer };
        account.create_image().await;
        account.declare_images("1", images);
        account
    }

    async fn create_image(&self) {
        let create = self.client.create_image().image_name("base").description("old").display_name("Base");
        create.role_arn("arn:aws:iam::123456789012:role/old").send().await.unwrap();
        self.finish_updates();
    }

    /// Someone deletes the image, and creates another one of the same name.
    pub async fn create_again(&self) {
        self.client.delete_image().image_name("base").send().await.unwrap();
        self.create_image().await;
    }

    pub fn declare_images(&self, version: &str, images: &str) {
        self.put_config(version, &format!("images:\n{images}"));
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

    pub async fn deliver_config_event(&self) -> Result<(), Failure> {
        self.maintainer.handle_event(config_event(None)).await
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
        let requests = self.requests_of(&["UpdateImage", "AddTags"]).into_iter();
        requests
            .map(|mut request| {
                request.body.as_object_mut().unwrap().retain(|name, _| name != "ImageName" && name != "ResourceArn");
                match request.outcome {
                    RequestOutcome::Accepted => request.body.to_string(),
                    outcome => format!("{} {outcome:?}", request.body),
                }
            })
            .collect()
    }

    pub fn published_texts(&self) -> String {
        let published = self.stack.notifier.topic().published();
        let texts: Vec<_> = published
            .iter()
            .map(|notification| {
                format!("{}: {}\n\n{}", notification.kind.as_str(), notification.subject, notification.text)
            })
            .collect();
        texts.join("=====\n")
    }
}
