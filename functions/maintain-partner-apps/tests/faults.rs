//! Updates of partner apps that are refused, lost, or of no effect.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::{collections::BTreeMap, time::Duration};

use common::{AppAccount, PERIOD, current_time};
use jiff::SignedDuration;
use maintenance::{
    partner_app::{PartnerAppAction, SettingsUpdate, VersionUpgrade},
    window::MaintenanceWindow,
};
use sagemaker::partner_apps::{self, PartnerApps};
use sagemaker_emulator::{DropTiming, ScriptedFault};
use serde_json::json;
use worker::CallErrorKind;

/// The window opens every Monday at 01:00 for an hour: four runs.
const TIER: &str = "partner_apps: [ { app: fiddler, window: { start: MON:01:00, minutes: 60 }, tier: large } ]";
const UPGRADE: &str = "partner_apps: [ { app: fiddler, upgrade: auto, window: { start: MON:01:00, minutes: 60 } } ]";

async fn create_account(config: &str) -> AppAccount {
    AppAccount::new(&["fiddler"], &[("1.3", None), ("1.4", None)], config).await
}

const BLOCKED: &str = "partner_app.blocked";
const FAILED: &str = "partner_app.upgrade_failed";
const STARTED: &str = "partner_app.upgrade_started";

/// Day and time of each call.
fn call_times(account: &AppAccount) -> Vec<String> {
    account.change_requests().iter().map(|request| request.chars().take(12).collect()).collect()
}

/// The notifications without those about offered upgrades.
fn results(account: &AppAccount) -> Vec<&'static str> {
    let types = account.published_types().into_iter();
    types.filter(|kind| *kind != "partner_app.upgrade_available").collect()
}

/// SEMANTICS success-is-observed: Success is judged by the observed state, never by the absence of
/// an error; a call without an answer is repeated.
#[tokio::test]
async fn lost_settings_are_sent_again_until_the_app_shows_them() {
    for when in [DropTiming::Before, DropTiming::After] {
        let account = create_account(TIER).await;
        account.emulator.add_fault(ScriptedFault::drop_connection("UpdatePartnerApp", 1, when));
        account.run_days(2).await;
        assert_eq!(account.tier().await, "large", "{when:?}");
        assert_eq!(results(&account), ["partner_app.config_updated"], "{when:?}");
    }
}

/// The process ends between the note in the ledger and the call: the call was never made.
#[tokio::test]
async fn settings_that_were_noted_and_not_sent_are_sent() {
    let lost = create_account(TIER).await;
    lost.emulator.add_fault(ScriptedFault::drop_connection("UpdatePartnerApp", 1, DropTiming::Before));
    while lost.change_requests().is_empty() {
        lost.maintainer.handle_schedule().await.unwrap();
        lost.set_time(current_time() + PERIOD);
    }
    let find_row = |account: &AppAccount| {
        let rows = account.maintainer.ledger.table().rows.read();
        rows.iter()
            .find(|(key, _)| key.starts_with("app#arn"))
            .map(|(key, (_, row))| (key.clone(), row.clone()))
            .unwrap()
    };
    let (key, mut row) = find_row(&lost);
    // What is known of the call is recorded after it.
    row["history"]["pending"].as_object_mut().unwrap().remove("calls");

    let account = create_account(TIER).await;
    account.set_time(current_time() + SignedDuration::from_mins(75));
    account.maintainer.ledger.table().put_json(&key, 1, row);
    account.run_days(1).await;
    assert_eq!((account.tier().await.as_str(), account.change_requests().len()), ("large", 1));
    assert_eq!(results(&account), ["partner_app.config_updated"]);
}

