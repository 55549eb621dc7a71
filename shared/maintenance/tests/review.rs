//! Reviews of partner apps: what is announced, recorded and requested, and in which order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{at, observed_app, parse_apps};
use jiff::SignedDuration;
use maintenance::{
    ApplyOutcome, Change, PlanItem, Reconciled, UpdateCalls,
    partner_app::{
        Announcement, AppHistory, AppObservation, AppReview, AppStatus, FailedAttempts, ObservedApp, PendingAppUpdate,
        UpdateOutcome, VersionRun, review_apps,
    },
};

const AUTO: &str = "  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 } }";
const TIER: &str = "  - { app: prod, window: { start: TUE:03:30, minutes: 120 }, tier: large }";

/// The digest of the settings of [`TIER`].
const SETTINGS_DIGEST: &str = "77ldauke57eddocm7mlx4lkayuivqiei";

const NOTIFY: &str = "  - { app: prod }";
const OFF: &str = "  - { app: prod, upgrade: \"off\" }";

/// A Tuesday, inside the window of [`AUTO`].
const OPEN: &str = "2026-12-01T03:40:00Z";

/// Outside the window.
const CLOSED: &str = "2026-12-01T06:00:00Z";

/// When the pending updates were requested: half an hour before [`OPEN`].
const REQUESTED: &str = "2026-12-01T03:10:00Z";

fn arn(name: &str) -> String {
    format!("arn:{name}")
}

fn app(name: &str, version: &str, available: Option<&str>) -> ObservedApp {
    observed_app(arn(name), name, version, available)
}

fn prod() -> ObservedApp {
    app("prod", "1.3", Some("1.4"))
}

fn described(apps: impl IntoIterator<Item = ObservedApp>) -> Vec<AppObservation> {
    apps.into_iter().map(|app| AppObservation::Described(Box::new(app))).collect()
}

fn ran(version: &str) -> AppHistory {
    let run = VersionRun { version: version.to_owned(), since: at("2026-11-01T00:00:00Z"), until: None };
    AppHistory { runs: vec![run], ..AppHistory::default() }
}

/// One call, which SageMaker accepted.
fn accepted() -> UpdateCalls {
    UpdateCalls { count: 1, last: Some(at(REQUESTED)), accepted: true, ..UpdateCalls::default() }
}

fn upgrading() -> AppHistory {
    let pending = PendingAppUpdate::Upgrade {
        from: "1.3".to_owned(),
        to: "1.4".to_owned(),
        requested_at: at(REQUESTED),
        calls: accepted(),
    };
    AppHistory { pending: Some(pending), ..ran("1.3") }
}

fn updating_settings() -> AppHistory {
    let pending = PendingAppUpdate::Settings {
        digest: SETTINGS_DIGEST.to_owned(),
        changes: vec![Change {
            field: "tier".to_owned(),
            from: Some("small".to_owned()),
            to: Some("large".to_owned()),
        }],
        requested_at: at(REQUESTED),
        calls: accepted(),
    };
    AppHistory { pending: Some(pending), ..ran("1.3") }
}

/// The app as it was before the request: with the failure of an update of the week before.
fn failed_last_week() -> ObservedApp {
    let modified_at = Some(at("2026-11-24T04:00:00Z"));
    ObservedApp { status: AppStatus::UpdateFailed, modified_at, error: Some("another one".to_owned()), ..prod() }
}

/// The history if the request was made while the app looked like this.
fn requested_after(app: &ObservedApp, mut history: AppHistory) -> AppHistory {
    if let Some(PendingAppUpdate::Upgrade { calls, .. } | PendingAppUpdate::Settings { calls, .. }) =
        &mut history.pending
    {
        calls.modified_before = app.modified_at;
    }
    history
}

/// The history if none of these calls got a response; with 0, the call was only recorded.
fn unanswered(history: AppHistory, count: u32) -> AppHistory {
    let last = Some(at(REQUESTED)).filter(|_| count > 0);
    let unanswered = UpdateCalls { count, last, until: Some(at("2026-12-01T05:30:00Z")), ..UpdateCalls::default() };
    let pending = history.pending.map(|mut pending| {
        let (PendingAppUpdate::Upgrade { calls, .. } | PendingAppUpdate::Settings { calls, .. }) = &mut pending;
        *calls = unanswered;
        pending
    });
    AppHistory { pending, ..history }
}

