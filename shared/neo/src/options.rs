//! Compiler options: which a family of targets takes, which it must have, and what they look like.

use document::spelling;
use model_archive::Framework;
use serde_json::Value;

use crate::{Family, TargetRow};

/// Lengths of `CompilerOptions`, in characters (service model 2017-07-24).
const LENGTH: std::ops::RangeInclusive<usize> = 3..=1024;

/// Android API levels that Neo compiles for (API reference, `CompilerOptions`).
const ANDROID_LEVELS: std::ops::RangeInclusive<i64> = 21..=29;

/// Types of a PyTorch model's input on cloud instances (API reference, `CompilerOptions`).
const DTYPES: [&str; 4] = ["float32", "float", "int64", "long"];

/// What stands against a target's compiler options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionFault {
    /// The option at fault; none if it is all of them, or one that is missing.
    pub option: Option<String>,
    /// What is wrong, and what is right.
    pub message: String,
}

/// What a family takes: an option's name, its form, and whether Neo compiles nothing without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionRule {
    pub name: &'static str,
    pub form: Form,
    pub required: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// `sm_` and two digits.
    GpuCode,
    /// Numbers with dots between them: so many.
    Version(usize),
    /// One of the types of [`DTYPES`].
    Dtype,
    /// A list of texts that each begin with + or -.
    Flags,
    AndroidLevel,
    Text,
    Texts,
    Number,
    Boolean,
}

const fn option(name: &'static str, form: Form) -> OptionRule {
    OptionRule { name, form, required: false }
}

const fn required(name: &'static str, form: Form) -> OptionRule {
    OptionRule { name, form, required: true }
}

const CPU: &[OptionRule] = &[option("mcpu", Form::Text), option("mattr", Form::Flags)];
const CLOUD: &[OptionRule] = &[option("dtype", Form::Dtype), option("mcpu", Form::Text), option("mattr", Form::Flags)];
const NVIDIA: &[OptionRule] = &[
    required("gpu-code", Form::GpuCode),
    required("trt-ver", Form::Version(3)),
    required("cuda-ver", Form::Version(2)),
    option("max-workspace-size", Form::Number),
    option("precision-mode", Form::Text),
];
const JETSON: &[OptionRule] = &[
    option("gpu-code", Form::GpuCode),
    option("trt-ver", Form::Version(3)),
    option("cuda-ver", Form::Version(2)),
    option("max-workspace-size", Form::Number),
    option("precision-mode", Form::Text),
    // For TensorFlow 2 the guide has these two.
    option("gpu_code", Form::GpuCode),
    option("JETPACK_VERSION", Form::Version(2)),
];
const ANDROID: &[OptionRule] =
    &[option("ANDROID_PLATFORM", Form::AndroidLevel), option("mcpu", Form::Text), option("mattr", Form::Flags)];
const COREML: &[OptionRule] = &[option("class_labels", Form::Text)];
const ELASTIC_INFERENCE: &[OptionRule] = &[
    option("signature_def_key", Form::Text),
    option("output_names", Form::Texts),
    option("precision_mode", Form::Text),
    option("maximum_cached_engines", Form::Number),
    option("is_dynamic_op", Form::Boolean),
];

impl Family {
    /// The options it takes as a mapping; none if it takes them as one text.
    pub(crate) const fn options(self) -> Option<&'static [OptionRule]> {
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
    /// The names of the options it takes, those it must have with an asterisk; none if it takes one text.
    pub fn option_names(&self) -> Option<Vec<String>> {
        let named = |rule: &OptionRule| format!("{}{}", rule.name, if rule.required { "*" } else { "" });
        Some(self.family.options()?.iter().map(named).collect())
    }
}

/// The options as the API takes them: JSON text.
pub(crate) fn text(options: &Value) -> String {
    options.to_string()
}

/// Everything that stands against `options` for a target of this row; of a target without one only the length is known.
pub(crate) fn check(row: Option<&TargetRow>, options: Option<&Value>) -> Vec<OptionFault> {
    let whole = |message| vec![OptionFault { option: None, message }];
    let Some(row) = row else { return length(options) };
    let Some(rules) = row.family.options() else {
        return match options {
            None | Some(Value::String(_)) => length(options),
            Some(_) => whole(format!(
                "{} takes the flags of the Neuron compiler as one text, such as \"--verbose 1 --num-neuroncores 2\"",
                row.name()
            )),
        };
    };
    let empty = serde_json::Map::new();
    let given = match options {
        None => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => return whole(format!("{} takes a mapping of options, such as {}", row.name(), example(rules))),
    };
    let mut faults = length(options);
    for (name, value) in given {
        let fault = match rules.iter().find(|rule| rule.name == name) {
            Some(rule) => rule.form.fault(value),
            None => misspelt(row, rules, name),
        };
        faults.extend(fault.map(|message| OptionFault { option: Some(name.clone()), message }));
    }
    let is_given = |rule: &OptionRule| given.keys().any(|name| plain(name) == plain(rule.name));
    let missing: Vec<_> = rules.iter().filter(|rule| rule.required && !is_given(rule)).map(|rule| rule.name).collect();
    if !missing.is_empty() {
        let message =
            format!("{} needs the compiler options {}, such as {}", row.name(), missing.join(", "), example(rules));
        faults.push(OptionFault { option: None, message });
    }
    faults
}

