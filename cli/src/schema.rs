//! The JSON Schema of `automation.yaml`, generated from these types; editors complete and check by it.
//!
//! The doc comments are what an editor shows. A test holds the keys against those that `neo` reads.

mod images;
mod partner_apps;
mod workteams;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

/// Where the committed schema is found by an editor.
const ID: &str = "https://json-schema.org/draft/2020-12/schema";

/// What is compiled for what: the configuration of the stack.
#[derive(JsonSchema)]
#[schemars(title = "automation.yaml", deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Document {
    /// The version of this document's form.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// What is compiled.
    compilation: Option<Compilation>,
    /// Partner AI Apps that are kept as declared.
    partner_apps: Option<Vec<partner_apps::PartnerApp>>,
    /// Images that are kept as declared.
    images: Option<Vec<images::Image>>,
    /// Work teams that are kept as declared.
    #[schemars(length(max = 25))]
    workteams: Option<Vec<workteams::Workteam>>,
}

/// What is compiled.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Compilation {
    /// What holds for every rule that does not say otherwise.
    defaults: Option<Defaults>,
    /// The first rule whose keys match an upload decides over it.
    rules: Option<Vec<Rule>>,
}

/// What holds for every rule that does not say otherwise.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Defaults {
    #[schemars(flatten)]
    settings: Settings,
    #[schemars(flatten)]
    model: OfModels,
}

/// Which uploads are compiled, or which model package, for what, and how.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["keys"] }, { "required": ["model_package_version"] }])
)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Rule {
    /// Names the rule in notifications and tags.
    #[schemars(length(min = 1))]
    name: String,
    /// A glob over object keys: `*` stays inside one folder, `**` crosses folders, `{a,b}` chooses.
    keys: Option<String>,
    /// The ARN of a version of a model package, in place of `keys`: compiled as soon as the configuration is in force.
    #[schemars(regex(
        pattern = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package/[a-zA-Z0-9][a-zA-Z0-9-]{0,62}/\d{1,10}$"
    ))]
    model_package_version: Option<String>,
    /// One compilation job each.
    #[schemars(length(min = 1))]
    targets: Vec<Target>,
    /// The model's framework. Left out: read from the archive.
    framework: Option<Framework>,
    /// The framework's version, in quotes. Sent as major.minor, where SageMaker takes one. Left out: SageMaker chooses.
    framework_version: Option<FrameworkVersion>,
    /// The model's inputs. Left out: read from the archive.
    inputs: Option<Inputs>,
    /// Confirms the order in which images are written in `inputs`, where it is not the one Neo expects of the framework.
    layout: Option<Layout>,
    /// Options of the compiler, for the targets that have none of their own.
    compiler_options: Option<CompilerOptions>,
    #[schemars(flatten)]
    settings: Settings,
    #[schemars(flatten)]
    model: OfModels,
}

/// What is compiled for: a device or a platform.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{ "required": ["device"] }, { "required": ["platform"] }]))]
#[expect(dead_code, reason = "a shape, never a value")]
struct Target {
    /// A device or an instance family. `automation targets` lists them.
    device: Option<Device>,
    /// A platform.
    platform: Option<Platform>,
    /// Else that of the rule.
    framework_version: Option<FrameworkVersion>,
    /// Else those of the rule.
    inputs: Option<Inputs>,
    /// Options of the compiler; else those of the rule. `automation targets NAME` tells which a target takes.
    compiler_options: Option<CompilerOptions>,
    #[schemars(flatten)]
    settings: Settings,
}

/// What defaults, a rule or a target say; the nearest to the target wins.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Settings {
    /// Run time limit of a job, in seconds.
    #[schemars(range(min = 1, max = 2_147_483_647), extend("default" = 900))]
    max_runtime_seconds: Option<u32>,
    /// Run time limit, in seconds, of the attempts that follow one that ran out of time. Left out: none follows.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    max_runtime_seconds_after_timeout: Option<u32>,
    /// Sizes of the dimensions that a model leaves open, by name; `default` for every other one. Left out: such a model is rejected.
    symbolic_dims: Option<BTreeMap<String, Size>>,
    /// Tags of each job; those of defaults, rule and target are joined.
    tags: Option<BTreeMap<String, TagValue>>,
    /// Where artifacts go: a prefix in the artifact bucket, or `s3://bucket/prefix`, with the placeholders {key}, {stem}, {folder}, {rule}, {target}, {version} and {job}.
    #[schemars(extend("default" = "{key}/{job}"))]
    output: Option<String>,
    /// The KMS key that artifacts are encrypted with. Left out: the bucket's own encryption.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^[a-zA-Z0-9:/_-]*$"))]
    kms_key_id: Option<String>,
    /// The network that is compiled in. Left out: SageMaker's own.
    vpc: Option<Vpc>,
    /// The role that is compiled under. Left out: the stack's.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$"))]
    role_arn: Option<String>,
    /// Whether the artifact of the same bytes, compiled the same way, is used again.
    #[schemars(extend("default" = true))]
    reuse: Option<bool>,
    /// How often a job is started again after it failed at SageMaker's end.
    #[schemars(range(max = 5), extend("default" = 2))]
    retries: Option<u8>,
}

