//! Updates of images that are refused, lost, or of no effect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use automation::event::{Event, ImageState};
use common::ImageAccount;
use sagemaker_emulator::{DropTiming, ScriptedFault};
use worker::{Failure, Message};

const NEW_NAME: &str = "  - { name: base, display_name: New }";

/// The number of `UpdateImage` calls.
fn count_calls(account: &ImageAccount) -> usize {
    account.change_requests().len()
}

/// SEMANTICS success-is-observed: Success is judged by the observed state, never by the absence of
/// an error; a call without an answer is repeated.
#[tokio::test]
async fn lost_update_is_repeated_until_the_image_shows_it() {
    for when in [DropTiming::Before, DropTiming::After] {
        let account = ImageAccount::new(NEW_NAME).await;
        account.emulator.add_fault(ScriptedFault::drop_connection("UpdateImage", 1, when));
        account.run_days(2).await;
        assert_eq!(account.display_name().await, "New", "{when:?}");
        assert_eq!(account.published_types(), ["image.updated"], "{when:?}");
    }
}

/// The process ends between the note in the ledger and the call: the call was never made.
#[tokio::test]
async fn update_that_was_noted_and_not_sent_is_sent() {
    let lost = ImageAccount::new(NEW_NAME).await;
    lost.emulator.add_fault(ScriptedFault::drop_connection("UpdateImage", 1, DropTiming::Before));
    lost.run_schedule().await;
    let (_, mut row) = lost.maintainer.ledger.table().rows.read()["image#base"].clone();
    // What is known of the call is recorded after it.
    row["history"]["pending"].as_object_mut().unwrap().remove("calls");

    let account = ImageAccount::new(NEW_NAME).await;
    account.maintainer.ledger.table().put_json("image#base", 1, row);
    account.run_days(2).await;
    assert_eq!((account.display_name().await.as_str(), count_calls(&account)), ("New", 1));
    assert_eq!(account.published_types(), ["image.updated"]);
}

#[tokio::test]
async fn update_without_any_answer_fails_after_three_calls() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.emulator.add_fault(ScriptedFault::drop_connection("UpdateImage", 3, DropTiming::Before));
    account.run_days(1).await;
    assert_eq!(count_calls(&account), 3);
    assert_eq!(account.published_types(), ["image.update_failed"]);
    assert!(account.published_texts().contains("did not respond to 3 calls"), "{}", account.published_texts());
    account.run_days(3).await;
    assert_eq!(account.published_types(), ["image.update_failed", "image.updated"], "it is tried again a day later");
}

