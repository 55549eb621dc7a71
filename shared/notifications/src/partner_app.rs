//! Notifications about partner apps.

use std::fmt::Write;

use document::escape_line;
use jiff::Timestamp;
use maintenance::{
    Change,
    partner_app::{Announcement, AppView, FailedAttempts, ObservedApp, UpdateOutcome},
    time_format::{DurationStyle, format_date, format_duration, format_time, format_time_ahead},
    upgrade::{AppVersion, EndOfLife, MAX_ATTEMPTS, UpgradeDecision, WaitReason, format_wait_reasons},
};
use model_archive::Problem;
use serde::Serialize;

use crate::{Notification, NotificationType, Severity, notification::format_ascii_subject, text};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PartnerAppReport {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The available upgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    offered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eol: Option<Timestamp>,
}

impl From<&AppView<'_>> for PartnerAppReport {
    fn from(view: &AppView<'_>) -> Self {
        let observed = view.observed.as_ref().ok();
        Self {
            name: view.display_name().to_owned(),
            arn: observed.map(|app| app.arn.clone()),
            version: observed.and_then(|app| app.version.clone()),
            offered: available_version(view).map(|version| version.to_string()),
            window: view.window.map(|window| window.to_string()),
            eol: observed.and_then(|app| app.eol),
        }
    }
}

impl Notification {
    /// The notification of an announcement, under the announcement's id. `config_version` is the
    /// version of the active configuration. `None` if the app could not be read: then it has none
    /// of these events.
    pub fn from_announcement(
        announcement: &Announcement<'_>,
        config_version: Option<&str>,
        time: Timestamp,
    ) -> Option<Self> {
        let notification = match announcement {
            Announcement::UpdateFinished { app, outcome, .. } => Self::app_outcome(app, outcome, time),
            Announcement::UpgradeStarted { app, from, to, .. } => Self::upgrade_started(app, from, to, time)?,
            Announcement::UpgradeAvailable { app, to } => Self::upgrade_available(app, *to, time)?,
            Announcement::EndOfLife { app, eol } => Self::eol_warning(app, *eol, time)?,
            Announcement::Blocked { app, problem } => Self::app_blocked(app, problem, time),
        };
        Some(Self { id: announcement.notification_id(config_version), ..notification })
    }

    fn upgrade_available(view: &AppView<'_>, to: AppVersion, time: Timestamp) -> Option<Self> {
        let app = view.observed.as_ref().ok()?;
        let step = describe_upgrade_step(app.version.as_deref(), &to.to_string());
        let mut text = format!("{} can be upgraded {step}.\n\n{}\n", app.name, describe_decision(view, time));
        append_release_notes(&mut text, app);
        Some(Self {
            subject: format_ascii_subject(&format!("{}: upgrade to {to} available", app.name)),
            ..Self::new_for_app(NotificationType::PartnerAppUpgradeAvailable, Severity::Info, view, text, time)
        })
    }

    fn upgrade_started(view: &AppView<'_>, from: &str, to: &str, time: Timestamp) -> Option<Self> {
        let app = view.observed.as_ref().ok()?;
        let mut text = format!(
            "{} is being upgraded {}. It is unavailable until the upgrade finishes; you will be notified.\n",
            app.name,
            describe_upgrade_step(Some(from), to)
        );
        if let UpgradeDecision::Upgrade { forced: Some(reason), .. } = &view.decision {
            let _ = writeln!(text, "\nThe waiting period (`after`) was skipped: {reason}.");
        }
        append_release_notes(&mut text, app);
        Some(Self {
            subject: format_ascii_subject(&format!("{}: upgrade to {to} started", app.name)),
            ..Self::new_for_app(NotificationType::PartnerAppUpgradeStarted, Severity::Info, view, text, time)
        })
    }

