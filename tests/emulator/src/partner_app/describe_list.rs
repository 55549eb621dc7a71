//! `ListPartnerApps` and `DescribePartnerApp`.

use serde_json::{Value, json};

use super::{
    emulated_app::{EmulatedPartnerApp, MEMBERS},
    release_catalogue::ReleaseCatalogue,
};
use crate::{
    answer::{OperationAnswer, ServiceError, epoch_seconds},
    emulator_state::EmulatorState,
    list_page::{SortKey, select_page},
};

pub(crate) fn list_partner_apps(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let apps = state.partner_apps.iter_apps().map(|app| (SortKey::by_time(app.created, &app.arn), app));
    let (page, next) = select_page(request, apps.collect(), |_| true)?;
    let summary = |app: &&EmulatedPartnerApp| {
        json!({
            "Arn": app.arn, "Name": app.name, "Type": app.kind, "Status": format!("{:?}", app.status),
            "CreationTime": epoch_seconds(app.created),
        })
    };
    let mut answer = json!({ "Summaries": page.iter().map(summary).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

pub(crate) fn describe_partner_app(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = request["Arn"].as_str().unwrap_or_default();
    let app = state.partner_apps.get(arn).ok_or_else(|| app_not_found(arn))?;
    let with_upgrade = request["IncludeAvailableUpgrade"].as_bool() == Some(true);
    Ok(app_description(app, &state.partner_apps.catalogue, with_upgrade))
}

fn app_description(app: &EmulatedPartnerApp, catalogue: &ReleaseCatalogue, with_upgrade: bool) -> Value {
    let release = catalogue.find_release(&app.kind, &app.version);
    let upgrade = catalogue.next_release(&app.kind, &app.version).filter(|_| with_upgrade);
    let mut shown = json!({
        "Arn": app.arn, "Name": app.name, "Type": app.kind, "Status": format!("{:?}", app.status),
        "CreationTime": epoch_seconds(app.created), "LastModifiedTime": epoch_seconds(app.modified),
        "ExecutionRoleArn": app.role, "KmsKeyId": app.key, "Version": app.version, "Error": app.error_to_json(),
        "BaseUrl": format!("https://{}.partner-app.sagemaker.example", app.name.to_lowercase()),
        "CurrentVersionEolDate": release.and_then(|release| release.eol).map(epoch_seconds),
        "AvailableUpgrade": upgrade.map(|next| json!({ "Version": next.version, "ReleaseNotes": next.release_notes })),
    });
    for member in MEMBERS {
        shown[member] = app.members.get(member).cloned().unwrap_or_default();
    }
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}

pub(super) fn app_not_found(arn: &str) -> ServiceError {
    ServiceError::resource_not_found(format!("The Partner AI App {arn} does not exist."))
}
