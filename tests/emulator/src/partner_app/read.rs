//! `ListPartnerApps` and `DescribePartnerApp`.

use serde_json::{Value, json};

use super::app::{App, MEMBERS};
use super::catalogue::Catalogue;
use crate::answer::seconds;
use crate::answer::{Answer, Refusal};
use crate::page::{self, Place};
use crate::world::World;

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let apps = world.partner_apps.all().map(|app| (Place::by_time(app.created, &app.arn), app));
    let (page, next) = page::cut(request, apps.collect())?;
    let summary = |app: &&App| {
        json!({
            "Arn": app.arn, "Name": app.name, "Type": app.kind, "Status": format!("{:?}", app.status),
            "CreationTime": seconds(app.created),
        })
    };
    let mut answer = json!({ "Summaries": page.iter().map(summary).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

pub(crate) fn describe(world: &mut World, request: &Value) -> Answer {
    let arn = request["Arn"].as_str().unwrap_or_default();
    let app = world.partner_apps.get(arn).ok_or_else(|| missing(arn))?;
    let with_upgrade = request["IncludeAvailableUpgrade"].as_bool() == Some(true);
    Ok(description(app, &world.partner_apps.catalogue, with_upgrade))
}

fn description(app: &App, catalogue: &Catalogue, with_upgrade: bool) -> Value {
    let release = catalogue.release(&app.kind, &app.version);
    let upgrade = catalogue.next(&app.kind, &app.version).filter(|_| with_upgrade);
    let mut shown = json!({
        "Arn": app.arn, "Name": app.name, "Type": app.kind, "Status": format!("{:?}", app.status),
        "CreationTime": seconds(app.created), "LastModifiedTime": seconds(app.modified),
        "ExecutionRoleArn": app.role, "KmsKeyId": app.key, "Version": app.version, "Error": app.error_info(),
        "BaseUrl": format!("https://{}.partner-app.sagemaker.example", app.name.to_lowercase()),
        "CurrentVersionEolDate": release.and_then(|release| release.eol).map(seconds),
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

pub(super) fn missing(arn: &str) -> Refusal {
    Refusal::not_found(format!("The Partner AI App {arn} does not exist."))
}
