//! Validation rules of SageMaker that are not in the service model.

use serde_json::Value;

use super::{
    request::{CreateJobRequest, InputConfig, OutputConfig},
    target::RequestedTarget,
};
use crate::answer::ServiceError;

/// Compiler options that are required for an NVIDIA platform.
const NVIDIA_OPTIONS: [&str; 3] = ["gpu-code", "trt-ver", "cuda-ver"];

/// Returns the target, or the error that SageMaker would answer with.
pub(super) fn check_request(request: &CreateJobRequest) -> Result<RequestedTarget, ServiceError> {
    let target = resolve_target(&request.output_config)?;
    match (&request.input_config, &request.model_package_version_arn) {
        (Some(input), None) => {
            check_framework_version(input, &target)?;
            check_data_input_config(input)?;
        }
        (None, Some(_)) => {}
        (Some(_), Some(_)) => {
            return Err(ServiceError::validation_exception(
                "InputConfig and ModelPackageVersionArn cannot both be specified.",
            ));
        }
        (None, None) => {
            return Err(ServiceError::validation_exception(
                "One of InputConfig and ModelPackageVersionArn must be specified.",
            ));
        }
    }
    check_compiler_options(&request.output_config, &target)?;
    Ok(target)
}

fn resolve_target(output: &OutputConfig) -> Result<RequestedTarget, ServiceError> {
    output.single_target().ok_or_else(|| {
        ServiceError::validation_exception(if output.target_device.is_some() {
            "TargetDevice and TargetPlatform cannot both be specified in OutputConfig."
        } else {
            "One of TargetDevice and TargetPlatform must be specified in OutputConfig."
        })
    })
}

fn check_framework_version(input: &InputConfig, target: &RequestedTarget) -> Result<(), ServiceError> {
    if input.framework_version.is_none() || target.accepts_framework_version(&input.framework) {
        return Ok(());
    }
    let (target, framework) = (target.target_name(), &input.framework);
    Err(ServiceError::validation_exception(format!(
        "Unsupported framework version field for target {target} and framework {framework}."
    )))
}

fn check_data_input_config(input: &InputConfig) -> Result<(), ServiceError> {
    let Some(text) = &input.data_input_config else {
        return Ok(());
    };
    let problem = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_) | Value::Array(_)) => return Ok(()),
        Ok(_) => "neither an object nor a list".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(ServiceError::validation_exception(format!("DataInputConfig must be valid JSON: {problem}.")))
}

fn check_compiler_options(output: &OutputConfig, target: &RequestedTarget) -> Result<(), ServiceError> {
    let options: Value = match &output.compiler_options {
        None => Value::Null,
        Some(text) => serde_json::from_str(text).map_err(|error| {
            ServiceError::validation_exception(format!("CompilerOptions must be valid JSON: {error}."))
        })?,
    };
    let nvidia =
        matches!(target, RequestedTarget::Platform(platform) if platform.accelerator.as_deref() == Some("NVIDIA"));
    let missing: Vec<&str> = NVIDIA_OPTIONS.into_iter().filter(|key| nvidia && !options[*key].is_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(ServiceError::validation_exception(format!(
        "CompilerOptions for the accelerator NVIDIA must have the keys {missing}."
    )))
}

/// Returns the failure reason of an accepted request that fails for every model.
pub(super) fn find_failure(request: &CreateJobRequest, target: &RequestedTarget) -> Option<String> {
    let input = request.input_config.as_ref()?;
    let derived = match input.framework.as_str() {
        "XGBOOST" | "SKLEARN" => true,
        // Neo derives the inputs of PyTorch 2 models for ML instances.
        "PYTORCH" => target.is_cloud() && input.framework_version.as_deref().is_some_and(|version| version >= "2"),
        _ => false,
    };
    (input.data_input_config.is_none() && !derived).then(|| {
        "ClientError: InputConfiguration: unable to extract DataInputConfig. Please specify the names and shapes of \
         the expected data inputs."
            .to_owned()
    })
}
