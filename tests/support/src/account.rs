//! An account in the `SageMaker` emulator, beside a stack in memory, on the emulator's clock.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::{cell::Cell, time::Duration};

use jiff::Timestamp;
use sagemaker_emulator::{Emulator, EmulatorSettings, LoggedRequest, Owner};

use crate::{
    TestStack,
    sdk::{Client, connect_client},
};

const REGION: &str = "eu-west-1";

thread_local! {
    /// One clock per test, because tests run in parallel.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// The time of the test's [`TestAccount`].
pub fn account_time() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

/// An empty account whose time only a test advances.
pub struct TestAccount {
    pub emulator: Emulator,
    pub client: Client,
    pub stack: TestStack,
}

impl TestAccount {
    /// Starts an account in which an update takes this long.
    pub async fn start(update_time: Duration) -> Self {
        let settings = EmulatorSettings {
            updating_ms: update_time.as_millis().try_into().unwrap(),
            jitter_percent: 0,
            max_list_rps: None,
            ..EmulatorSettings::default()
        };
        let owner = Owner { region: REGION.to_owned(), account: "123456789012".to_owned() };
        let emulator = Emulator::builder().settings(settings).owner(owner).start().await.unwrap();
        emulator.pause_clock();
        let client = connect_client(&emulator.endpoint_url(), REGION);
        let account = Self { emulator, client, stack: TestStack::new(account_time) };
        account.advance_clock(Duration::ZERO);
        account
    }

    pub fn advance_clock(&self, by: Duration) {
        self.emulator.advance_clock(by);
        NOW.set(self.emulator.now().as_second());
    }

    /// Advances the clock to this time.
    pub fn set_time(&self, time: Timestamp) {
        self.advance_clock(time.duration_since(self.emulator.now()).unsigned_abs());
    }

    /// Uploads a version of the configuration with these sections.
    pub fn put_config(&self, version: &str, sections: &str) {
        self.stack.objects.put_config(version, &format!("version: 1\n{sections}"));
    }

    /// The logged requests of these operations, oldest first.
    pub fn requests_of(&self, operations: &[&str]) -> Vec<LoggedRequest> {
        let requests = self.emulator.logged_requests().into_iter();
        requests.filter(|request| operations.contains(&request.operation.as_str())).collect()
    }

    /// The types of the published notifications, oldest first.
    pub fn published_types(&self) -> Vec<&'static str> {
        self.stack.notifier.topic().types()
    }
}
