//! Overrides of a rule in the user metadata of an upload.

use document::spelling;
use model_archive::{Framework, Problem};

use crate::{CompilationRule, FrameworkVersion, InputShapes, Target};

/// The keys of an object's user metadata that override a rule.
pub const METADATA_KEYS: [&str; 4] = ["neo-framework", "neo-framework-version", "neo-inputs", "neo-targets"];

/// Settings in the S3 user metadata of an upload; they override the rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `neo-framework`
    pub framework: Option<Framework>,
    /// `neo-framework-version`
    pub framework_version: Option<FrameworkVersion>,
    /// `neo-inputs`: JSON
    pub inputs: Option<InputShapes>,
    /// `neo-targets`: devices, or platforms such as `LINUX_ARM64`, separated by commas
    pub targets: Option<Vec<Target>>,
}

impl Overrides {
    /// The framework that the metadata names, or else the rule. It chooses among the models of an
    /// archive.
    pub fn expected_framework(&self, rule: &CompilationRule) -> Option<Framework> {
        self.framework.or(rule.framework)
    }

    /// Reads the `neo-…` keys of an object's user metadata.
    ///
    /// # Errors
    ///
    /// One problem per invalid key.
    pub fn from_metadata<'a>(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Problem>> {
        let mut overrides = Self::default();
        let mut problems = Vec::new();
        for (name, value) in metadata {
            let read = match name {
                "neo-framework" => value.parse().map(|f| overrides.framework = Some(f)).map_err(|e| format!("{e}")),
                "neo-framework-version" => {
                    value.parse().map(|v| overrides.framework_version = Some(v)).map_err(|e| format!("{e}"))
                }
                "neo-inputs" => InputShapes::from_json(value).map(|inputs| overrides.inputs = Some(inputs)),
                "neo-targets" => parse_targets(value).map(|targets| overrides.targets = Some(targets)),
                other if other.starts_with("neo-") => {
                    let hint = spelling::suggest_name(other, METADATA_KEYS);
                    Err(format!("expected a known key, found `{other}`; {hint}"))
                }
                _ => Ok(()),
            };
            if let Err(cause) = read {
                problems.push(Problem::new(
                    "metadata-invalid",
                    format!("the object metadata `{name}: {value}` is not valid: {cause}"),
                    "correct or remove this metadata and upload the archive again",
                ));
            }
        }
        if problems.is_empty() { Ok(overrides) } else { Err(problems) }
    }
}

fn parse_targets(list: &str) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for name in list.split(',') {
        let target = Target::from_name(name.trim()).map_err(|error| error.to_string())?;
        // A second job for the same target would have the same name.
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_and_errors_are_reported() {
        let overrides = Overrides::from_metadata([
            ("neo-framework", "onnx"),
            ("neo-inputs", r#"{"b":[1,2],"a":[3]}"#),
            ("neo-targets", "ml_c5, jetson_nano,LINUX_ARM64,ml_c5"),
            ("owner", "me"),
        ])
        .unwrap();
        assert_eq!(overrides.framework, Some(Framework::Onnx));
        assert_eq!(overrides.inputs.unwrap().to_json(), r#"{"b":[1,2],"a":[3]}"#);
        assert_eq!(overrides.targets.unwrap().len(), 3);

        let problems = Overrides::from_metadata([
            ("neo-framework", "caffe"),
            ("neo-inputs", "{"),
            ("neo-targets", "ml_c5,toaster"),
            ("neo-shape", "1"),
            ("neo-framework-version", "2"),
        ])
        .unwrap_err();
        let messages: Vec<_> = problems.iter().map(|problem| problem.problem.as_str()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