    fn app_outcome(view: &AppView<'_>, outcome: &UpdateOutcome, time: Timestamp) -> Self {
        let name = view.display_name();
        match outcome {
            UpdateOutcome::Upgraded { from, to, took } => {
                let mut text = match took {
                    Some(took) => {
                        let took = format_duration(*took, DurationStyle::Schedule);
                        format!("{name} now runs {to}. The upgrade from {from} finished within {took}.\n")
                    }
                    None => format!("{name} now runs {to} (before: {from}). It was upgraded by someone else.\n"),
                };
                if let Some(next) = describe_available_upgrade(view, time) {
                    let _ = writeln!(text, "\n{next}");
                }
                Self {
                    subject: format_ascii_subject(&format!("{name}: upgraded to {to}")),
                    ..Self::new_for_app(NotificationType::PartnerAppUpgraded, Severity::Info, view, text, time)
                }
            }
            UpdateOutcome::UpgradeFailed { from, to, failures } => {
                let step = describe_upgrade_step(Some(from), to);
                let problem = if failures.refused {
                    format!("SageMaker refused the upgrade {step}: {}", failures.reason)
                } else {
                    format!("the upgrade {step} failed: {}", failures.reason)
                };
                Self {
                    subject: format_ascii_subject(&format!("{name}: upgrade to {to} failed")),
                    ..Self::app_update_failed(NotificationType::PartnerAppUpgradeFailed, view, &problem, failures, time)
                }
            }
            UpdateOutcome::SettingsUpdated { changes } => Self::app_settings_updated(view, changes, time),
            UpdateOutcome::SettingsFailed { changes, failures } => {
                let problem = if failures.refused {
                    format!("SageMaker refused the settings: {}", failures.reason)
                } else {
                    format!("the settings were not applied: {}", failures.reason)
                };
                let mut failed =
                    Self::app_update_failed(NotificationType::PartnerAppBlocked, view, &problem, failures, time);
                text::append_unapplied_changes(&mut failed.text, changes);
                Self {
                    subject: format_ascii_subject(&format!("{name}: settings not applied")),
                    changes: changes.clone(),
                    ..failed
                }
            }
        }
    }

    fn app_settings_updated(view: &AppView<'_>, changes: &[Change], time: Timestamp) -> Self {
        let name = view.display_name();
        let mut text = format!("{name} now matches the configuration.\n");
        text::append_changes(&mut text, "Settings updated", changes);
        Self {
            subject: format_ascii_subject(&format!("{name}: settings updated")),
            changes: changes.to_vec(),
            ..Self::new_for_app(NotificationType::PartnerAppConfigUpdated, Severity::Info, view, text, time)
        }
    }

    fn app_update_failed(
        kind: NotificationType,
        view: &AppView<'_>,
        problem: &str,
        failures: &FailedAttempts,
        time: Timestamp,
    ) -> Self {
        let attempt = failures.attempts();
        let is_last = attempt >= MAX_ATTEMPTS;
        let next = format!("attempt {} of {MAX_ATTEMPTS} follows in a later maintenance window", attempt + 1);
        let fix = if is_last {
            "fix the cause, or contact AWS Support about the app; then upload the configuration again: the update is \
             tried again"
                .to_owned()
        } else if failures.refused {
            format!("fix the cause; {next}")
        } else {
            format!("no action needed: {next}")
        };
        let problem = Problem::new("partner-app-update-failed", problem, fix);
        let mut text = format!("Attempt {attempt} of {MAX_ATTEMPTS} failed; {} is available.\n", view.display_name());
        text::append_problems(&mut text, std::slice::from_ref(&problem));
        let severity = if is_last { Severity::Error } else { Severity::Warning };
        Self { problems: vec![problem], ..Self::new_for_app(kind, severity, view, text, time) }
    }

