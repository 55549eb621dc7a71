//! `CreateModelPackageGroup` and `ListModelPackageGroups`.

use serde_json::{Value, json};

use super::package_store::EmulatedGroup;
use crate::{
    answer::{OperationAnswer, ServiceError, epoch_seconds},
    emulator_state::EmulatorState,
    list_page::{SortKey, build_list_answer, is_between, select_page},
};

pub(crate) fn create_group(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let name = request["ModelPackageGroupName"].as_str().unwrap_or_default();
    if state.model_packages.find_group(name).is_some() {
        return Err(ServiceError::validation_exception(format!("Model Package Group already exists: {name}")));
    }
    let arn = state.owner.build_arn(&format!("model-package-group/{name}"));
    state.tags.merge_tags(&arn, &request["Tags"])?;
    let group = EmulatedGroup { arn: arn.clone(), name: name.to_owned(), created: state.clock.now() };
    state.model_packages.insert_group(group);
    Ok(json!({ "ModelPackageGroupArn": arn }))
}

pub(crate) fn list_groups(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let sort_key = |group: &EmulatedGroup| match request["SortBy"].as_str() {
        Some("Name") => SortKey::by_name(&group.name),
        // Service model: "The default is CreationTime."
        _ => SortKey::by_time(group.created, &group.name),
    };
    let found = state.model_packages.iter_groups().map(|group| (sort_key(group), group)).collect();
    let (page, next) = select_page(request, found, |group| {
        request["NameContains"].as_str().is_none_or(|part| group.name.contains(part))
            && is_between(group.created, request, "CreationTimeAfter", "CreationTimeBefore")
    })?;
    let shown = page.iter().map(|group| {
        json!({
            "ModelPackageGroupName": group.name, "ModelPackageGroupArn": group.arn,
            "CreationTime": epoch_seconds(group.created), "ModelPackageGroupStatus": "Completed",
        })
    });
    Ok(build_list_answer("ModelPackageGroupSummaryList", shown.collect::<Vec<_>>(), next))
}
