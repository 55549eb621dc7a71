//! Loads the desired state: from a file, or from the active configuration in the stack's bucket.

use std::path::Path;

use automation::{
    Aws,
    config::{ConfigSource, LoadError},
};
use maintenance::DeclaredResources;

use crate::{
    args::MaintainArgs,
    config_file::load_config,
    error::CliError,
    output::{CliOutput, WARNING},
};

/// Object key of the configuration: the default of the template parameter `ConfigKey`.
const CONFIG_KEY: &str = "automation.yaml";

/// Loads the declared resources; `None` if the configuration file is not valid, after printing its
/// errors.
pub(super) async fn load_declared(
    args: &MaintainArgs,
    out: &mut CliOutput,
) -> Result<Option<DeclaredResources>, CliError> {
    let path = match (&args.config, &args.config_bucket) {
        (Some(path), _) => path,
        (None, Some(bucket)) => return load_active(bucket.clone()).await.map(Some),
        (None, None) => Path::new(CONFIG_KEY),
    };
    Ok(load_config(path, args.json, out)?.map(|document| document.declared))
}

async fn load_active(bucket: String) -> Result<DeclaredResources, CliError> {
    let aws = Aws::load().await;
    let source = ConfigSource::new(aws.s3(), bucket, CONFIG_KEY.to_owned());
    let config = source.load_active().await.map_err(|error: LoadError| CliError::Configuration(Box::new(error)))?;
    if let Some(rejected) = &config.rejected {
        let active = config.version().map_or("an earlier version".to_owned(), |version| format!("version {version}"));
        CliOutput::stderr().print_line(format_args!(
            "{WARNING}warning{WARNING:#}: the latest configuration is invalid; {active} is active: {}",
            rejected.error
        ))?;
    }
    Ok(config.document.declared.clone())
}