    /// The running version reaches its end of life soon, or has reached it. Published once per
    /// stage.
    fn eol_warning(view: &AppView<'_>, eol: EndOfLife, time: Timestamp) -> Option<Self> {
        let app = view.observed.as_ref().ok()?;
        let EndOfLife { at, days, stage } = eol;
        let (version, day) = (app.version_or_default(), format_date(at));
        let left = match days.unsigned_abs() {
            0 => "less than a day".to_owned(),
            days => text::format_count(days, "day"),
        };
        let (warning, severity) = match stage {
            0 => (format!("{version} has been out of support since {day}"), Severity::Error),
            1..=7 => (format!("{version} reaches end of life on {day} (in {left})"), Severity::Error),
            _ => (format!("{version} reaches end of life on {day} (in {left})"), Severity::Warning),
        };
        let next = describe_available_upgrade(view, time).unwrap_or_else(|| {
            "SageMaker does not offer an upgrade yet: check the app in the SageMaker console.".to_owned()
        });
        Some(Self {
            subject: format_ascii_subject(&format!("{}: end of life of {version} on {day}", app.name)),
            ..Self::new_for_app(
                NotificationType::PartnerAppEolWarning,
                severity,
                view,
                format!("{}: {warning}.\n\n{next}\n", app.name),
                time,
            )
        })
    }

    /// A problem prevents maintenance of an app. Published again for each new version of the
    /// configuration.
    fn app_blocked(view: &AppView<'_>, problem: &Problem, time: Timestamp) -> Self {
        let name = view.display_name();
        let mut text = format!("{name} needs your attention: a problem blocks its maintenance.\n");
        text::append_problems(&mut text, std::slice::from_ref(problem));
        Self {
            subject: format_ascii_subject(&format!("{name}: maintenance blocked: {}", summarize_problem(problem))),
            problems: vec![problem.clone()],
            ..Self::new_for_app(NotificationType::PartnerAppBlocked, Severity::Error, view, text, time)
        }
    }

    /// Appends the facts about the app to the text. The id is that of the announcement.
    fn new_for_app(
        kind: NotificationType,
        severity: Severity,
        view: &AppView<'_>,
        mut text: String,
        time: Timestamp,
    ) -> Self {
        let app = PartnerAppReport::from(view);
        text.push('\n');
        text::append_line(&mut text, "App", &app.name);
        for (label, value) in [("Version", &app.version), ("Available", &app.offered), ("Window", &app.window)] {
            if let Some(value) = value {
                text::append_line(&mut text, label, value);
            }
        }
        if let Some(eol) = app.eol {
            text::append_line(&mut text, "End of life", &format_date(eol));
        }
        Self { text, app: Some(app), ..Self::new(kind, severity, String::new(), time) }
    }
}

/// The problem in a few words, for a subject: the problem sentence is often too long for one.
fn summarize_problem(problem: &Problem) -> &str {
    match problem.code.as_ref() {
        "no-window" => "no maintenance window",
        "unknown-app" => "no such app in this account and Region",
        "app-elsewhere" => "the app belongs to another account or Region",
        "offer-leads-back" => "the available version is not newer",
        "upgrade-failed-too-often" => "the upgrade failed too often",
        "settings-failed-too-often" => "the settings update failed too often",
        "declared-twice" => "it is declared twice",
        "app-not-readable" => "SageMaker refused to describe it",
        "tags-refused" => "SageMaker refused to add tags",
        "group-not-assigned" => "a group pattern is not assigned to the app",
        _ => &problem.problem,
    }
}

fn available_version(view: &AppView<'_>) -> Option<AppVersion> {
    let available = view.observed.as_ref().ok()?.available_upgrade.as_ref()?;
    Some(available.version)
}

fn describe_upgrade_step(from: Option<&str>, to: &str) -> String {
    from.map_or_else(|| format!("to {to}"), |from| format!("from {from} to {to}"))
}

fn append_release_notes(text: &mut String, app: &ObservedApp) {
    let Some(available) = app.available_upgrade.as_ref().filter(|available| !available.release_notes.is_empty()) else {
        return;
    };
    let _ = writeln!(text, "\nNew in {}:", available.version);
    for note in &available.release_notes {
        let _ = writeln!(text, "- {}", escape_line(note));
    }
}

/// What happens to the available upgrade, and when; `None` if there is none.
fn describe_available_upgrade(view: &AppView<'_>, now: Timestamp) -> Option<String> {
    let version = available_version(view)?;
    Some(format!("An upgrade to {version} is available. {}", describe_decision(view, now)))
}