/// SEMANTICS failed-not-blindly: An update of an image that SageMaker refuses or that fails is
/// reported at once, with SageMaker's reason and once per cause. It is retried daily, with three
/// attempts in total, and after that only when a new version of the configuration is uploaded.
#[tokio::test]
async fn failed_update_is_reported_once_and_tried_three_times() {
    let words = "The role is not valid.";
    let refuse = |code| ScriptedFault::answer_with_error("UpdateImage", 99, code, words);
    for fault in [
        refuse("ValidationException"),
        refuse("AccessDeniedException"),
        refuse("ResourceLimitExceeded"),
        ScriptedFault::fail_update("base", 99, words),
    ] {
        let is_refusal = !matches!(fault, ScriptedFault::FailUpdate { .. });
        let account = ImageAccount::new(NEW_NAME).await;
        account.emulator.add_fault(fault.clone());
        account.run_schedule().await;
        if !is_refusal {
            account.finish_updates();
            account.deliver_image_event().await;
        }
        assert_eq!(account.published_types(), ["image.update_failed"], "{fault:?}: at once");
        assert!(account.published_texts().contains(words), "{}", account.published_texts());
        account.run_days(1).await;
        assert_eq!(count_calls(&account), 1, "{fault:?}: daily");
        account.run_days(1).await;
        assert_eq!(count_calls(&account), 2, "{fault:?}: daily");
        account.run_days(9).await;
        assert_eq!(count_calls(&account), 3, "{fault:?}");
        assert_eq!(account.published_types(), ["image.update_failed"], "{fault:?}: once per cause");
        account.emulator.clear_faults();
        account.run_days(3).await;
        assert_eq!(count_calls(&account), 3, "{fault:?}: only after a configuration change");
        account.declare_images("2", NEW_NAME);
        account.run_days(1).await;
        assert_eq!((account.display_name().await.as_str(), count_calls(&account)), ("New", 4), "{fault:?}");
        assert_eq!(account.published_types(), ["image.update_failed", "image.updated"], "{fault:?}");
    }
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn failure_of_one_image_keeps_no_other_from_its_update() {
    let config = "  - { name: unknown }\n  - { name: other, display_name: New }\n  - { name: base, display_name: New }";
    let account = ImageAccount::new(config).await;
    let create = account.client.create_image().image_name("other").role_arn("arn:aws:iam::123456789012:role/old");
    create.send().await.unwrap();
    account.finish_updates();
    // The notice of one image cannot be published, and SageMaker refuses the update of another.
    account.maintainer.notifier.topic().refuses.set(true);
    let refuse = ScriptedFault::answer_with_error("UpdateImage", 1, "ValidationException", "not valid");
    account.emulator.add_fault(refuse);
    let failure = account.maintainer.handle_schedule().await.unwrap_err();
    assert!(matches!(failure, Failure::Terminal(_)), "the first failure is returned: {failure:?}");
    account.finish_updates();
    assert_eq!(account.display_name().await, "New");
    // Nothing is lost: the next runs publish what could not be published.
    account.maintainer.notifier.topic().refuses.set(false);
    account.run_days(1).await;
    let types = account.published_types();
    assert_eq!(types.iter().filter(|kind| **kind == "image.updated").count(), 2, "{types:?}");
    assert_eq!(types.iter().filter(|kind| **kind == "image.update_failed").count(), 1, "{types:?}");
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn calls_for_one_image_fail_independently() {
    for (refused, throttled) in [("AddTags", "UpdateImage"), ("UpdateImage", "AddTags")] {
        let account = ImageAccount::new("  - { name: base, display_name: New, tags: { owner: ml } }").await;
        account.emulator.add_fault(ScriptedFault::answer_with_error(refused, 1, "AccessDeniedException", "no"));
        account.emulator.add_fault(ScriptedFault::answer_with_error(throttled, 1, "ThrottlingException", "slow"));
        let waits = account.deliver_config_event().await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "{throttled} is repeated soon: {waits:?}");
        assert_eq!(account.published_types(), ["image.update_failed"], "{refused}: reported at once");
        let summary = account.maintainer.handle_schedule().await.unwrap();
        assert_eq!(account.requests_of(&[throttled]).len(), 2, "{summary}");
    }
}

/// A run counts an image as failed if SageMaker refuses a call for it, even if another one waits.
#[tokio::test]
async fn refused_image_counts_as_failed_beside_a_throttled_call() {
    let account = ImageAccount::new("  - { name: base, display_name: New, tags: { owner: ml } }").await;
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdateImage", 1, "AccessDeniedException", "no"));
    account.emulator.add_fault(ScriptedFault::answer_with_error("AddTags", 1, "ThrottlingException", "slow"));
    let summary = account.maintainer.handle_schedule().await.unwrap();
    assert_eq!((&summary["failed"], &summary["later"]), (&1.into(), &0.into()), "{summary}");
}

/// Neither the failures of an image nor what was reported about it concern another one that is
/// created later under its name.
#[tokio::test]
async fn image_that_is_created_again_starts_fresh() {
    let account = ImageAccount::new("  - { name: base, display_name: New, tags: { owner: ml } }").await;
    let refuse = |operation| ScriptedFault::answer_with_error(operation, 99, "AccessDeniedException", "no");
    account.emulator.add_fault(refuse("UpdateImage"));
    account.emulator.add_fault(refuse("AddTags"));
    account.run_days(5).await;
    assert_eq!(account.requests_of(&["UpdateImage"]).len(), 3);
    assert_eq!(account.published_types(), ["image.update_failed"; 2], "the tags and the update");
    account.create_again().await;
    account.run_days(5).await;
    assert_eq!(account.requests_of(&["UpdateImage"]).len(), 6, "the new image has three attempts");
    assert_eq!(account.published_types(), ["image.update_failed"; 4], "they are reported");
    account.create_again().await;
    account.emulator.clear_faults();
    account.run_days(1).await;
    assert_eq!(account.display_name().await, "New");
}

/// An update of the image before is not an update of this one.
#[tokio::test]
async fn pending_update_does_not_judge_an_image_created_again() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.run_schedule().await;
    account.create_again().await;
    account.run_schedule().await;
    account.finish_updates();
    account.run_schedule().await;
    assert_eq!((account.display_name().await.as_str(), count_calls(&account)), ("New", 2));
    assert_eq!(account.published_types(), ["image.updated"]);
}

