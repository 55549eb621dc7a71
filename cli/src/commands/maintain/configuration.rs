//! Loads the desired state: from a file, or from the active configuration in the stack's bucket.

use std::path::Path;

use automation::config::LoadError;
use maintenance::DeclaredResources;

use super::run::MaintainRun;
use crate::{
    aws::session::describe_version,
    config_file::load_config,
    error::CliError,
    output::{CliOutput, WARNING},
};

/// Configuration file in the current folder.
const CONFIG_FILE: &str = "automation.yaml";

/// Output of the stack with the configuration bucket.
const BUCKET_OUTPUT: &str = "ConfigBucketName";

/// The declared resources, and where they are declared.
pub(super) struct DesiredState {
    pub declared: DeclaredResources,
    /// `version 3HL4`, or the name of a file.
    pub configuration: String,
}

/// Loads the declared resources; `None` if the configuration file is not valid, after printing its
/// errors.
pub(super) async fn load_desired_state(
    run: &MaintainRun<'_>,
    out: &mut CliOutput,
) -> Result<Option<DesiredState>, CliError> {
    let args = run.args;
    let is_in_bucket = || {
        let is_set = std::env::var_os(BUCKET_OUTPUT).is_some_and(|bucket| !bucket.is_empty());
        args.config_bucket.is_some() || args.stack.stack.is_some() || is_set
    };
    let path = match &args.config {
        Some(path) => path,
        None if is_in_bucket() => return load_active(run).await.map(Some),
        None => Path::new(CONFIG_FILE),
    };
    let document = load_config(path, args.output.json, out)?;
    Ok(document.map(|document| DesiredState { declared: document.declared, configuration: path.display().to_string() }))
}

async fn load_active(run: &MaintainRun<'_>) -> Result<DesiredState, CliError> {
    let source = run.session().await?.find_config_source(run.args.config_bucket.as_deref());
    let source = source.ok_or(CliError::MissingOutput {
        what: "stack's configuration bucket",
        option: "--config-bucket",
        output: BUCKET_OUTPUT,
    })?;
    let config = source.load_active().await.map_err(|error| match error {
        LoadError::Call(error) => CliError::of_bucket(source.bucket(), None, error),
        other => CliError::Configuration(Box::new(other)),
    })?;
    if let Some(rejected) = &config.rejected {
        let active = config.version().map_or("an earlier version".to_owned(), |version| format!("version {version}"));
        CliOutput::stderr().print_line(format_args!(
            "{WARNING}warning{WARNING:#}: the latest configuration is invalid; {active} is active: {}",
            rejected.error
        ))?;
    }
    Ok(DesiredState { configuration: describe_version(config.version()), declared: config.document.declared.clone() })
}