fn describe_decision(view: &AppView<'_>, now: Timestamp) -> String {
    match &view.decision {
        UpgradeDecision::UpToDate => "No action needed.".to_owned(),
        UpgradeDecision::Upgrade { opening, .. } => {
            format!("The upgrade starts now: the maintenance window is open until {}.", format_time(opening.until))
        }
        UpgradeDecision::Wait { reasons, earliest: Some(at) } if reasons.iter().all(WaitReason::is_window) => {
            format!("Scheduled for {}, when the maintenance window opens.", format_time_ahead(*at, now))
        }
        UpgradeDecision::Wait { reasons, earliest: Some(at) } => format!(
            "Earliest upgrade: {}. Waiting for: {}.",
            format_time_ahead(*at, now),
            format_wait_reasons(reasons.iter().filter(|reason| !reason.is_window()))
        ),
        UpgradeDecision::Wait { reasons, earliest: None } => format!("Waiting for: {}.", format_wait_reasons(reasons)),
        UpgradeDecision::Manual { reason } => format!("The app is not upgraded automatically: {reason}."),
        UpgradeDecision::Blocked(problem) => {
            format!("The upgrade is blocked: {}.\nFix: {}.", problem.problem, problem.remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;
    use maintenance::{
        DeclaredResources,
        partner_app::{
            AppHistory, AppObservation, AppStatus, ApplicationConfig, AvailableUpgrade, VersionRun, build_views,
            plan_apps,
        },
    };

    use super::*;
    use crate::hostile_text::{HOSTILE, assert_harmless};

    const CONFIG: &str = "
version: 1
partner_apps:
  - { app: fiddlerstaging, upgrade: auto, window: { start: TUE:03:30, minutes: 120 } }
  - app: fiddlerprod
    upgrade: auto
    window: { start: THU:03:30, minutes: 120 }
    after: { app: fiddlerstaging, days: 7 }
  - { app: comet, upgrade: auto }
";

    fn observed_app(name: &str, version: &str, available: Option<&str>) -> AppObservation {
        let release_notes = vec!["Explanations are computed in half the time".to_owned(), "Dark mode".to_owned()];
        AppObservation::Described(Box::new(ObservedApp {
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-{:0>12}", name[..5].to_uppercase()),
            name: name.to_owned(),
            status: AppStatus::Available,
            error: None,
            version: Some(version.to_owned()),
            available_upgrade: available
                .map(|version| AvailableUpgrade { version: version.parse().unwrap(), release_notes }),
            eol: (version == "1.3").then(|| "2027-01-15T00:00:00Z".parse().unwrap()),
            modified_at: None,
            maintenance_window_start: None,
            tier: None,
            auto_minor_upgrade: false,
            iam_session_identity: false,
            application: ApplicationConfig::default(),
            tags: None,
        }))
    }

    /// The examples in docs/NOTIFICATIONS.md are generated from this snapshot.
    #[test]
    fn documents_are_versioned_and_complete() {
        let now: Timestamp = "2026-12-01T03:45:00Z".parse().unwrap();
        let requested_at = now - SignedDuration::from_mins(30);
        let (declared, _) = document::read_document(CONFIG, DeclaredResources::read_sections).unwrap();
        let [old, new] = ["1.3", "1.4"].map(str::to_owned);
        let before = [
            observed_app("fiddlerstaging", "1.3", Some("1.4")),
            observed_app("fiddlerprod", "1.3", Some("1.4")),
            observed_app("comet", "2.0", Some("2.1")),
        ];
        let views = build_views(&declared.partner_apps, &before, &BTreeMap::new(), now);
        let (staging, prod, comet) = (&views[0], &views[1], &views[2]);
        let after = [observed_app("fiddlerstaging", "1.4", None), observed_app("fiddlerprod", "1.3", Some("1.4"))];
        let waiting_period = AppHistory {
            runs: vec![VersionRun {
                version: new.clone(),
                since: "2026-11-28T00:00:00Z".parse().unwrap(),
                until: None,
            }],
            ..AppHistory::default()
        };
        let histories = BTreeMap::from([(after[0].arn().to_owned(), waiting_period)]);
        let views_after = build_views(&declared.partner_apps, &after, &histories, now);
        let (upgraded_staging, waiting_prod) = (&views_after[0], &views_after[1]);

        let failures = |count| FailedAttempts {
            update_id: "1.4".to_owned(),
            count,
            last: now,
            reason: "no capacity".to_owned(),
            earlier: 0,
            config: None,
            refused: false,
        };
        let upgraded = |took| UpdateOutcome::Upgraded { from: old.clone(), to: new.clone(), took };
        let upgrade_failed =
            |count| UpdateOutcome::UpgradeFailed { from: old.clone(), to: new.clone(), failures: failures(count) };
        let changes =
            vec![Change { field: "tier".to_owned(), from: Some("small".to_owned()), to: Some("large".to_owned()) }];
        let outcomes = [
            (upgraded_staging, upgraded(Some(SignedDuration::from_mins(30)))),
            (upgraded_staging, upgraded(None)),
            (staging, upgrade_failed(1)),
            (staging, upgrade_failed(3)),
            (staging, UpdateOutcome::SettingsUpdated { changes: changes.clone() }),
            (staging, UpdateOutcome::SettingsFailed { changes, failures: failures(1) }),
        ];
        let finished: Vec<_> =
            outcomes.iter().map(|(app, outcome)| Announcement::UpdateFinished { app, outcome, requested_at }).collect();
        let to = "1.4".parse().unwrap();
        let problem = plan_apps(&views, now).items[2].problem.clone().unwrap();

        let mut announcements = vec![
            Announcement::UpgradeAvailable { app: staging, to },
            Announcement::UpgradeAvailable { app: prod, to },
            Announcement::UpgradeAvailable { app: waiting_prod, to },
            Announcement::UpgradeStarted { app: staging, from: "1.3", to: "1.4", requested_at },
        ];
        announcements.extend(&finished[..5]);
        announcements.push(Announcement::EndOfLife { app: prod, eol: prod.eol.unwrap() });
        announcements.extend(&finished[5..]);
        announcements.push(Announcement::Blocked { app: comet, problem: &problem });
        let notifications: Vec<_> = announcements
            .iter()
            .map(|announcement| {
                Notification::from_announcement(announcement, Some("3HL4kqtJlcpXroDTDmJ"), now).unwrap()
            })
            .collect();
        insta::assert_json_snapshot!(notifications);
    }

    #[test]
    fn hostile_reasons_forge_neither_lines_nor_mentions() {
        let now = Timestamp::UNIX_EPOCH;
        let (declared, _) = document::read_document(CONFIG, DeclaredResources::read_sections).unwrap();
        let mut observed = observed_app("fiddlerstaging", "1.3", Some("1.4"));
        if let AppObservation::Described(app) = &mut observed
            && let Some(upgrade) = &mut app.available_upgrade
        {
            upgrade.release_notes = vec![HOSTILE.to_owned()];
        }
        let observed = [observed];
        let views = build_views(&declared.partner_apps, &observed, &BTreeMap::new(), now);
        let app = &views[0];
        let failures = FailedAttempts {
            update_id: "1.4".to_owned(),
            count: 1,
            last: now,
            reason: HOSTILE.to_owned(),
            earlier: 0,
            config: None,
            refused: false,
        };
        let outcome = UpdateOutcome::UpgradeFailed { from: "1.3".to_owned(), to: "1.4".to_owned(), failures };
        let problem = Problem::new("p", HOSTILE, HOSTILE);
        let announcements = [
            Announcement::UpgradeAvailable { app, to: "1.4".parse().unwrap() },
            Announcement::UpdateFinished { app, outcome: &outcome, requested_at: now },
            Announcement::Blocked { app, problem: &problem },
        ];
        for announcement in announcements {
            assert_harmless(&Notification::from_announcement(&announcement, None, now).unwrap());
        }
    }

    #[test]
    fn subjects_of_long_problems_are_short() {
        let problem = Problem::new("no-window", "x".repeat(200), "add a window");
        assert_eq!(summarize_problem(&problem), "no maintenance window");
        let unknown = Problem::new("another", "the app is locked", "unlock it");
        assert_eq!(summarize_problem(&unknown), "the app is locked");
    }
}
