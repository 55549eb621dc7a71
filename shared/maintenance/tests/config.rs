//! Parses the sections `partner_apps` and `images`: every parameter of the two API references can
//! be set, and every error is reported.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

use document::DocumentUse;
use maintenance::DeclaredResources;

fn parse(text: &str) -> Result<(DeclaredResources, Vec<String>), String> {
    let read = document::read_document(&format!("version: 1\n{text}"), DeclaredResources::read_sections);
    let (declared, warnings) = read.map_err(|error| error.to_string())?;
    Ok((declared, warnings.iter().map(ToString::to_string).collect()))
}

const APP: &str = "
partner_apps:
  - app: arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-ABCDEFGHIJKL
    upgrade: auto
    max_version: \"2.0\"
    window: { start: \"TUE:03:30\", minutes: 120 }
    after: { app: fiddler-staging, days: 7 }
    force_before_eol_days: 14
    maintenance_window_start: tue:03:30
    auto_minor_upgrade: false
    tier: small
    iam_session_identity: true
    application:
      admin_users: [ml-admins@example.com]
      arguments: { region: eu }
      assigned_group_patterns: [\"ml-*\"]
      role_group_assignments: { ORG_ADMIN: [ml-admins], ORG_MEMBER: [\"ml-*\"] }
    tags: { team: ml }
images:
  - { name: training-base, display_name: Training base, description: null, tags: { team: ml },
      role_arn: \"arn:aws:iam::123456789012:role/image\" }
";

#[test]
fn every_parameter_can_be_set() {
    let (declared, warnings) = parse(APP).unwrap();
    assert_eq!(warnings, [""; 0]);
    insta::assert_debug_snapshot!(declared);
}

/// One row per parameter of the two API references.
#[test]
fn each_parameter_is_validated() {
    let app = |body: &str| format!("partner_apps: [ {{ app: fiddler, {body} }} ]");
    let image = |body: &str| format!("images: [ {{ name: base, {body} }} ]");
    let list = |count: usize, item: &str| (0..count).map(|at| format!("{item}{at}")).collect::<Vec<_>>().join(", ");
    let cases = [
        ("Arn", "partner_apps: [ { app: \"arn:aws:sagemaker:eu-west-1:123456789012:app/app-ABCDEFGHIJKL\" } ]".to_owned()),
        ("Arn", "partner_apps: [ { app: \"arn:aws:sagemaker:eu-west-1:1234:partner-app/app-ABCDEFGHIJKL\" } ]".to_owned()),
        ("Arn", "partner_apps: [ { app: my_app }, { app: \"\" }, { upgrade: auto } ]".to_owned()),
        ("MaintenanceConfig", app("maintenance_window_start: \"TUE:25:00\"")),
        ("Tier", app(&format!("tier: {}", "x".repeat(65)))),
        ("Tier", app("tier: \"  \"")),
        ("AdminUsers", app(&format!("application: {{ admin_users: [{}] }}", list(6, "user")))),
        ("AdminUsers", app("application: { admin_users: [a, \" \", a] }")),
        ("Arguments", app(&format!("application: {{ arguments: {{ {}: x }} }}", list(6, "k").replace(", ", ": x, ")))),
        ("Arguments", app(&format!("application: {{ arguments: {{ k: {} }} }}", "v".repeat(1025)))),
        ("AssignedGroupPatterns", app("application: { assigned_group_patterns: [\"ml admins\"] }")),
        ("AssignedGroupPatterns", app(&format!("application: {{ assigned_group_patterns: [{}] }}", list(11, "g")))),
        ("RoleGroupAssignments", app("application: { role_group_assignments: { ORG_ADMIN: [] } }")),
        (
            "RoleGroupAssignments",
            app("application: { assigned_group_patterns: [\"ml-*\"], role_group_assignments: { ORG_ADMIN: [admins] } }"),
        ),
        ("EnableIamSessionBasedIdentity", app("iam_session_identity: 1")),
        ("EnableAutoMinorVersionUpgrade", app("auto_minor_upgrade: \"on\"")),
        ("AppVersion", app("upgrade: auto, max_version: \"1\"")),
        ("AppVersion", app("upgrade: automatic")),
        ("Tags", app("tags: { \"aws:x\": z }")),
        ("window", app("window: { start: \"TUE:25:00\", minutes: 10081 }")),
        ("window", app("window: { minutes: 0 }")),
        ("after", app("upgrade: auto, after: { app: fiddler, days: 7 }")),
        ("after", app("upgrade: auto, after: { app: other, days: 0 }")),
        (
            "after",
            "partner_apps:\n  - { app: a, upgrade: auto, after: { app: b, days: 1 } }\n  - { app: b, upgrade: auto, after: { \
             app: c, days: 1 } }\n  - { app: c, upgrade: auto, after: { app: a, days: 1 } }"
                .to_owned(),
        ),
        ("twice", "partner_apps: [ { app: a }, { app: a } ]\nimages: [ { name: a }, { name: a } ]".to_owned()),
        (
            "twice, in another case",
            "partner_apps: [ { app: Fiddler }, { app: fiddler } ]\nimages: [ { name: Base }, { name: base } ]\nworkteams:\n  - { \
             name: A, description: d, members: { oidc: { groups: [a] } } }\n  - { name: a, description: d, members: { oidc: { \
             groups: [a] } } }"
                .to_owned(),
        ),
        ("unknown key", app("aplication: {}")),
        ("all at once", "partner_apps: [ { upgrade: automatic, window: { begin: 1 }, tier: 5 } ]".to_owned()),
        ("ImageName", "images: [ { name: -base }, { name: a..b }, { name: base_1 }, { description: x } ]".to_owned()),
        ("ImageName", format!("images: [ {{ name: {} }} ]", "a".repeat(64))),
        ("DisplayName", image("display_name: \" Base \"")),
        ("DisplayName", image(&format!("display_name: {}", "x".repeat(129)))),
        ("Description", image(&format!("description: {}", "x".repeat(513)))),
        ("Description", image("description: \"\"")),
        ("RoleArn", image("role_arn: \"arn:aws:iam::1234:role/x\"")),
        ("RoleArn and DeleteProperties", image("role_arn: null")),
    ];
    let shorten = |text: &str| text.chars().take(120).collect::<String>();
    let answers: Vec<_> = cases
        .iter()
        .map(|(parameter, text)| {
            let error = parse(text).expect_err(text);
            let error: Vec<_> =
                error.lines().map(|line| format!("  => {}", line.chars().take(240).collect::<String>())).collect();
            format!("{parameter}: {}\n{}", shorten(text), error.join("\n"))
        })
        .collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

#[test]
fn settings_without_effect_cause_warnings() {
    let warnings = |body: &str| parse(&format!("partner_apps: [ {{ app: a, {body} }} ]")).unwrap().1;
    assert!(warnings("after: { app: b, days: 7 }")[0].contains("no effect without upgrade: auto"));
    assert!(
        warnings("upgrade: auto, auto_minor_upgrade: true, after: { app: b, days: 7 }")[0].contains("does not wait")
    );
    assert!(warnings("upgrade: auto, force_before_eol_days: 7")[0].contains("no effect without `after`"));
    assert!(parse("").unwrap().0.partner_apps.is_empty());
}

/// Earlier releases accepted names that differ only in case: a document that is in use stays valid.
#[test]
fn names_in_an_active_document_may_differ_in_case() {
    let text = "version: 1
partner_apps: [ { app: Fiddler }, { app: fiddler } ]
images: [ { name: Base, description: d }, { name: base, description: d } ]
workteams:
  - { name: A, description: d, notifications: stack, members: { oidc: { groups: [g] } } }
  - { name: a, description: d, notifications: stack, members: { oidc: { groups: [g] } } }";
    let read = document::read_document_as(DocumentUse::Active, text, DeclaredResources::read_sections);
    let (declared, warnings) = read.unwrap();
    assert_eq!((declared.partner_apps.len(), declared.images.len(), declared.workteams.len()), (2, 2, 2));
    let paths: Vec<_> = warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(paths, ["partner_apps[1].app", "images[1].name", "workteams[1].name"]);
    assert!(warnings.iter().all(|warning| warning.message.contains("differ only in case")), "{warnings:?}");
    let twice = text.replace("Base", "base");
    document::read_document_as(DocumentUse::Active, &twice, DeclaredResources::read_sections).unwrap_err();
}
