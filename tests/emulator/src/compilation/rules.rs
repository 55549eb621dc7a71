//! What the service demands of a request beyond its model.

use serde_json::Value;

use super::request::{CreateRequest, InputConfig, OutputConfig};
use super::target::Target;
use crate::answer::Refusal;

/// Compiler options without which nothing is compiled for an NVIDIA platform.
const NVIDIA_OPTIONS: [&str; 3] = ["gpu-code", "trt-ver", "cuda-ver"];

/// The target of a request that the service would accept.
pub(super) fn check(request: &CreateRequest) -> Result<Target, Refusal> {
    let target = one_target(&request.output_config)?;
    match (&request.input_config, &request.model_package_version_arn) {
        (Some(input), None) => {
            framework_version(input, &target)?;
            data_input_config(input)?;
        }
        (None, Some(_)) => {}
        (Some(_), Some(_)) => {
            return Err(Refusal::validation("InputConfig and ModelPackageVersionArn cannot both be specified."));
        }
        (None, None) => {
            return Err(Refusal::validation("One of InputConfig and ModelPackageVersionArn must be specified."));
        }
    }
    compiler_options(&request.output_config, &target)?;
    Ok(target)
}

fn one_target(output: &OutputConfig) -> Result<Target, Refusal> {
    output.target().ok_or_else(|| {
        Refusal::validation(if output.target_device.is_some() {
            "TargetDevice and TargetPlatform cannot both be specified in OutputConfig."
        } else {
            "One of TargetDevice and TargetPlatform must be specified in OutputConfig."
        })
    })
}

fn framework_version(input: &InputConfig, target: &Target) -> Result<(), Refusal> {
    if input.framework_version.is_none() || target.takes_framework_version(&input.framework) {
        return Ok(());
    }
    let (target, framework) = (target.name(), &input.framework);
    Err(Refusal::validation(format!(
        "Unsupported framework version field for target {target} and framework {framework}."
    )))
}

fn data_input_config(input: &InputConfig) -> Result<(), Refusal> {
    let Some(text) = &input.data_input_config else {
        return Ok(());
    };
    let problem = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_) | Value::Array(_)) => return Ok(()),
        Ok(_) => "neither an object nor a list".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Refusal::validation(format!("DataInputConfig must be valid JSON: {problem}.")))
}

fn compiler_options(output: &OutputConfig, target: &Target) -> Result<(), Refusal> {
    let options: Value = match &output.compiler_options {
        None => Value::Null,
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Refusal::validation(format!("CompilerOptions must be valid JSON: {error}.")))?,
    };
    let nvidia = matches!(target, Target::Platform(platform) if platform.accelerator.as_deref() == Some("NVIDIA"));
    let missing: Vec<&str> = NVIDIA_OPTIONS.into_iter().filter(|key| nvidia && !options[*key].is_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Refusal::validation(format!("CompilerOptions for the accelerator NVIDIA must have the keys {missing}.")))
}

/// Why a compilation of an accepted request fails whatever the model is.
pub(super) fn failure(request: &CreateRequest, target: &Target) -> Option<String> {
    let input = request.input_config.as_ref()?;
    let derived = match input.framework.as_str() {
        "XGBOOST" | "SKLEARN" => true,
        // Neo derives the inputs of PyTorch 2 models for cloud instances.
        "PYTORCH" => target.is_cloud() && input.framework_version.as_deref().is_some_and(|version| version >= "2"),
        _ => false,
    };
    (input.data_input_config.is_none() && !derived).then(|| {
        "ClientError: InputConfiguration: unable to extract DataInputConfig. Please specify the names and shapes of \
         the expected data inputs."
            .to_owned()
    })
}
