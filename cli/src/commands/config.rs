//! `automation config`: which version is active, since when, and what it changed.

use automation::config::{ConfigHistory, LoadError};
use jiff::Timestamp;
use maintenance::time_format::{format_age, format_time};
use serde_json::json;

use super::validate::{count_sections, describe_sections};
use crate::{
    args::ConfigArgs,
    aws::session::{AwsSession, describe_version},
    changes::print_change,
    error::CliError,
    output::{CliOutput, FAINT, HEADER, WARNING},
    verdict::Verdict,
};

pub(crate) fn show_config(args: &ConfigArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let (place, history) = runtime.block_on(load_history(args))?;
    if args.output.json {
        print_as_json(&place, &history, out)?;
    } else {
        print_history(&place, &history, out)?;
    }
    Ok(Verdict::Good)
}

/// The bucket and the key of the configuration.
struct ConfigPlace {
    bucket: String,
    key: String,
}

async fn load_history(args: &ConfigArgs) -> Result<(ConfigPlace, ConfigHistory), CliError> {
    let session = AwsSession::open_stack(&args.stack).await?;
    let source = session.find_config_source(args.config_bucket.as_deref()).ok_or(CliError::MissingOutput {
        what: "stack's configuration bucket",
        option: "--config-bucket",
        output: "ConfigBucketName",
    })?;
    let history = source.load_history().await.map_err(|error| match error {
        LoadError::Call(error) => CliError::of_bucket(source.bucket(), None, error),
        other => CliError::Configuration(Box::new(other)),
    })?;
    Ok((ConfigPlace { bucket: source.bucket().to_owned(), key: source.key().to_owned() }, history))
}

fn print_as_json(place: &ConfigPlace, history: &ConfigHistory, out: &mut CliOutput) -> Result<(), CliError> {
    let ConfigHistory { active, previous_version, changes } = history;
    let rejected = active.rejected.as_ref();
    out.print_json(&json!({
        "bucket": place.bucket,
        "key": place.key,
        "version_id": active.version(),
        "uploaded_at": active.uploaded_at(),
        "sections": count_sections(&active.document),
        "previous_version_id": previous_version,
        "changes": changes,
        "rejected": rejected.map(|rejected| json!({ "version_id": rejected.version, "error": rejected.error })),
    }))
}

fn print_history(place: &ConfigPlace, history: &ConfigHistory, out: &mut CliOutput) -> Result<(), CliError> {
    let ConfigHistory { active, previous_version, changes } = history;
    let (bucket, key) = (&place.bucket, &place.key);
    let version = describe_version(active.version());
    out.print_line(format_args!("{HEADER}s3://{bucket}/{key}{HEADER:#}: {version} is active"))?;
    if let Some(at) = active.uploaded_at() {
        let age = format_age(at, Timestamp::now());
        out.print_line(format_args!("  uploaded  {} {FAINT}({age} ago){FAINT:#}", format_time(at)))?;
    }
    out.print_line(format_args!("  declares  {}", describe_sections(&active.document)))?;
    if let Some(rejected) = &active.rejected {
        let version = describe_version(rejected.version.as_deref());
        out.print_line(format_args!("\n{WARNING}warning{WARNING:#}: {version} is newer and was rejected"))?;
        for error in rejected.error.lines() {
            out.print_line(format_args!("  {error}"))?;
        }
    }
    match previous_version {
        Some(previous) if changes.is_empty() => {
            return out.print_line(format_args!("\nIt declares the same as version {previous}."));
        }
        Some(previous) => out.print_line(format_args!("\n{HEADER}Changes since version {previous}{HEADER:#}"))?,
        None => out.print_line(format_args!("\n{HEADER}No earlier version was valid; this one declares{HEADER:#}"))?,
    }
    changes.iter().try_for_each(|change| print_change("  ", change, out))
}