#[tokio::test]
async fn refusal_that_was_not_published_keeps_its_reason() {
    let account = ImageAccount::new(NEW_NAME).await;
    let denied = "not authorized to perform: iam:PassRole";
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdateImage", 99, "AccessDeniedException", denied));
    account.maintainer.notifier.topic().refuses.set(true);
    for _ in 0..3 {
        account.deliver_config_event().await.unwrap_err();
        account.advance_clock(Duration::from_mins(3));
    }
    account.maintainer.notifier.topic().refuses.set(false);
    account.deliver_config_event().await.unwrap();
    assert_eq!(account.published_types(), ["image.update_failed"]);
    assert!(account.published_texts().contains(denied), "{}", account.published_texts());
}

#[tokio::test]
async fn permission_given_meanwhile_is_used_the_next_day() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdateImage", 1, "AccessDeniedException", "denied"));
    account.run_days(2).await;
    assert_eq!(account.display_name().await, "New");
    assert_eq!(account.published_types(), ["image.update_failed", "image.updated"]);
}

/// A role that was created a moment ago is refused like one that does not trust SageMaker.
#[tokio::test]
async fn role_that_cannot_be_assumed_yet_is_not_reported() {
    let account = ImageAccount::new(NEW_NAME).await;
    let words = "Could not assume role arn:aws:iam::123456789012:role/image.";
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdateImage", 2, "ValidationException", words));
    for _ in 0..3 {
        let _ = account.deliver_config_event().await;
        account.advance_clock(Duration::from_mins(3));
    }
    account.deliver_config_event().await.unwrap();
    assert_eq!(account.published_types(), ["image.updated"]);
    // One that never can be is reported with SageMaker's message.
    account.declare_images("2", "  - { name: base, display_name: Newer }");
    account.emulator.add_fault(ScriptedFault::answer_with_error("UpdateImage", 3, "ValidationException", words));
    for _ in 0..4 {
        let _ = account.deliver_config_event().await;
        account.advance_clock(Duration::from_mins(3));
    }
    assert_eq!(account.published_types(), ["image.updated", "image.update_failed"]);
    assert!(account.published_texts().contains(words), "{}", account.published_texts());
}

#[tokio::test]
async fn server_error_after_a_config_change_is_retried_in_minutes() {
    let fault = |code: &str, status: u16| ScriptedFault::AnswerWithError {
        operation: Some("UpdateImage".to_owned()),
        count: 1,
        error: sagemaker_emulator::ScriptedError { code: code.to_owned(), message: "try again".to_owned(), status },
    };
    for fault in [fault("InternalFailure", 500), fault("ThrottlingException", 400)] {
        let account = ImageAccount::new(NEW_NAME).await;
        account.emulator.add_fault(fault);
        let waits = account.deliver_config_event().await;
        assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
        account.advance_clock(Duration::from_mins(3));
        account.deliver_config_event().await.unwrap();
        account.finish_updates();
        assert_eq!(account.display_name().await, "New");
    }
}

