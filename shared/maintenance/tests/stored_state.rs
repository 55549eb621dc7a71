//! What the ledger and client tokens hold does not depend on the names in this crate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use maintenance::{
    Change, DeclaredResources, UpdateCalls, UpdateHistory,
    image::{ImageAction, ImageObservation, ImageStatus, ObservedImage, plan_images},
    partner_app::{
        AppHistory, AppObservation, AppStatus, ApplicationConfig, ObservedApp, PartnerAppAction, PendingAppUpdate,
        build_views, plan_apps,
    },
};
use serde_json::json;

const CONFIG: &str = r#"version: 1
partner_apps:
  - app: full
    window: { start: "TUE:03:30", minutes: 120 }
    maintenance_window_start: tue:03:30
    auto_minor_upgrade: false
    tier: small
    iam_session_identity: true
    application:
      admin_users: [ml-admins@example.com, "two \"quoted\" é"]
      arguments: { region: eu, zone: b }
      assigned_group_patterns: ["ml-*"]
      role_group_assignments: { ORG_ADMIN: [ml-admins], ORG_MEMBER: ["ml-*", "ml-b"] }
  - { app: tier, window: { start: "TUE:03:30" }, tier: large }
  - app: empty
    window: { start: "TUE:03:30" }
    auto_minor_upgrade: true
    application: { admin_users: [], arguments: {} }
images:
  - name: a
    display_name: "Training \"base\""
    description: null
    role_arn: "arn:aws:iam::123456789012:role/image"
  - { name: b, description: "one" }
  - { name: c, display_name: null }
  - { name: d, role_arn: "arn:aws:iam::123456789012:role/image" }
"#;

fn declared() -> DeclaredResources {
    document::read_document(CONFIG, DeclaredResources::read_sections).unwrap().0
}

fn observed_app(name: &str) -> AppObservation {
    AppObservation::Described(Box::new(ObservedApp {
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-{:0>12}", name.to_uppercase()),
        name: name.to_owned(),
        status: AppStatus::Available,
        error: None,
        version: Some("1.3".to_owned()),
        available_upgrade: None,
        eol: None,
        modified_at: None,
        maintenance_window_start: None,
        tier: Some("medium".to_owned()),
        auto_minor_upgrade: name != "empty",
        iam_session_identity: false,
        application: ApplicationConfig::default(),
        tags: None,
    }))
}

fn observed_image(name: &str) -> ImageObservation {
    ImageObservation::Described(Box::new(ObservedImage {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:image/{name}"),
        status: ImageStatus::Created,
        status_text: "CREATED".to_owned(),
        failure_reason: None,
        display_name: Some("Old".to_owned()),
        description: Some("old".to_owned()),
        role_arn: None,
        created_at: None,
        modified_at: None,
        tags: None,
    }))
}

#[test]
fn digests_and_client_tokens_of_app_settings_are_stable() {
    let observed = ["full", "tier", "empty"].map(observed_app);
    let now: Timestamp = "2026-12-01T03:40:00Z".parse().unwrap();
    let declared = declared();
    let views = build_views(&declared.partner_apps, &observed, &BTreeMap::new(), now);
    let expected = [
        ("nv4ypaud6e5zi7j5uwr4ijil2e4vrlwv", "mnt-qqvyeplf7st7k5vpshb2tqy2q4fzng2t"),
        ("77ldauke57eddocm7mlx4lkayuivqiei", "mnt-3jnbavrh2jyflzldpikkjt3xhmlbh34c"),
        ("vqd5oscjxerxqddog43jgaaqbtscevgp", "mnt-aapthfs56cxclejbcay3veerajymhtcv"),
    ];
    for (item, (digest, token)) in plan_apps(&views, now).items.iter().zip(expected) {
        let [PartnerAppAction::Update(update)] = &item.actions[..] else { panic!("{item:?}") };
        assert_eq!((update.digest.as_str(), update.client_token.as_str()), (digest, token), "{}", item.name);
    }
}

