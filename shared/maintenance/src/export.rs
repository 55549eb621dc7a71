//! Writes existing resources as sections of `automation.yaml`: what a person would otherwise type
//! who begins to manage them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    image::ObservedImage,
    partner_app::{ApplicationConfig, ObservedApp},
    workteam::{MemberGroup, ObservedWorkteam, WorkerAccess},
};

/// The value that an export writes for each argument of an app: arguments may be secret. A document
/// that contains it is not valid.
pub const UNSET_ARGUMENT: &str = "<set me>";

/// Exports work teams under the key `workteams`, without vendors' teams and the public one, which
/// cannot be updated. `stack_topic` is the ARN of the topic that `notifications: stack` refers to.
pub fn export_workteams(teams: &[ObservedWorkteam], stack_topic: Option<&str>) -> Value {
    let own = teams.iter().filter(|team| !team.is_foreign());
    json!({ "version": 1, "workteams": own.map(|team| export_workteam(team, stack_topic)).collect::<Vec<_>>() })
}

/// Exports apps under the key `partner_apps`.
pub fn export_apps(apps: &[ObservedApp]) -> Value {
    json!({ "version": 1, "partner_apps": apps.iter().map(export_app).collect::<Vec<_>>() })
}

/// Exports images under the key `images`.
pub fn export_images(images: &[ObservedImage]) -> Value {
    json!({ "version": 1, "images": images.iter().map(export_image).collect::<Vec<_>>() })
}

fn export_workteam(team: &ObservedWorkteam, stack_topic: Option<&str>) -> Value {
    let cognito = team.members.iter().filter_map(|group| match group {
        MemberGroup::Cognito { user_pool, user_group, client_id } => {
            Some(json!({ "user_pool": user_pool, "user_group": user_group, "client_id": client_id }))
        }
        MemberGroup::Oidc { .. } => None,
    });
    let cognito: Vec<_> = cognito.collect();
    let oidc = team.members.iter().filter_map(|group| match group {
        MemberGroup::Oidc { group } => Some(group.as_str()),
        MemberGroup::Cognito { .. } => None,
    });
    let oidc: Vec<_> = oidc.collect();
    let members =
        if cognito.is_empty() { json!({ "oidc": { "groups": oidc } }) } else { json!({ "cognito": cognito }) };
    let topic = team.topic.as_deref().map(|topic| if Some(topic) == stack_topic { "stack" } else { topic });
    let access = team.worker_access.map(|access| match access {
        WorkerAccess::SourceIp(enabled) => json!({ "source_ip": enabled }),
        WorkerAccess::VpcSourceIp(enabled) => json!({ "vpc_source_ip": enabled }),
    });
    without_unset([
        ("name", json!(team.name)),
        ("description", json!(team.description)),
        ("members", members),
        ("notifications", json!(topic)),
        ("worker_access", access.unwrap_or(Value::Null)),
        ("tags", export_tags(team.tags.as_ref().ok())),
    ])
}

fn export_app(app: &ObservedApp) -> Value {
    let ApplicationConfig { admin_users, arguments, assigned_group_patterns, role_group_assignments } =
        &app.application;
    let arguments: Option<BTreeMap<_, _>> =
        arguments.as_ref().map(|known| known.keys().map(|name| (name, UNSET_ARGUMENT)).collect());
    let application = without_unset([
        ("admin_users", json!(admin_users)),
        ("arguments", json!(arguments)),
        ("assigned_group_patterns", json!(assigned_group_patterns)),
        ("role_group_assignments", json!(role_group_assignments)),
    ]);
    without_unset([
        ("app", json!(app.name)),
        ("upgrade", json!("notify")),
        ("maintenance_window_start", json!(app.maintenance_window_start)),
        ("tier", json!(app.tier)),
        ("auto_minor_upgrade", json!(app.auto_minor_upgrade)),
        ("iam_session_identity", json!(app.iam_session_identity)),
        ("application", application),
        ("tags", export_tags(app.tags.as_ref())),
    ])
}

fn export_image(image: &ObservedImage) -> Value {
    without_unset([
        ("name", json!(image.name)),
        ("display_name", json!(image.property("display_name"))),
        ("description", json!(image.property("description"))),
        ("role_arn", json!(image.role_arn)),
        ("tags", export_tags(image.tags.as_ref())),
    ])
}

/// The tags that a configuration may declare.
fn export_tags(tags: Option<&BTreeMap<String, String>>) -> Value {
    let own = tags.into_iter().flatten().filter(|(key, _)| !key.to_lowercase().starts_with("aws:"));
    own.map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>().into()
}

/// A map without `null` and without empty maps and lists, which are the same as no key.
fn without_unset<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let is_set = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    };
    let set = entries.into_iter().filter(|(_, value)| is_set(value));
    set.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
}

/// Writes an exported document as YAML.
pub fn format_yaml(document: &Value) -> String {
    let mut lines = Vec::new();
    write_node(&mut lines, "", document);
    lines.join("\n")
}

/// Writes the lines of a value. `start` is what the first line begins with: the indentation, and
/// the `- ` of a list item.
fn write_node(lines: &mut Vec<String>, start: &str, node: &Value) {
    let blank = " ".repeat(start.len());
    match node {
        Value::Object(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                let start = if index == 0 { start } else { &blank };
                let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let key = if is_plain { key.clone() } else { Value::from(key.as_str()).to_string() };
                match value {
                    Value::Object(nested) if !nested.is_empty() => {
                        lines.push(format!("{start}{key}:"));
                        write_node(lines, &format!("{blank}  "), value);
                    }
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        lines.push(format!("{start}{key}:"));
                        for item in items {
                            write_node(lines, &format!("{blank}  - "), item);
                        }
                    }
                    // JSON is YAML.
                    _ => lines.push(format!("{start}{key}: {value}")),
                }
            }
        }
        other => lines.push(format!("{start}{other}")),
    }
}
