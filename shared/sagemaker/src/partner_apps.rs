//! Amazon SageMaker Partner AI Apps.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sagemaker::{
    operation::describe_partner_app::DescribePartnerAppOutput,
    types::{PartnerAppConfig, PartnerAppMaintenanceConfig, RoleGroupAssignment},
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, RequestAnswer};
use maintenance::{
    UpdateCalls,
    partner_app::{
        AppHistory, AppObservation, AppStatus, ApplicationConfig, ArgumentValue, AvailableUpgrade, ObservedApp,
        PartnerApp, PartnerAppAction, PendingAppUpdate, SettingsUpdate, VersionUpgrade,
    },
};
use worker::{CallError, CallErrorKind};

use crate::{
    SageMakerClient,
    concurrent_reads::read_within,
    convert::{convert_time, non_empty_text},
    tags,
};

/// Maximum number of summaries of one `ListPartnerApps` page (service model 2017-07-24).
const PAGE_SIZE: i32 = 100;

/// A page of apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPage {
    /// The ARN and the name of each app.
    pub apps: Vec<(String, String)>,
    /// Token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// The partner app operations of SageMaker.
pub trait PartnerApps: Sync {
    /// A page of the apps of the account and Region.
    fn list_apps(&self, page: Option<String>) -> impl Future<Output = Result<AppPage, CallError>> + Send;

    /// Describes an app with its available upgrade, and without its tags.
    fn describe_app(&self, arn: &str) -> impl Future<Output = Result<ObservedApp, CallError>> + Send;

    fn list_tags(&self, arn: &str) -> impl Future<Output = Result<BTreeMap<String, String>, CallError>> + Send;

