//! Why a compilation job failed, from the words SageMaker gives as `FailureReason`, and what to do about it.

use serde::Serialize;

use crate::Source;

/// What a failure was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// SageMaker could not read the archive from S3.
    Input,
    /// The archive holds the wrong files.
    Archive,
    /// The input names or shapes are wrong.
    Shape,
    /// Neo does not know an operator of the model, or the model as such.
    UnsupportedOperator,
    /// A role may not do something.
    Permission,
    /// AWS had no machine free.
    Capacity,
    /// SageMaker itself failed.
    Service,
    /// The job ran longer than it may.
    Timeout,
    /// None of these.
    Unknown,
}

/// Words of failure reasons and their class; the first that is found decides. They are those of the developer guide
/// ("Troubleshoot Neo Compilation Errors"), of the service, and of public reports. The prefix `ClientError:` is sometimes missing.
const WORDS: [(&str, FailureClass); 32] = [
    ("capacityerror", FailureClass::Capacity),
    ("timeout", FailureClass::Timeout),
    ("timed out", FailureClass::Timeout),
    ("access denied", FailureClass::Permission),
    ("accessdenied", FailureClass::Permission),
    ("not authorized", FailureClass::Permission),
    // What S3 answered, passed through.
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
    /// The class of a `FailureReason`.
    pub fn of(reason: &str) -> Self {
        let reason = reason.to_lowercase();
        WORDS.iter().find(|(words, _)| reason.contains(words)).map_or(Self::Unknown, |(_, class)| *class)
    }

    /// What to do about it, naming the rule and the model that are to be changed.
    pub fn remedy(self, rule: Option<&str>, source: Option<&Source>) -> String {
        let rule = rule.map_or_else(|| "the rule".to_owned(), |name| format!("the rule `{name}` of automation.yaml"));
        if let Some(Source::Package(package)) = source
            && let Some(remedy) = self.of_package(&rule, package.model_package_version_arn.as_str())
        {
            return remedy;
        }
        let archive = source.map_or_else(|| "the archive".to_owned(), Source::uri);
        match self {
            Self::Input => format!(
                "upload {archive} again, and check that its bucket is in the region of the compilation job and may be read by the compilation role"
            ),
            Self::Archive => format!(
                "pack exactly the files that SageMaker Neo takes for this framework (developer guide, \"Prepare Model for Compilation\") and upload {archive} again"
            ),
            Self::Shape => format!(
                "name the inputs in {rule}, or in the metadata neo-inputs of {archive}: each input's name as in the model, with all dimensions in the layout of its framework"
            ),
            Self::UnsupportedOperator => format!(
                "replace the operators that are named, export the model with an older operator set, or let {rule} compile it for targets that support them (developer guide, \"Supported Frameworks\")"
            ),
            Self::Permission => {
                format!("give the role that is compiled under (role_arn in {rule}, else the stack's) the permission that is named")
            }
            Self::Capacity => format!("AWS had no machine free for this job; upload {archive} again later"),
            Self::Service => {
                "SageMaker itself failed, which may pass; if it happens again, the model may be the cause: try it for another target, or ask AWS support".to_owned()
            }
            Self::Timeout => format!("allow more time with max_runtime_seconds in {rule}"),
            Self::Unknown => "see the job's log in the log group /aws/sagemaker/CompilationJobs".to_owned(),
        }
    }
}

impl FailureClass {
    /// What to do about a model package where that is not what is to be done about an upload.
    fn of_package(self, rule: &str, package: &str) -> Option<String> {
        let again = format!("change {rule}, be it by a tag: what failed is asked for again");
        Some(match self {
            Self::Input => format!(
                "check that the archive of {package} is in the region of the compilation job and may be read by the compilation role, then {again}"
            ),
            Self::Archive => format!(
                "pack exactly the files that SageMaker Neo takes for this framework (developer guide, \"Prepare Model for Compilation\"), register them as a new version of the package, and name that in {rule}"
            ),
            Self::Shape => format!(
                "register a version of the package that tells the names and shapes of the inputs (ModelInput of its container), and name that in {rule}"
            ),
            Self::Capacity => format!("AWS had no machine free for this job; later {again}"),
            _ => return None,
        })
    }
}

/// The operators that a `FailureReason` names as not supported, in its order.
pub fn unsupported_operators(reason: &str) -> Vec<String> {
    /// What stands before a list such as `['Loop', 'NonMaxSuppression']`, or before one name.
    const BEFORE: [&str; 5] = [
        "operators are not implemented:",
        "OperatorNotImplemented:",
        "OperatorAttributeNotImplemented:",
        "OperatorAttributeRequired:",
        "OperatorAttributeValueNotValid:",
    ];
    let Some(named) = BEFORE.iter().find_map(|before| Some(reason.split_once(before)?.1.trim_start())) else {
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
    fn reasons_are_told_apart() {
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
            assert_eq!(FailureClass::of(reason), class, "{reason}");
        }
    }

    #[test]
    fn operators_are_listed() {
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
            assert_eq!(unsupported_operators(reason), operators, "{reason}");
        }
    }

    #[test]
    fn remedies_name_what_is_to_be_changed() {
        let upload = serde_json::json!({ "bucket": "models", "key": "a.tar.gz", "etag": "e", "size": 1 });
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        let package = serde_json::json!({ "model_package_version_arn": arn, "version": "3-a" });
        for (source, named) in
            [(upload, "metadata neo-inputs of s3://models/a.tar.gz"), (package, "register a version")]
        {
            let source: Source = serde_json::from_value(source).unwrap();
            let remedy = FailureClass::Shape.remedy(Some("edge"), Some(&source));
            assert!(remedy.contains("`edge` of automation.yaml") && remedy.contains(named), "{remedy}");
        }
    }
}