fn failed(count: u32) -> AppHistory {
    let failures = FailedAttempts {
        update_id: "1.4".to_owned(),
        count,
        last: at("2026-11-30T00:00:00Z"),
        reason: "no capacity".to_owned(),
        earlier: 0,
        config: None,
        refused: false,
    };
    AppHistory { failures: Some(failures), ..ran("1.3") }
}

fn describe(announcement: &Announcement<'_>) -> String {
    let event = match announcement {
        Announcement::UpdateFinished { outcome, .. } => match outcome {
            UpdateOutcome::Upgraded { from, to, took: None } => format!("upgraded by someone else, {from} to {to}"),
            UpdateOutcome::Upgraded { from, to, took: Some(took) } => {
                format!("upgraded, {from} to {to}, in {} min", took.as_mins())
            }
            UpdateOutcome::UpgradeFailed { failures, .. } => format!("upgrade failed, attempt {}", failures.count),
            UpdateOutcome::SettingsUpdated { .. } => "settings updated".to_owned(),
            UpdateOutcome::SettingsFailed { failures, .. } => format!("settings failed, attempt {}", failures.count),
        },
        Announcement::UpgradeStarted { from, to, .. } => format!("upgrade started, {from} to {to}"),
        Announcement::UpgradeAvailable { to, .. } => format!("upgrade to {to} available"),
        Announcement::EndOfLife { eol, .. } => format!("end of life, {} days stage", eol.stage),
        Announcement::Blocked { problem, .. } => format!("blocked, {}", problem.code),
    };
    let id = announcement.notification_id(Some("v1"));
    format!("{}: {event} [{id}]", announcement.app().display_name())
}

fn describe_review(review: &AppReview<'_>) -> String {
    let mut lines = Vec::new();
    let finished = review.finished_updates();
    let announcements = review.announcements();
    lines.extend(finished.iter().map(|announcement| format!("  before recording: {}", describe(announcement))));
    lines.extend(announcements.iter().map(|announcement| format!("  after recording: {}", describe(announcement))));
    lines.extend(review.plan.items.iter().map(|item| format!("  {}: {} calls", item.name, item.actions.len())));
    lines.join("\n")
}