#[tokio::test]
async fn settings_without_any_answer_fail_after_three_calls() {
    let account = create_account(TIER).await;
    account.emulator.add_fault(ScriptedFault::drop_connection("UpdatePartnerApp", 3, DropTiming::Before));
    account.run_days(1).await;
    assert_eq!(call_times(&account), ["Mon 01 01:00", "Mon 01 01:15", "Mon 01 01:30"]);
    assert_eq!(results(&account), ["partner_app.blocked"]);
    account.run_days(7).await;
    assert_eq!(account.tier().await, "large", "it is tried again in the next window");
    assert_eq!(results(&account), ["partner_app.blocked", "partner_app.config_updated"]);
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn calls_for_one_app_fail_independently() {
    let config = TIER.replace("tier: large", "tags: { owner: ml }, tier: large");
    let faults = [("AddTags", "UpdatePartnerApp"), ("UpdatePartnerApp", "AddTags")];
    for (refused, throttled) in faults {
        let account = create_account(&config).await;
        account.set_time(current_time() + SignedDuration::from_mins(60));
        account.emulator.add_fault(ScriptedFault::answer_with_error(refused, 1, "AccessDeniedException", "no"));
        account.emulator.add_fault(ScriptedFault::answer_with_error(throttled, 1, "ThrottlingException", "slow"));
        let summary = account.maintainer.handle_schedule().await.unwrap();
        assert_eq!((&summary["failed"], &summary["later"]), (&json!(1), &json!(0)), "{refused}");
        assert_eq!(results(&account), [BLOCKED], "{refused}: reported at once");
        account.set_time(current_time() + PERIOD);
        account.maintainer.handle_schedule().await.unwrap();
        let repeated = account.requests_of(&[throttled]);
        assert_eq!(repeated.len(), 2, "{throttled}: repeated by the next run");
    }
}

/// SageMaker refuses an upgrade, and does not respond when it is asked which version it offers.
#[tokio::test]
async fn refused_upgrade_is_reported_without_the_offer() {
    let account = create_account(UPGRADE).await;
    let arn = account.client.list_partner_apps().send().await.unwrap().summaries()[0].arn().unwrap().to_owned();
    let upgrade = VersionUpgrade {
        arn,
        from: "1.3".to_owned(),
        to: "1.4".to_owned(),
        client_token: "token".to_owned(),
        release_notes: Vec::new(),
        window: MaintenanceWindow { start: "MON:01:00".parse().unwrap(), minutes: 60 },
        until: current_time() + SignedDuration::from_hours(1),
        attempt: 1,
        forced: None,
        modified_at: None,
    };
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdatePartnerApp", 1, "ValidationException", "no"));
    account.emulator.add_fault(ScriptedFault::answer_with_error(
        "DescribePartnerApp",
        9,
        "ThrottlingException",
        "slow",
    ));
    let error = account.maintainer.apps.upgrade_app(&upgrade).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Invalid, "{error}");
}

/// Tags that SageMaker refuses do not keep an app from being upgraded in its window.
#[tokio::test]
async fn refused_tags_do_not_keep_back_an_upgrade() {
    let account = create_account(&UPGRADE.replace("upgrade: auto", "tags: { owner: ml }, upgrade: auto")).await;
    account.emulator.add_fault(ScriptedFault::answer_with_error("AddTags", 999, "AccessDeniedException", "no"));
    account.run_days(1).await;
    // The refusal is reported for each version of the app.
    assert_eq!(results(&account), [BLOCKED, STARTED, "partner_app.upgraded", BLOCKED]);
}

#[tokio::test]
async fn drift_after_a_successful_update_is_corrected() {
    let account = create_account(TIER).await;
    account.run_days(1).await;
    let arn = account.client.list_partner_apps().send().await.unwrap().summaries()[0].arn().unwrap().to_owned();
    account.client.update_partner_app().arn(arn).tier("small").client_token("by-hand").send().await.unwrap();
    account.run_days(7).await;
    assert_eq!(account.tier().await, "large");
    assert_eq!(results(&account), ["partner_app.config_updated"; 2]);
}

