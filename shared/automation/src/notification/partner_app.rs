//! What is told of partner apps.

use std::fmt::Write;

use jiff::Timestamp;
use maintenance::{
    partner_app::{AppStanding, AppView, Failures, Outcome, Pending},
    span,
    upgrade::{EndOfLife, MAX_ATTEMPTS, Verdict},
};
use model_archive::Problem;
use serde::Serialize;

use super::{Notification, NotificationType, Severity, subject, text};

/// A partner app in a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PartnerAppReport {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eol: Option<Timestamp>,
}

impl From<&AppView<'_>> for PartnerAppReport {
    fn from(view: &AppView<'_>) -> Self {
        let standing = view.standing.as_ref().ok();
        Self {
            name: name(view).to_owned(),
            arn: standing.map(|app| app.arn.clone()),
            version: standing.and_then(|app| app.version.clone()),
            offered: standing.and_then(|app| app.offer.as_ref()).map(|offer| offer.version.to_string()),
            window: view.window.map(|window| window.to_string()),
            eol: standing.and_then(|app| app.eol),
        }
    }
}

/// SageMaker's name of an app, or the configuration's as long as that is not known.
fn name<'a>(view: &'a AppView<'_>) -> &'a str {
    view.standing.as_ref().map_or(view.declared.app.as_str(), |app| app.name.as_str())
}

impl Notification {
    /// A version that is offered, once for each; none if there is none, or nobody wants to know.
    pub fn upgrade_available(view: &AppView<'_>, time: Timestamp) -> Option<Self> {
        let app = view.standing.as_ref().ok()?;
        let to = app.offer.as_ref()?.version;
        let what = format!("{} can be upgraded {}.", app.name, step(app.version.as_deref(), &to.to_string()));
        let mut text = format!("{what}\n\n{}\n", what_next(view, time));
        notes(&mut text, app);
        Some(Self {
            subject: subject(&format!("{}: upgrade to {to} available", app.name)),
            ..Self::of_app(
                NotificationType::PartnerAppUpgradeAvailable,
                Severity::Info,
                format!("app-available-{}-{to}", app.arn),
                view,
                text,
                time,
            )
        })
    }

    /// An upgrade that was asked for; none if none is under way.
    pub fn upgrade_started(view: &AppView<'_>, pending: &Pending, time: Timestamp) -> Option<Self> {
        let app = view.standing.as_ref().ok()?;
        let Pending::Upgrade { from, to, asked_at } = pending else { return None };
        let mut text = format!(
            "{} is being upgraded {}. It is not available until that has ended; you will be told.\n",
            app.name,
            step(Some(from), to)
        );
        if let Verdict::Go { forced: Some(reason), .. } = &view.verdict {
            let _ = writeln!(text, "\nIt did not wait for its soak: {reason}.");
        }
        notes(&mut text, app);
        Some(Self {
            subject: subject(&format!("{}: upgrade to {to} started", app.name)),
            ..Self::of_app(
                NotificationType::PartnerAppUpgradeStarted,
                Severity::Info,
                format!("app-started-{}-{to}-{asked_at}", app.arn),
                view,
                text,
                time,
            )
        })
    }

    /// What became of an update, or of a version.
    pub fn app_outcome(view: &AppView<'_>, outcome: &Outcome, asked_at: Timestamp, time: Timestamp) -> Self {
        let name = name(view);
        let arn = view.standing.as_ref().map_or(name, |app| app.arn.as_str());
        match outcome {
            Outcome::Upgraded { from, to, took } => {
                let text = match took {
                    Some(took) => {
                        format!("{name} runs {to}. The upgrade from {from} ended within {}.\n", span::duration(*took))
                    }
                    None => format!("{name} runs {to}, {from} before. It was not this system that upgraded it.\n"),
                };
                let text = match what_next(view, time) {
                    next if view.standing.as_ref().is_ok_and(|app| app.offer.is_some()) => format!("{text}\n{next}\n"),
                    _ => text,
                };
                Self {
                    subject: subject(&format!("{name}: upgraded to {to}")),
                    ..Self::of_app(
                        NotificationType::PartnerAppUpgraded,
                        Severity::Info,
                        format!("app-upgraded-{arn}-{to}-{asked_at}"),
                        view,
                        text,
                        time,
                    )
                }
            }
            Outcome::UpgradeFailed { from, to, failures } => {
                let what = format!("the upgrade {} failed: {}", step(Some(from), to), failures.reason);
                Self {
                    subject: subject(&format!("{name}: upgrade to {to} failed")),
                    ..Self::failed(NotificationType::PartnerAppUpgradeFailed, view, &what, failures, asked_at, time)
                }
            }
            Outcome::SettingsUpdated { changes } => {
                let text = format!("{name} is as the configuration says.\n{}", text::changes(changes));
                Self {
                    subject: subject(&format!("{name}: settings updated")),
                    changes: changes.clone(),
                    ..Self::of_app(
                        NotificationType::PartnerAppConfigUpdated,
                        Severity::Info,
                        format!("app-settings-{arn}-{asked_at}"),
                        view,
                        text,
                        time,
                    )
                }
            }
            Outcome::SettingsFailed { changes, failures } => {
                let what = format!("the settings were not taken: {}", failures.reason);
                let failed = Self::failed(NotificationType::PartnerAppBlocked, view, &what, failures, asked_at, time);
                let text = format!("{}{}", failed.text, text::changes(changes));
                Self {
                    subject: subject(&format!("{name}: settings not taken")),
                    changes: changes.clone(),
                    text,
                    ..failed
                }
            }
        }
    }

