//! Compiler options: which ones a family of targets accepts and requires, and the format of their
//! values.

use document::{ConfigFinding, spelling};
use model_archive::Framework;
use serde_json::Value;

use crate::{TargetFamily, TargetRow};

/// Allowed lengths of `CompilerOptions`, in characters (service model 2017-07-24).
const LENGTH: std::ops::RangeInclusive<usize> = 3..=1024;

/// Android API levels that Neo compiles for (API reference, `CompilerOptions`).
const ANDROID_LEVELS: std::ops::RangeInclusive<i64> = 21..=29;

/// Input types of a PyTorch model on cloud instances (API reference, `CompilerOptions`).
const DTYPES: [&str; 4] = ["float32", "float", "int64", "long"];

/// A problem in a target's compiler options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionProblem {
    /// `None` if the problem is about all options, or about a missing one.
    pub option: Option<String>,
    pub finding: ConfigFinding,
}

/// One option that a family accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionRule {
    pub name: &'static str,
    pub format: OptionFormat,
    /// Whether Neo compiles nothing without it.
    pub required: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum OptionFormat {
    /// `sm_` and two digits.
    GpuCode,
    /// This many numbers, separated by dots.
    Version(usize),
    /// One of [`DTYPES`].
    Dtype,
    /// A list of texts that each start with + or -.
    Flags,
    AndroidLevel,
    Text,
    Texts,
    Number,
    Boolean,
}

const fn optional_rule(name: &'static str, format: OptionFormat) -> OptionRule {
    OptionRule { name, format, required: false }
}

const fn required_rule(name: &'static str, format: OptionFormat) -> OptionRule {
    OptionRule { name, format, required: true }
}

const CPU: &[OptionRule] = &[optional_rule("mcpu", OptionFormat::Text), optional_rule("mattr", OptionFormat::Flags)];
const CLOUD: &[OptionRule] = &[
    optional_rule("dtype", OptionFormat::Dtype),
    optional_rule("mcpu", OptionFormat::Text),
    optional_rule("mattr", OptionFormat::Flags),
];
const NVIDIA: &[OptionRule] = &[
    required_rule("gpu-code", OptionFormat::GpuCode),
    required_rule("trt-ver", OptionFormat::Version(3)),
    required_rule("cuda-ver", OptionFormat::Version(2)),
    optional_rule("max-workspace-size", OptionFormat::Number),
    optional_rule("precision-mode", OptionFormat::Text),
];
const JETSON: &[OptionRule] = &[
    optional_rule("gpu-code", OptionFormat::GpuCode),
    optional_rule("trt-ver", OptionFormat::Version(3)),
    optional_rule("cuda-ver", OptionFormat::Version(2)),
    optional_rule("max-workspace-size", OptionFormat::Number),
    optional_rule("precision-mode", OptionFormat::Text),
    // The developer guide lists these two for TensorFlow 2.
    optional_rule("gpu_code", OptionFormat::GpuCode),
    optional_rule("JETPACK_VERSION", OptionFormat::Version(2)),
];
const ANDROID: &[OptionRule] = &[
    optional_rule("ANDROID_PLATFORM", OptionFormat::AndroidLevel),
    optional_rule("mcpu", OptionFormat::Text),
    optional_rule("mattr", OptionFormat::Flags),
];
const COREML: &[OptionRule] = &[optional_rule("class_labels", OptionFormat::Text)];
const ELASTIC_INFERENCE: &[OptionRule] = &[
    optional_rule("signature_def_key", OptionFormat::Text),
    optional_rule("output_names", OptionFormat::Texts),
    optional_rule("precision_mode", OptionFormat::Text),
    optional_rule("maximum_cached_engines", OptionFormat::Number),
    optional_rule("is_dynamic_op", OptionFormat::Boolean),
];

impl TargetFamily {
    /// The options it accepts as a map; `None` if it takes them as text.
    pub(crate) const fn option_rules(self) -> Option<&'static [OptionRule]> {
        Some(match self {
            Self::Neuron => return None,
            Self::CloudCpu | Self::CloudGpu => CLOUD,
            Self::ElasticInference => ELASTIC_INFERENCE,
            Self::Edge | Self::Linux | Self::Ambarella => CPU,
            Self::Jetson => JETSON,
            Self::LinuxNvidia => NVIDIA,
            Self::Android => ANDROID,
            Self::CoreMl => COREML,
        })
    }
}

impl TargetRow {
    /// The names of the options it accepts, with an asterisk after required ones; `None` if it
    /// takes them as text.
    pub fn option_names(&self) -> Option<Vec<String>> {
        let marked_name = |rule: &OptionRule| format!("{}{}", rule.name, if rule.required { "*" } else { "" });
        Some(self.family.option_rules()?.iter().map(marked_name).collect())
    }
}

/// The options as the API expects them: JSON text.
pub(crate) fn to_json_text(options: &Value) -> String {
    options.to_string()
}