/// SEMANTICS three-tries: An update of a partner app that SageMaker refuses or that fails is
/// retried in a later maintenance window, with three attempts in total, and after that only when a
/// new version of the configuration is uploaded. A refusal is reported at once, with SageMaker's
/// reason and once per cause; an upgrade that fails after it started is reported each time.
#[tokio::test]
async fn failed_update_is_tried_three_times() {
    let words = "not what the account may have";
    let refuse = |code| ScriptedFault::answer_with_error("UpdatePartnerApp", 99, code, words);
    let fail = ScriptedFault::fail_update("fiddler", 99, words);
    for (config, fault, at_once, in_all) in [
        (TIER, refuse("ValidationException"), vec![BLOCKED], vec![BLOCKED; 2]),
        (TIER, refuse("AccessDeniedException"), vec![BLOCKED], vec![BLOCKED; 2]),
        (UPGRADE, refuse("ValidationException"), vec![FAILED], vec![FAILED, BLOCKED]),
        (UPGRADE, refuse("AccessDeniedException"), vec![FAILED], vec![FAILED, BLOCKED]),
        (UPGRADE, fail, vec![STARTED], vec![STARTED, FAILED, STARTED, FAILED, STARTED, FAILED, BLOCKED]),
    ] {
        let account = create_account(config).await;
        account.emulator.add_fault(fault.clone());
        while account.change_requests().is_empty() {
            account.maintainer.handle_schedule().await.unwrap();
            account.set_time(current_time() + PERIOD);
        }
        assert_eq!(results(&account), at_once, "{fault:?}");
        account.run_days(34).await;
        assert_eq!(call_times(&account), ["Mon 01 01:00", "Mon 08 01:00", "Mon 15 01:00"], "{fault:?}");
        // The last one says that the update is not tried any more.
        assert_eq!(results(&account), in_all, "{fault:?}");
        let published = account.maintainer.notifier.topic().published().clone();
        assert!(published.last().unwrap().text.contains(words), "{}", published.last().unwrap().text);
        account.emulator.clear_faults();
        account.put_config("2", config);
        account.run_days(8).await;
        let requests = account.change_requests();
        assert!(requests.len() == 4 && requests[3].ends_with("Accepted"), "{requests:?}");
    }
}

/// A role that was created a moment ago is refused like one that does not trust SageMaker.
#[tokio::test]
async fn role_that_cannot_be_assumed_yet_is_not_reported() {
    let words = "Could not assume role arn:aws:iam::123456789012:role/apps.";
    for (refusals, reported) in [(2, vec!["partner_app.config_updated"]), (3, vec![BLOCKED])] {
        let account = create_account(TIER).await;
        let fault = ScriptedFault::answer_with_error("UpdatePartnerApp", refusals, "ValidationException", words);
        account.emulator.add_fault(fault);
        account.run_days(1).await;
        assert_eq!(results(&account), reported);
        let published = account.maintainer.notifier.topic().published().clone();
        let is_named = published.iter().any(|notification| notification.text.contains(words));
        assert_eq!(is_named, refusals == 3);
    }
}

#[tokio::test]
async fn throttled_read_does_not_lose_the_window() {
    let config = "partner_apps: [ { app: fiddler, upgrade: auto } ]";
    let account = create_account(config).await;
    let arn = account.client.list_partner_apps().send().await.unwrap().summaries()[0].arn().unwrap().to_owned();
    let start =
        support::sdk::types::PartnerAppMaintenanceConfig::builder().maintenance_window_start("Mon:01:00").build();
    let update = account.client.update_partner_app().arn(arn).maintenance_config(start).client_token("t");
    update.send().await.unwrap();
    account.set_time(current_time() + SignedDuration::from_mins(60));
    let throttled = ScriptedFault::answer_with_error("DescribePartnerApp", 1, "ThrottlingException", "Rate exceeded");
    account.emulator.add_fault(throttled);
    account.run_days(1).await;
    assert_eq!(call_times(&account)[1..], ["Mon 01 01:15"]);
}

/// Another run records the history in between: the scheduled run leaves the rest to the next one,
/// and its invocation does not fail.
#[tokio::test]
async fn scheduled_run_that_meets_another_is_no_error() {
    let account = create_account(TIER).await;
    account.set_time(current_time() + SignedDuration::from_mins(60));
    let claim = json!({ "state": "claimed", "until": (current_time() + SignedDuration::from_mins(1)).to_string() });
    let key = "notice#app-available-arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-000000000000-1.4";
    account.maintainer.ledger.table().put_json(key, 1, claim);
    let result = account.maintainer.handle_schedule().await.unwrap();
    assert!(result["later"].as_str().is_some_and(|cause| cause.contains("another invocation")), "{result}");
    assert_eq!(account.change_requests().len(), 1, "the rest of the run is done");
}