/// What is said of a model as a whole.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape, never a value")]
struct OfModels {
    /// What becomes of running jobs when a newer version of the model arrives: they run on, or they are stopped.
    #[schemars(extend("default" = "keep"))]
    on_new_version: Option<OnNewVersion>,
}

/// What becomes of running jobs when a newer version of the model arrives.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "a shape, never a value")]
enum OnNewVersion {
    Keep,
    Stop,
}

/// The order of an image's dimensions.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "a shape, never a value")]
enum Layout {
    Nchw,
    Nhwc,
}

/// A platform.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Platform {
    /// The operating system.
    #[schemars(extend("examples" = ["ANDROID", "LINUX"]))]
    os: String,
    /// The processor.
    #[schemars(extend("examples" = ["X86_64", "X86", "ARM64", "ARM_EABI", "ARM_EABIHF"]))]
    arch: String,
    /// The accelerator. Left out: the processor alone.
    #[schemars(extend("examples" = ["INTEL_GRAPHICS", "MALI", "NVIDIA", "NNA"]))]
    accelerator: Option<String>,
}

/// The network that is compiled in.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Vpc {
    /// Security groups.
    #[schemars(length(min = 1, max = 5))]
    security_group_ids: Vec<String>,
    /// Subnets.
    #[schemars(length(min = 1, max = 16))]
    subnets: Vec<String>,
}

/// Shapes by input name, or for PyTorch a list of shapes.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape, never a value")]
enum Inputs {
    Named(BTreeMap<String, Input>),
    Positional(Vec<Input>),
}

/// A shape such as [1, 3, 224, 224]; for coreml also a description.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape, never a value")]
enum Input {
    Shape(Vec<Size>),
    CoreMl(CoreMlInput),
}

/// An input of a Core ML model.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, never a value")]
struct CoreMlInput {
    /// A shape, in which a dimension may be a range such as "1..10", or a list of shapes.
    shape: FlexibleShape,
    /// The shape it has if nothing else is said.
    default_shape: Option<Vec<Size>>,
    /// What it holds.
    #[schemars(rename = "type", extend("default" = "Tensor"))]
    kind: Option<CoreMlType>,
    /// Added to each channel of an image.
    bias: Option<Vec<f64>>,
    /// Multiplies an image's values.
    scale: Option<f64>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape, never a value")]
enum FlexibleShape {
    One(Vec<Extent>),
    Several(Vec<Vec<Size>>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape, never a value")]
enum Extent {
    Size(Size),
    Range(#[schemars(regex(pattern = r"^\d+\.\.\d+$"))] String),
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape, never a value")]
enum CoreMlType {
    Image,
    Tensor,
}

/// A mapping of options; for Neuron targets the compiler's flags as one text.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "a shape, never a value")]
enum CompilerOptions {
    Options(BTreeMap<String, Value>),
    Flags(String),
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct Size(#[schemars(range(min = 1, max = 2_147_483_647))] u32);

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct TagValue(#[schemars(length(max = 256))] String);

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a shape, never a value")]
struct FrameworkVersion(
    #[schemars(length(min = 3, max = 10), regex(pattern = r"^[0-9]\.[A-Za-z0-9][A-Za-z0-9.]*$"))] String,
);

/// The names of this release; the API may know more.
struct Device;

impl JsonSchema for Device {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Device".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        let known: Vec<_> = neo::devices().collect();
        // Completed from the list, yet not bound to it: a newer device passes with a warning.
        schemars::json_schema!({ "anyOf": [{ "enum": known }, { "type": "string" }] })
    }
}

struct Framework;

impl JsonSchema for Framework {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Framework".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        schemars::json_schema!({ "enum": model_archive::Framework::ALL.map(model_archive::Framework::as_str) })
    }
}

/// A key is left out, not null; and an editor tells more of a mistake that it need not find in one of two alternatives.
fn without_null(schema: &mut Schema) {
    let null = serde_json::json!({ "type": "null" });
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf")
        && let [Value::Object(form), other] = forms.as_slice()
        && *other == null
    {
        let form = form.clone();
        schema.remove("anyOf");
        for (key, value) in form {
            schema.insert(key, value);
        }
    }
}

/// The schema, as it is committed.
pub fn schema() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = Some(ID.into());
    // All keys of a mapping stand in one list here, and more editors know this word.
    let strict = RecursiveTransform(|schema: &mut Schema| {
        if schema.remove("unevaluatedProperties").is_some() {
            schema.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        without_null(schema);
    });
    settings.with_transform(strict).into_generator().into_root_schema_for::<Document>()
}
