//! The section `compilation`.

use std::{borrow::Cow, collections::BTreeMap};

use model_archive::Framework;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::parts::{TagValueSchema, one_of_keys, tag_keys};

/// Defaults and rules for compiling models.
#[derive(JsonSchema)]
#[schemars(rename = "Compilation", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct CompilationSchema {
    /// Maximum number of compilation jobs of the whole stack per UTC day; retries are not counted.
    /// Targets above it are rejected. Default: no limit.
    max_jobs_per_day: Option<u32>,
    /// Settings that apply to every rule unless the rule overrides them.
    defaults: Option<DefaultsSchema>,
    /// The first rule whose keys match an upload applies to it.
    rules: Option<Vec<RuleSchema>>,
}

/// Settings that apply to every rule unless the rule overrides them.
#[derive(JsonSchema)]
#[schemars(rename = "Defaults", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct DefaultsSchema {
    #[schemars(flatten)]
    settings: JobSettingsSchema,
    #[schemars(flatten)]
    model: ModelSettingsSchema,
}

/// Defines which uploads, or which model packages, to compile for which targets.
#[derive(JsonSchema)]
#[schemars(
    rename = "Rule",
    deny_unknown_fields,
    extend("oneOf" = one_of_keys(&["keys", "model_package_version", "model_package_group"])),
    extend("if" = { "anyOf": [
        { "required": ["model_package_version"], "properties": { "model_package_version": { "type": "string" } } },
        { "required": ["model_package_group"], "properties": { "model_package_group": { "type": "string" } } }
    ] }),
    extend("then" = without_upload_keys())
)]
#[expect(dead_code, reason = "only its schema is used")]
struct RuleSchema {
    /// Identifies the rule in notifications and tags.
    #[schemars(regex(pattern = r"\S"))]
    name: String,
    /// The bucket of the uploads, or a glob over names: one of the template parameter
    /// `ModelBuckets`. Default: the stack's own model bucket.
    #[schemars(length(min = 1), regex(pattern = r"^[a-z0-9.*?{},!\[\]-]+$"))]
    bucket: Option<String>,
    /// A glob over object keys: `*` matches within one folder, `**` crosses folders, `{a,b}`
    /// matches either.
    keys: Option<String>,
    /// ARN of a model package version, instead of `keys`. It is compiled as soon as the
    /// configuration is active.
    #[schemars(regex(
        pattern = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package/[a-zA-Z0-9][a-zA-Z0-9-]{0,62}/\d{1,10}$"
    ))]
    model_package_version: Option<String>,
    /// A model package group, instead of `keys`: its name, its ARN or a glob over names. The newest
    /// approved version is compiled as soon as the configuration is active, and every version that
    /// is approved later.
    #[schemars(regex(
        pattern = r"^(arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package-group/[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}|[a-zA-Z0-9*?{},!\[\]-]+)$"
    ))]
    model_package_group: Option<String>,
    /// One compilation job per target.
    #[schemars(length(min = 1))]
    targets: Vec<TargetSchema>,
    /// Framework of the model. Default: read from the archive.
    framework: Option<FrameworkSchema>,
    /// Version of the framework, in quotes. Sent as major.minor if SageMaker accepts a version for
    /// the target. Default: SageMaker chooses.
    framework_version: Option<FrameworkVersionSchema>,
    /// Input shapes of the model. Default: read from the archive.
    inputs: Option<InputsSchema>,
    /// Confirms that images in `inputs` are in this order even though Neo expects the other one for
    /// the framework.
    layout: Option<LayoutSchema>,
    /// Compiler options for targets that have no options of their own.
    compiler_options: Option<CompilerOptionsSchema>,
    #[schemars(flatten)]
    settings: JobSettingsSchema,
    #[schemars(flatten)]
    model: ModelSettingsSchema,
}

/// A compilation target: a device or a platform.
#[derive(JsonSchema)]
#[schemars(
    rename = "Target",
    deny_unknown_fields,
    extend("oneOf" = one_of_keys(&["device", "platform"]))
)]
#[expect(dead_code, reason = "only its schema is used")]
struct TargetSchema {
    /// A device or an instance family. `automation targets` lists them.
    device: Option<DeviceSchema>,
    /// An operating system, a processor architecture and an optional accelerator.
    platform: Option<PlatformSchema>,
    /// Default: the rule's.
    framework_version: Option<FrameworkVersionSchema>,
    /// Default: the rule's.
    inputs: Option<InputsSchema>,
    /// Compiler options. `automation targets NAME` shows which options a target supports. Default:
    /// the rule's.
    compiler_options: Option<CompilerOptionsSchema>,
    #[schemars(flatten)]
    settings: JobSettingsSchema,
}

