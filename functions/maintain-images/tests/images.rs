//! Runs the handler against the `SageMaker` emulator, on the emulator's clock.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::ImageAccount;
use sagemaker_emulator::ScriptedFault;

const DECLARED: &str = "
  - name: base
    display_name: Training base
    description: null
    role_arn: arn:aws:iam::123456789012:role/image
    tags: { team: ml }
";

/// SEMANTICS unchanged-no-call: A run on an unchanged account makes no mutating API call.
#[tokio::test]
async fn image_is_updated_once_to_match_the_configuration() {
    let account = ImageAccount::new(DECLARED).await;
    account.run_schedule().await;
    account.run_schedule().await;
    account.finish_updates();
    account.deliver_image_event().await;
    account.deliver_image_event().await;
    let expected = [
        r#"{"Tags":[{"Key":"team","Value":"ml"}]}"#,
        r#"{"DeleteProperties":["Description"],"DisplayName":"Training base","RoleArn":"arn:aws:iam::123456789012:role/image"}"#,
    ];
    assert_eq!(account.change_requests(), expected);
    insta::assert_snapshot!(account.published_texts(), @"
    image.updated: Image base was updated

    base now matches the configuration.

    Settings updated:
    - display_name: Base → Training base
    - description: removed old
    - role_arn: arn:aws:iam::123456789012:role/old → arn:aws:iam::123456789012:role/image
    ");
    let before = account.emulator.logged_requests().len();
    account.run_schedule().await;
    let calls = account.emulator.logged_requests().len() - before;
    println!("A run on an unchanged account makes {calls} calls");
    assert_eq!(calls, 2);
    assert_eq!(account.change_requests(), expected);
}

/// A corrected configuration is applied at once.
#[tokio::test]
async fn failed_update_is_not_repeated_until_the_config_changes() {
    let account = ImageAccount::new("  - { name: base, display_name: New }").await;
    account.emulator.add_fault(ScriptedFault::fail_update("base", 1, "the role cannot be assumed"));
    for _ in 0..5 {
        account.run_schedule().await;
        account.finish_updates();
    }
    assert_eq!(account.change_requests().len(), 1);
    account.declare_images("2", "  - { name: base, display_name: Newer }");
    for _ in 0..3 {
        account.run_schedule().await;
        account.finish_updates();
    }
    assert_eq!(account.change_requests(), [r#"{"DisplayName":"New"}"#, r#"{"DisplayName":"Newer"}"#]);
    insta::assert_snapshot!(account.published_texts());
}

#[tokio::test]
async fn update_waits_while_the_image_is_in_use() {
    let account = ImageAccount::new("  - { name: base, display_name: New }").await;
    account.emulator.add_fault(ScriptedFault::answer_with_error(
        "UpdateImage",
        1,
        "ResourceInUse",
        "Image base is in use.",
    ));
    account.run_schedule().await;
    account.client.update_image().image_name("base").description("by hand").send().await.unwrap();
    account.run_schedule().await;
    account.finish_updates();
    account.run_schedule().await;
    let changes = account.change_requests();
    assert!(changes[0].contains("ResourceInUse") && changes[1].contains("by hand"), "{changes:?}");
    assert_eq!(changes[2], r#"{"DisplayName":"New"}"#);
    assert_eq!(account.published_texts(), "", "expected no notification");
}

#[tokio::test]
async fn impossible_change_is_reported_once() {
    let config = "
  - { name: unknown }
  - { name: base, role_arn: \"arn:aws-us-gov:iam::123456789012:role/image\" }
";
    let account = ImageAccount::new(config).await;
    account.run_schedule().await;
    account.run_schedule().await;
    assert_eq!(account.change_requests(), [""; 0]);
    insta::assert_snapshot!(account.published_texts());
}