/// One row per rule of what is announced.
#[test]
fn announcements_follow_from_what_is_observed_and_recorded() {
    let with = |change: fn(&mut ObservedApp)| {
        let mut app = prod();
        change(&mut app);
        app
    };
    let upgraded = || app("prod", "1.4", None);
    let cases = vec![
        ("up to date", AUTO, app("prod", "1.3", None), ran("1.3"), OPEN),
        ("an upgrade is available", AUTO, prod(), ran("1.3"), CLOSED),
        ("an upgrade is available in the window", AUTO, prod(), ran("1.3"), OPEN),
        ("an upgrade is available, upgrade: notify", NOTIFY, prod(), ran("1.3"), OPEN),
        ("an upgrade is available, upgrade: off", OFF, prod(), ran("1.3"), OPEN),
        ("the upgrade is in progress", AUTO, with(|app| app.status = AppStatus::Updating), upgrading(), OPEN),
        (
            "the upgrade is in progress for two days",
            AUTO,
            with(|app| app.status = AppStatus::Updating),
            upgrading(),
            "2026-12-03T03:40:00Z",
        ),
        ("another version is offered during the upgrade", AUTO, app("prod", "1.3", Some("1.5")), upgrading(), OPEN),
        (
            "another version is offered, and the call was not answered",
            AUTO,
            app("prod", "1.3", Some("1.5")),
            unanswered(upgrading(), 1),
            OPEN,
        ),
        ("the upgrade was requested, but is not visible", AUTO, prod(), upgrading(), OPEN),
        ("the upgrade succeeded", AUTO, upgraded(), upgrading(), OPEN),
        ("the upgrade failed", AUTO, with(|app| app.status = AppStatus::UpdateFailed), upgrading(), OPEN),
        ("the upgrade failed too often", AUTO, prod(), failed(3), OPEN),
        ("someone else upgraded it", AUTO, upgraded(), ran("1.3"), OPEN),
        ("seen for the first time", AUTO, upgraded(), AppHistory::default(), OPEN),
        ("settings are being updated", TIER, with(|app| app.status = AppStatus::Updating), updating_settings(), OPEN),
        ("settings were updated", TIER, with(|app| app.tier = Some("large".to_owned())), updating_settings(), OPEN),
        ("settings were accepted, but are not shown", TIER, prod(), updating_settings(), OPEN),
        (
            "settings were accepted a day ago, but are not shown",
            TIER,
            prod(),
            updating_settings(),
            "2026-12-02T03:40:00Z",
        ),
        ("the call for settings was not answered", TIER, prod(), unanswered(updating_settings(), 1), OPEN),
        ("no call for settings was answered", TIER, prod(), unanswered(updating_settings(), 3), OPEN),
        ("the call was not answered, and the window closed", TIER, prod(), unanswered(updating_settings(), 1), CLOSED),
        ("the upgrade's call was not answered", AUTO, prod(), unanswered(upgrading(), 1), OPEN),
        ("the upgrade's call was only recorded", AUTO, prod(), unanswered(upgrading(), 0), OPEN),
        ("the app reports more parts than the offer", AUTO, app("prod", "1.4.2", None), upgrading(), OPEN),
        (
            "the failure that is shown is a week old",
            AUTO,
            failed_last_week(),
            requested_after(&failed_last_week(), upgrading()),
            OPEN,
        ),
        (
            "the failure that is shown is newer than the request",
            AUTO,
            ObservedApp { modified_at: Some(at(REQUESTED)), ..failed_last_week() },
            requested_after(&failed_last_week(), upgrading()),
            OPEN,
        ),
        (
            "settings were not updated",
            TIER,
            with(|app| app.status = AppStatus::UpdateFailed),
            updating_settings(),
            OPEN,
        ),
        ("end of life in 80 days", AUTO, with(|app| app.eol = Some(at("2027-02-19T03:40:00Z"))), ran("1.3"), OPEN),
        ("end of life in 100 days", AUTO, with(|app| app.eol = Some(at("2027-03-11T03:40:00Z"))), ran("1.3"), OPEN),
        ("end of life is over", AUTO, with(|app| app.eol = Some(at("2026-11-30T00:00:00Z"))), ran("1.3"), OPEN),
        ("no window", "  - { app: prod, upgrade: auto }", prod(), ran("1.3"), OPEN),
        ("a downgrade is offered", AUTO, app("prod", "1.5", Some("1.4")), ran("1.5"), OPEN),
    ];
    let texts = cases.into_iter().map(|(case, apps, app, history, now)| {
        let (declared, observed) = (parse_apps(apps), described([app]));
        let recorded = BTreeMap::from([(arn("prod"), history)]);
        format!("# {case}\n{}", describe_review(&review_apps(&declared, &observed, &recorded, None, at(now))))
    });
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn announcements_keep_the_order_of_the_configuration() {
    let declared = parse_apps(
        "  - { app: unknown }\n  - { app: unreadable }\n  - { app: b, upgrade: auto, window: { start: TUE:03:30 }, \
         after: { app: other, days: 1 } }\n  - { app: a, upgrade: auto, window: { start: TUE:03:30 }, tags: { team: ml } }",
    );
    let mut observed = described([app("a", "1.3", Some("1.4")), app("b", "1.4", None), app("other", "1.4", None)]);
    let AppObservation::Described(tagged) = &mut observed[0] else { panic!("it is described") };
    tagged.tags = Some(BTreeMap::new());
    observed.push(AppObservation::Unreadable {
        arn: arn("unreadable"),
        name: "unreadable".to_owned(),
        cause: "Rate exceeded".to_owned(),
        refused: false,
    });
    let recorded = ["a", "b", "other"].map(|name| (arn(name), ran("1.3"))).into();
    let review = review_apps(&declared, &observed, &recorded, None, at(OPEN));
    // The upgrade of `other` is recorded, but not announced; an unreadable app is temporary.
    insta::assert_snapshot!(describe_review(&review), @r"
      before recording: b: upgraded by someone else, 1.3 to 1.4 [app-upgraded-arn:b-1.4-2026-11-01T00:00:00Z]
      after recording: a: upgrade to 1.4 available [app-available-arn:a-1.4]
      after recording: unknown: blocked, unknown-app [app-blocked-unknown-unknown-app-v1]
      unknown: 0 calls
      unreadable: 0 calls
      b: 0 calls
      a: 2 calls
    ");
    let versions =
        |name: &str| -> Vec<_> { review.histories[&arn(name)].runs.iter().map(|run| run.version.as_str()).collect() };
    assert_eq!(review.histories.len(), 3);
    assert_eq!(
        [versions("a"), versions("b"), versions("other")],
        [vec!["1.3"], vec!["1.3", "1.4"], vec!["1.3", "1.4"]]
    );
}

#[test]
fn a_started_upgrade_has_the_same_id_in_every_run() {
    let (declared, observed) = (parse_apps(AUTO), described([prod()]));
    let review = review_apps(&declared, &observed, &BTreeMap::new(), None, at(OPEN));
    let pending = upgrading().pending.unwrap();
    let started = review.announce_start(&arn("prod"), &pending).unwrap();
    let recorded = BTreeMap::from([(arn("prod"), upgrading())]);
    let next = review_apps(&declared, &observed, &recorded, None, at(OPEN) + SignedDuration::from_mins(15));
    let announced_again = next.announcements()[0];
    assert!(matches!(announced_again, Announcement::UpgradeStarted { .. }), "{announced_again:?}");
    assert_eq!(started.notification_id(None), announced_again.notification_id(None));
    assert_eq!(review.announce_start(&arn("other"), &pending), None);
    assert_eq!(review.announce_start(&arn("prod"), &updating_settings().pending.unwrap()), None);
}

#[test]
fn a_problem_is_announced_again_for_a_new_configuration() {
    let (declared, observed) = (parse_apps("  - { app: prod, upgrade: auto }"), described([prod()]));
    let review = review_apps(&declared, &observed, &BTreeMap::new(), None, at(OPEN));
    let [blocked] = review.announcements()[..] else { panic!("one announcement") };
    let id = |version| blocked.notification_id(version);
    assert_eq!(id(Some("v1")), "app-blocked-prod-no-window-v1-1.4");
    assert_eq!(id(None), "app-blocked-prod-no-window-unversioned-1.4");
}

#[test]
fn a_run_that_calls_or_defers_is_followed_by_the_next_one() {
    let declared = parse_apps(AUTO);
    let unchanged = [Reconciled::new(PlanItem::unchanged("prod"), ApplyOutcome::Unchanged)];
    let deferred = [Reconciled::new(PlanItem::unchanged("prod"), ApplyOutcome::Deferred("throttled".to_owned()))];
    let failed = [Reconciled::new(PlanItem::unchanged("prod"), ApplyOutcome::Failed("denied".to_owned()))];
    let idle_until = |app: ObservedApp, now: &str, applied: &[Reconciled<_>]| {
        let observed = described([app]);
        review_apps(&declared, &observed, &BTreeMap::new(), None, at(now)).idle_until(applied)
    };
    let up_to_date = || app("prod", "1.4", None);
    // An app that could not be read may have to be updated now.
    let unreadable = |refused| {
        let cause = "Rate exceeded".to_owned();
        [AppObservation::Unreadable { arn: arn("prod"), name: "prod".to_owned(), cause, refused }]
    };
    for refused in [false, true] {
        let review = |now| {
            let observed = unreadable(refused);
            review_apps(&declared, &observed, &BTreeMap::new(), None, at(now)).idle_until(&unchanged)
        };
        assert_eq!(review(CLOSED), at(CLOSED));
    }
    // Six hours later: the window opens in a week.
    assert_eq!(idle_until(up_to_date(), CLOSED, &unchanged), at("2026-12-01T12:00:00Z"));
    assert_eq!(idle_until(up_to_date(), CLOSED, &failed), at("2026-12-01T12:00:00Z"));
    assert_eq!(idle_until(up_to_date(), "2026-12-01T01:00:00Z", &unchanged), at("2026-12-01T03:30:00Z"));
    assert_eq!(idle_until(up_to_date(), CLOSED, &deferred), at(CLOSED));
    assert_eq!(idle_until(prod(), OPEN, &unchanged), at(OPEN));
}

/// The run that finds the upgrade may crash before it records the history.
#[test]
fn upgrade_by_someone_else_keeps_its_id_when_repeated() {
    let (declared, observed) = (parse_apps(NOTIFY), described([app("prod", "1.4", None)]));
    let recorded = BTreeMap::from([(arn("prod"), ran("1.3"))]);
    let ids = [OPEN, CLOSED].map(|now| {
        let review = review_apps(&declared, &observed, &recorded, None, at(now));
        review.finished_updates()[0].notification_id(None)
    });
    assert_eq!(ids[0], ids[1]);
}
