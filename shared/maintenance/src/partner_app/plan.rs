//! Declared apps, apps that stand, what is known of them and the moment: the plan.

use std::collections::BTreeMap;

use document::arn::Home;
use jiff::{SignedDuration, Timestamp};
use model_archive::Problem;
use serde::Serialize;

use super::{
    AppHistory, AppRef, AppStanding, AppStatus, Application, DEFAULT_WINDOW_MINUTES, Observed, PartnerApp, Pending,
    Soak,
};
use crate::{
    change::{missing_tags, tag_changes},
    digest::digest,
    plan::{Change, Item, Plan},
    span,
    upgrade::{self, EndOfLife, MAX_ATTEMPTS, Policy, Question, Soaking, Verdict, Version},
    window::{Opening, WeekTime, Window, WindowState},
};

/// How long nothing is looked at outside all windows: offers, and what others did, are noticed at least so often.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(6);

/// A call for an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerAppAction {
    /// `AddTags`.
    AddTags {
        /// The app.
        arn: String,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `UpdatePartnerApp` with settings.
    Update(Box<SettingsUpdate>),
    /// `UpdatePartnerApp` with a version.
    Upgrade(Box<Upgrade>),
}

impl PartnerAppAction {
    /// The app.
    pub fn arn(&self) -> &str {
        match self {
            Self::AddTags { arn, .. } => arn,
            Self::Update(update) => &update.arn,
            Self::Upgrade(upgrade) => &upgrade.arn,
        }
    }
}

/// The settings that `UpdatePartnerApp` is called with; what is none is not sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingsUpdate {
    /// The app.
    pub arn: String,
    /// `MaintenanceConfig.MaintenanceWindowStart`.
    pub maintenance_window_start: Option<WeekTime>,
    /// `Tier`.
    pub tier: Option<String>,
    /// `EnableAutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: Option<bool>,
    /// `EnableIamSessionBasedIdentity`.
    pub iam_session_identity: Option<bool>,
    /// `ApplicationConfig`, whole.
    pub application: Option<Application>,
    /// `ClientToken`.
    pub client_token: String,
    /// Tells these settings from others.
    pub digest: String,
    /// What is different then.
    pub changes: Vec<Change>,
}

/// The version that `UpdatePartnerApp` is called with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upgrade {
    /// The app.
    pub arn: String,
    /// The version it runs.
    pub from: String,
    /// `AppVersion`.
    pub to: String,
    /// `ClientToken`.
    pub client_token: String,
    /// What is new.
    pub release_notes: Vec<String>,
    /// The window it happens in.
    pub window: Window,
    /// The end of this opening of the window.
    pub until: Timestamp,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// Why the soak was not waited for.
    pub forced: Option<String>,
}

/// A declared app with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AppView<'a> {
    /// What is declared.
    pub declared: &'a PartnerApp,
    /// What stands, or why it is not known.
    pub standing: Result<&'a AppStanding, Problem>,
    /// What is known from earlier, up to now.
    pub history: AppHistory,
    /// The window in force.
    pub window: Option<Window>,
    /// What is decided over the version that is offered.
    pub verdict: Verdict,
    /// Settings that differ.
    pub changes: Vec<Change>,
    /// Tags that are missing.
    pub tags: BTreeMap<String, String>,
    /// The end of life of its version, once it is near.
    pub eol: Option<EndOfLife>,
}

/// The token of a call: the same for a repeat of the same try, of at most 36 letters, digits and dashes.
pub fn client_token(arn: &str, subject: &str, opening: Opening, attempt: u32) -> String {
    format!("mnt-{}", digest([arn, subject, &opening.since.to_string(), &attempt.to_string()]))
}

/// What is known of each declared app, in their order.
pub fn view<'a>(
    declared: &'a [PartnerApp],
    observed: &'a [Observed],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Vec<AppView<'a>> {
    declared.iter().map(|app| look(app, observed, histories, now)).collect()
}

fn look<'a>(
    declared: &'a PartnerApp,
    observed: &'a [Observed],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> AppView<'a> {
    let standing = find(&declared.app, observed);
    let history = standing.as_ref().ok().and_then(|app| histories.get(&app.arn)).cloned().unwrap_or_default();
    let own_start = standing.as_ref().ok().and_then(|app| app.maintenance_window_start);
    let start = declared.settings.maintenance_window_start.or(own_start);
    let window = declared.window.or(start.map(|start| Window { start, minutes: DEFAULT_WINDOW_MINUTES }));
    let soaking = declared.after.as_ref().map(|soak| soaking(soak, &standing, observed, histories, now));
    let verdict = match &standing {
        Ok(app) => upgrade::decide(Question {
            declared,
            standing: app,
            history: &history,
            soaking: soaking.as_ref(),
            window,
            now,
        }),
        Err(problem) => Verdict::Blocked(problem.clone()),
    };
    let changes = standing.as_ref().map_or(Vec::new(), |app| declared.settings.changes(app));
    let tags = standing.as_ref().ok().and_then(|app| app.tags.as_ref());
    let tags = tags.map(|tags| missing_tags(&declared.tags, tags)).unwrap_or_default();
    let eol = standing.as_ref().ok().and_then(|app| EndOfLife::of(app, now));
    AppView { declared, standing, history, window, verdict, changes, tags, eol }
}