    /// Adds tags to an app; a tag that exists gets the new value.
    fn add_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Starts an upgrade to the version that SageMaker offers.
    ///
    /// # Errors
    /// Of kind `Conflict` if SageMaker no longer offers this version.
    fn upgrade_app(&self, upgrade: &VersionUpgrade) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Starts a change of the settings.
    fn update_app(&self, update: &SettingsUpdate) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The observed state of the partner apps in the account and Region.
#[derive(Debug, Clone)]
pub struct AppReading {
    /// All apps; those that the configuration does not name are not described.
    pub observed: Vec<AppObservation>,
    /// Number of API calls that were made.
    pub calls: usize,
}

/// Reads the apps that are declared, or for which a declared app waits. An app that cannot be read,
/// or not within the time limit, does not prevent the others from being read.
///
/// # Errors
/// If the apps cannot be listed.
pub async fn read_apps(
    apps: &impl PartnerApps,
    declared: &[PartnerApp],
    time_limit: Duration,
) -> Result<AppReading, CallError> {
    let (listed, mut calls) = list_all_apps(apps).await?;
    let (mut observed, mut wanted, mut reads) = (Vec::with_capacity(listed.len()), Vec::new(), Vec::new());
    for (arn, name) in listed {
        let declared_app = declared.iter().find(|app| app.app.matches_app(&name, &arn));
        let is_awaited =
            || declared.iter().filter_map(|app| app.after.as_ref()).any(|period| period.app.matches_app(&name, &arn));
        if declared_app.is_none() && !is_awaited() {
            observed.push(AppObservation::Unreadable {
                arn,
                name,
                cause: "the configuration does not name it".to_owned(),
                refused: false,
            });
            continue;
        }
        let with_tags = declared_app.is_some_and(|app| !app.tags.is_empty());
        calls += 1 + usize::from(with_tags);
        reads.push(read_app(apps, arn.clone(), with_tags));
        wanted.push((arn, name));
    }
    let results = read_within(reads, time_limit).await;
    observed.extend(wanted.into_iter().zip(results).map(|((arn, name), result)| match result {
        Ok(observed) => AppObservation::Described(Box::new(observed)),
        Err(error) => {
            AppObservation::Unreadable { arn, name, cause: error.to_string(), refused: error.kind.is_refusal() }
        }
    }));
    Ok(AppReading { observed, calls })
}

/// Reads every app of the account and Region, with its tags.
pub async fn read_all_apps(apps: &impl PartnerApps) -> Result<Vec<ObservedApp>, CallError> {
    let mut observed = Vec::new();
    for (arn, _) in list_all_apps(apps).await?.0 {
        observed.push(read_app(apps, arn, true).await?);
    }
    Ok(observed)
}

/// The ARN and the name of every app, and the number of calls.
async fn list_all_apps(apps: &impl PartnerApps) -> Result<(Vec<(String, String)>, usize), CallError> {
    let (mut listed, mut calls, mut next) = (Vec::new(), 0, None);
    loop {
        let page = apps.list_apps(next).await?;
        calls += 1;
        listed.extend(page.apps);
        next = page.next;
        if next.is_none() {
            return Ok((listed, calls));
        }
    }
}

async fn read_app(apps: &impl PartnerApps, arn: String, with_tags: bool) -> Result<ObservedApp, CallError> {
    let observed = apps.describe_app(&arn).await?;
    let tags = if with_tags { Some(apps.list_tags(&arn).await?) } else { None };
    Ok(ObservedApp { tags, ..observed })
}

/// Executes one action of a plan. An update is recorded in the ledger before it is requested, and
/// not requested once its window is closed. Returns `None` after adding tags.
pub async fn request_update<T: LedgerTable>(
    apps: &impl PartnerApps,
    ledger: &Ledger<T>,
    action: &PartnerAppAction,
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Result<Option<RequestAnswer<AppHistory>>, CallError> {
    let empty = AppHistory::default();
    let read = histories.get(action.arn()).unwrap_or(&empty);
    let (arn, requested) = match action {
        PartnerAppAction::AddTags { arn, tags } => {
            return apps.add_tags(arn, tags).await.map(|()| None);
        }
        PartnerAppAction::Upgrade(upgrade) => {
            check_window(upgrade.until, now)?;
            let (from, to, calls) = (upgrade.from.clone(), upgrade.to.clone(), UpdateCalls::default());
            let pending = PendingAppUpdate::Upgrade { from, to, requested_at: now, calls };
            (&upgrade.arn, read.with_request(pending, upgrade.until, upgrade.modified_at, now))
        }
        PartnerAppAction::Update(update) => {
            check_window(update.until, now)?;
            let (digest, changes, calls) = (update.digest.clone(), update.changes.clone(), UpdateCalls::default());
            let pending = PendingAppUpdate::Settings { digest, changes, requested_at: now, calls };
            (&update.arn, read.with_request(pending, update.until, update.modified_at, now))
        }
    };
    let call = Box::pin(async {
        match action {
            PartnerAppAction::Upgrade(upgrade) => apps.upgrade_app(upgrade).await,
            PartnerAppAction::Update(update) => apps.update_app(update).await,
            PartnerAppAction::AddTags { .. } => Ok(()),
        }
    });
    ledger.request_app_update(arn, read, requested, call).await.map(Some)
}

/// Time passes between the plan and the call, which must not be made after the window has closed.
fn check_window(until: Timestamp, now: Timestamp) -> Result<(), CallError> {
    if now < until {
        return Ok(());
    }
    let message = "the maintenance window closed before the update was requested";
    Err(CallError::new("UpdatePartnerApp", CallErrorKind::Conflict, message))
}

impl PartnerApps for SageMakerClient {
    async fn list_apps(&self, page: Option<String>) -> Result<AppPage, CallError> {
        let response = self.client.list_partner_apps().max_results(PAGE_SIZE).set_next_token(page).send().await;
        let output = response.map_err(|error| CallError::from_sdk("ListPartnerApps", error))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let apps = output.summaries().iter().map(|app| (text(app.arn()), text(app.name()))).collect();
        Ok(AppPage { apps, next: output.next_token })
    }

    async fn describe_app(&self, arn: &str) -> Result<ObservedApp, CallError> {
        let response = self.client.describe_partner_app().arn(arn).include_available_upgrade(true).send().await;
        Ok(convert_app(&response.map_err(|error| CallError::from_sdk("DescribePartnerApp", error))?))
    }

    async fn list_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        tags::list_tags(&self.client, arn).await
    }

    async fn add_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
        tags::add_tags(&self.client, arn, tags).await
    }

    async fn upgrade_app(&self, upgrade: &VersionUpgrade) -> Result<(), CallError> {
        let call = self.client.update_partner_app().arn(&upgrade.arn).app_version(&upgrade.to);
        let response = call.client_token(&upgrade.client_token).send().await;
        let Err(error) = response.map_err(|error| CallError::from_sdk("UpdatePartnerApp", error)) else {
            return Ok(());
        };
        if error.kind != CallErrorKind::Invalid {
            return Err(error);
        }
        // SageMaker may offer another version since the plan was made: the next run plans again. If
        // it does not say what it offers, the refusal is its answer.
        let Ok(observed) = self.describe_app(&upgrade.arn).await else { return Err(error) };
        let offered = observed.available_upgrade.map(|available| available.version.to_string());
        if offered.as_ref() == Some(&upgrade.to) {
            return Err(error);
        }
        let message = format!(
            "SageMaker no longer offers version {}; it now offers {}",
            upgrade.to,
            offered.as_deref().unwrap_or("no upgrade")
        );
        Err(CallError::new("UpdatePartnerApp", CallErrorKind::Conflict, message))
    }