/// Settings of defaults, rules and targets; the most specific one wins.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct JobSettingsSchema {
    /// Maximum run time of a job, in seconds.
    #[schemars(range(min = 1, max = 2_147_483_647), extend("default" = 900))]
    max_runtime_seconds: Option<u32>,
    /// Maximum run time, in seconds, of the attempts after one that timed out. Default: no retry
    /// after a timeout.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    max_runtime_seconds_after_timeout: Option<u32>,
    /// Sizes for the model's dynamic dimensions, by name; `default` applies to the rest. Default:
    /// models with dynamic dimensions are rejected.
    symbolic_dims: Option<BTreeMap<String, SizeSchema>>,
    /// Size of a dynamic first dimension that `symbolic_dims` does not name. Default: models whose
    /// batch size is dynamic are rejected, except TFLITE, for which it is 1.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    batch_size: Option<u32>,
    /// Tags of each job; those of defaults, rule and target are merged.
    #[schemars(extend("propertyNames" = tag_keys()))]
    tags: Option<BTreeMap<String, TagValueSchema>>,
    /// Location of the artifacts: a prefix in the artifact bucket, or `s3://bucket/prefix`, with
    /// the placeholders {key}, {stem}, {folder}, {rule}, {target}, {version} and {job}.
    #[schemars(extend("default" = "{key}/{job}"))]
    output: Option<String>,
    /// KMS key for encrypting the artifacts. Default: the bucket's encryption.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^[a-zA-Z0-9:/_-]*$"))]
    kms_key_id: Option<String>,
    /// VPC configuration of the compilation job. Default: SageMaker's own network.
    vpc: Option<VpcSchema>,
    /// Execution role of the compilation job. Default: the stack's compilation role.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$"))]
    role_arn: Option<String>,
    /// Whether to reuse the artifact of an earlier job that compiled the same bytes with the same
    /// settings.
    #[schemars(extend("default" = true))]
    reuse: Option<bool>,
    /// Number of retries after a failure on SageMaker's side.
    #[schemars(range(max = 5), extend("default" = 2))]
    retries: Option<u8>,
}

/// Settings of all jobs of a model version.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ModelSettingsSchema {
    /// `keep` lets running jobs of older versions of the model finish, `stop` stops them.
    #[schemars(extend("default" = "keep"))]
    on_new_version: Option<OnNewVersionSchema>,
}

/// What to do with running jobs of older versions when a new version of the model arrives.
#[derive(JsonSchema)]
#[schemars(rename = "OnNewVersion", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum OnNewVersionSchema {
    Keep,
    Stop,
}

/// The order of an image's dimensions.
#[derive(JsonSchema)]
#[schemars(rename = "Layout", rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
enum LayoutSchema {
    Nchw,
    Nhwc,
}

/// A target platform.
#[derive(JsonSchema)]
#[schemars(rename = "Platform", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct PlatformSchema {
    /// Operating system.
    #[schemars(schema_with = "system_schema")]
    os: String,
    /// Processor architecture.
    #[schemars(schema_with = "architecture_schema")]
    arch: String,
    /// Accelerator. Default: no accelerator.
    accelerator: Option<AcceleratorSchema>,
}