fn find<'a>(app: &AppRef, observed: &'a [Observed]) -> Result<&'a AppStanding, Problem> {
    let name = app.as_str();
    match observed.iter().find(|known| app.is(known.name(), known.arn())) {
        Some(Observed::Read(standing)) => Ok(standing),
        Some(Observed::Unread { cause, .. }) => Err(Problem::new(
            "app-unreadable",
            format!("{name} could not be read: {cause}"),
            "none is needed if this was a passing fault: the next run reads it again",
        )),
        None => Err(unknown(app, observed)),
    }
}

fn unknown(app: &AppRef, observed: &[Observed]) -> Problem {
    let name = app.as_str();
    let ours = observed.first().and_then(|known| Home::of(known.arn()));
    if let (AppRef::Arn(arn), Some(ours)) = (app, ours)
        && let Some(theirs) = Home::of(arn).filter(|theirs| *theirs != ours)
    {
        return Problem::new(
            "app-elsewhere",
            format!(
                "{name} belongs to account {} in {}; this system runs in account {} in {}",
                theirs.account, theirs.region, ours.account, ours.region
            ),
            "name an app of this account and Region, or declare it where this system runs beside it",
        );
    }
    let mut names: Vec<_> = observed.iter().map(Observed::name).collect();
    names.sort_unstable();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Problem::new(
        "unknown-app",
        format!("there is no partner app {name} in this account and Region"),
        format!("correct the name, or remove the entry; there is: {known}"),
    )
}

fn soaking(
    soak: &Soak,
    standing: &Result<&AppStanding, Problem>,
    observed: &[Observed],
    histories: &BTreeMap<String, AppHistory>,
    now: Timestamp,
) -> Soaking {
    let other = match find(&soak.app, observed) {
        Ok(other) => other,
        Err(problem) if problem.code == "app-unreadable" => {
            return Soaking::Unknown { why: "cannot be read right now".to_owned() };
        }
        Err(_) => return Soaking::Unknown { why: "is no app of this account and Region".to_owned() },
    };
    let Some(offer) = standing.as_ref().ok().and_then(|app| app.offer.as_ref()) else {
        return Soaking::NotYet { runs: other.version.clone() };
    };
    let offered = offer.version.to_string();
    let ran = histories.get(&other.arn).and_then(|history| history.ran_for(&offered, now));
    match ran {
        Some(long) => Soaking::Ran {
            long,
            still: other.version.as_deref() == Some(&offered),
            doubt: matches!(other.status, AppStatus::Failed | AppStatus::Deleting | AppStatus::Deleted)
                .then_some(other.status),
        },
        None => Soaking::NotYet { runs: other.version.clone() },
    }
}

