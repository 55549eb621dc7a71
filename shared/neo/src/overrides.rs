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
        insta::assert_snapshot!(messages.join("\n"), @r#"
        the object metadata `neo-framework: caffe` is not valid: expected one of TENSORFLOW, KERAS, MXNET, ONNX, PYTORCH, XGBOOST, TFLITE, DARKNET, SKLEARN, found `caffe`
        the object metadata `neo-inputs: {` is not valid: expected JSON such as {"data":[1,3,224,224]}, found `{`
        the object metadata `neo-targets: ml_c5,toaster` is not valid: expected a target device, found `toaster`; write one of lambda, ml_m4, ml_m5, ml_m6g, ml_c4, ml_c5, ml_c6g, ml_p2, ml_p3, ml_g4dn, ml_inf1, ml_inf2, ml_trn1, ml_eia2, jetson_tx1, jetson_tx2, jetson_nano, jetson_xavier, rasp3b, rasp4b, imx8qm, deeplens, rk3399, rk3288, aisage, sbe_c, qcs605, qcs603, sitara_am57x, amba_cv2, amba_cv22, amba_cv25, x86_win32, x86_win64, coreml, jacinto_tda4vm, imx8mplus
        the object metadata `neo-shape: 1` is not valid: expected a known key, found `neo-shape`; write one of neo-framework, neo-framework-version, neo-inputs, neo-targets
        the object metadata `neo-framework-version: 2` is not valid: expected a framework version such as "2.0" (a digit, a dot, then letters, digits or dots; 3 to 10 characters), found `2`
        "#);
    }
}