/// VPC configuration of the compilation job.
#[derive(JsonSchema)]
#[schemars(rename = "Vpc", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct VpcSchema {
    /// IDs of the security groups.
    #[schemars(length(min = 1, max = 5))]
    security_group_ids: Vec<NetworkIdSchema>,
    /// IDs of the subnets.
    #[schemars(length(min = 1, max = 16))]
    subnets: Vec<NetworkIdSchema>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct NetworkIdSchema(#[schemars(regex(pattern = r"^[a-zA-Z0-9-]{1,32}$"))] String);

/// A shape per input name; for PyTorch, a list of shapes is also allowed.
#[derive(JsonSchema)]
#[schemars(rename = "Inputs", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum InputsSchema {
    Named(#[schemars(extend("minProperties" = 1))] BTreeMap<String, InputSchema>),
    Positional(#[schemars(length(min = 1))] Vec<InputSchema>),
}

/// A shape such as [1, 3, 224, 224]; for the target coreml, a map is also allowed.
#[derive(JsonSchema)]
#[schemars(rename = "Input", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum InputSchema {
    Shape(Vec<SizeSchema>),
    CoreMl(CoreMlInputSchema),
}

/// An input of a Core ML model.
#[derive(JsonSchema)]
#[schemars(rename = "CoreMlInput", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct CoreMlInputSchema {
    /// A shape, in which a dimension can be a range such as "1..10"; or a list of shapes.
    shape: FlexibleShapeSchema,
    /// The shape that is used if no other is specified.
    default_shape: Option<Vec<SizeSchema>>,
    /// Type of the input; an image requires `bias` and `scale`.
    #[schemars(rename = "type", extend("default" = "Tensor"))]
    kind: Option<CoreMlTypeSchema>,
    /// Added to each channel of an image.
    bias: Option<Vec<f64>>,
    /// Factor for the values of an image.
    scale: Option<f64>,
}

#[derive(JsonSchema)]
#[schemars(rename = "FlexibleShape", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum FlexibleShapeSchema {
    One(Vec<ExtentSchema>),
    Several(Vec<Vec<SizeSchema>>),
}

#[derive(JsonSchema)]
#[schemars(rename = "Extent", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ExtentSchema {
    Size(SizeSchema),
    Range(#[schemars(regex(pattern = r"^\d+\.\.\d+$"))] String),
}

#[derive(JsonSchema)]
#[schemars(rename = "CoreMlType")]
#[expect(dead_code, reason = "only its schema is used")]
enum CoreMlTypeSchema {
    Image,
    Tensor,
}

/// A map of options; for Neuron targets, the command-line flags of the compiler as one string.
#[derive(JsonSchema)]
#[schemars(rename = "CompilerOptions", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum CompilerOptionsSchema {
    Options(BTreeMap<String, Value>),
    Flags(String),
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct SizeSchema(#[schemars(range(min = 1, max = 2_147_483_647))] u32);

#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct FrameworkVersionSchema(
    #[schemars(length(min = 3, max = 10), regex(pattern = r"^[0-9]\.[A-Za-z0-9][A-Za-z0-9.]*$"))] String,
);

struct DeviceSchema;

impl JsonSchema for DeviceSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Device".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known: Vec<_> = neo::device_names().collect();
        // Editors complete the known names. SageMaker may support newer devices, which only cause a
        // warning.
        let new = json!({ "type": "string", "pattern": neo::new_device_pattern() });
        schemars::json_schema!({ "anyOf": [{ "enum": known }, new] })
    }
}

fn system_schema(_: &mut SchemaGenerator) -> Schema {
    platform_name_schema(&neo::SYSTEMS)
}

fn architecture_schema(_: &mut SchemaGenerator) -> Schema {
    platform_name_schema(&neo::ARCHITECTURES)
}

struct AcceleratorSchema;

impl JsonSchema for AcceleratorSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Accelerator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        platform_name_schema(&neo::ACCELERATORS)
    }
}

/// The known names, for completion, or a new one, which has capitals like the others.
fn platform_name_schema(known: &[&str]) -> Schema {
    let synonyms = neo::SYNONYMS.map(|(synonym, _)| synonym);
    let new = json!({ "type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "not": { "enum": synonyms } });
    schemars::json_schema!({ "anyOf": [{ "enum": known }, new] })
}

/// Keys that a rule and its targets must not have for a model package.
fn without_upload_keys() -> Value {
    let absent = |keys: &[&str]| {
        let keys: serde_json::Map<_, _> =
            keys.iter().map(|key| ((*key).to_owned(), json!({ "type": "null" }))).collect();
        Value::Object(keys)
    };
    let of_target = absent(&["framework_version", "inputs", "symbolic_dims", "batch_size"]);
    let mut of_rule = absent(&[
        "bucket",
        "framework",
        "framework_version",
        "inputs",
        "layout",
        "symbolic_dims",
        "batch_size",
        "on_new_version",
    ]);
    of_rule["targets"] = json!({ "items": { "properties": of_target } });
    json!({ "properties": of_rule })
}

struct FrameworkSchema;

impl JsonSchema for FrameworkSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Framework".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "enum": Framework::ALL.map(Framework::as_str) })
    }
}
