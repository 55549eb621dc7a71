//! Partner AI Apps of SageMaker.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{
    Client,
    operation::describe_partner_app::DescribePartnerAppOutput,
    primitives::DateTime,
    types::{PartnerAppConfig, PartnerAppMaintenanceConfig, RoleGroupAssignment},
};
use jiff::Timestamp;
use maintenance::partner_app::{
    AppHistory, AppStanding, AppStatus, Application, Observed, Offer, PartnerApp, PartnerAppAction, Pending,
    SettingsUpdate, Upgrade,
};

use crate::{
    call::{CallError, Kind},
    ledger::{Ledger, Table},
    tags,
};

/// Most summaries of one `ListPartnerApps` page (service model 2017-07-24).
const PAGE: i32 = 100;

/// A page of apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPage {
    /// ARN and name of each.
    pub apps: Vec<(String, String)>,
    /// Leads to the next page; none on the last.
    pub next: Option<String>,
}

/// SageMaker's partner apps.
pub trait PartnerApps: Sync {
    /// A page of the account's apps.
    fn page(&self, page: Option<String>) -> impl Future<Output = Result<AppPage, CallError>> + Send;

    /// An app with the upgrade that is offered, and without its tags.
    fn describe(&self, arn: &str) -> impl Future<Output = Result<AppStanding, CallError>> + Send;

