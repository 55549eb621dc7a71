//! The model registry, tested through the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::{Client, types::ModelApprovalStatus as Approval, types::SortOrder};
use common::{create_client, error_code_and_message, start_emulator};

async fn create_group(client: &Client, name: &str) {
    client.create_model_package_group().model_package_group_name(name).send().await.unwrap();
}

async fn create_version(client: &Client, group: &str) -> String {
    let created = client.create_model_package().model_package_group_name(group).send().await.unwrap();
    created.model_package_arn().unwrap().to_owned()
}

async fn approval_of(client: &Client, arn: &str) -> Option<Approval> {
    client.describe_model_package().model_package_name(arn).send().await.unwrap().model_approval_status
}

#[tokio::test]
async fn versions_are_numbered_and_wait_for_approval() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_group(&client, "ResNet").await;
    let arns = [create_version(&client, "ResNet").await, create_version(&client, "ResNet").await];
    let prefix = "arn:aws:sagemaker:us-east-1:000000000000:model-package/ResNet";
    assert_eq!(arns, [format!("{prefix}/1"), format!("{prefix}/2")]);
    assert_eq!(approval_of(&client, &arns[1]).await, Some(Approval::PendingManualApproval));
    let approve = client.update_model_package().model_package_arn(&arns[1]);
    approve.model_approval_status(Approval::Approved).send().await.unwrap();
    assert_eq!(approval_of(&client, &arns[1]).await, Some(Approval::Approved));
    assert_eq!(approval_of(&client, &arns[0]).await, Some(Approval::PendingManualApproval));
}

#[tokio::test]
async fn page_of_versions_is_cut_before_it_is_filtered() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_group(&client, "resnet").await;
    let arn = create_version(&client, "resnet").await;
    let approve = client.update_model_package().model_package_arn(&arn);
    approve.model_approval_status(Approval::Approved).send().await.unwrap();
    for _ in 0..2 {
        emulator.advance_clock(Duration::from_secs(1));
        create_version(&client, "resnet").await;
    }
    let list = || {
        let list = client.list_model_packages().model_package_group_name("resnet").max_results(2);
        list.model_approval_status(Approval::Approved).sort_order(SortOrder::Descending)
    };
    let first = list().send().await.unwrap();
    assert!(first.model_package_summary_list().is_empty());
    let second = list().next_token(first.next_token.unwrap()).send().await.unwrap();
    let [found] = second.model_package_summary_list() else { panic!("{second:?}") };
    assert_eq!((found.model_package_arn(), found.model_package_version), (Some(arn.as_str()), Some(1)));
    assert_eq!((found.model_package_name(), second.next_token()), (None, None));
}

#[tokio::test]
async fn groups_are_listed_and_missing_ones_refused() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_group(&client, "b").await;
    emulator.advance_clock(Duration::from_secs(1));
    create_group(&client, "a").await;
    let listed = client.list_model_package_groups().send().await.unwrap();
    let names: Vec<_> =
        listed.model_package_group_summary_list().iter().filter_map(|group| group.model_package_group_name()).collect();
    assert_eq!(names, ["b", "a"], "the oldest first");
    let again = client.create_model_package_group().model_package_group_name("a").send().await;
    assert_eq!(error_code_and_message(again).0, "ValidationException");
    let missing = client.list_model_packages().model_package_group_name("c").send().await;
    let refusal = ("ValidationException".to_owned(), "Model Package Group c does not exist.".to_owned());
    assert_eq!(error_code_and_message(missing), refusal);
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package/a/7";
    let missing = client.describe_model_package().model_package_name(arn).send().await;
    assert_eq!(error_code_and_message(missing).0, "ValidationException");
}
