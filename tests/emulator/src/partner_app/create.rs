//! `CreatePartnerApp`: used by tests only; this project creates no apps.

use serde_json::{Map, Value, json};

use super::emulated_app::{EmulatedAppStatus, EmulatedPartnerApp};
use crate::{
    answer::{OperationAnswer, ServiceError},
    clock::add_millis,
    emulator_state::EmulatorState,
};

pub(crate) fn create_partner_app(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let text = |member: &str| request[member].as_str().unwrap_or_default().to_owned();
    let name = text("Name");
    if state.partner_apps.iter_apps().any(|app| app.name == name) {
        return Err(ServiceError::new(
            "ConflictException",
            format!("A Partner AI App with the name {name} already exists."),
        ));
    }
    let number = state.partner_apps.iter_apps().count();
    let arn = state.owner.build_arn(&format!("partner-app/app-{number:012}"));
    let (now, kind) = (state.clock.now(), text("Type"));
    state.tags.merge_tags(&arn, &request["Tags"])?;
    let mut app = EmulatedPartnerApp {
        arn: arn.clone(),
        version: state.partner_apps.catalogue.first_version(&kind),
        role: request["ExecutionRoleArn"].clone(),
        key: request["KmsKeyId"].clone(),
        status: EmulatedAppStatus::Creating,
        created: now,
        modified: now,
        members: Map::new(),
        error: None,
        update: None,
        due: Some(add_millis(now, state.settings.spread_duration(&name, state.settings.updating_ms))),
        tokens: std::collections::BTreeMap::new(),
        name,
        kind,
    };
    app.set_members(request);
    state.partner_apps.insert(app);
    Ok(json!({ "Arn": arn }))
}
