//! Why a compilation job failed, derived from its `FailureReason`, and how to fix it.

use serde::Serialize;

use crate::ModelSource;

/// The cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// SageMaker could not read the archive from S3.
    Input,
    /// The archive contains the wrong files.
    Archive,
    /// The input names or shapes are wrong.
    Shape,
    /// Neo does not support an operator of the model, or the model as a whole.
    UnsupportedOperator,
    /// A role lacks a permission.
    Permission,
    /// AWS had no capacity.
    Capacity,
    /// SageMaker itself failed.
    Service,
    /// The job exceeded its maximum run time.
    Timeout,
    /// None of the others.
    Unknown,
}

/// Words in failure reasons and their class; the first match wins. They come from the developer
/// guide ("Troubleshoot Neo Compilation Errors"), the service, and public reports. The prefix
/// `ClientError:` is sometimes missing.
const WORDS: [(&str, FailureClass); 32] = [
    ("capacityerror", FailureClass::Capacity),
    ("timeout", FailureClass::Timeout),
    ("timed out", FailureClass::Timeout),
    ("access denied", FailureClass::Permission),
    ("accessdenied", FailureClass::Permission),
    ("not authorized", FailureClass::Permission),
    // Error messages from S3.
    ("forbidden", FailureClass::Permission),
    ("(403)", FailureClass::Permission),
    ("(400)", FailureClass::Permission),
    ("operatornotimplemented", FailureClass::UnsupportedOperator),
    ("operatorattributenotimplemented", FailureClass::UnsupportedOperator),
    ("operatorattributerequired", FailureClass::UnsupportedOperator),
    ("operatorattributevaluenotvalid", FailureClass::UnsupportedOperator),
    ("operators are not implemented", FailureClass::UnsupportedOperator),
    ("tvm cannot convert", FailureClass::UnsupportedOperator),
    ("framework cannot load", FailureClass::UnsupportedOperator),
    ("incompatible", FailureClass::UnsupportedOperator),
    ("wrong shape in input shape dictionary", FailureClass::Shape),
    ("datainputconfig", FailureClass::Shape),
    ("input shape", FailureClass::Shape),
    ("does not exist", FailureClass::Input),
    ("is in region", FailureClass::Input),
    ("unable to untar", FailureClass::Archive),
    ("exactly one .pb", FailureClass::Archive),
    ("h5 file", FailureClass::Archive),
    ("only one parameter file", FailureClass::Archive),
    ("no valid tensorflow model", FailureClass::Archive),
    ("unable to load provided keras model", FailureClass::Archive),
    ("inputconfiguration", FailureClass::Archive),
    ("internal server error", FailureClass::Service),
    ("internalservererror", FailureClass::Service),
    ("servererror", FailureClass::Service),
];

impl FailureClass {
    /// Classifies a `FailureReason`.
    pub fn from_reason(reason: &str) -> Self {
        let reason = reason.to_lowercase();
        WORDS.iter().find(|(words, _)| reason.contains(words)).map_or(Self::Unknown, |(_, class)| *class)
    }

    /// How to fix it, naming the rule and the model to change.
    pub fn suggest_fix(self, rule: Option<&str>, source: Option<&ModelSource>) -> String {
        let rule = rule.map_or_else(|| "the rule".to_owned(), |name| format!("the rule `{name}` of automation.yaml"));
        if let Some(ModelSource::Package(package)) = source
            && let Some(fix) = self.suggest_package_fix(&rule, package.model_package_version_arn.as_str())
        {
            return fix;
        }
        let archive = source.map_or_else(|| "the archive".to_owned(), ModelSource::to_uri);
        match self {
            Self::Input => format!(
                "upload {archive} again, and check that its bucket is in the Region of the compilation job and that the compilation role can read it"
            ),
            Self::Archive => format!(
                "pack exactly the files that SageMaker Neo expects for this framework (developer guide, \"Prepare Model for Compilation\") and upload {archive} again"
            ),
            Self::Shape => format!(
                "set the inputs in {rule} or in the metadata neo-inputs of {archive}: the name of each input as in the model, with all dimensions in the layout of the framework"
            ),
            Self::UnsupportedOperator => format!(
                "replace these operators, export the model with an older opset, or compile it for targets that support them (change {rule}; developer guide, \"Supported Frameworks\")"
            ),
            Self::Permission => {
                format!("add the missing permission to the compilation role (role_arn in {rule}, or the stack's CompilationRole)")
            }
            Self::Capacity => format!("AWS had no capacity for this job; upload {archive} again later"),
            Self::Service => {
                "try again later: internal errors of SageMaker can be temporary. If it happens again, the model may be the cause: try another target, or contact AWS Support".to_owned()
            }
            Self::Timeout => format!("increase max_runtime_seconds in {rule}"),
            Self::Unknown => "read the job's log in the log group /aws/sagemaker/CompilationJobs".to_owned(),
        }
    }

    /// The fix for a model package, where it differs from the one for an upload.
    fn suggest_package_fix(self, rule: &str, package: &str) -> Option<String> {
        let retry = format!("change {rule} (for example, edit a tag) to retry the failed jobs");
        Some(match self {
            Self::Input => format!(
                "check that the archive of {package} is in the Region of the compilation job and that the compilation role can read it, then {retry}"
            ),
            Self::Archive => format!(
                "pack exactly the files that SageMaker Neo expects for this framework (developer guide, \"Prepare Model for Compilation\"), register them as a new version of the package, and set that version in {rule}"
            ),
            Self::Shape => format!(
                "register a version of the package that states the names and shapes of the inputs (ModelInput of its container), and set that version in {rule}"
            ),
            Self::Capacity => format!("AWS had no capacity for this job; {retry} later"),
            _ => return None,
        })
    }
}

