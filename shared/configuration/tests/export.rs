//! What is exported is a valid configuration under which nothing changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use configuration::ConfigDocument;
use maintenance::{
    UpdateHistory,
    export::{UNSET_ARGUMENT, export_apps, export_images, export_workteams, format_yaml},
    image::{ImageObservation, ImageStatus, ObservedImage, plan_images},
    partner_app::{AppObservation, AppStatus, ApplicationConfig, ObservedApp, build_views, plan_apps},
    workteam::{MemberGroup, ObservedWorkteam, WorkerAccess, plan_workteams},
};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic";

fn team(name: &str, arn_part: &str, members: BTreeSet<MemberGroup>, topic: Option<&str>) -> ObservedWorkteam {
    ObservedWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/{arn_part}/{name}"),
        description: "Radiologists: \"day\" shift".to_owned(),
        members,
        topic: topic.map(str::to_owned),
        worker_access: Some(WorkerAccess::SourceIp(true)),
        portal: None,
        created_at: None,
        tags: Ok(BTreeMap::new()),
    }
}

#[test]
fn exported_work_teams_are_unchanged() {
    let cognito = |group: &str| MemberGroup::Cognito {
        user_pool: "eu-west-1_a1B2c3D4e".to_owned(),
        user_group: group.to_owned(),
        client_id: "4k1example".to_owned(),
    };
    let teams = [
        team("radiology", "private-crowd", [cognito("day"), cognito("night")].into(), Some(TOPIC)),
        team("audit", "private-crowd", [MemberGroup::Oidc { group: "auditors".to_owned() }].into(), None),
        team("vendor", "vendor-crowd", BTreeSet::new(), None),
    ];
    let text = format_yaml(&export_workteams(&teams, Some(TOPIC)));
    insta::assert_snapshot!(text);
    let declared = ConfigDocument::parse(&text).unwrap().declared.workteams;
    assert_eq!(declared.len(), 2);
    let plan = plan_workteams(&declared, &teams, Some(TOPIC));
    assert!(!plan.has_actions() && plan.items.iter().all(|item| item.changes.is_empty()), "{plan:?}");
}

#[test]
fn exported_images_are_unchanged() {
    let image = ObservedImage {
        name: "base".to_owned(),
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:image/base".to_owned(),
        status: ImageStatus::Created,
        status_text: "CREATED".to_owned(),
        failure_reason: None,
        display_name: Some("base".to_owned()),
        description: Some("- a: b".to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/image".to_owned()),
        created_at: None,
        modified_at: None,
        tags: Some(BTreeMap::from([("team".to_owned(), "ml".to_owned()), ("aws:owner".to_owned(), "x".to_owned())])),
    };
    let text = format_yaml(&export_images(std::slice::from_ref(&image)));
    insta::assert_snapshot!(text, @r#"
    version: 1
    images:
      - name: "base"
        description: "- a: b"
        role_arn: "arn:aws:iam::123456789012:role/image"
        tags:
          team: "ml"
    "#);
    let declared = ConfigDocument::parse(&text).unwrap().declared.images;
    let observed = [ImageObservation::Described(Box::new(image))];
    let plan = plan_images(&declared, &observed, &[UpdateHistory::default()], jiff::Timestamp::UNIX_EPOCH);
    assert!(!plan.has_actions() && plan.items.iter().all(|item| item.changes.is_empty()), "{plan:?}");
}

#[test]
fn exported_apps_ask_for_their_arguments() {
    let app = ObservedApp {
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-ABCDEFGHIJKL".to_owned(),
        name: "fiddler".to_owned(),
        status: AppStatus::Available,
        error: None,
        version: Some("1.3".to_owned()),
        available_upgrade: None,
        eol: None,
        modified_at: None,
        maintenance_window_start: Some("TUE:03:30".parse().unwrap()),
        tier: Some("small".to_owned()),
        auto_minor_upgrade: false,
        iam_session_identity: true,
        application: ApplicationConfig {
            admin_users: Some(vec!["ann".to_owned()]),
            arguments: Some(BTreeMap::from([("token".to_owned(), "secret".to_owned().into())])),
            assigned_group_patterns: Some(vec!["ml-*".to_owned()]),
            role_group_assignments: None,
        },
        tags: Some(BTreeMap::new()),
    };
    let text = format_yaml(&export_apps(std::slice::from_ref(&app)));
    insta::assert_snapshot!(text);
    let error = ConfigDocument::parse(&text).unwrap_err().to_string();
    assert!(error.contains("expected the value of the argument, found `<set me>`"), "{error}");
    let declared = ConfigDocument::parse(&text.replace(UNSET_ARGUMENT, "secret")).unwrap().declared.partner_apps;
    let observed = [AppObservation::Described(Box::new(app))];
    let now = jiff::Timestamp::UNIX_EPOCH;
    let plan = plan_apps(&build_views(&declared, &observed, &BTreeMap::new(), now), now);
    assert!(!plan.has_actions() && plan.items.iter().all(|item| item.changes.is_empty()), "{plan:?}");
}