/// Checks the options of a target. For a target that is not in the table, only the length is
/// checked.
pub(crate) fn check_options(row: Option<&TargetRow>, options: Option<&Value>) -> Vec<OptionProblem> {
    let problem = |finding| vec![OptionProblem { option: None, finding }];
    let Some(row) = row else { return check_length(options) };
    let Some(rules) = row.family.option_rules() else {
        return match options {
            None | Some(Value::String(_)) => check_length(options),
            Some(_) => problem(ConfigFinding::new(
                format!("{} expects the flags of the Neuron compiler as text", row.name()),
                "write, for example, \"--verbose 1 --num-neuroncores 2\"",
            )),
        };
    };
    let empty = serde_json::Map::new();
    let given = match options {
        None => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => {
            return problem(ConfigFinding::new(
                format!("{} expects a map of options", row.name()),
                format!("write, for example, {}", example_options(rules)),
            ));
        }
    };
    let mut problems = check_length(options);
    for (name, value) in given {
        let problem = match rules.iter().find(|rule| rule.name == name) {
            Some(rule) => rule.format.check_value(value),
            None => check_unknown_option(row, rules, name),
        };
        problems.extend(problem.map(|finding| OptionProblem { option: Some(name.clone()), finding }));
    }
    let is_given = |rule: &OptionRule| given.keys().any(|name| normalize_name(name) == normalize_name(rule.name));
    let missing: Vec<_> = rules.iter().filter(|rule| rule.required && !is_given(rule)).map(|rule| rule.name).collect();
    if !missing.is_empty() {
        let message = format!("{} requires the compiler options {}", row.name(), missing.join(", "));
        let finding = ConfigFinding::new(message, format!("set, for example, {}", example_options(rules)));
        problems.push(OptionProblem { option: None, finding });
    }
    problems
}

/// Warnings about options that Neo is not known to read for this target or framework.
pub(crate) fn find_doubtful_options(
    row: &TargetRow,
    framework: Option<Framework>,
    options: Option<&Value>,
) -> Vec<ConfigFinding> {
    let (Some(rules), Some(Value::Object(given))) = (row.family.option_rules(), options) else {
        return Vec::new();
    };
    let unknown = given.keys().filter(|name| rules.iter().all(|rule| rule.name != *name)).map(|name| {
        ConfigFinding::new(
            format!(
                "the compiler option `{name}` is not documented for {}: it is passed to SageMaker unchanged",
                row.name()
            ),
            "remove it, or ignore this warning if SageMaker supports it by now",
        )
    });
    let other = framework.filter(|framework| given.contains_key("dtype") && *framework != Framework::Pytorch);
    let dtype = other.map(|framework| {
        ConfigFinding::new(
            format!("the compiler option `dtype` applies to PYTORCH models only: the framework here is {framework}"),
            "remove it",
        )
    });
    unknown.chain(dtype).collect()
}

fn check_length(options: Option<&Value>) -> Vec<OptionProblem> {
    let Some(length) = options.map(|options| to_json_text(options).chars().count()) else {
        return Vec::new();
    };
    let (least, most) = (LENGTH.start(), LENGTH.end());
    let expected = format!("{least} to {most} characters of compiler options as JSON");
    let finding = ConfigFinding::unexpected(expected, length);
    if LENGTH.contains(&length) { Vec::new() } else { vec![OptionProblem { option: None, finding }] }
}

/// Removes the differences between spellings that are easily confused.
fn normalize_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// An unknown option is passed on, unless it is a misspelled known one or belongs to another
/// family.
fn check_unknown_option(row: &TargetRow, rules: &[OptionRule], name: &str) -> Option<ConfigFinding> {
    if let Some(meant) = rules.iter().find(|rule| normalize_name(rule.name) == normalize_name(name)) {
        let message = format!("expected the compiler option `{}` for {}, found `{name}`", meant.name, row.name());
        return Some(ConfigFinding::new(message, format!("write `{}`", meant.name)));
    }
    let is_near = |known: &str| strsim::damerau_levenshtein(known, name) <= 2;
    if let Some(meant) =
        spelling::find_nearest_name(name, rules.iter().map(|rule| rule.name)).filter(|known| is_near(known))
    {
        return Some(ConfigFinding::new(format!("unknown compiler option `{name}`"), format!("write `{meant}`")));
    }
    let elsewhere = [NVIDIA, JETSON, ANDROID, COREML, ELASTIC_INFERENCE, CLOUD].concat();
    elsewhere.iter().any(|rule| rule.name == name).then(|| {
        let allowed: Vec<_> = rules.iter().map(|rule| rule.name).collect();
        let message = format!("expected a compiler option of {} ({}), found `{name}`", row.name(), allowed.join(", "));
        ConfigFinding::new(message, format!("remove `{name}`"))
    })
}

/// Example options of a family, with valid values.
pub(crate) fn example_options(rules: &[OptionRule]) -> String {
    let required = rules.iter().filter(|rule| rule.required);
    let shown: Vec<_> = if rules.iter().any(|rule| rule.required) {
        required.map(|rule| format!("{}: {}", rule.name, rule.format.example_value())).collect()
    } else {
        rules.iter().take(2).map(|rule| format!("{}: {}", rule.name, rule.format.example_value())).collect()
    };
    format!("{{ {} }}", shown.join(", "))
}

