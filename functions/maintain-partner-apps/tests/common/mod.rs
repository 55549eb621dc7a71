//! An account with partner apps, and the function that maintains them.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::{ops::Deref, time::Duration};

use jiff::{SignedDuration, Timestamp};
use maintain_partner_apps::AppMaintainer;
use sagemaker::{READ_LIMIT, SageMakerClient};
use sagemaker_emulator::RequestOutcome;
use serde_json::Value;
pub use support::account::account_time as current_time;
use support::{
    MemoryObjects, MemoryTable, MemoryTopic,
    account::TestAccount,
    config_event,
    sdk::types::{PartnerAppAuthType, PartnerAppType},
};

/// The schedule's period.
pub const PERIOD: Duration = Duration::from_mins(15);

/// How long an update takes.
const UPDATE_TIME: Duration = Duration::from_mins(30);

/// A Monday in the far future, later than the time of any machine that runs the tests.
const MONDAY: &str = "2100-03-01T00:00:00Z";

pub struct AppAccount {
    account: TestAccount,
    pub maintainer: AppMaintainer<SageMakerClient, MemoryObjects, MemoryTable, MemoryTopic>,
}

impl Deref for AppAccount {
    type Target = TestAccount;

    fn deref(&self) -> &TestAccount {
        &self.account
    }
}

impl AppAccount {
    /// Creates an account with apps of one type, at 00:00 on [`MONDAY`].
    pub async fn new(apps: &[&str], versions: &[(&str, Option<Timestamp>)], config: &str) -> Self {
        let account = TestAccount::start(UPDATE_TIME).await;
        account.emulator.set_partner_app_versions("fiddler", versions);
        let start: Timestamp = MONDAY.parse().unwrap();
        account.set_time(start - SignedDuration::from_hours(1));
        for name in apps {
            let create = account.client.create_partner_app().name(*name).r#type(PartnerAppType::Fiddler).tier("small");
            let create = create.execution_role_arn("arn:aws:iam::123456789012:role/apps");
            create.auth_type(PartnerAppAuthType::Iam).send().await.unwrap();
        }
        let maintainer = AppMaintainer {
            apps: SageMakerClient::new(account.client.clone()),
            config: account.stack.config_source(),
            notifier: account.stack.notifier.clone(),
            ledger: account.stack.ledger.clone(),
            read_limit: READ_LIMIT,
            clock: current_time,
        };
        account.put_config("1", config);
        account.set_time(start);
        Self { account, maintainer }
    }

    /// Runs the handler as its schedule does, for some days.
    pub async fn run_days(&self, days: u64) -> Vec<Value> {
        let mut results = Vec::new();
        for _ in 0..days * 24 * 4 {
            results.push(self.maintainer.handle_schedule().await.unwrap());
            self.advance_clock(PERIOD);
        }
        results
    }

    pub async fn deliver_config_event(&self) {
        self.maintainer.handle_event(config_event(None)).await.unwrap();
    }

    /// Requests that change apps, each with its time, body and outcome.
    pub fn change_requests(&self) -> Vec<String> {
        let requests = self.requests_of(&["UpdatePartnerApp", "AddTags"]).into_iter();
        requests
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

    pub fn published_subjects(&self) -> Vec<String> {
        let published = self.stack.notifier.topic().published();
        published
            .iter()
            .map(|notification| format!("{}: {}", notification.kind.as_str(), notification.subject))
            .collect()
    }
}
