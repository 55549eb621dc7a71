//! The plan of partner apps: what is done now, what is not and why.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use maintenance::{
    Declared,
    partner_app::{
        AppHistory, AppStanding, AppStatus, Application, Failures, Observed, Offer, PartnerApp, PartnerAppAction, Ran,
        calendar, next_look, plan, view,
    },
    upgrade::Version,
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

fn declared(apps: &str) -> Vec<PartnerApp> {
    let (declared, _) = document::read(&format!("version: 1\npartner_apps:\n{apps}"), Declared::read).unwrap();
    declared.partner_apps
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-{:0>12}", name.to_uppercase())
}

fn app(name: &str, version: &str, offered: Option<&str>) -> AppStanding {
    AppStanding {
        arn: arn(name),
        name: name.to_owned(),
        status: AppStatus::Available,
        error: None,
        version: Some(version.to_owned()),
        offer: offered.map(|version| Offer { version: version.parse().unwrap(), release_notes: Vec::new() }),
        eol: None,
        modified_at: None,
        maintenance_window_start: None,
        tier: Some("small".to_owned()),
        auto_minor_upgrade: false,
        iam_session_identity: false,
        application: Application::default(),
        tags: None,
    }
}

fn ran(version: &str, since: &str, until: Option<&str>) -> AppHistory {
    let ran = Ran { version: version.to_owned(), since: at(since), until: until.map(at) };
    AppHistory { ran: vec![ran], ..AppHistory::default() }
}

