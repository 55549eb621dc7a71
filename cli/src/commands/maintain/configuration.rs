//! The configuration that is maintained by: a file, or what is in force in the stack's bucket.

use std::path::Path;

use automation::{
    config::{ConfigSource, Document, LoadError},
    objects::S3,
};
use maintenance::Declared;
use serde_json::json;

use crate::{
    args::MaintainArgs,
    commands::validate,
    error::CliError,
    output::{Output, WARNING},
};

/// The key of the configuration unless the stack's parameter `ConfigKey` says another one.
const KEY: &str = "automation.yaml";

/// What is declared; none if the document is refused, and that was told.
pub(super) async fn read(args: &MaintainArgs, out: &mut Output) -> Result<Option<Declared>, CliError> {
    match (&args.config, &args.config_bucket) {
        (Some(path), _) => file(args, path, out),
        (None, Some(bucket)) => stack(bucket.clone()).await.map(Some),
        (None, None) => file(args, Path::new(KEY), out),
    }
}

fn file(args: &MaintainArgs, path: &Path, out: &mut Output) -> Result<Option<Declared>, CliError> {
    let text = validate::read(path)?;
    match Document::parse(&text) {
        Ok(document) => Ok(Some(document.declared)),
        Err(error) => {
            if args.json {
                out.json(&json!({ "errors": error.faults }))?;
            } else {
                validate::faults(path, &text, &error.faults, &[], out)?;
            }
            Ok(None)
        }
    }
}

async fn stack(bucket: String) -> Result<Declared, CliError> {
    let aws = automation::aws::config().await;
    let source = ConfigSource::new(S3::new(aws_sdk_s3::Client::new(&aws)), bucket, KEY.to_owned());
    let config = source.load().await.map_err(|error: LoadError| CliError::Configuration(Box::new(error)))?;
    if let Some(refused) = &config.refused {
        let version = config.version().unwrap_or("an earlier version");
        Output::stderr().line(format_args!(
            "{WARNING}warning{WARNING:#} the newest version is refused, {version} is in force: {}",
            refused.error
        ))?;
    }
    Ok(config.document.declared.clone())
}