    /// An app's tags.
    fn tags(&self, arn: &str) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Adds tags to an app.
    fn add_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Asks for a version.
    fn upgrade(&self, upgrade: &Upgrade) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Asks for settings.
    fn update(&self, update: &SettingsUpdate) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The apps of an account, as far as they matter to what is declared.
#[derive(Debug, Clone)]
pub struct Reading {
    /// All apps; those that nothing declared names are not described.
    pub observed: Vec<Observed>,
    /// How many calls it took.
    pub calls: usize,
}

/// Reads the apps that are declared, or that declared ones wait for. One that cannot be read does not keep the others from it.
pub async fn read(apps: &impl PartnerApps, declared: &[PartnerApp]) -> Result<Reading, CallError> {
    let (mut listed, mut calls, mut next) = (Vec::new(), 0, None);
    loop {
        let page = apps.page(next).await?;
        calls += 1;
        listed.extend(page.apps);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let mut observed = Vec::with_capacity(listed.len());
    for (arn, name) in listed {
        let entry = declared.iter().find(|app| app.app.is(&name, &arn));
        let awaited = || declared.iter().filter_map(|app| app.after.as_ref()).any(|soak| soak.app.is(&name, &arn));
        if entry.is_none() && !awaited() {
            observed.push(Observed::Unread { arn, name, cause: "nothing declared names it".to_owned() });
            continue;
        }
        let with_tags = entry.is_some_and(|app| !app.tags.is_empty());
        calls += 1 + usize::from(with_tags);
        observed.push(match one(apps, &arn, with_tags).await {
            Ok(standing) => Observed::Read(Box::new(standing)),
            Err(error) => Observed::Unread { arn, name, cause: error.to_string() },
        });
    }
    Ok(Reading { observed, calls })
}

async fn one(apps: &impl PartnerApps, arn: &str, with_tags: bool) -> Result<AppStanding, CallError> {
    let standing = apps.describe(arn).await?;
    let tags = if with_tags { Some(apps.tags(arn).await?) } else { None };
    Ok(AppStanding { tags, ..standing })
}

/// Makes one call of a plan. What is asked of an app is noted in the ledger, and returned.
pub async fn ask<T: Table>(
    apps: &impl PartnerApps,
    ledger: &Ledger<T>,
    action: &PartnerAppAction,
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Result<Option<Pending>, CallError> {
    let none = AppHistory::default();
    let known = histories.get(action.arn()).unwrap_or(&none);
    match action {
        PartnerAppAction::AddTags { arn, tags } => apps.add_tags(arn, tags).await.map(|()| None),
        PartnerAppAction::Upgrade(upgrade) => {
            let pending = Pending::Upgrade { from: upgrade.from.clone(), to: upgrade.to.clone(), asked_at: now };
            ledger.ask_app(&upgrade.arn, known, pending, Box::pin(apps.upgrade(upgrade))).await.map(Some)
        }
        PartnerAppAction::Update(update) => {
            let (digest, changes) = (update.digest.clone(), update.changes.clone());
            let pending = Pending::Settings { digest, changes, asked_at: now };
            ledger.ask_app(&update.arn, known, pending, Box::pin(apps.update(update))).await.map(Some)
        }
    }
}

/// The service.
#[derive(Debug, Clone)]
pub struct SageMakerApps {
    client: Client,
}

impl SageMakerApps {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl PartnerApps for SageMakerApps {
    async fn page(&self, page: Option<String>) -> Result<AppPage, CallError> {
        let answer = self.client.list_partner_apps().max_results(PAGE).set_next_token(page).send().await;
        let output = answer.map_err(|error| CallError::new("ListPartnerApps", error))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let apps = output.summaries().iter().map(|app| (text(app.arn()), text(app.name()))).collect();
        Ok(AppPage { apps, next: output.next_token })
    }

    async fn describe(&self, arn: &str) -> Result<AppStanding, CallError> {
        let answer = self.client.describe_partner_app().arn(arn).include_available_upgrade(true).send().await;
        Ok(standing(&answer.map_err(|error| CallError::new("DescribePartnerApp", error))?))
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        tags::list(&self.client, arn).await
    }

    async fn add_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        tags::add(&self.client, arn, tags).await
    }

    async fn upgrade(&self, upgrade: &Upgrade) -> Result<(), CallError> {
        let call = self.client.update_partner_app().arn(&upgrade.arn).app_version(&upgrade.to);
        let answer = call.client_token(&upgrade.client_token).send().await;
        let Err(error) = answer.map_err(|error| CallError::new("UpdatePartnerApp", error)) else { return Ok(()) };
        if error.kind != Kind::Invalid {
            return Err(error);
        }
        // The offer may have changed since it was read: then the next run decides over the new one.
        let now = self.describe(&upgrade.arn).await?;
        let offered = now.offer.map(|offer| offer.version.to_string());
        if offered.as_ref() == Some(&upgrade.to) {
            return Err(error);
        }
        let message = format!("{} is no longer offered, but {}", upgrade.to, offered.as_deref().unwrap_or("nothing"));
        Err(CallError::other("UpdatePartnerApp", Kind::Conflict, message))
    }

    async fn update(&self, update: &SettingsUpdate) -> Result<(), CallError> {
        let start = update
            .maintenance_window_start
            .map(|start| PartnerAppMaintenanceConfig::builder().maintenance_window_start(start.to_string()).build());
        let answer = self
            .client
            .update_partner_app()
            .arn(&update.arn)
            .set_maintenance_config(start)
            .set_tier(update.tier.clone())
            .set_enable_auto_minor_version_upgrade(update.auto_minor_upgrade)
            .set_enable_iam_session_based_identity(update.iam_session_identity)
            .set_application_config(update.application.as_ref().map(application_config).transpose()?)
            .client_token(&update.client_token)
            .send()
            .await;
        answer.map(drop).map_err(|error| CallError::new("UpdatePartnerApp", error))
    }
}

fn application_config(application: &Application) -> Result<PartnerAppConfig, CallError> {
    let assignment = |(role, groups): (&String, &Vec<String>)| {
        RoleGroupAssignment::builder().role_name(role).set_group_patterns(Some(groups.clone())).build()
    };
    let roles = application.role_group_assignments.as_ref();
    let roles = roles.map(|roles| roles.iter().map(assignment).collect::<Result<_, _>>()).transpose();
    let roles = roles.map_err(|error| CallError::other("UpdatePartnerApp", Kind::Invalid, error.to_string()))?;
    Ok(PartnerAppConfig::builder()
        .set_admin_users(application.admin_users.clone())
        .set_arguments(application.arguments.clone().map(|arguments| arguments.into_iter().collect()))
        .set_assigned_group_patterns(application.assigned_group_patterns.clone())
        .set_role_group_assignments(roles)
        .build())
}

fn standing(output: &DescribePartnerAppOutput) -> AppStanding {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let time = |time: Option<&DateTime>| Timestamp::from_millisecond(time?.to_millis().ok()?).ok();
    let error = output.error().map(|error| {
        let parts = [error.code(), error.reason()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    });
    let offer = output.available_upgrade().and_then(|upgrade| {
        Some(Offer { version: upgrade.version()?.parse().ok()?, release_notes: upgrade.release_notes().to_vec() })
    });
    let start = output.maintenance_config().and_then(|config| config.maintenance_window_start());
    AppStanding {
        arn: output.arn().unwrap_or_default().to_owned(),
        name: output.name().unwrap_or_default().to_owned(),
        status: output.status().map_or(AppStatus::Unknown, |status| AppStatus::parse(status.as_str())),
        error: error.filter(|error| !error.is_empty()),
        version: text(output.version()),
        offer,
        eol: time(output.current_version_eol_date()),
        modified_at: time(output.last_modified_time()),
        maintenance_window_start: start.and_then(|start| start.parse().ok()),
        tier: text(output.tier()),
        auto_minor_upgrade: output.enable_auto_minor_version_upgrade().unwrap_or_default(),
        iam_session_identity: output.enable_iam_session_based_identity().unwrap_or_default(),
        application: output.application_config().map(application).unwrap_or_default(),
        tags: None,
    }
}

fn application(config: &PartnerAppConfig) -> Application {
    let roles = config
        .role_group_assignments
        .as_ref()
        .map(|roles| roles.iter().map(|role| (role.role_name().to_owned(), role.group_patterns().to_vec())).collect());
    Application {
        admin_users: config.admin_users.clone(),
        arguments: config.arguments.clone().map(|arguments| arguments.into_iter().collect()),
        assigned_group_patterns: config.assigned_group_patterns.clone(),
        role_group_assignments: roles,
    }
}
