//! Why a compilation job failed, derived from its `FailureReason`, and how to fix it.

mod operators;
mod patterns;

use serde::Serialize;

pub use operators::find_unsupported_operators;

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
    /// The job completed, and its artifact is not in S3.
    Artifact,
    /// None of the others.
    Unknown,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::Archive,
        Self::Shape,
        Self::UnsupportedOperator,
        Self::Permission,
        Self::Capacity,
        Self::Service,
        Self::Timeout,
        Self::Artifact,
        Self::Unknown,
    ];

    /// The name in notifications and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Archive => "archive",
            Self::Shape => "shape",
            Self::UnsupportedOperator => "unsupported_operator",
            Self::Permission => "permission",
            Self::Capacity => "capacity",
            Self::Service => "service",
            Self::Timeout => "timeout",
            Self::Artifact => "artifact",
            Self::Unknown => "unknown",
        }
    }

    /// Classifies a `FailureReason`.
    pub fn from_reason(reason: &str) -> Self {
        patterns::find_pattern(reason).map_or(Self::Unknown, |pattern| pattern.class)
    }

    /// How to fix any failure of this class, naming the rule and the model to change.
    fn suggest_fix(self, rule: &str, source: Option<&ModelSource>) -> String {
        if let Some(ModelSource::Package(package)) = source
            && let Some(fix) = self.suggest_package_fix(rule, package.model_package_version_arn.as_str())
        {
            return fix;
        }
        let archive = source.map_or_else(|| "the archive".to_owned(), ModelSource::to_uri);
        let retry = match source {
            Some(ModelSource::Upload(upload)) => upload.suggest_retry(),
            Some(ModelSource::Package(_)) => {
                format!("change {rule} (for example, edit a tag) to retry the failed jobs")
            }
            None => "start the job again".to_owned(),
        };
        match self {
            Self::Input => format!(
                "check that the bucket of {archive} is in the Region of the compilation job and that the compilation role can read it, then {retry}"
            ),
            Self::Archive => format!(
                "pack exactly the files that SageMaker Neo expects for this framework (developer guide, \"Prepare Model for Compilation\") and upload {archive} again"
            ),
            Self::Shape => format!(
                "set the inputs in {rule} or in the metadata neo-inputs of {archive}: the name of each input as in the model, with all dimensions in the layout of the framework; then {retry}"
            ),
            Self::UnsupportedOperator => format!(
                "replace the operators that SageMaker names, save the model with a framework version that SageMaker Neo supports (ONNX: with an older opset), or compile it for other targets (change {rule}; developer guide, \"Supported Frameworks\")"
            ),
            Self::Permission => {
                format!(
                    "add the missing permission to the compilation role (role_arn in {rule}, or the stack's CompilationRole), then {retry}"
                )
            }
            Self::Capacity => format!("AWS had no capacity for this job; {retry} later"),
            Self::Service => format!(
                "{retry} later: internal errors of SageMaker can be temporary. If it happens again, the model may be the cause: try another target, or contact AWS Support"
            ),
            Self::Artifact => format!(
                "find out what removed the artifact (a lifecycle rule of its bucket, or a cleanup), then {retry}"
            ),
            Self::Timeout => format!("increase max_runtime_seconds in {rule}, then {retry}"),
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
            Self::Artifact => format!(
                "find out what removed the artifact (a lifecycle rule of its bucket, or a cleanup), then {retry}"
            ),
            _ => return None,
        })
    }
}

/// How to fix the failure of a job, naming the rule and the model to change. Some faults have a
/// more precise fix than others of their class.
pub fn suggest_failure_fix(reason: &str, rule: Option<&str>, source: Option<&ModelSource>) -> String {
    let rule = rule.map_or_else(|| "the rule".to_owned(), |name| format!("the rule `{name}` of automation.yaml"));
    let Some(fix) = patterns::find_pattern(reason).and_then(|pattern| pattern.fix) else {
        return FailureClass::from_reason(reason).suggest_fix(&rule, source);
    };
    match source {
        Some(ModelSource::Package(_)) => {
            format!("{fix}. Then change {rule} (for example, edit a tag) to retry the failed jobs")
        }
        Some(ModelSource::Upload(upload)) => format!("{fix}. Then {}", upload.suggest_retry()),
        None => fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_shows_every_class_by_its_serialized_name() {
        let template = include_str!("../../../template.yaml");
        for class in FailureClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
            assert!(template.contains(&format!(r#""FailureClass", "{}""#, class.as_str())), "{class:?}");
        }
    }

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
    fn fixes_name_what_to_change() {
        let upload = serde_json::json!({ "bucket": "models", "key": "a.tar.gz", "etag": "e", "size": 1 });
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        let package = serde_json::json!({ "model_package_version_arn": arn, "version": "3-a" });
        for (source, named) in
            [(upload, "metadata neo-inputs of s3://models/a.tar.gz"), (package, "register a version")]
        {
            let source: ModelSource = serde_json::from_value(source).unwrap();
            let fix = suggest_failure_fix("unable to extract DataInputConfig", Some("edge"), Some(&source));
            assert!(fix.contains("`edge` of automation.yaml") && fix.contains(named), "{fix}");
            assert!(
                suggest_failure_fix("Could not assume role r", Some("edge"), Some(&source)).contains("trust policy")
            );
        }
    }
}
