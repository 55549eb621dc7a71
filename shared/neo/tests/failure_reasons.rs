//! Failure reasons of compilation jobs that were reported in public, and the class that each gets.

use neo::FailureClass::{self, Archive, Input, Permission, Service, Shape, UnsupportedOperator};

/// The reasons, each with the report it comes from.
const REPORTED: [(&str, FailureClass, &str); 18] = [
    (
        "ClientError: CompilationError: Unable to compile model for ml_inf1:', 'No operations were successfully partitioned and compiled to neuron for this model - aborting trace!')",
        UnsupportedOperator,
        "amazon-sagemaker-examples #2312",
    ),
    (
        "ClientError: CompilationError: Unable to compile model for ml_inf1:', 'Please implement aten::alias in native_ops/aten.py')",
        UnsupportedOperator,
        "amazon-sagemaker-examples #2664",
    ),
    ("No pth file found for PyTorch model", Archive, "amazon-sagemaker-examples #986, without its prefix"),
    (
        "ClientError: InputConfiguration: No pth file found for PyTorch model. Please make sure the framework you select is correct.",
        Archive,
        "amazon-sagemaker-examples #986",
    ),
    (
        "Client Error: InputConfiguration: Check 1. Input names and shapes matches with trained model. 2. If you are compiling MXNet model, make sure .params file only contains model weights.",
        Shape,
        "neo-ai-dlr #24",
    ),
    (
        "Client Error: InputConfiguration: Invalid PyTorch model or input-shape mismatch. Make sure that inputs are lexically ordered and of the correct dimensionality. Upgrade to PyTorch 1.0 and use torch.jit.trace() and torch.jit.save() to export your model.",
        Shape,
        "amazon-sagemaker-examples #639, #642, #996",
    ),
    (
        "ClientError: InputConfiguration: TVM cannot convert the PyTorch model. Invalid model or input-shape mismatch. Make sure that inputs are lexically ordered and of the correct dimensionality.",
        Shape,
        "amazon-sagemaker-examples #2784",
    ),
    ("Unexpected error during compilation", Service, "neo-ai-dlr #24"),
    (
        "ClientError: InputConfiguration: An error occurred (404) when calling the HeadObject operation: Not Found",
        Input,
        "composed from several reports",
    ),
    (
        "Could not assume role arn:aws:iam::123456789012:role/neo. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.",
        Permission,
        "awslabs/predictive-maintenance #3",
    ),
    (
        "ClientError: InputConfiguration: An error occurred (KMS.NotFoundException) when calling the GetObject operation: Key 'arn:aws:kms:eu-west-1:123456789012:key/1' does not exist",
        Permission,
        "composed from several reports",
    ),
    (
        "ClientError: InputConfiguration: An error occurred (KMS.AccessDeniedException) when calling the GetObject operation",
        Permission,
        "composed from several reports",
    ),
    ("ClientError: InputConfiguration: Incompatible ONNX model", UnsupportedOperator, "amazon-sagemaker-examples #846"),
    (
        "ClientError: InputConfiguration: TVM cannot convert ONNX model. Please make sure the framework you selected is correct. list index out of range",
        UnsupportedOperator,
        "neo-ai-dlr #243",
    ),
    (
        "ClientError: InputConfiguration: Unable to load provided Keras model. Error: 'sample_weight_mode'",
        Archive,
        "amazon-sagemaker-examples #1993",
    ),
    (
        "ClientError: InputConfiguration: Invalid XGBoost model. Please make sure the framework you select is correct. local variable 'model_objects' referenced before assignment",
        Archive,
        "sagemaker-python-sdk #1616",
    ),
    (
        "ClientError: InputConfiguration: No valid Mxnet model file -symbol.json found",
        Archive,
        "sagemaker-python-sdk #2062",
    ),
    (
        "ClientError: InputConfiguration: Input input_1 has wrong shape in Input Shape dictionary. Input shapes should be provided in NCHW format.",
        Shape,
        "amazon-sagemaker-examples #2036",
    ),
];

#[test]
fn reasons_of_public_reports_get_their_class() {
    let wrong: Vec<_> = REPORTED
        .iter()
        .filter(|(reason, class, _)| FailureClass::from_reason(reason) != *class)
        .map(|(reason, class, report)| {
            format!("{report}: {:?}, not {class:?}: {reason}", FailureClass::from_reason(reason))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn case_punctuation_and_prefix_do_not_matter() {
    for (reason, class, report) in REPORTED {
        let bare = reason.replace("ClientError: ", "").replace("InputConfiguration: ", "");
        for text in [reason.to_uppercase(), reason.to_lowercase(), bare, reason.replace(": ", " - ")] {
            assert_eq!(FailureClass::from_reason(&text), class, "{report}: {text}");
        }
    }
}

#[test]
fn the_same_fault_in_other_words_gets_the_same_class() {
    for (reason, class) in [
        ("Unable to assume the execution role arn:aws:iam::123456789012:role/neo", Permission),
        ("The role cannot be assumed", Permission),
        ("Access Denied when calling sts:AssumeRole", Permission),
        ("KMSInvalidStateException: the key is pending deletion", Permission),
        ("The KMS key is disabled (Service: AWSKMS; Status Code: 400)", Permission),
        ("The role does not have permission to read the object", Permission),
        ("InputConfiguration: HeadObject operation: Not Found", Input),
        ("An error occurred (NoSuchKey) when calling the GetObject operation", Input),
        ("The specified bucket does not exist", Input),
        ("An unexpected error occurred, please try again", Service),
        ("InternalFailure", Service),
        ("InputConfiguration: file model.onnx not found in the archive", Archive),
        ("The shape of input `data` does not match the model", Shape),
        ("Unsupported operator: NonMaxSuppression", UnsupportedOperator),
    ] {
        assert_eq!(FailureClass::from_reason(reason), class, "{reason}");
    }
}

/// What is in the name of a bucket, role or file says nothing about the fault.
#[test]
fn names_in_a_reason_do_not_decide_its_class() {
    for (reason, class) in [
        ("InputConfiguration: S3 object s3://timeout-forbidden/input-shape/kms-exception.tar.gz does not exist", Input),
        ("No h5 file provided in /tmp/servererror/incompatible", Archive),
        ("Access denied for arn:aws:iam::123456789012:role/capacityerror", Permission),
    ] {
        assert_eq!(FailureClass::from_reason(reason), class, "{reason}");
    }
}

/// `InputConfiguration` names the phase in which the job failed, not the fault.
#[test]
fn the_phase_alone_is_no_class() {
    assert_eq!(FailureClass::from_reason("ClientError: InputConfiguration: something new"), FailureClass::Unknown);
}
