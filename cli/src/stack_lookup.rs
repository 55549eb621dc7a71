//! Looks up the stack, and what its rules need, for a command that otherwise calls no AWS service.

use document::ConfigDiagnostic;
#[cfg(feature = "aws")]
use document::ConfigFinding;
use neo::CompilationConfig;

#[cfg(feature = "aws")]
use crate::aws::{call_report::explain_call, package_archives, session::AwsSession};
use crate::{args::StackArgs, error::CliError, stack_description::StackDescription};

/// Describes the stack that the command line names; `None` if it names none.
#[cfg(feature = "aws")]
pub(crate) fn describe_stack(args: &StackArgs) -> Result<Option<StackDescription>, CliError> {
    if args.stack.is_none() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let session = runtime.block_on(AwsSession::open_stack(args))?;
    Ok(session.into_stack())
}

#[cfg(not(feature = "aws"))]
pub(crate) fn describe_stack(args: &StackArgs) -> Result<Option<StackDescription>, CliError> {
    if args.stack.is_some() { Err(CliError::NoAws) } else { Ok(None) }
}

/// Warns of rules whose model packages the stack cannot compile; calls nothing without such a rule.
#[cfg(feature = "aws")]
pub(crate) fn find_package_warnings(
    args: &StackArgs,
    stack: &StackDescription,
    config: &CompilationConfig,
) -> Result<Vec<ConfigDiagnostic>, CliError> {
    if config.rules.iter().all(|rule| rule.key_pattern().is_some()) {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    runtime.block_on(async {
        let session = AwsSession::open(&args.aws).await?;
        let registry = sagemaker::SageMakerClient::from_config(session.config());
        match package_archives::find_package_warnings(&registry, &stack.model_buckets(), config).await {
            Err(error) if error.kind.is_refusal() => {
                let message = format!("the model packages of the rules are not checked: {error}");
                let fix = explain_call(&error).fix.unwrap_or_else(|| "run the command again".to_owned());
                Ok(vec![ConfigDiagnostic::new("compilation.rules", None, ConfigFinding::new(message, fix))])
            }
            warnings => Ok(warnings?),
        }
    })
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unnecessary_wraps, reason = "like the one that calls AWS")]
pub(crate) fn find_package_warnings(
    _: &StackArgs,
    _: &StackDescription,
    _: &CompilationConfig,
) -> Result<Vec<ConfigDiagnostic>, CliError> {
    Ok(Vec::new())
}
