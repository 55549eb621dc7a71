//! Plans of partner apps: what is done now, and what has to wait or is blocked.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::collections::BTreeMap;

use common::{at, observed_app, parse_apps};
use jiff::SignedDuration;
use maintenance::{
    UpdateCalls,
    partner_app::{
        AppHistory, AppObservation, AppStatus, FailedAttempts, ObservedApp, PartnerAppAction, PendingAppUpdate,
        VersionRun, build_views, format_calendar, list_calendar, next_review_at, plan_apps, review_apps,
    },
    upgrade::AppVersion,
};
use proptest::prelude::*;

const STATUSES: [AppStatus; 8] = [
    AppStatus::Creating,
    AppStatus::Updating,
    AppStatus::Deleting,
    AppStatus::Deleted,
    AppStatus::Available,
    AppStatus::Failed,
    AppStatus::UpdateFailed,
    AppStatus::Unknown,
];

fn arn(name: &str) -> String {
    format!("arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-{:0>12}", name.to_uppercase())
}

fn app(name: &str, version: &str, available: Option<&str>) -> ObservedApp {
    observed_app(arn(name), name, version, available)
}

fn ran(version: &str, since: &str, until: Option<&str>) -> AppHistory {
    let run = VersionRun { version: version.to_owned(), since: at(since), until: until.map(at) };
    AppHistory { runs: vec![run], ..AppHistory::default() }
}