/// What does not stop a compilation: options that Neo is not known to read here.
pub(crate) fn doubts(row: &TargetRow, framework: Option<Framework>, options: Option<&Value>) -> Vec<String> {
    let (Some(rules), Some(Value::Object(given))) = (row.family.options(), options) else {
        return Vec::new();
    };
    let unknown = given
        .keys()
        .filter(|name| rules.iter().all(|rule| rule.name != *name))
        .map(|name| format!("the compiler option `{name}` is not documented for {}; it is sent as it is", row.name()));
    let other = framework.filter(|framework| given.contains_key("dtype") && *framework != Framework::Pytorch);
    let dtype =
        other.map(|framework| format!("the compiler option `dtype` is for PYTORCH; this is a {framework} model"));
    unknown.chain(dtype).collect()
}

fn length(options: Option<&Value>) -> Vec<OptionFault> {
    let Some(length) = options.map(|options| text(options).chars().count()) else {
        return Vec::new();
    };
    let (least, most) = (LENGTH.start(), LENGTH.end());
    let message = format!("takes {length} characters as JSON; SageMaker takes {least} to {most}");
    if LENGTH.contains(&length) { Vec::new() } else { vec![OptionFault { option: None, message }] }
}

/// A name as people confuse it with others.
fn plain(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// An option of another name is sent as it is, unless it is a known one misspelt or one of another family.
fn misspelt(row: &TargetRow, rules: &[OptionRule], name: &str) -> Option<String> {
    if let Some(meant) = rules.iter().find(|rule| plain(rule.name) == plain(name)) {
        return Some(format!("{} calls it `{}`", row.name(), meant.name));
    }
    let near = |known: &str| strsim::damerau_levenshtein(known, name) <= 2;
    if let Some(meant) = spelling::nearest(name, rules.iter().map(|rule| rule.name)).filter(|known| near(known)) {
        return Some(format!("unknown compiler option `{name}`; did you mean `{meant}`?"));
    }
    let elsewhere = [NVIDIA, JETSON, ANDROID, COREML, ELASTIC_INFERENCE, CLOUD].concat();
    elsewhere.iter().any(|rule| rule.name == name).then(|| {
        let allowed: Vec<_> = rules.iter().map(|rule| rule.name).collect();
        format!("{} does not take the compiler option `{name}`; allowed: {}", row.name(), allowed.join(", "))
    })
}

/// The options of a family with values that are valid.
pub(crate) fn example(rules: &[OptionRule]) -> String {
    let wanted = rules.iter().filter(|rule| rule.required);
    let shown: Vec<_> = if rules.iter().any(|rule| rule.required) {
        wanted.map(|rule| format!("{}: {}", rule.name, rule.form.example())).collect()
    } else {
        rules.iter().take(2).map(|rule| format!("{}: {}", rule.name, rule.form.example())).collect()
    };
    format!("{{ {} }}", shown.join(", "))
}

impl Form {
    const fn example(self) -> &'static str {
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

    fn wanted(self) -> String {
        match self {
            Self::GpuCode => "sm_ and the compute capability in two digits, such as sm_72".to_owned(),
            Self::Version(parts) => {
                let form = ["x", "y", "z"][..parts.min(3)].join(".");
                format!("a version {form} in quotes, such as \"{}\"", self.example().trim_matches('"'))
            }
            Self::Dtype => format!("one of {}", DTYPES.join(", ")),
            Self::Flags => "a list of CPU flags, such as [+neon, +vfpv4]".to_owned(),
            Self::AndroidLevel => {
                format!("an Android API level from {} to {}", ANDROID_LEVELS.start(), ANDROID_LEVELS.end())
            }
            Self::Text => "a text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
        }
    }

    fn fault(self, value: &Value) -> Option<String> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        let fits = match (self, value) {
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
        (!fits).then(|| format!("found {value}; allowed: {}", self.wanted()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Target;

    fn faults(target: &str, options: &Value) -> Vec<String> {
        let row = Target::from_name(target).unwrap().row().unwrap();
        let options = Some(options).filter(|options| !options.is_null());
        check(Some(row), options).into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn documented_options_pass() {
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
            assert_eq!(faults(target, &options), Vec::<String>::new(), "{target} {options}");
        }
    }

    #[test]
    fn mistakes_are_named_with_what_is_right() {
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
        let said: Vec<_> = cases
            .iter()
            .map(|(target, options)| format!("{target} {options}\n  {}", faults(target, options).join("\n  ")))
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