#[tokio::test]
async fn started_upgrade_is_not_announced_for_a_lost_call() {
    let account = create_account(UPGRADE).await;
    account.emulator.add_fault(ScriptedFault::drop_connection("UpdatePartnerApp", 9, DropTiming::Before));
    account.run_days(1).await;
    assert_eq!(results(&account), ["partner_app.upgrade_failed"]);
}

/// The calls for many apps take minutes: the window is checked again before each of them.
#[tokio::test]
async fn update_is_not_requested_after_the_window_has_closed() {
    let account = create_account(TIER).await;
    let closed_at = current_time();
    let update = SettingsUpdate {
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-000000000000".to_owned(),
        maintenance_window_start: None,
        tier: Some("large".to_owned()),
        auto_minor_upgrade: None,
        iam_session_identity: None,
        application: None,
        client_token: "token".to_owned(),
        digest: "digest".to_owned(),
        changes: Vec::new(),
        until: closed_at,
        modified_at: None,
    };
    let action = PartnerAppAction::Update(Box::new(update));
    let request = async |now| {
        let maintainer = &account.maintainer;
        partner_apps::request_update(&maintainer.apps, &maintainer.ledger, &action, &BTreeMap::new(), now).await
    };
    assert_eq!(request(closed_at).await.unwrap_err().kind, CallErrorKind::Conflict, "the next window does it");
    assert_eq!(account.change_requests().len(), 0);
    request(closed_at - SignedDuration::from_secs(1)).await.unwrap();
    assert_eq!(account.change_requests().len(), 1);
}

/// The app reports a version with more parts than the offer.
#[tokio::test]
async fn upgrade_to_a_patch_version_succeeds_and_counts() {
    let rows = json!([{ "version": "1.4.2", "since": "2026-11-01T00:00:00Z", "until": null }]);
    let history: maintenance::partner_app::AppHistory =
        serde_json::from_value(json!({ "ran": rows, "pending": null, "failures": null })).unwrap();
    let days = history.total_run_time("1.4", "2026-11-08T00:00:00Z".parse().unwrap()).unwrap().as_hours() / 24;
    assert_eq!(days, 7);
}

/// A notice that is refused for good does not keep the apps from being maintained.
///
/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn unpublished_notice_keeps_no_app_from_its_update() {
    let config = "partner_apps: [ { app: unknown }, { app: fiddler, window: { start: MON:01:00 }, tier: large } ]";
    let account = create_account(config).await;
    account.maintainer.notifier.topic().refuses.set(true);
    account.set_time(current_time() + SignedDuration::from_mins(60));
    account.maintainer.handle_schedule().await.unwrap_err();
    assert_eq!(account.change_requests().len(), 1);
    account.maintainer.notifier.topic().refuses.set(false);
    account.run_days(1).await;
    assert_eq!(
        account.published_types(),
        ["partner_app.blocked", "partner_app.config_updated", "partner_app.upgrade_available"]
    );
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn hanging_app_does_not_keep_the_others_waiting() {
    let config = "partner_apps:
  - { app: fiddler, window: { start: MON:01:00, minutes: 60 }, tier: large }
  - { app: other, window: { start: MON:01:00, minutes: 60 }, tier: large }";
    let mut account = AppAccount::new(&["fiddler", "other"], &[("1.3", None), ("1.4", None)], config).await;
    account.set_time(current_time() + SignedDuration::from_mins(60));
    account.maintainer.read_limit = Duration::from_millis(500);
    account.emulator.add_fault(ScriptedFault::delay_request("DescribePartnerApp", 1, Duration::from_mins(1)));
    account.maintainer.handle_schedule().await.unwrap();
    assert_eq!(account.change_requests().len(), 1, "the other app is updated");
    account.set_time(current_time() + PERIOD);
    account.maintainer.handle_schedule().await.unwrap();
    assert_eq!(account.change_requests().len(), 2, "the app is read again by the next run");
}