/// The plan for what is known.
pub fn plan(views: &[AppView<'_>], now: Timestamp) -> Plan<PartnerAppAction> {
    Plan { items: views.iter().map(|view| item(view, now)).collect() }
}

fn item(view: &AppView<'_>, now: Timestamp) -> Item<PartnerAppAction> {
    let mut item = Item::unchanged(view.declared.app.as_str());
    let standing = match &view.standing {
        Ok(standing) => *standing,
        Err(problem) => {
            item.problem = Some(problem.clone());
            return item;
        }
    };
    if !view.tags.is_empty() {
        item.changes.extend(tag_changes(&view.tags, standing.tags.as_ref().unwrap_or(&BTreeMap::new())));
        item.actions.push(PartnerAppAction::AddTags { arn: standing.arn.clone(), tags: view.tags.clone() });
    }
    if let Some(Pending::Upgrade { to, asked_at, .. }) = &view.history.pending {
        item.notes.push(format!("is being upgraded to {to} since {}", span::moment(*asked_at)));
    }
    let updating = settings(&mut item, view, standing, now);
    upgrade_step(&mut item, view, standing, updating);
    // What can be done is done; what cannot is a problem of the run after it.
    if !item.actions.is_empty()
        && let Some(problem) = item.problem.take()
    {
        item.notes.push(format!("{}; {}", problem.problem, problem.remedy));
    }
    if let Some(eol) = view.eol {
        let version = standing.version.as_deref().unwrap_or("its version");
        item.notes.push(if eol.stage == 0 {
            format!("{version} is no longer supported since {}", span::day(eol.at))
        } else {
            format!("{version} is supported until {}, {} more days", span::day(eol.at), eol.days)
        });
    }
    item
}

/// Plans the settings; whether they differ, so that an upgrade has to wait for them.
fn settings(item: &mut Item<PartnerAppAction>, view: &AppView<'_>, standing: &AppStanding, now: Timestamp) -> bool {
    if view.changes.is_empty() {
        return false;
    }
    let declared = &view.declared.settings;
    let digest = declared.digest();
    item.changes.extend(view.changes.iter().cloned());
    let failures = view.history.failures_of(&digest);
    item.problem = match view.window {
        None => Some(upgrade::no_window()),
        Some(_) if view.history.taken.as_ref() == Some(&digest) => Some(Problem::new(
            "settings-not-taken",
            "SageMaker took these settings, and shows others still",
            "look at the app in the SageMaker console; they are sent again once the configuration says something else",
        )),
        Some(_) => failures.filter(|failures| failures.count >= MAX_ATTEMPTS).map(|failures| {
            Problem::new(
                "settings-failed-too-often",
                format!("the settings were refused {} times, at last with: {}", failures.count, failures.reason),
                "correct them in the configuration; they are sent again once it says something else",
            )
        }),
    };
    item.problem = item.problem.take().or_else(|| declared.application.inconsistent(&standing.application));
    let (Some(window), None) = (view.window, &item.problem) else { return true };
    if !standing.status.is_available() {
        item.notes.push(format!("settings: the app is in state {}", standing.status));
        return true;
    }
    match window.at(now) {
        WindowState::Closed { opens } => item.notes.push(format!(
            "settings: window opens {}, in {}",
            span::moment(opens),
            span::duration(span::until(now, opens))
        )),
        // The failed try has this opening's token.
        WindowState::Open(opening) if failures.is_some_and(|failures| failures.last >= opening.since) => {
            item.notes.push("settings: a try failed in this window; the next one is in the next".to_owned());
        }
        WindowState::Open(opening) => {
            let attempt = failures.map_or(0, |failures| failures.count) + 1;
            let differs = |field: &str| view.changes.iter().any(|change| change.field == field);
            item.actions.push(PartnerAppAction::Update(Box::new(SettingsUpdate {
                arn: standing.arn.clone(),
                maintenance_window_start: declared
                    .maintenance_window_start
                    .filter(|_| differs("maintenance_window_start")),
                tier: declared.tier.clone().filter(|_| differs("tier")),
                auto_minor_upgrade: declared.auto_minor_upgrade.filter(|_| differs("auto_minor_upgrade")),
                iam_session_identity: declared.iam_session_identity.filter(|_| differs("iam_session_identity")),
                application: declared.application.to_send(&standing.application),
                client_token: client_token(&standing.arn, &digest, opening, attempt),
                digest,
                changes: view.changes.clone(),
            })));
        }
    }
    true
}

fn upgrade_step(item: &mut Item<PartnerAppAction>, view: &AppView<'_>, standing: &AppStanding, updating: bool) {
    let Some(offer) = &standing.offer else { return };
    let from = standing.version.clone().unwrap_or_default();
    let to = offer.version;
    match &view.verdict {
        Verdict::UpToDate => {}
        Verdict::People { .. } if view.declared.upgrade == Policy::Off => {}
        Verdict::People { why } => item.notes.push(format!("upgrade to {to} is offered: {why}")),
        Verdict::Wait { reasons, .. } => {
            item.changes.push(version(&from, to));
            item.notes.push(format!("upgrade to {to}: {}", reasons.join("; ")));
        }
        Verdict::Blocked(problem) => item.problem = item.problem.take().or_else(|| Some(problem.clone())),
        // An update is under way from the moment it is asked for, and there is one at a time.
        Verdict::Go { .. } if updating && item.problem.is_none() => {
            item.notes.push(format!("upgrade to {to}: follows the settings"));
        }
        Verdict::Go { opening, attempt, forced } => {
            let Some(window) = view.window else { return };
            item.changes.push(version(&from, to));
            item.notes.extend(forced.clone());
            item.actions.push(PartnerAppAction::Upgrade(Box::new(Upgrade {
                arn: standing.arn.clone(),
                client_token: client_token(&standing.arn, &to.to_string(), *opening, *attempt),
                from,
                to: to.to_string(),
                release_notes: offer.release_notes.clone(),
                window,
                until: opening.until,
                attempt: *attempt,
                forced: forced.clone(),
            })));
        }
    }
}

fn version(from: &str, to: Version) -> Change {
    Change { field: "version".to_owned(), from: Some(from.to_owned()), to: Some(to.to_string()) }
}

/// When it is worth looking again: at once while something is under way or a window is open, else when the next one opens, and after
/// [`LONGEST_REST`] at the latest.
pub fn next_look(views: &[AppView<'_>], now: Timestamp) -> Timestamp {
    let soonest = |view: &AppView<'_>| {
        let busy = match &view.standing {
            Ok(standing) => view.history.pending.is_some() || !standing.status.is_available(),
            Err(_) => false,
        };
        if busy { now } else { view.window.map_or(Timestamp::MAX, |window| window.first_open(now)) }
    };
    views.iter().map(soonest).min().unwrap_or(Timestamp::MAX).min(now + LONGEST_REST)
}
