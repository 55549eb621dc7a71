//! The JSON Schema of `automation.yaml`, generated from these types. Editors use it for completion
//! and validation.
//!
//! The doc comments are the descriptions that editors show. The definitions have published names,
//! which differ from those of the types. A test compares the keys with those that are read.

mod compilation;
mod images;
mod partner_apps;
mod parts;
mod workteams;

use compilation::CompilationSchema;
use images::ImageSchema;
use partner_apps::PartnerAppSchema;
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;
use workteams::WorkteamSchema;

/// Name of the committed file, to which a URI of a copy is relative.
const ID: &str = "automation.schema.json";

const META_SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

/// Configuration of the stack: which models are compiled for which targets, and which resources are
/// managed.
#[derive(JsonSchema)]
#[schemars(
    title = "automation.yaml",
    deny_unknown_fields,
    extend("$id" = ID),
    // They hold values for YAML aliases.
    extend("patternProperties" = { "^x-": true })
)]
#[expect(dead_code, reason = "only its schema is used")]
struct DocumentSchema {
    /// Schema version of this file.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// Defaults and rules for compiling models.
    compilation: Option<CompilationSchema>,
    /// Partner AI Apps to reconcile.
    partner_apps: Option<Vec<PartnerAppSchema>>,
    /// Images to reconcile.
    images: Option<Vec<ImageSchema>>,
    /// Work teams to reconcile.
    #[schemars(length(max = 25))]
    workteams: Option<Vec<WorkteamSchema>>,
}

/// Generates the schema that is committed as `config/automation.schema.json`.
pub fn generate_schema() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = Some(META_SCHEMA.into());
    let simplify = RecursiveTransform(|schema: &mut Schema| {
        // All keys of a map are listed in one place here, and more editors support this keyword.
        if schema.remove("unevaluatedProperties").is_some() {
            schema.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        // Doc comments are wrapped.
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    });
    settings.with_transform(simplify).into_generator().into_root_schema_for::<DocumentSchema>()
}