    fn failed(
        kind: NotificationType,
        view: &AppView<'_>,
        what: &str,
        failures: &Failures,
        asked_at: Timestamp,
        time: Timestamp,
    ) -> Self {
        let name = name(view);
        let last = failures.count >= MAX_ATTEMPTS;
        let remedy = if last {
            "ask AWS Support about the app; this update is not tried again".to_owned()
        } else {
            format!("none is needed now: try {} of {MAX_ATTEMPTS} follows in a later window", failures.count + 1)
        };
        let problem = Problem::new("partner-app-update-failed", what, remedy);
        let mut text = format!("{name}: {what}.\nTry {} of {MAX_ATTEMPTS}. The app is available.\n", failures.count);
        text::problems(&mut text, std::slice::from_ref(&problem));
        let severity = if last { Severity::Error } else { Severity::Warning };
        let id = format!("app-failed-{name}-{}-{}-{asked_at}", failures.of, failures.count);
        Self { problems: vec![problem], ..Self::of_app(kind, severity, id, view, text, time) }
    }

    /// A version whose end is near, once for each of the stages; none as long as it is far.
    pub fn eol_warning(view: &AppView<'_>, time: Timestamp) -> Option<Self> {
        let app = view.standing.as_ref().ok()?;
        let EndOfLife { at, days, stage } = view.eol?;
        let version = app.version.as_deref().unwrap_or("its version");
        let day = span::day(at);
        let (what, severity) = match stage {
            0 => (format!("{version} is no longer supported since {day}"), Severity::Error),
            1..=7 => (format!("{version} is supported until {day}: {days} more days"), Severity::Error),
            _ => (format!("{version} is supported until {day}: {days} more days"), Severity::Warning),
        };
        let next = match &app.offer {
            None => "SageMaker offers no upgrade yet: look at the app in the console.".to_owned(),
            Some(_) => what_next(view, time),
        };
        Some(Self {
            subject: subject(&format!("{}: end of life of {version} on {day}", app.name)),
            ..Self::of_app(
                NotificationType::PartnerAppEolWarning,
                severity,
                format!("app-eol-{}-{version}-{stage}", app.arn),
                view,
                format!("{}: {what}.\n\n{next}\n", app.name),
                time,
            )
        })
    }

    /// Something that keeps an app from being maintained. `config` is the version of the configuration: with a new one it is told
    /// again.
    pub fn app_blocked(view: &AppView<'_>, problem: &Problem, config: Option<&str>, time: Timestamp) -> Self {
        let name = name(view);
        let mut text = format!("{name} is not maintained until somebody acts.\n");
        text::problems(&mut text, std::slice::from_ref(problem));
        let id = format!("app-blocked-{name}-{}-{}", problem.code, config.unwrap_or("unversioned"));
        let offered = view.standing.as_ref().ok().and_then(|app| app.offer.as_ref());
        let id = offered.map_or(id.clone(), |offer| format!("{id}-{}", offer.version));
        Self {
            subject: subject(&format!("{name}: blocked, {}", problem.code)),
            problems: vec![problem.clone()],
            ..Self::of_app(NotificationType::PartnerAppBlocked, Severity::Error, id, view, text, time)
        }
    }

    fn of_app(
        kind: NotificationType,
        severity: Severity,
        id: String,
        view: &AppView<'_>,
        mut text: String,
        time: Timestamp,
    ) -> Self {
        let app = PartnerAppReport::from(view);
        text.push('\n');
        text::line(&mut text, "App", &app.name);
        for (label, value) in [("Version", &app.version), ("Offered", &app.offered), ("Window", &app.window)] {
            if let Some(value) = value {
                text::line(&mut text, label, value);
            }
        }
        if let Some(eol) = app.eol {
            text::line(&mut text, "Ends", &span::day(eol));
        }
        Self { text, app: Some(app), ..Self::new(kind, severity, id, time) }
    }
}

fn step(from: Option<&str>, to: &str) -> String {
    from.map_or_else(|| format!("to {to}"), |from| format!("from {from} to {to}"))
}

fn notes(text: &mut String, app: &AppStanding) {
    let Some(offer) = app.offer.as_ref().filter(|offer| !offer.release_notes.is_empty()) else { return };
    let _ = writeln!(text, "\nNew in {}:", offer.version);
    for note in &offer.release_notes {
        let _ = writeln!(text, "- {note}");
    }
}