impl OptionFormat {
    const fn example_value(self) -> &'static str {
        match self {
            Self::GpuCode => "sm_72",
            Self::Version(3) => "8.2.1",
            Self::Version(_) => "\"10.2\"",
            Self::Dtype => "float32",
            Self::Flags => "[+neon]",
            Self::AndroidLevel => "28",
            Self::Text => "skylake-avx512",
            Self::Texts => "[\"output:0\"]",
            Self::Number => "1024",
            Self::Boolean => "true",
        }
    }

    fn describe_expected(self) -> String {
        match self {
            Self::GpuCode => "sm_ and the two digits of the compute capability, such as sm_72".to_owned(),
            Self::Version(parts) => {
                let form = ["x", "y", "z"][..parts.min(3)].join(".");
                format!("a version {form} in quotes, such as \"{}\"", self.example_value().trim_matches('"'))
            }
            Self::Dtype => format!("one of {}", DTYPES.join(", ")),
            Self::Flags => "a list of CPU flags, such as [+neon, +vfpv4]".to_owned(),
            Self::AndroidLevel => {
                format!("an Android API level from {} to {}", ANDROID_LEVELS.start(), ANDROID_LEVELS.end())
            }
            Self::Text => "text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
        }
    }

    fn check_value(self, value: &Value) -> Option<ConfigFinding> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        let is_valid = match (self, value) {
            (Self::GpuCode, Value::String(text)) => {
                text.strip_prefix("sm_").is_some_and(|code| digits(code) && (2..=3).contains(&code.len()))
            }
            (Self::Version(parts), Value::String(text)) => {
                text.split('.').count() == parts && text.split('.').all(digits)
            }
            (Self::Dtype, Value::String(text)) => DTYPES.contains(&text.as_str()),
            (Self::Flags, Value::Array(items)) => items
                .iter()
                .all(|item| item.as_str().is_some_and(|flag| flag.starts_with(['+', '-']) && flag.len() > 1)),
            (Self::AndroidLevel, value) => value.as_i64().is_some_and(|level| ANDROID_LEVELS.contains(&level)),
            (Self::Text, Value::String(text)) => !text.is_empty(),
            (Self::Texts, value) => texts(value),
            (Self::Number, value) => value.is_number() || value.as_str().is_some_and(digits),
            (Self::Boolean, value) => value.is_boolean(),
            _ => false,
        };
        (!is_valid).then(|| ConfigFinding::unexpected(self.describe_expected(), value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Target;

    fn messages(target: &str, options: &Value) -> Vec<String> {
        let row = Target::from_name(target).unwrap().find_row().unwrap();
        let options = Some(options).filter(|options| !options.is_null());
        check_options(Some(row), options).into_iter().map(|problem| problem.finding.to_string()).collect()
    }

    #[test]
    fn documented_options_are_accepted() {
        for (target, options) in [
            ("ml_c5", json!(null)),
            ("ml_c5", json!({ "dtype": "int64" })),
            ("rasp3b", json!({ "mattr": ["+neon", "+vfpv4"] })),
            ("LINUX_X86_64", json!({ "mcpu": "skylake-avx512" })),
            ("LINUX_ARM64_NVIDIA", json!({ "gpu-code": "sm_72", "trt-ver": "6.0.1", "cuda-ver": "10.1" })),
            ("jetson_xavier", json!({ "JETPACK_VERSION": "4.6", "gpu_code": "sm_72" })),
            ("ANDROID_ARM_EABI", json!({ "ANDROID_PLATFORM": 28, "mattr": ["+neon"] })),
            ("ml_inf1", json!("--verbose 1 --num-neuroncores 2 -O2")),
            ("coreml", json!({ "class_labels": "imagenet_labels_1000.txt" })),
            ("ml_eia2", json!({ "output_names": ["output_tensor:0"] })),
        ] {
            assert_eq!(messages(target, &options), Vec::<String>::new(), "{target} {options}");
        }
    }

    #[test]
    fn errors_name_what_is_allowed() {
        let cases = [
            ("LINUX_ARM64_NVIDIA", json!(null)),
            ("LINUX_ARM64_NVIDIA", json!({ "gpu_code": "sm_72", "trt-ver": "8.2.1", "cuda-ver": 10.2 })),
            ("LINUX_ARM64_NVIDIA", json!({ "gpu-code": "72", "trt-ver": "8.2", "cuda-ver": "10.2" })),
            ("ml_c5", json!({ "dtpye": "float32" })),
            ("ml_c5", json!({ "dtype": "float64", "gpu-code": "sm_72" })),
            ("ANDROID_ARM64", json!({ "ANDROID_PLATFORM": 30 })),
            ("rasp3b", json!({ "mattr": "+neon" })),
            ("ml_inf1", json!({ "verbose": 1 })),
            ("ml_c5", json!("--verbose 1")),
            ("LINUX_X86_64", json!({})),
        ];
        let answers: Vec<_> = cases
            .iter()
            .map(|(target, options)| format!("{target} {options}\n  {}", messages(target, options).join("\n  ")))
            .collect();
        insta::assert_snapshot!(answers.join("\n"));
    }
}