/// What a plan says, in lines. The 1st of December 2026 is a Tuesday.
fn said(apps: &str, standing: Vec<AppStanding>, histories: &[(&str, AppHistory)], now: &str) -> String {
    let declared = declared(apps);
    let observed: Vec<_> = standing.into_iter().map(|app| Observed::Read(Box::new(app))).collect();
    let histories = histories.iter().map(|(name, history)| (arn(name), history.clone())).collect();
    let views = view(&declared, &observed, &histories, at(now));
    let mut lines = Vec::new();
    for item in plan(&views, at(now)).items {
        lines.push(item.name);
        lines.extend(item.actions.iter().map(|action| match action {
            PartnerAppAction::AddTags { tags, .. } => format!("  tags {tags:?}"),
            PartnerAppAction::Update(update) => {
                format!("  update {}", serde_json::to_value(update).unwrap()["changes"])
            }
            PartnerAppAction::Upgrade(upgrade) => {
                format!("  upgrade {} to {}, try {}", upgrade.from, upgrade.to, upgrade.attempt)
            }
        }));
        lines.extend(item.notes.iter().map(|note| format!("  {note}")));
        lines.extend(
            item.problem.iter().map(|problem| format!("  {}: {}; {}", problem.code, problem.problem, problem.remedy)),
        );
    }
    lines.push(format!("next look: {}", next_look(&views, at(now))));
    lines.join("\n")
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn what_is_done_and_what_is_not_and_why() {
    const AUTO: &str = "  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 } }";
    const SOAK: &str = "  - { app: prod, upgrade: auto, window: { start: TUE:03:30, minutes: 120 }, after: { app: staging, days: 7 }, \
                        force_before_eol_days: 14 }";
    const OPEN: &str = "2026-12-01T03:40:00Z";
    let prod = || app("prod", "1.3", Some("1.4"));
    let with = |change: fn(&mut AppStanding)| {
        let mut app = prod();
        change(&mut app);
        app
    };
    let staging = |version: &str| app("staging", version, None);
    let failed = |count: u32, last: &str| AppHistory {
        failures: Some(Failures { of: "1.4".to_owned(), count, last: at(last), reason: "no capacity".to_owned() }),
        ..AppHistory::default()
    };
    let cases = [
        ("nothing offered", said(AUTO, vec![app("prod", "1.4", None)], &[], OPEN)),
        ("open", said(AUTO, vec![prod()], &[], OPEN)),
        ("the first moment", said(AUTO, vec![prod()], &[], "2026-12-01T03:30:00Z")),
        ("the moment after the last", said(AUTO, vec![prod()], &[], "2026-12-01T05:30:00Z")),
        ("closed", said(AUTO, vec![prod()], &[], "2026-11-28T23:15:00Z")),
        (
            "own window of the app",
            said(
                "  - { app: prod, upgrade: auto }",
                vec![with(|app| app.maintenance_window_start = "Tue:03:30".parse().ok())],
                &[],
                OPEN,
            ),
        ),
        ("no window", said("  - { app: prod, upgrade: auto }", vec![prod()], &[], OPEN)),
        ("notify", said("  - { app: prod }", vec![prod()], &[], OPEN)),
        ("off", said("  - { app: prod, upgrade: off }".replace("off", "\"off\"").as_str(), vec![prod()], &[], OPEN)),
        ("pinned", said("  - { app: prod, upgrade: auto, max_version: \"1.3\" }", vec![prod()], &[], OPEN)),
        ("a patch version runs", said(AUTO, vec![with(|app| app.version = Some("1.3.2".to_owned()))], &[], OPEN)),
        ("downgrade", said(AUTO, vec![with(|app| app.version = Some("1.5".to_owned()))], &[], OPEN)),
        ("updating", said(AUTO, vec![with(|app| app.status = AppStatus::Updating)], &[], OPEN)),
        ("update failed by others", said(AUTO, vec![with(|app| app.status = AppStatus::UpdateFailed)], &[], OPEN)),
        ("failed an hour ago", said(AUTO, vec![prod()], &[("prod", failed(1, "2026-12-01T03:00:00Z"))], OPEN)),
        ("failed last week", said(AUTO, vec![prod()], &[("prod", failed(2, "2026-11-24T04:00:00Z"))], OPEN)),
        ("failed three times", said(AUTO, vec![prod()], &[("prod", failed(3, "2026-11-24T04:00:00Z"))], OPEN)),
        (
            "another version is offered since",
            said(AUTO, vec![app("prod", "1.3", Some("1.5"))], &[("prod", failed(3, "2026-11-24T04:00:00Z"))], OPEN),
        ),
        ("soak: not there", said(SOAK, vec![prod()], &[], OPEN)),
        (
            "soak: not yet",
            said(SOAK, vec![prod(), staging("1.3")], &[("staging", ran("1.3", "2026-01-01T00:00:00Z", None))], OPEN),
        ),
        (
            "soak: 3 of 7 days",
            said(SOAK, vec![prod(), staging("1.4")], &[("staging", ran("1.4", "2026-11-28T00:00:00Z", None))], OPEN),
        ),
        (
            "soak: done",
            said(SOAK, vec![prod(), staging("1.4")], &[("staging", ran("1.4", "2026-11-24T03:40:00Z", None))], OPEN),
        ),
        (
            "soak: gone on",
            said(
                SOAK,
                vec![prod(), staging("1.5")],
                &[("staging", ran("1.4", "2026-11-01T00:00:00Z", Some("2026-11-20T00:00:00Z")))],
                OPEN,
            ),
        ),
        (
            "soak: forced by the end of life",
            said(SOAK, vec![with(|app| app.eol = "2026-12-10T00:00:00Z".parse().ok()), staging("1.3")], &[], OPEN),
        ),
        (
            "forced, but closed",
            said(
                SOAK,
                vec![with(|app| app.eol = "2026-12-10T00:00:00Z".parse().ok()), staging("1.3")],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
        (
            "settings go first",
            said(
                "  - { app: prod, upgrade: auto, window: { start: TUE:03:30 }, tier: large, auto_minor_upgrade: true }",
                vec![prod()],
                &[],
                OPEN,
            ),
        ),
        (
            "settings wait",
            said(
                "  - { app: prod, window: { start: TUE:03:30 }, tier: large }",
                vec![prod()],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
        (
            "tags do not wait",
            said(
                "  - { app: prod, window: { start: TUE:03:30 }, tags: { team: ml } }",
                vec![with(|app| app.tags = Some(BTreeMap::new()))],
                &[],
                "2026-12-01T06:00:00Z",
            ),
        ),
    ];
    let cases = cases.map(|(case, said)| format!("# {case}\n{said}"));
    insta::assert_snapshot!(cases.join("\n\n"));
}

#[test]
fn the_coming_two_weeks_are_a_timeline() {
    let declared = declared(
        "  - { app: staging, upgrade: auto, window: { start: TUE:03:30 } }\n  - { app: prod, upgrade: auto, window: { start: THU:22:00, \
         minutes: 240 }, after: { app: staging, days: 7 } }",
    );
    let now = at("2026-12-29T10:00:00Z");
    let mut prod = app("prod", "1.3", Some("1.4"));
    prod.eol = Some(at("2027-01-03T00:00:00Z"));
    let observed = [app("staging", "1.4", Some("1.5")), prod].map(|app| Observed::Read(Box::new(app)));
    let histories = BTreeMap::from([(arn("staging"), ran("1.4", "2026-12-29T04:00:00Z", None))]);
    insta::assert_snapshot!(calendar(&view(&declared, &observed, &histories, now), now));
}

proptest! {
    /// Whatever the state, an upgrade goes to the version offered, forward, of an app that is available, inside its window.
    #[test]
    fn an_upgrade_keeps_every_promise(
        minute in 0i64..7 * 24 * 60,
        status in 0..STATUSES.len(),
        running in (1u32..4, 0u32..4),
        offered in (1u32..4, 0u32..4),
        length in 1u16..10_080,
        soaked in 0i64..20,
        failures in 0u32..5,
        failed_hours in 0i64..100,
        eol_days in -10i64..40,
    ) {
        let apps = format!("  - {{ app: prod, upgrade: auto, window: {{ start: TUE:03:30, minutes: {length} }}, after: {{ app: staging, days: 7 }}, force_before_eol_days: 14 }}");
        let declared = declared(&apps);
        let now = at("2026-11-30T00:00:00Z") + SignedDuration::from_mins(minute);
        let offered = format!("{}.{}", offered.0, offered.1);
        let mut prod = app("prod", &format!("{}.{}", running.0, running.1), Some(&offered));
        prod.status = STATUSES[status];
        prod.eol = Some(now + SignedDuration::from_hours(eol_days * 24));
        let staging = app("staging", &offered, None);
        let failed = Failures { of: offered.clone(), count: failures, last: now - SignedDuration::from_hours(failed_hours), reason: String::new() };
        let since = (now - SignedDuration::from_hours(soaked * 24)).to_string();
        let histories = BTreeMap::from([
            (arn("prod"), AppHistory { failures: (failures > 0).then_some(failed), ..AppHistory::default() }),
            (arn("staging"), ran(&offered, &since, None)),
        ]);
        let observed = [prod.clone(), staging].map(|app| Observed::Read(Box::new(app)));
        let views = view(&declared, &observed, &histories, now);
        let item = plan(&views, now).items.remove(0);
        let open = (minute - (24 * 60 + 3 * 60 + 30)).rem_euclid(7 * 24 * 60) < i64::from(length);
        let forward = offered.parse::<Version>().unwrap() > prod.running().unwrap();
        let may = open
            && forward
            && prod.status.is_available()
            && (soaked >= 7 || eol_days <= 14)
            && failures < 3
            && (failures == 0 || failed_hours >= 24 << (failures - 1));
        prop_assert_eq!(item.actions.len(), usize::from(may), "{:?}", item);
        for action in &item.actions {
            prop_assert!(matches!(action, PartnerAppAction::Upgrade(upgrade) if upgrade.to == offered));
        }
        // What is not done is explained.
        prop_assert!(may || !item.notes.is_empty() || item.problem.is_some());
        prop_assert!(next_look(&views, now) >= now);
    }
}
