//! The model registry: model package groups and their approved versions.

use aws_sdk_sagemaker::types::{
    InferenceSpecification, ModelApprovalStatus, ModelPackageGroupSortBy, ModelPackageSortBy, SortOrder,
};
use jiff::Timestamp;
use neo::ModelPackageArn;
use worker::{CallError, CallErrorKind};

use crate::{SageMakerClient, convert::convert_time};

/// Maximum number of summaries of one page (API reference).
const PAGE_SIZE: i32 = 100;

/// A page of the names of model package groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupPage {
    pub groups: Vec<String>,
    /// Token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// A version of a model package group that is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedVersion {
    pub arn: ModelPackageArn,
    pub number: u32,
    /// When it was registered, which may be long before it was approved.
    pub created_at: Timestamp,
}

/// A page of approved versions, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovedPage {
    pub versions: Vec<ApprovedVersion>,
    /// Token of the next page; `None` on the last page. A page without versions can have one.
    pub next: Option<String>,
}

/// The model registry operations of SageMaker.
pub trait ModelPackages: Sync {
    /// A page of all model package groups of the account and Region, newest first; `None` for the
    /// first page.
    fn list_groups(&self, page: Option<String>) -> impl Future<Output = Result<GroupPage, CallError>> + Send;

    /// A page of the approved versions of a group, which is named or given by its ARN; `None` if
    /// there is no such group.
    fn list_approved(
        &self,
        group: &str,
        page: Option<String>,
    ) -> impl Future<Output = Result<Option<ApprovedPage>, CallError>> + Send;

    /// The approval status of a version, such as `Approved`; `None` if it does not exist.
    fn find_approval(
        &self,
        package: &ModelPackageArn,
    ) -> impl Future<Output = Result<Option<String>, CallError>> + Send;
}

impl ModelPackages for SageMakerClient {
    async fn list_groups(&self, page: Option<String>) -> Result<GroupPage, CallError> {
        let list = self
            .client
            .list_model_package_groups()
            .sort_by(ModelPackageGroupSortBy::CreationTime)
            .sort_order(SortOrder::Descending)
            .max_results(PAGE_SIZE)
            .set_next_token(page);
        let output = list.send().await.map_err(|error| CallError::from_sdk("ListModelPackageGroups", error))?;
        let groups = output.model_package_group_summary_list().iter();
        let groups = groups.filter_map(|group| group.model_package_group_name()).map(str::to_owned).collect();
        Ok(GroupPage { groups, next: output.next_token })
    }

    async fn list_approved(&self, group: &str, page: Option<String>) -> Result<Option<ApprovedPage>, CallError> {
        let list = self
            .client
            .list_model_packages()
            .model_package_group_name(group)
            .model_approval_status(ModelApprovalStatus::Approved)
            .sort_by(ModelPackageSortBy::CreationTime)
            .sort_order(SortOrder::Descending)
            .max_results(PAGE_SIZE)
            .set_next_token(page);
        let output = match list.send().await.map_err(|error| CallError::from_sdk("ListModelPackages", error)) {
            Ok(output) => output,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let versions = output.model_package_summary_list().iter().filter_map(|version| {
            Some(ApprovedVersion {
                arn: version.model_package_arn()?.parse().ok()?,
                number: version.model_package_version()?.try_into().ok()?,
                created_at: convert_time(version.creation_time()).unwrap_or_default(),
            })
        });
        Ok(Some(ApprovedPage { versions: versions.collect(), next: output.next_token }))
    }

    async fn find_approval(&self, package: &ModelPackageArn) -> Result<Option<String>, CallError> {
        let response = self.client.describe_model_package().model_package_name(package.as_str()).send().await;
        match response.map_err(|error| CallError::from_sdk("DescribeModelPackage", error)) {
            Ok(output) => Ok(output.model_approval_status().map(|status| status.as_str().to_owned())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl SageMakerClient {
    /// The URIs of the archives of a version, as far as they are known; no URI if it does not
    /// exist.
    pub async fn list_archives(&self, package: &ModelPackageArn) -> Result<Vec<String>, CallError> {
        let response = self.client.describe_model_package().model_package_name(package.as_str()).send().await;
        let output = match response.map_err(|error| CallError::from_sdk("DescribeModelPackage", error)) {
            Ok(output) => output,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let containers = output.inference_specification().map(InferenceSpecification::containers).unwrap_or_default();
        Ok(containers.iter().filter_map(|container| container.model_data_url()).map(str::to_owned).collect())
    }
}

/// SageMaker does not document with which error it answers about a missing group or version.
fn is_missing(error: &CallError) -> bool {
    let says_so = error.kind == CallErrorKind::Invalid && error.message.contains("does not exist");
    error.kind == CallErrorKind::NotFound || says_so
}