/// What happens to the offer, and when.
fn what_next(view: &AppView<'_>, now: Timestamp) -> String {
    match &view.verdict {
        Verdict::UpToDate => "Nothing is to be done.".to_owned(),
        Verdict::Go { opening, .. } => {
            format!("It happens now: the window is open until {}.", span::moment(opening.until))
        }
        Verdict::Wait { reasons, earliest: Some(at) } => format!(
            "It happens on {}, in {}, at the earliest ({}).",
            span::moment(*at),
            span::duration(span::until(now, *at)),
            reasons.join("; ")
        ),
        Verdict::Wait { reasons, earliest: None } => format!("It has to wait: {}.", reasons.join("; ")),
        Verdict::People { why } => format!("Nothing happens by itself ({why})."),
        Verdict::Blocked(problem) => format!("It is blocked: {}.\nRemedy: {}.", problem.problem, problem.remedy),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;
    use maintenance::{
        Change, Declared,
        partner_app::{AppHistory, AppStatus, Application, Observed, Offer, Ran, plan, view},
    };

    use super::*;

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

    fn app(name: &str, version: &str, offered: Option<&str>) -> Observed {
        let release_notes = vec!["Explanations are computed in half the time".to_owned(), "Dark mode".to_owned()];
        Observed::Read(Box::new(AppStanding {
            arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-{:0>12}", name[..5].to_uppercase()),
            name: name.to_owned(),
            status: AppStatus::Available,
            error: None,
            version: Some(version.to_owned()),
            offer: offered.map(|version| Offer { version: version.parse().unwrap(), release_notes }),
            eol: (version == "1.3").then(|| "2027-01-15T00:00:00Z".parse().unwrap()),
            modified_at: None,
            maintenance_window_start: None,
            tier: None,
            auto_minor_upgrade: false,
            iam_session_identity: false,
            application: Application::default(),
            tags: None,
        }))
    }

    /// What people are told, whole: docs/NOTIFICATIONS.md is written from this snapshot.
    #[test]
    fn documents_are_versioned_and_whole() {
        let now: Timestamp = "2026-12-01T03:45:00Z".parse().unwrap();
        let (declared, _) = document::read(CONFIG, Declared::read).unwrap();
        let asked_at = now - SignedDuration::from_mins(30);
        let failed = |count| Failures { of: "1.4".to_owned(), count, last: now, reason: "no capacity".to_owned() };
        let before = [
            app("fiddlerstaging", "1.3", Some("1.4")),
            app("fiddlerprod", "1.3", Some("1.4")),
            app("comet", "2.0", Some("2.1")),
        ];
        let views = view(&declared.partner_apps, &before, &BTreeMap::new(), now);
        let (staging, prod, comet) = (&views[0], &views[1], &views[2]);
        let pending = Pending::Upgrade { from: "1.3".to_owned(), to: "1.4".to_owned(), asked_at };
        let outcome = |view: &AppView<'_>, outcome| Notification::app_outcome(view, &outcome, asked_at, now);
        let (from, to) = ("1.3".to_owned(), "1.4".to_owned());
        let after = [app("fiddlerstaging", "1.4", None)];
        let changes =
            vec![Change { field: "tier".to_owned(), from: Some("small".to_owned()), to: Some("large".to_owned()) }];
        let upgraded =
            Outcome::Upgraded { from: from.clone(), to: to.clone(), took: Some(SignedDuration::from_mins(30)) };
        let by_others = Outcome::Upgraded { from: from.clone(), to: to.clone(), took: None };
        let blocked = plan(&views, now).items[2].problem.clone().unwrap();
        let soaking = AppHistory {
            ran: vec![Ran { version: to.clone(), since: "2026-11-28T00:00:00Z".parse().unwrap(), until: None }],
            ..AppHistory::default()
        };
        let later = [app("fiddlerstaging", "1.4", None), app("fiddlerprod", "1.3", Some("1.4"))];
        let arn = later[0].arn().to_owned();
        let told = [
            Notification::upgrade_available(staging, now).unwrap(),
            Notification::upgrade_available(prod, now).unwrap(),
            Notification::upgrade_available(
                &view(&declared.partner_apps, &later, &BTreeMap::from([(arn, soaking)]), now)[1],
                now,
            )
            .unwrap(),
            Notification::upgrade_started(staging, &pending, now).unwrap(),
            outcome(&view(&declared.partner_apps, &after, &BTreeMap::new(), now)[0], upgraded),
            outcome(&view(&declared.partner_apps, &after, &BTreeMap::new(), now)[0], by_others),
            outcome(staging, Outcome::UpgradeFailed { from: from.clone(), to: to.clone(), failures: failed(1) }),
            outcome(staging, Outcome::UpgradeFailed { from, to, failures: failed(3) }),
            outcome(staging, Outcome::SettingsUpdated { changes: changes.clone() }),
            Notification::eol_warning(prod, now).unwrap(),
            outcome(staging, Outcome::SettingsFailed { changes, failures: failed(1) }),
            Notification::app_blocked(comet, &blocked, Some("3HL4kqtJlcpXroDTDmJ"), now),
        ];
        insta::assert_json_snapshot!(told);
    }
}