/// The plan as text. The 1st of December 2026 is a Tuesday.
fn plan_text(apps: &str, observed: Vec<ObservedApp>, histories: &[(&str, AppHistory)], now: &str) -> String {
    let declared = parse_apps(apps);
    let observed: Vec<_> = observed.into_iter().map(|app| AppObservation::Described(Box::new(app))).collect();
    let histories = histories.iter().map(|(name, history)| (arn(name), history.clone())).collect();
    let views = build_views(&declared, &observed, &histories, at(now));
    let mut lines = Vec::new();
    for item in plan_apps(&views, at(now)).items {
        lines.push(item.name);
        lines.extend(item.actions.iter().map(|action| match action {
            PartnerAppAction::AddTags { tags, .. } => format!("  tags {tags:?}"),
            PartnerAppAction::Update(update) => {
                format!("  update {}", serde_json::to_value(update).unwrap()["changes"])
            }
            PartnerAppAction::Upgrade(upgrade) => {
                format!("  upgrade {} to {}, attempt {}", upgrade.from, upgrade.to, upgrade.attempt)
            }
        }));
        lines.extend(item.notes.iter().map(|note| format!("  {note}")));
        lines.extend(
            item.problem.iter().map(|problem| format!("  {}: {}; {}", problem.code, problem.problem, problem.remedy)),
        );
    }
    lines.push(format!("next review: {}", next_review_at(&views, at(now))));
    lines.join("\n")
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn plans_say_what_is_done_and_what_waits() {
    const AUTO: &str = "  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 } }";
    const AFTER: &str = "  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 }, after: { app: staging, days: 7 }, \
                        force_before_eol_days: 14 }";
    const OPEN: &str = "2026-12-01T03:40:00Z";
    let prod = || app("prod", "1.3", Some("1.4"));
    let with = |change: fn(&mut ObservedApp)| {
        let mut app = prod();
        change(&mut app);
        app
    };
    let staging = |version: &str| app("staging", version, None);
    let failed = |count: u32, last: &str| AppHistory {
        failures: Some(FailedAttempts {
            update_id: "1.4".to_owned(),
            count,
            last: at(last),
            reason: "no capacity".to_owned(),
            earlier: 0,
            config: None,
            refused: false,
        }),
        ..AppHistory::default()
    };
    let cases = [
        ("no upgrade available", plan_text(AUTO, vec![app("prod", "1.4", None)], &[], OPEN)),
        ("window open", plan_text(AUTO, vec![prod()], &[], OPEN)),
        ("start of the window", plan_text(AUTO, vec![prod()], &[], "2026-12-01T03:30:00Z")),
        ("end of the window", plan_text(AUTO, vec![prod()], &[], "2026-12-01T05:30:00Z")),
        ("window closed", plan_text(AUTO, vec![prod()], &[], "2026-11-28T23:15:00Z")),
        (
            "the app's own window",
            plan_text(
                "  - { app: prod, upgrade: auto }",
                vec![with(|app| app.maintenance_window_start = "Tue:03:30".parse().ok())],
                &[],
                OPEN,
            ),
        ),
        ("no window", plan_text("  - { app: prod, upgrade: auto }", vec![prod()], &[], OPEN)),
        ("notify", plan_text("  - { app: prod }", vec![prod()], &[], OPEN)),
        (
            "off",
            plan_text("  - { app: prod, upgrade: off }".replace("off", "\"off\"").as_str(), vec![prod()], &[], OPEN),
        ),
        ("max_version", plan_text("  - { app: prod, upgrade: auto, max_version: \"1.3\" }", vec![prod()], &[], OPEN)),
        (
            "the app runs a patch version",
            plan_text(AUTO, vec![with(|app| app.version = Some("1.3.2".to_owned()))], &[], OPEN),
        ),
        ("downgrade", plan_text(AUTO, vec![with(|app| app.version = Some("1.5".to_owned()))], &[], OPEN)),
        ("updating", plan_text(AUTO, vec![with(|app| app.status = AppStatus::Updating)], &[], OPEN)),
        (
            "an update by someone else failed",
            plan_text(AUTO, vec![with(|app| app.status = AppStatus::UpdateFailed)], &[], OPEN),
        ),
        ("failed an hour ago", plan_text(AUTO, vec![prod()], &[("prod", failed(1, "2026-12-01T03:00:00Z"))], OPEN)),
        ("failed last week", plan_text(AUTO, vec![prod()], &[("prod", failed(2, "2026-11-24T04:00:00Z"))], OPEN)),
        ("failed three times", plan_text(AUTO, vec![prod()], &[("prod", failed(3, "2026-11-24T04:00:00Z"))], OPEN)),
        (
            "another version is available since",
            plan_text(
                AUTO,
                vec![app("prod", "1.3", Some("1.5"))],
                &[("prod", failed(3, "2026-11-24T04:00:00Z"))],
                OPEN,
            ),
        ),
        ("after: unknown app", plan_text(AFTER, vec![prod()], &[], OPEN)),
        (
            "after: not started",
            plan_text(
                AFTER,
                vec![prod(), staging("1.3")],
                &[("staging", ran("1.3", "2026-01-01T00:00:00Z", None))],
                OPEN,
            ),
        ),
        (
            "after: 3 of 7 days",
            plan_text(
                AFTER,
                vec![prod(), staging("1.4")],
                &[("staging", ran("1.4", "2026-11-28T00:00:00Z", None))],
                OPEN,
            ),
        ),
        (
            "after: over",
            plan_text(
                AFTER,
                vec![prod(), staging("1.4")],
                &[("staging", ran("1.4", "2026-11-24T03:40:00Z", None))],
                OPEN,
            ),
        ),
        (
            "after: over, and the other app runs a later version",
            plan_text(
                AFTER,
                vec![prod(), staging("1.5")],
                &[("staging", ran("1.4", "2026-11-01T00:00:00Z", Some("2026-11-20T00:00:00Z")))],
                OPEN,
            ),
        ),
        (
            "after: skipped because of the end of life",
            plan_text(
                AFTER,
                vec![with(|app| app.eol = "2026-12-10T00:00:00Z".parse().ok()), staging("1.3")],
                &[],
                OPEN,
            ),
        ),
        (
            "after: skipped, but the window is closed",
            plan_text(
                AFTER,
                vec![with(|app| app.eol = "2026-12-10T00:00:00Z".parse().ok()), staging("1.3")],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
        (
            "settings first",
            plan_text(
                "  - { app: prod, upgrade: auto, window: { start: TUE:03:30 }, tier: large, auto_minor_upgrade: true }",
                vec![prod()],
                &[],
                OPEN,
            ),
        ),
        (
            "settings wait for the window",
            plan_text(
                "  - { app: prod, window: { start: TUE:03:30 }, tier: large }",
                vec![prod()],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
        (
            "tags do not wait for the window",
            plan_text(
                "  - { app: prod, window: { start: TUE:03:30 }, tags: { team: ml } }",
                vec![with(|app| app.tags = Some(BTreeMap::new()))],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
    ];
    let cases = cases.map(|(case, text)| format!("# {case}\n{text}"));
    insta::assert_snapshot!(cases.join("\n\n"));
}

/// One entry has the name of the app, the other its ARN.
#[test]
fn app_declared_by_name_and_by_arn_is_blocked() {
    let entries = format!(
        "  - {{ app: prod, upgrade: auto, window: {{ start: TUE:03:30 }} }}\n  - {{ app: \"{}\", tier: large }}",
        arn("prod")
    );
    let text = plan_text(&entries, vec![app("prod", "1.3", Some("1.4"))], &[], "2026-12-01T03:40:00Z");
    insta::assert_snapshot!(text, @"
    prod
      declared-twice: `prod` and `arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-00000000PROD` are the same app; merge the two entries; the app is not changed until then
    arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-00000000PROD
      declared-twice: `arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-00000000PROD` and `prod` are the same app; merge the two entries; the app is not changed until then
    next review: 2026-12-01T03:40:00Z
    ");
}

#[test]
fn patch_version_counts_as_the_offered_one() {
    const AFTER: &str =
        "  - { app: prod, upgrade: auto, window: { start: TUE:03:30 }, after: { app: staging, days: 7 } }";
    let history = ran("1.4.2", "2026-11-28T00:00:00Z", None);
    let apps = || vec![app("prod", "1.3", Some("1.4")), app("staging", "1.4.2", None)];
    let text = plan_text(AFTER, apps(), &[("staging", history.clone())], "2026-12-01T03:40:00Z");
    assert!(text.contains("staging to run 1.4 for 7 days (`after`; 3 days so far)"), "{text}");
    let text = plan_text(AFTER, apps(), &[("staging", history)], "2026-12-08T03:40:00Z");
    assert!(text.contains("upgrade 1.3 to 1.4, attempt 1"), "{text}");
}

/// The clock of the run that requested an upgrade was an hour ahead or behind.
#[test]
fn clocks_that_differ_by_an_hour_only_delay_an_app() {
    let declared = parse_apps("  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 } }");
    for (skew, count) in [(60, 0), (-60, 1)] {
        let now = at("2026-12-01T03:40:00Z");
        let requested_at = now + SignedDuration::from_mins(skew);
        let pending = PendingAppUpdate::Upgrade {
            from: "1.3".to_owned(),
            to: "1.4".to_owned(),
            requested_at,
            calls: UpdateCalls::default(),
        };
        let history = AppHistory { pending: Some(pending), ..AppHistory::default() };
        let recorded = BTreeMap::from([(arn("prod"), history)]);
        let review = |app: ObservedApp, now| {
            let observed = [AppObservation::Described(Box::new(app))];
            let review = review_apps(&declared, &observed, &recorded, None, now);
            (review.finished_updates().len(), review.plan.items[0].actions.len())
        };
        let next = now + SignedDuration::from_mins(1);
        assert_eq!(review(app("prod", "1.3", Some("1.4")), next), (0, count), "{skew}");
        assert_eq!(review(app("prod", "1.4", None), next), (1, 0), "{skew}");
    }
}

#[test]
fn the_calendar_agrees_with_the_plan_for_the_same_time() {
    let declared = parse_apps(
        "  - { app: prod, upgrade: auto, tier: large, tags: { owner: ml }, window: { start: THU:22:00, minutes: 240 } }",
    );
    let now = at("2026-12-29T10:00:00Z");
    let mut prod = app("prod", "1.3", Some("1.4"));
    prod.tags = Some(BTreeMap::new());
    let observed = [AppObservation::Described(Box::new(prod))];
    let histories = BTreeMap::new();
    let events = list_calendar(&declared, &observed, &histories, now);
    let event = &events[0];
    let plan = plan_apps(&build_views(&declared, &observed, &histories, event.at), event.at);
    assert_eq!(plan.items[0].actions.len(), 2);
    for part in ["set the tags owner", "tier: small -> large", "upgrade to 1.4: starts after the settings change"] {
        assert!(event.event.contains(part), "{part}: {event:?}");
    }
    assert!(events[1].event.contains("depends on the update on 31 Dec 2026"), "{events:?}");
}

#[test]
fn the_calendar_shows_the_next_two_weeks() {
    let declared = parse_apps(
        "  - { app: staging, upgrade: auto, window: { start: TUE:03:30 } }\n  - { app: prod, upgrade: auto, window: { start: THU:22:00, \
         minutes: 240 }, after: { app: staging, days: 7 } }",
    );
    let now = at("2026-12-29T10:00:00Z");
    let mut prod = app("prod", "1.3", Some("1.4"));
    prod.eol = Some(at("2027-01-03T00:00:00Z"));
    let mut staging = app("staging", "1.4", Some("1.5"));
    staging.eol = Some(at("2026-12-28T00:00:00Z"));
    let observed = [staging, prod].map(|app| AppObservation::Described(Box::new(app)));
    let histories = BTreeMap::from([(arn("staging"), ran("1.4", "2026-12-29T04:00:00Z", None))]);
    insta::assert_snapshot!(format_calendar(&list_calendar(&declared, &observed, &histories, now)), @"
    Thu 31 Dec 22:00 to 02:00  prod     upgrade to 1.4 is waiting for staging to run 1.4 for 7 days (`after`; 2 days so far)
    3 Jan 2027                 prod     end of life of 1.3
    Tue 5 Jan 03:30 to 05:30   staging  upgrade 1.4 to 1.5
    Thu 7 Jan 22:00 to 02:00   prod     upgrade 1.3 to 1.4
    Tue 12 Jan 03:30 to 05:30  staging  depends on the update on 5 Jan 2027
    ");
}

proptest! {
    /// In any state, an upgrade goes to the available version, which is newer, of an app that is
    /// available, inside its window.
    #[test]
    fn an_upgrade_keeps_every_guarantee(
        minute in 0i64..7 * 24 * 60,
        status in 0..STATUSES.len(),
        running in (1u32..4, 0u32..4),
        available in (1u32..4, 0u32..4),
        length in 1u16..10_080,
        days_run in 0i64..20,
        failures in 0u32..5,
        failed_hours in 0i64..100,
        eol_days in -10i64..40,
    ) {
        let apps = format!("  - {{ app: prod, upgrade: auto, window: {{ start: TUE:03:30, minutes: {length} }}, after: {{ app: staging, days: 7 }}, force_before_eol_days: 14 }}");
        let declared = parse_apps(&apps);
        let now = at("2026-11-30T00:00:00Z") + SignedDuration::from_mins(minute);
        let available = format!("{}.{}", available.0, available.1);
        let mut prod = app("prod", &format!("{}.{}", running.0, running.1), Some(&available));
        prod.status = STATUSES[status];
        prod.eol = Some(now + SignedDuration::from_hours(eol_days * 24));
        let staging = app("staging", &available, None);
        let failed = FailedAttempts { update_id: available.clone(), count: failures, last: now - SignedDuration::from_hours(failed_hours), reason: String::new(), earlier: 0, config: None, refused: false };
        let since = (now - SignedDuration::from_hours(days_run * 24)).to_string();
        let histories = BTreeMap::from([
            (arn("prod"), AppHistory { failures: (failures > 0).then_some(failed), ..AppHistory::default() }),
            (arn("staging"), ran(&available, &since, None)),
        ]);
        let observed = [prod.clone(), staging].map(|app| AppObservation::Described(Box::new(app)));
        let views = build_views(&declared, &observed, &histories, now);
        let item = plan_apps(&views, now).items.remove(0);
        let open = (minute - (24 * 60 + 3 * 60 + 30)).rem_euclid(7 * 24 * 60) < i64::from(length);
        let forward = available.parse::<AppVersion>().unwrap() > prod.running_version().unwrap();
        let is_allowed = open
            && forward
            && prod.status.is_available()
            && (days_run >= 7 || eol_days <= 14)
            && failures < 3
            && (failures == 0 || failed_hours >= 24 << (failures - 1));
        prop_assert_eq!(item.actions.len(), usize::from(is_allowed), "{:?}", item);
        for action in &item.actions {
            prop_assert!(matches!(action, PartnerAppAction::Upgrade(upgrade) if upgrade.to == available));
        }
        // A plan without action says why.
        prop_assert!(is_allowed || !item.notes.is_empty() || item.problem.is_some());
        prop_assert!(next_review_at(&views, now) >= now);
    }
}