#[test]
fn digests_of_image_properties_are_stable() {
    let observed = ["a", "b", "c", "d"].map(observed_image);
    let expected = [
        "4ytmlwl2yqz3wbwgmmkidkgg3zqyc2sc",
        "4fgdbedtixd6wv6py2ex4s3wkeyz2wgv",
        "h4ausilu6ykjuiyohnrkpjk2s4sifgq3",
        "xnjrydzmgapagupzwce5zksg6kgbfyix",
    ];
    for (item, digest) in
        plan_images(&declared().images, &observed, &[], Timestamp::UNIX_EPOCH).items.iter().zip(expected)
    {
        let [ImageAction::Update(update)] = &item.actions[..] else { panic!("{item:?}") };
        assert_eq!(update.digest, digest, "{}", item.name);
    }
}

/// What the first release wrote can be read; it is written again without the member `taken`.
#[test]
fn history_rows_keep_their_field_names() {
    let at = "2026-12-01T03:40:00Z";
    let upgrade = json!({
        "ran": [{ "version": "1.3", "since": at, "until": null }],
        "pending": { "kind": "upgrade", "from": "1.3", "to": "1.4", "asked_at": at },
        "failures": { "of": "1.4", "count": 1, "last": at, "reason": "no capacity" },
        "taken": "digest",
    });
    let changes = json!([{ "field": "tier", "from": "small", "to": "large" }, { "field": "description" }]);
    let settings = json!({
        "ran": [],
        "pending": { "kind": "settings", "digest": "digest", "changes": changes, "asked_at": at },
        "failures": null,
        "taken": null,
    });
    for mut row in [upgrade, settings] {
        let history: AppHistory = serde_json::from_value(row.clone()).unwrap();
        row.as_object_mut().unwrap().remove("taken");
        assert_eq!(serde_json::to_value(history).unwrap(), row);
    }
    let mut image = json!({
        "pending": { "digest": "digest", "changes": changes, "asked_at": at },
        "failed": { "digest": "digest", "reason": "no capacity" },
    });
    let history: UpdateHistory = serde_json::from_value(image.clone()).unwrap();
    image["failed"]["count"] = 1.into();
    assert_eq!(serde_json::to_value(&history).unwrap(), image);
    // A row without the time when the image was created is that of the image that is seen first.
    let (first, second) = (Timestamp::from_second(1).ok(), Timestamp::from_second(2).ok());
    let of_first = history.of_resource(first);
    assert_eq!(of_first, UpdateHistory { created_at: first, ..history });
    assert_eq!(of_first.of_resource(second), UpdateHistory { created_at: second, ..UpdateHistory::default() });
}

/// DynamoDB refuses an item of more than 400 KB: whatever is declared, observed or answered is
/// shortened, and a refusal that is repeated is still recognized.
#[test]
fn histories_are_bounded() {
    let (long, now) = ("x".repeat(500_000), Timestamp::UNIX_EPOCH);
    let changes = [Change { field: "tier".to_owned(), from: Some(long.clone()), to: Some(long.clone()) }];
    let request = |history: UpdateHistory| {
        history.with_request("digest", &changes, None, now).with_response(Err(Some(long.as_str())))
    };
    let requested = request(UpdateHistory::default());
    let (failed, settled) = requested.record_failure(&long, None, now);
    let (_, repeated) = request(failed.clone()).record_failure(&long, None, now);
    assert!(settled.is_some() && repeated.is_none());

    let settings = PendingAppUpdate::Settings {
        digest: "digest".to_owned(),
        changes: changes.to_vec(),
        requested_at: now,
        calls: UpdateCalls::default(),
    };
    let app_request = |history: AppHistory| {
        history.with_request(settings.clone(), now, None, now).with_response(Err(Some(long.as_str())))
    };
    let app_requested = app_request(AppHistory::default());
    let (app_failed, settled) = app_requested.record_refusal(&long, None, now);
    let (_, repeated) = app_request(app_failed.clone()).record_refusal(&long, None, now);
    assert!(settled.is_some() && repeated.is_none());

    let sizes = [
        serde_json::to_string(&requested).unwrap().len(),
        serde_json::to_string(&failed).unwrap().len(),
        serde_json::to_string(&app_requested).unwrap().len(),
        serde_json::to_string(&app_failed).unwrap().len(),
    ];
    assert!(sizes.iter().all(|size| *size < 40_000), "{sizes:?}");
}
