//! A model package group: what people decide about its versions, and what must have come of it.

use std::collections::BTreeSet;

use serde_json::json;

use super::{SimulatedStack, invariants::text};
use crate::clock::now;

/// The model package group that a rule names.
pub(super) const PACKAGE_GROUP: &str = "resnet";

/// What people decided about a version of the group.
#[derive(Debug, Clone, Default)]
pub(super) struct PackageReview {
    arn: String,
    is_approved: bool,
    was_rejected: bool,
    /// The jobs that were created while it was approved.
    jobs: BTreeSet<String>,
}

impl SimulatedStack {
    pub(super) fn review_package(&mut self, version: u32, approved: bool, deliveries: u8) {
        let approval = if approved { "Approved" } else { "Rejected" };
        let arn = self.packages.put_version(PACKAGE_GROUP, version, approval, now());
        let event = json!({
            "source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change", "time": now(),
            "detail": { "ModelPackageArn": arn.as_str(), "ModelPackageGroupName": PACKAGE_GROUP,
                        "ModelApprovalStatus": approval },
        });
        self.uploads.bodies.update(|all| all.extend(vec![event.to_string(); deliveries.into()]));
        let review = self.reviews.entry(version).or_default();
        arn.as_str().clone_into(&mut review.arn);
        review.is_approved = approved;
        review.was_rejected |= !approved;
    }

    /// Checks that no job was created since the last check for a version that is not approved.
    pub(super) fn check_approvals(&mut self) {
        let jobs = self.jobs.jobs.read();
        for review in self.reviews.values_mut() {
            for job in jobs.values().filter(|job| job.source == review.arn) {
                let is_new = review.jobs.insert(job.name.clone());
                assert!(review.is_approved || !is_new, "a version that is not approved is compiled: {job:#?}");
            }
        }
    }

    /// Checks that each approved version was compiled once for each target, and no other version
    /// that never was.
    pub(super) fn check_packages(&self) {
        let rows = self.table.rows.read();
        for review in self.reviews.values() {
            let is_first = |row: &&serde_json::Value| {
                row["request"]["source"]["model_package_version_arn"] == *review.arn && row["request"]["attempt"] == 1
            };
            let rows: Vec<_> = rows
                .iter()
                .filter(|(key, _)| key.starts_with("job#"))
                .map(|(_, (_, row))| row)
                .filter(is_first)
                .collect();
            let targets: BTreeSet<_> = rows.iter().map(|row| text(&row["target"])).collect();
            assert_eq!(rows.len(), targets.len(), "requested twice for a target: {rows:#?}");
            assert!(!review.is_approved || targets.len() == self.targets.len(), "not compiled: {review:#?} {rows:#?}");
            let refused = |row: &&serde_json::Value| text(&row["failure_reason"]).contains("not approved");
            assert!(review.was_rejected || !rows.iter().any(refused), "refused, but approved: {rows:#?}");
        }
    }
}
