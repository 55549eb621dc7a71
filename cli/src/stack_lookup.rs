//! Looks up the stack for a command that otherwise calls no AWS service.

#[cfg(feature = "aws")]
use crate::aws::session::AwsSession;
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
