//! Runs the handler for weeks against the `SageMaker` emulator, on the emulator's clock.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{AppAccount, PERIOD, current_time};
use sagemaker_emulator::{DropTiming, ScriptedFault};

const STAGED: &str = "
partner_apps:
  - { app: staging, upgrade: auto, window: { start: \"TUE:03:30\", minutes: 120 }, tier: large }
  - { app: production, upgrade: auto, window: { start: \"THU:22:00\", minutes: 120 }, after: { app: staging, days: 7 } }
";

/// An account that matches its configuration, which has a window per app.
async fn create_unchanged_account() -> AppAccount {
    AppAccount::new(&["staging", "production"], &[("1.4", None)], &STAGED.replace(", tier: large", "")).await
}

/// SEMANTICS one-step-in-its-window: A partner app is upgraded only to the version that SageMaker
/// offers, one step at a time, only inside its maintenance window, and never while another update
/// is running.
#[tokio::test]
async fn production_is_upgraded_after_staging_and_a_waiting_period() {
    let account = AppAccount::new(&["staging", "production"], &[("1.3", None), ("1.4", None)], STAGED).await;
    account.emulator.add_fault(ScriptedFault::answer_with_error(
        "UpdatePartnerApp",
        1,
        "ConflictException",
        "Another operation is in progress.",
    ));
    account.emulator.add_fault(ScriptedFault::fail_update("production", 1, "no capacity"));
    account.run_days(21).await;
    assert_eq!(
        account.change_requests(),
        [
            r#"Tue 02 03:30 app  {"Tier":"large"} ConflictException"#,
            r#"Tue 02 03:45 app  {"Tier":"large"} Accepted"#,
            r#"Tue 02 04:15 app  {"AppVersion":"1.4"} Accepted"#,
            r#"Thu 11 22:00 app 1 {"AppVersion":"1.4"} Accepted"#,
            r#"Thu 18 22:00 app 1 {"AppVersion":"1.4"} Accepted"#,
        ]
    );
    let tokens: Vec<_> = account
        .emulator
        .logged_requests()
        .into_iter()
        .filter(|request| request.operation == "UpdatePartnerApp")
        .filter_map(|request| request.body["ClientToken"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(tokens[0], tokens[1], "a retry is the same call");
    assert_ne!(tokens[3], tokens[4], "a new attempt is a new call");
    assert!(tokens.iter().all(|token| token.len() == 36), "{tokens:?}");
    insta::assert_snapshot!(account.published_subjects().join("\n"), @"
    partner_app.upgrade_available: staging: upgrade to 1.4 available
    partner_app.upgrade_available: production: upgrade to 1.4 available
    partner_app.config_updated: staging: settings updated
    partner_app.upgrade_started: staging: upgrade to 1.4 started
    partner_app.upgraded: staging: upgraded to 1.4
    partner_app.upgrade_started: production: upgrade to 1.4 started
    partner_app.upgrade_failed: production: upgrade to 1.4 failed
    partner_app.upgrade_started: production: upgrade to 1.4 started
    partner_app.upgraded: production: upgraded to 1.4
    ");
    let published = account.maintainer.notifier.topic().published();
    let texts: Vec<_> =
        published.iter().map(|notification| format!("{}\n\n{}", notification.subject, notification.text)).collect();
    insta::assert_snapshot!("upgrade_notification_texts", texts.join("\n=====\n"));
}

/// SEMANTICS unchanged-no-call: A run on an unchanged account makes no mutating API call.
#[tokio::test]
async fn unchanged_account_is_read_rarely_and_never_changed() {
    let account = create_unchanged_account().await;
    let results = account.run_days(7).await;
    let idle = results.iter().filter(|result| result.get("idle").is_some()).count();
    let reads = account.count_reads();
    println!("{} runs in a week: {idle} were idle, with {reads} read calls in all", results.len());
    assert_eq!(account.change_requests(), [""; 0]);
    // Two windows of 8 runs each, and a review every six hours: three calls each.
    assert!(idle > 600 && reads < 200, "{idle} idle runs, {reads} read calls");
}

#[tokio::test]
async fn config_event_on_an_unchanged_account_makes_three_reads() {
    let account = create_unchanged_account().await;
    account.run_days(1).await;
    let before = account.count_reads();
    account.deliver_config_event().await;
    let reads = account.count_reads() - before;
    println!("A review makes {reads} read calls");
    assert_eq!(reads, 3);
    assert_eq!(account.change_requests(), [""; 0]);
}

#[tokio::test]
async fn upgrade_is_blocked_after_three_failures() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:01:00, minutes: 60 } } ]";
    let account = AppAccount::new(&["fiddler"], &[("1.3", None), ("1.4", None)], config).await;
    account.emulator.add_fault(ScriptedFault::fail_update("fiddler", 9, "no capacity"));
    account.run_days(35).await;
    let times: Vec<_> =
        account.change_requests().iter().map(|request| request.chars().take(12).collect::<String>()).collect();
    assert_eq!(times, ["Mon 01 01:00", "Mon 08 01:00", "Mon 15 01:00"]);
    let types = account.maintainer.notifier.topic().types();
    let count = |kind: &str| types.iter().filter(|published| **published == kind).count();
    assert_eq!((count("partner_app.upgrade_failed"), count("partner_app.blocked")), (3, 1), "{types:?}");
}

#[tokio::test]
async fn end_of_life_is_announced_and_overrides_the_waiting_period() {
    let eol = "2100-06-15T00:00:00Z".parse().unwrap();
    let config = STAGED.replace("days: 7 }", "days: 300 }, force_before_eol_days: 30").replace(", tier: large", "");
    let account = AppAccount::new(&["staging", "production"], &[("1.3", Some(eol)), ("1.4", None)], &config).await;
    account.run_days(100).await;
    let upgrades: Vec<_> =
        account.change_requests().iter().map(|request| request.chars().take(18).collect::<String>()).collect();
    // 30 days before 15 June is 16 May, a Sunday; the following Thursday is 20 May.
    assert_eq!(upgrades, ["Tue 02 03:30 app  ", "Thu 20 22:00 app 1"]);
    insta::assert_snapshot!(account.published_subjects().join("\n"), @"
    partner_app.upgrade_available: staging: upgrade to 1.4 available
    partner_app.upgrade_available: production: upgrade to 1.4 available
    partner_app.upgrade_started: staging: upgrade to 1.4 started
    partner_app.upgraded: staging: upgraded to 1.4
    partner_app.eol_warning: production: end of life of 1.3 on 15 Jun 2100
    partner_app.eol_warning: production: end of life of 1.3 on 15 Jun 2100
    partner_app.upgrade_started: production: upgrade to 1.4 started
    partner_app.upgraded: production: upgraded to 1.4
    ");
}

#[tokio::test]
async fn problem_of_one_app_does_not_block_the_others() {
    let config = "
partner_apps:
  - { app: gone, upgrade: auto, window: { start: MON:00:00 } }
  - { app: \"arn:aws:sagemaker:eu-west-1:999999999999:partner-app/app-ABCDEFGHIJKL\" }
  - { app: windowless, upgrade: auto }
  - { app: grouped, window: { start: MON:00:00 }, application: { role_group_assignments: { ORG_ADMIN: [admins] } } }
  - { app: fine, upgrade: auto, window: { start: MON:00:00 }, tags: { team: ml } }
";
    let account = AppAccount::new(&["windowless", "grouped", "fine"], &[("1.3", None), ("1.4", None)], config).await;
    account.maintainer.handle_schedule().await.unwrap();
    let requests = account.change_requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[0].contains("team") && requests[1].contains("1.4"), "{requests:?}");
    insta::assert_snapshot!(account.published_subjects().join("\n"), @"
    partner_app.upgrade_available: grouped: upgrade to 1.4 available
    partner_app.upgrade_available: fine: upgrade to 1.4 available
    partner_app.blocked: gone: maintenance blocked: no such app in this account and Region
    partner_app.blocked: arn:aws:sagemaker:eu-west-1:999999999999:partner-app/app-ABCDEFGHIJKL: maintenance blocked: the app
    partner_app.blocked: windowless: maintenance blocked: no maintenance window
    partner_app.blocked: grouped: maintenance blocked: a group pattern is not assigned to the app
    partner_app.upgrade_started: fine: upgrade to 1.4 started
    ");
}

#[tokio::test]
async fn app_is_found_on_the_last_page() {
    let names: Vec<_> = (0..120).map(|number| format!("app{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let config = "partner_apps: [ { app: app119, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = AppAccount::new(&names, &[("1.3", None), ("1.4", None)], config).await;
    account.maintainer.handle_schedule().await.unwrap();
    assert_eq!(account.change_requests().len(), 1);
    assert_eq!(account.count_reads(), 3, "expected two pages, and the declared app");
}

/// The offered version changes between the review and the call: this is not a failed upgrade.
#[tokio::test]
async fn upgrade_is_planned_again_after_the_offer_changes() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = AppAccount::new(&["fiddler"], &[("1.3", None), ("1.5", None)], config).await;
    account.emulator.add_fault(ScriptedFault::answer_with_error(
        "UpdatePartnerApp",
        1,
        "ValidationException",
        "AppVersion 1.5 is not available.",
    ));
    account.maintainer.handle_schedule().await.unwrap();
    let app = account.client.list_partner_apps().send().await.unwrap().summaries()[0].clone();
    assert_eq!(app.status().unwrap().as_str(), "Available");
    account.emulator.set_partner_app_versions("fiddler", &[("1.3", None), ("1.4", None), ("1.5", None)]);
    account.set_time(current_time() + PERIOD);
    account.maintainer.handle_schedule().await.unwrap();
    assert!(
        account.change_requests()[1].contains(r#"{"AppVersion":"1.4"} Accepted"#),
        "{:?}",
        account.change_requests()
    );
}

#[tokio::test]
async fn downgrade_is_never_requested() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = AppAccount::new(&["fiddler"], &[("1.3", None), ("1.2", None)], config).await;
    account.maintainer.handle_schedule().await.unwrap();
    assert_eq!(account.change_requests(), [""; 0]);
    assert_eq!(
        account.published_subjects(),
        ["partner_app.blocked: fiddler: maintenance blocked: the available version is not newer"]
    );
}

/// A request whose response is lost is repeated with the same token, and takes effect once.
#[tokio::test]
async fn upgrade_with_a_lost_response_takes_effect_once() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:00:00 } } ]";
    let account = AppAccount::new(&["fiddler"], &[("1.3", None), ("1.4", None)], config).await;
    account.emulator.add_fault(ScriptedFault::drop_connection("UpdatePartnerApp", 1, DropTiming::Before));
    account.run_days(1).await;
    let requests = account.change_requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    let types = account.maintainer.notifier.topic().types();
    assert_eq!(types, ["partner_app.upgrade_available", "partner_app.upgrade_started", "partner_app.upgraded"]);
}
