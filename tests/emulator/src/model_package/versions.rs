//! `CreateModelPackage`, `UpdateModelPackage`, `DescribeModelPackage` and `ListModelPackages`, for
//! versions of a group.

use serde_json::{Map, Value, json};

use super::package_store::EmulatedPackage;
use crate::{
    answer::{OperationAnswer, ServiceError, epoch_seconds},
    emulator_state::EmulatorState,
    list_page::{SortKey, build_list_answer, is_between, select_page},
};

/// The members of a version that a request can set, beside its approval.
const MEMBERS: [&str; 2] = ["InferenceSpecification", "ApprovalDescription"];

pub(crate) fn create_package(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let group = resolve_group(state, request)?;
    let version = state.model_packages.iter_packages(&group).map(|package| package.version).max().unwrap_or(0) + 1;
    let arn = state.owner.build_arn(&format!("model-package/{group}/{version}"));
    state.tags.merge_tags(&arn, &request["Tags"])?;
    let now = state.clock.now();
    let package = EmulatedPackage {
        arn: arn.clone(),
        group,
        version,
        created: now,
        modified: now,
        approval: request["ModelApprovalStatus"].as_str().unwrap_or("PendingManualApproval").to_owned(),
        members: given_members(request),
    };
    state.model_packages.put_package(package, &mut state.effects);
    Ok(json!({ "ModelPackageArn": arn }))
}

pub(crate) fn update_package(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = request["ModelPackageArn"].as_str().unwrap_or_default();
    let mut package = state.model_packages.find_package(arn).ok_or_else(|| package_not_found(arn))?.clone();
    if let Some(approval) = request["ModelApprovalStatus"].as_str() {
        approval.clone_into(&mut package.approval);
    }
    package.members.extend(given_members(request));
    package.modified = state.clock.now();
    state.model_packages.put_package(package, &mut state.effects);
    Ok(json!({ "ModelPackageArn": arn }))
}

pub(crate) fn describe_package(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = request["ModelPackageName"].as_str().unwrap_or_default();
    let package = state.model_packages.find_package(arn).ok_or_else(|| package_not_found(arn))?;
    let mut shown = package.to_summary();
    shown["ModelPackageName"] = package.group.as_str().into();
    shown["LastModifiedTime"] = epoch_seconds(package.modified).into();
    shown["ModelPackageStatusDetails"] = json!({ "ValidationStatuses": [] });
    for (member, value) in &package.members {
        shown[member] = value.clone();
    }
    Ok(shown)
}

pub(crate) fn list_packages(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let group = resolve_group(state, request)?;
    let sort_key = |package: &EmulatedPackage| match request["SortBy"].as_str() {
        Some("Name") => SortKey::by_name(&package.arn),
        // Service model: "The default is CreationTime."
        _ => SortKey::by_time(package.created, &format!("{:010}", package.version)),
    };
    let found = state.model_packages.iter_packages(&group).map(|package| (sort_key(package), package)).collect();
    let (page, next) = select_page(request, found, |package| {
        request["ModelApprovalStatus"].as_str().is_none_or(|approval| package.approval == approval)
            && is_between(package.created, request, "CreationTimeAfter", "CreationTimeBefore")
    })?;
    let shown: Vec<_> = page.iter().map(|package| package.to_summary()).collect();
    Ok(build_list_answer("ModelPackageSummaryList", shown, next))
}

/// The name of the group of a request, which names it or its ARN.
fn resolve_group(state: &EmulatorState, request: &Value) -> Result<String, ServiceError> {
    let Some(name) = request["ModelPackageGroupName"].as_str() else {
        return Err(ServiceError::validation_exception("The emulator offers only versions of a model package group."));
    };
    let found = state.model_packages.find_group(name).map(|group| group.name.clone());
    found.ok_or_else(|| ServiceError::validation_exception(format!("Model Package Group {name} does not exist.")))
}

fn given_members(request: &Value) -> Map<String, Value> {
    MEMBERS.iter().filter_map(|member| Some(((*member).to_owned(), request.get(*member)?.clone()))).collect()
}

fn package_not_found(arn: &str) -> ServiceError {
    ServiceError::validation_exception(format!("ModelPackage {arn} does not exist."))
}
