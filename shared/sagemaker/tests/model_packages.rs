//! The model registry, read from the emulator.
#![allow(clippy::unwrap_used, reason = "tests")]

use aws_sdk_sagemaker::{
    Client,
    types::{InferenceSpecification, ModelApprovalStatus, ModelPackageContainerDefinition},
};
use sagemaker::{SageMakerClient, model_packages::ModelPackages};
use sagemaker_emulator::Emulator;
use support::sdk::connect_client;

const GROUP: &str = "resnet";
const ARCHIVE: &str = "s3://models/resnet.tar.gz";

/// Registers a version with each of these approvals.
async fn register_versions(client: &Client, approvals: &[ModelApprovalStatus]) {
    client.create_model_package_group().model_package_group_name(GROUP).send().await.unwrap();
    for approval in approvals {
        let create = client.create_model_package().model_package_group_name(GROUP);
        let container = ModelPackageContainerDefinition::builder().image("neo").model_data_url(ARCHIVE).build();
        let content = InferenceSpecification::builder().containers(container).build();
        create.model_approval_status(approval.clone()).inference_specification(content).send().await.unwrap();
    }
}

#[tokio::test]
async fn approved_versions_and_approvals_are_read() {
    use ModelApprovalStatus::{Approved, PendingManualApproval, Rejected};
    let emulator = Emulator::builder().start().await.unwrap();
    let client = connect_client(&emulator.endpoint_url(), "us-east-1");
    register_versions(&client, &[Approved, Rejected, PendingManualApproval, Approved]).await;
    let registry = SageMakerClient::new(client);
    assert_eq!(registry.list_groups(None).await.unwrap().groups, [GROUP]);
    let page = registry.list_approved(GROUP, None).await.unwrap().unwrap();
    assert_eq!(page.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [4, 1], "the newest first");
    let arn = &page.versions[0].arn;
    assert_eq!((arn.name(), arn.version_number(), page.next), (GROUP, "4", None));
    assert_eq!(registry.find_approval(arn).await.unwrap().as_deref(), Some("Approved"));
    assert_eq!(registry.list_archives(arn).await.unwrap(), [ARCHIVE]);
    let rejected = arn.as_str().replace("/4", "/2").parse().unwrap();
    assert_eq!(registry.find_approval(&rejected).await.unwrap().as_deref(), Some("Rejected"));
}

#[tokio::test]
async fn missing_groups_and_versions_are_no_errors() {
    let emulator = Emulator::builder().start().await.unwrap();
    let registry = SageMakerClient::new(connect_client(&emulator.endpoint_url(), "us-east-1"));
    assert_eq!(registry.list_approved("no-such-group", None).await.unwrap(), None);
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package/no-such-group/1".parse().unwrap();
    assert_eq!(registry.find_approval(&arn).await.unwrap(), None);
    assert_eq!(registry.list_archives(&arn).await.unwrap(), [""; 0]);
    // A request that is not valid is an error.
    assert!(registry.list_approved("no such group", None).await.is_err());
}
