//! All model package groups and versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    answer::epoch_seconds,
    side_effect::{SideEffect, StateChangeEvent},
};

#[derive(Debug, Clone)]
pub(super) struct EmulatedGroup {
    pub arn: String,
    pub name: String,
    pub created: Timestamp,
}

/// A model package version.
#[derive(Debug, Clone)]
pub(super) struct EmulatedPackage {
    pub arn: String,
    pub group: String,
    pub version: u32,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// `ModelApprovalStatus`.
    pub approval: String,
    /// `InferenceSpecification` and `ApprovalDescription`, if given.
    pub members: Map<String, Value>,
}

impl EmulatedPackage {
    /// The members that lists show: the name of a version is its ARN.
    pub fn to_summary(&self) -> Value {
        json!({
            "ModelPackageGroupName": self.group, "ModelPackageVersion": self.version, "ModelPackageArn": self.arn,
            "CreationTime": epoch_seconds(self.created), "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": self.approval,
        })
    }

    /// The documented event.
    fn to_state_change(&self) -> StateChangeEvent {
        StateChangeEvent {
            detail_type: "SageMaker Model Package State Change",
            resource: self.arn.clone(),
            time: self.modified,
            detail: json!({
                "ModelPackageGroupName": self.group, "ModelPackageVersion": self.version,
                "ModelPackageArn": self.arn, "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": self.approval, "CreationTime": self.created.to_string(),
            }),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct ModelPackageStore {
    groups: BTreeMap<String, EmulatedGroup>,
    /// By ARN.
    packages: BTreeMap<String, EmulatedPackage>,
}

impl ModelPackageStore {
    /// The group with this name or ARN.
    pub(super) fn find_group(&self, name: &str) -> Option<&EmulatedGroup> {
        self.groups.values().find(|group| group.name == name || group.arn == name)
    }

    pub(super) fn iter_groups(&self) -> impl Iterator<Item = &EmulatedGroup> {
        self.groups.values()
    }

    pub(super) fn insert_group(&mut self, group: EmulatedGroup) {
        self.groups.insert(group.name.clone(), group);
    }

    pub(super) fn find_package(&self, arn: &str) -> Option<&EmulatedPackage> {
        self.packages.get(arn)
    }

    /// The versions of a group.
    pub(super) fn iter_packages(&self, group: &str) -> impl Iterator<Item = &EmulatedPackage> {
        self.packages.values().filter(move |package| package.group == group)
    }

    /// Stores a new or changed version, and sends its event.
    pub(super) fn put_package(&mut self, package: EmulatedPackage, effects: &mut Vec<SideEffect>) {
        effects.push(SideEffect::Event(package.to_state_change()));
        self.packages.insert(package.arn.clone(), package);
    }
}
