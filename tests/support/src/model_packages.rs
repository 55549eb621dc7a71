//! The model registry in memory.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use neo::ModelPackageArn;
use sagemaker::model_packages::{ApprovedPage, ApprovedVersion, GroupPage, ModelPackages};
use worker::{CallError, CallErrorKind};

use crate::Shared;

/// A version of a model package group.
#[derive(Debug, Clone)]
struct MemoryVersion {
    approval: String,
    created_at: Timestamp,
}

/// SageMaker's model package groups and versions.
#[derive(Debug, Clone, Default)]
pub struct MemoryPackages {
    /// Versions by number, of the groups by name.
    groups: Shared<BTreeMap<String, BTreeMap<u32, MemoryVersion>>>,
    /// The calls, oldest first: the operation, and the group or version that it is about.
    pub calls: Shared<Vec<String>>,
    /// Errors of the next calls, the last one first.
    pub failures: Shared<Vec<CallErrorKind>>,
    /// Calls that are throttled once, as in `calls`.
    pub throttled: Shared<BTreeSet<String>>,
    /// Names of groups whose versions the caller may not list.
    pub denied: Shared<BTreeSet<String>>,
    /// Items per page, before the filter; 0 for all of them.
    pub page_size: Shared<usize>,
}

impl MemoryPackages {
    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            groups: self.groups.fork(),
            calls: self.calls.fork(),
            failures: self.failures.fork(),
            throttled: self.throttled.fork(),
            denied: self.denied.fork(),
            page_size: self.page_size.fork(),
        }
    }

    pub fn add_group(&self, group: &str) {
        self.groups.lock().entry(group.to_owned()).or_default();
    }

    pub fn remove_group(&self, group: &str) {
        self.groups.lock().remove(group);
    }

    /// Registers a version at this time, or changes its approval status. Returns its ARN.
    pub fn put_version(&self, group: &str, number: u32, approval: &str, created_at: Timestamp) -> ModelPackageArn {
        let mut groups = self.groups.lock();
        let versions = groups.entry(group.to_owned()).or_default();
        let version = versions.entry(number).or_insert_with(|| MemoryVersion { approval: String::new(), created_at });
        approval.clone_into(&mut version.approval);
        version_arn(group, number)
    }

    fn record_call(&self, operation: &'static str, subject: &str) -> Result<(), CallError> {
        let call = format!("{operation} {subject}");
        let is_throttled = self.throttled.lock().remove(&call);
        self.calls.lock().push(call);
        let failure = if is_throttled { Some(CallErrorKind::Throttled) } else { self.failures.lock().pop() };
        failure.map_or(Ok(()), |kind| Err(CallError::new(operation, kind, "SageMaker rejects the call")))
    }

    /// Cuts the page that begins at a token, and returns the token of the next one.
    fn cut_page<I>(&self, items: Vec<I>, page: Option<&str>) -> (Vec<I>, Option<String>) {
        let start: usize = page.and_then(|token| token.parse().ok()).unwrap_or_default();
        let size = Some(*self.page_size.lock()).filter(|size| *size > 0).unwrap_or(items.len());
        let next = (start + size < items.len()).then(|| (start + size).to_string());
        (items.into_iter().skip(start).take(size).collect(), next)
    }
}

fn version_arn(group: &str, number: u32) -> ModelPackageArn {
    let arn = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/{group}/{number}");
    arn.parse().unwrap()
}

impl ModelPackages for MemoryPackages {
    async fn list_groups(&self, page: Option<String>) -> Result<GroupPage, CallError> {
        self.record_call("ListModelPackageGroups", page.as_deref().unwrap_or_default())?;
        let (groups, next) = self.cut_page(self.groups.lock().keys().cloned().collect(), page.as_deref());
        Ok(GroupPage { groups, next })
    }

    async fn list_approved(&self, group: &str, page: Option<String>) -> Result<Option<ApprovedPage>, CallError> {
        self.record_call("ListModelPackages", group)?;
        let name = group.rsplit('/').next().unwrap_or(group);
        if self.denied.lock().contains(name) {
            return Err(CallError::new("ListModelPackages", CallErrorKind::Denied, "not authorized"));
        }
        let Some(versions) = self.groups.lock().get(name).cloned() else { return Ok(None) };
        // As SageMaker does, cuts the page before it is filtered.
        let (versions, next) = self.cut_page(versions.into_iter().rev().collect(), page.as_deref());
        let approved = versions.into_iter().filter(|(_, version)| version.approval == "Approved");
        let versions = approved.map(|(number, version)| ApprovedVersion {
            arn: version_arn(name, number),
            number,
            created_at: version.created_at,
        });
        Ok(Some(ApprovedPage { versions: versions.collect(), next }))
    }

    async fn find_approval(&self, package: &ModelPackageArn) -> Result<Option<String>, CallError> {
        self.record_call("DescribeModelPackage", package.name_and_number())?;
        let groups = self.groups.lock();
        let version =
            package.version_number().parse().ok().and_then(|number: u32| groups.get(package.name())?.get(&number));
        Ok(version.map(|version| version.approval.clone()))
    }
}
