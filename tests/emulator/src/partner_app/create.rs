//! `CreatePartnerApp`: for tests; this project creates none.

use serde_json::{Map, Value, json};

use super::app::{App, Status};
use crate::answer::{Answer, Refusal};
use crate::clock::after_millis;
use crate::world::World;

pub(crate) fn create(world: &mut World, request: &Value) -> Answer {
    let text = |member: &str| request[member].as_str().unwrap_or_default().to_owned();
    let name = text("Name");
    if world.partner_apps.all().any(|app| app.name == name) {
        return Err(Refusal::new(
            "ConflictException",
            format!("A Partner AI App with the name {name} already exists."),
        ));
    }
    let number = world.partner_apps.all().count();
    let arn = world.owner.arn(&format!("partner-app/app-{number:012}"));
    let (now, kind) = (world.clock.now(), text("Type"));
    world.tags.add(&arn, &request["Tags"])?;
    let mut app = App {
        arn: arn.clone(),
        version: world.partner_apps.catalogue.first(&kind),
        role: request["ExecutionRoleArn"].clone(),
        key: request["KmsKeyId"].clone(),
        status: Status::Creating,
        created: now,
        modified: now,
        members: Map::new(),
        error: None,
        update: None,
        due: Some(after_millis(now, world.settings.spread(&name, world.settings.updating_ms))),
        tokens: std::collections::BTreeMap::new(),
        name,
        kind,
    };
    app.set(request);
    world.partner_apps.insert(app);
    Ok(json!({ "Arn": arn }))
}