/// Finds the operators that a `FailureReason` reports as unsupported, in its order.
pub fn find_unsupported_operators(reason: &str) -> Vec<String> {
    /// The text before a list such as `['Loop', 'NonMaxSuppression']`, or before one name.
    const MARKERS: [&str; 5] = [
        "operators are not implemented:",
        "OperatorNotImplemented:",
        "OperatorAttributeNotImplemented:",
        "OperatorAttributeRequired:",
        "OperatorAttributeValueNotValid:",
    ];
    let Some(named) = MARKERS.iter().find_map(|marker| Some(reason.split_once(marker)?.1.trim_start())) else {
        return Vec::new();
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/');
    let list = named.strip_prefix(['[', '(']).map(|list| list.split([']', ')']).next().unwrap_or(list));
    let operators_named: Vec<&str> = match list {
        Some(list) => list.split(',').map(|name| name.trim_matches(|c: char| !is_name(c))).collect(),
        None => named.strip_prefix("op ").unwrap_or(named).split(|c: char| !is_name(c)).take(1).collect(),
    };
    let mut operators: Vec<String> = Vec::new();
    for name in
        operators_named.into_iter().map(|name| name.trim_end_matches(['.', ':'])).filter(|name| !name.is_empty())
    {
        if !operators.iter().any(|known| known == name) {
            operators.push(name.to_owned());
        }
    }
    operators
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_classified() {
        use FailureClass::{
            Archive, Capacity, Input, Permission, Service, Shape, Timeout, Unknown, UnsupportedOperator,
        };
        for (reason, class) in [
            ("ClientError: InputConfiguration: S3 object does not exist. Check S3 URI", Input),
            ("InputConfiguration: S3 object s3://b/k does not exist", Input),
            ("ClientError: InputConfiguration: Bucket b is in region us-east-1", Input),
            (
                "ClientError: InputConfiguration: Unable to untar input model. Please confirm the model is a tar.gz file",
                Archive,
            ),
            ("ClientError: InputConfiguration: Exactly one .pb file is allowed for TensorFlow models.", Archive),
            ("InputConfiguration: No h5 file provided in /tmp/x", Archive),
            ("ClientError: InputConfiguration: Input data has wrong shape in Input Shape dictionary", Shape),
            ("ClientError: InputConfiguration: unable to extract DataInputConfig", Shape),
            (
                "ClientError: InputConfiguration: TVM cannot convert ONNX model. The following operators are not implemented: ['Loop']",
                UnsupportedOperator,
            ),
            ("ClientError: OperatorAttributeNotImplemented: op Resize", UnsupportedOperator),
            ("Access Denied when calling sts:AssumeRole", Permission),
            ("ClientError: InputConfiguration: An error occurred (403) when calling HeadObject: Forbidden", Permission),
            (
                "InputConfiguration: An error occurred (400) when calling the HeadObject operation: Bad Request",
                Permission,
            ),
            ("ClientError: InputConfiguration: Forbidden", Permission),
            ("ClientError: InputConfiguration: Exactly one .pb file is allowed", Archive),
            ("CapacityError: Unable to provision requested ML compute capacity", Capacity),
            ("ServerError: There was an internal server error during the compilation job", Service),
            ("InternalServerError", Service),
            ("TimeOut: the job exceeded its MaxRuntimeInSeconds", Timeout),
            ("something new", Unknown),
        ] {
            assert_eq!(FailureClass::from_reason(reason), class, "{reason}");
        }
    }

    #[test]
    fn unsupported_operators_are_found() {
        for (reason, operators) in [
            (
                "TVM cannot convert ONNX model. The following operators are not implemented: ['Loop', 'NonMaxSuppression']",
                &["Loop", "NonMaxSuppression"][..],
            ),
            ("ClientError: OperatorNotImplemented: NonMaxSuppression.", &["NonMaxSuppression"]),
            ("OperatorNotImplemented:('aten::grid_sampler', 'aten::grid_sampler')", &["aten::grid_sampler"]),
            ("ClientError: OperatorAttributeNotImplemented: op Resize", &["Resize"]),
            ("operators are not implemented: [", &[]),
            ("OperatorNotImplemented:", &[]),
            ("Unable to untar input model", &[]),
        ] {
            assert_eq!(find_unsupported_operators(reason), operators, "{reason}");
        }
    }

    #[test]
    fn fixes_name_what_to_change() {
        let upload = serde_json::json!({ "bucket": "models", "key": "a.tar.gz", "etag": "e", "size": 1 });
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        let package = serde_json::json!({ "model_package_version_arn": arn, "version": "3-a" });
        for (source, named) in
            [(upload, "metadata neo-inputs of s3://models/a.tar.gz"), (package, "register a version")]
        {
            let source: ModelSource = serde_json::from_value(source).unwrap();
            let fix = FailureClass::Shape.suggest_fix(Some("edge"), Some(&source));
            assert!(fix.contains("`edge` of automation.yaml") && fix.contains(named), "{fix}");
        }
    }
}