#[tokio::test]
async fn drift_after_a_success_is_corrected() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.run_days(1).await;
    account.client.update_image().image_name("base").display_name("By hand").send().await.unwrap();
    account.finish_updates();
    account.run_days(1).await;
    assert_eq!(account.display_name().await, "New");
    assert_eq!(account.published_types(), ["image.updated"; 2]);
}

#[tokio::test]
async fn earlier_failure_does_not_judge_the_new_update() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.emulator.add_fault(ScriptedFault::fail_update("base", 1, "an earlier failure"));
    account.client.update_image().image_name("base").description("by hand").send().await.unwrap();
    account.finish_updates();
    account.emulator.add_fault(ScriptedFault::drop_connection("UpdateImage", 1, DropTiming::Before));
    account.run_schedule().await;
    // SageMaker has not seen the update: it still shows the failure of another one.
    account.run_schedule().await;
    account.run_days(1).await;
    assert_eq!(account.published_types(), ["image.updated"], "{}", account.published_texts());
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn hanging_image_does_not_keep_the_others_waiting() {
    let config = "  - { name: base, display_name: New }\n  - { name: other, display_name: New }";
    let mut account = ImageAccount::new(config).await;
    let create = account.client.create_image().image_name("other").display_name("Other");
    create.role_arn("arn:aws:iam::123456789012:role/old").send().await.unwrap();
    account.finish_updates();
    account.maintainer.read_limit = Duration::from_millis(500);
    account.emulator.add_fault(ScriptedFault::delay_request("DescribeImage", 1, Duration::from_mins(1)));
    let waits = account.deliver_config_event().await;
    assert!(matches!(waits, Err(Failure::Deferred { .. })), "it is read again in moments: {waits:?}");
    assert_eq!(count_calls(&account), 1, "the other image is updated");
    account.deliver_config_event().await.unwrap();
    assert_eq!(count_calls(&account), 2);
}

/// The next scheduled run is hours away: an image that a scheduled run could not read is read again
/// within seconds.
#[tokio::test]
async fn image_that_the_schedule_could_not_read_is_read_again_soon() {
    let mut account = ImageAccount::new(NEW_NAME).await;
    account.maintainer.read_limit = Duration::from_millis(500);
    account.emulator.add_fault(ScriptedFault::delay_request("DescribeImage", 1, Duration::from_mins(1)));
    account.run_schedule().await;
    let [body] = &account.maintainer.queue.bodies.take()[..] else { panic!("one message") };
    assert_eq!(count_calls(&account), 0);
    account.maintainer.handle_event(Event::parse(body).unwrap()).await.unwrap();
    assert_eq!(count_calls(&account), 1);
    account.finish_updates();
    account.run_schedule().await;
    assert!(account.maintainer.queue.bodies.read().is_empty(), "every image was read");
}

/// The event of the end of an update can arrive before `DescribeImage` shows the end.
#[tokio::test]
async fn image_event_waits_until_the_end_is_shown() {
    let account = ImageAccount::new(NEW_NAME).await;
    account.emulator.add_fault(ScriptedFault::fail_update("base", 1, "the image is locked"));
    account.run_schedule().await;
    let event = || Event::ImageState(ImageState { image_name: "base".to_owned() });
    let waits = account.maintainer.handle_event(event()).await;
    assert!(matches!(waits, Err(Failure::Deferred { .. })), "no delivery is used up: {waits:?}");
    account.finish_updates();
    account.maintainer.handle_event(event()).await.unwrap();
    assert_eq!(account.published_types(), ["image.update_failed"]);
}
