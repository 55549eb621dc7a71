//! The options of a compilation job: what distinguishes two jobs for one target.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name under which options that are not a map are listed, such as the flags of the Neuron
/// compiler.
const COMPILER_OPTIONS: &str = "compiler_options";

/// The compiler options, such as the versions of CUDA and `TensorRT`, and the framework version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobOptions(BTreeMap<String, String>);

impl JobOptions {
    /// `compiler_options` is JSON text, as in `OutputConfig`.
    pub fn new(compiler_options: Option<&str>, framework_version: Option<&str>) -> Self {
        let mut options = BTreeMap::new();
        let as_text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match compiler_options.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))) {
            None => {}
            Some(Value::Object(map)) => options.extend(map.into_iter().map(|(name, value)| (name, as_text(value)))),
            Some(other) => drop(options.insert(COMPILER_OPTIONS.to_owned(), as_text(other))),
        }
        options.extend(framework_version.map(|version| ("framework_version".to_owned(), version.to_owned())));
        Self(options)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for JobOptions {
    /// Such as `cuda-ver=10.2, trt-ver=8.2.1`; the same for equal options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&options.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_listed_by_name() {
        for (compiler_options, version, text) in [
            (None, None, ""),
            (Some(r#"{"trt-ver":"8.2.1","cuda-ver":"10.2"}"#), None, "cuda-ver=10.2, trt-ver=8.2.1"),
            (
                Some(r#"{"mattr":["+neon"],"ANDROID_PLATFORM":28}"#),
                Some("1.8"),
                "ANDROID_PLATFORM=28, framework_version=1.8, mattr=[\"+neon\"]",
            ),
            (Some(r#""--verbose 1""#), None, "compiler_options=--verbose 1"),
            // A job that was not started by this stack can have any text.
            (Some("--verbose 1"), Some("2.0"), "compiler_options=--verbose 1, framework_version=2.0"),
        ] {
            let options = JobOptions::new(compiler_options, version);
            assert_eq!((options.to_string().as_str(), options.is_empty()), (text, text.is_empty()));
        }
    }
}
