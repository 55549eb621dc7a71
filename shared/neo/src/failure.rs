//! Why a compilation job failed, from the words SageMaker gives as `FailureReason`, and what to do about it.

use serde::Serialize;

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
const WORDS: [(&str, FailureClass); 29] = [
    ("capacityerror", FailureClass::Capacity),
    ("timeout", FailureClass::Timeout),
    ("timed out", FailureClass::Timeout),
    ("access denied", FailureClass::Permission),
    ("accessdenied", FailureClass::Permission),
    ("not authorized", FailureClass::Permission),
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

    /// Whether the same request may succeed another time.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Capacity | Self::Service)
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Input => {
                "upload the archive again, and check that its bucket is in the region of the compilation job and may be read by the compilation role"
            }
            Self::Archive => {
                "pack exactly the files that SageMaker Neo takes for this framework (developer guide, \"Prepare Model for Compilation\") and upload the archive again"
            }
            Self::Shape => {
                "name the inputs in the rule, or in the upload's metadata neo-inputs: each input's name as in the model, with all dimensions in the layout of its framework"
            }
            Self::UnsupportedOperator => {
                "replace the operators that are named, export the model with an older operator set, or compile it for a target that supports them (developer guide, \"Supported Frameworks\")"
            }
            Self::Permission => "give the stack's compilation role the permission that is named",
            Self::Capacity => "AWS had no machine free for this job; upload the archive again later",
            Self::Service => {
                "SageMaker itself failed, which may pass; if it happens again, the model may be the cause: try it for another target, or ask AWS support"
            }
            Self::Timeout => "allow more time with max_runtime_seconds in the rule",
            Self::Unknown => "see the job's log in the log group /aws/sagemaker/CompilationJobs",
        }
    }
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
            ("CapacityError: Unable to provision requested ML compute capacity", Capacity),
            ("ServerError: There was an internal server error during the compilation job", Service),
            ("InternalServerError", Service),
            ("TimeOut: the job exceeded its MaxRuntimeInSeconds", Timeout),
            ("something new", Unknown),
        ] {
            assert_eq!(FailureClass::of(reason), class, "{reason}");
        }
    }
}