    async fn update_app(&self, update: &SettingsUpdate) -> Result<(), CallError> {
        let start = update
            .maintenance_window_start
            .map(|start| PartnerAppMaintenanceConfig::builder().maintenance_window_start(start.to_string()).build());
        let response = self
            .client
            .update_partner_app()
            .arn(&update.arn)
            .set_maintenance_config(start)
            .set_tier(update.tier.clone())
            .set_enable_auto_minor_version_upgrade(update.auto_minor_upgrade)
            .set_enable_iam_session_based_identity(update.iam_session_identity)
            .set_application_config(update.application.as_ref().map(build_application_config).transpose()?)
            .client_token(&update.client_token)
            .send()
            .await;
        response.map(drop).map_err(|error| CallError::from_sdk("UpdatePartnerApp", error))
    }
}

fn build_application_config(application: &ApplicationConfig) -> Result<PartnerAppConfig, CallError> {
    let assignment = |(role, groups): (&String, &Vec<String>)| {
        RoleGroupAssignment::builder().role_name(role).set_group_patterns(Some(groups.clone())).build()
    };
    let roles = application.role_group_assignments.as_ref();
    let roles = roles.map(|roles| roles.iter().map(assignment).collect::<Result<_, _>>()).transpose();
    let roles = roles.map_err(|error| CallError::new("UpdatePartnerApp", CallErrorKind::Invalid, error.to_string()))?;
    let expose = |(name, value): (&String, &ArgumentValue)| (name.clone(), value.expose_value().to_owned());
    let arguments = application.arguments.as_ref();
    Ok(PartnerAppConfig::builder()
        .set_admin_users(application.admin_users.clone())
        .set_arguments(arguments.map(|arguments| arguments.iter().map(expose).collect()))
        .set_assigned_group_patterns(application.assigned_group_patterns.clone())
        .set_role_group_assignments(roles)
        .build())
}

fn convert_app(output: &DescribePartnerAppOutput) -> ObservedApp {
    let error = output.error().map(|error| {
        let parts = [error.code(), error.reason()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    });
    let available_upgrade = output.available_upgrade().and_then(|upgrade| {
        Some(AvailableUpgrade {
            version: upgrade.version()?.parse().ok()?,
            release_notes: upgrade.release_notes().to_vec(),
        })
    });
    let start = output.maintenance_config().and_then(|config| config.maintenance_window_start());
    ObservedApp {
        arn: output.arn().unwrap_or_default().to_owned(),
        name: output.name().unwrap_or_default().to_owned(),
        status: output.status().map_or(AppStatus::Unknown, |status| AppStatus::from(status.as_str())),
        error: error.filter(|error| !error.is_empty()),
        version: non_empty_text(output.version()),
        available_upgrade,
        eol: convert_time(output.current_version_eol_date()),
        modified_at: convert_time(output.last_modified_time()),
        maintenance_window_start: start.and_then(|start| start.parse().ok()),
        tier: non_empty_text(output.tier()),
        auto_minor_upgrade: output.enable_auto_minor_version_upgrade().unwrap_or_default(),
        iam_session_identity: output.enable_iam_session_based_identity().unwrap_or_default(),
        application: output.application_config().map(convert_application).unwrap_or_default(),
        tags: None,
    }
}

fn convert_application(config: &PartnerAppConfig) -> ApplicationConfig {
    let roles = config
        .role_group_assignments
        .as_ref()
        .map(|roles| roles.iter().map(|role| (role.role_name().to_owned(), role.group_patterns().to_vec())).collect());
    let arguments = config.arguments.clone();
    ApplicationConfig {
        admin_users: config.admin_users.clone(),
        arguments: arguments.map(|arguments| arguments.into_iter().map(|(name, value)| (name, value.into())).collect()),
        assigned_group_patterns: config.assigned_group_patterns.clone(),
        role_group_assignments: roles,
    }
}
