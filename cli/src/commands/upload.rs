//! `automation upload`: inspects and plans an archive, uploads it, and follows its jobs.

mod transfer;

use automation::config::LoadError;
use configuration::ConfigDocument;
use serde_json::json;
use transfer::{ObjectTarget, send_file};

use super::{
    plan::{PlannedArchive, plan_archive},
    status::show_status,
};
use crate::{
    args::{OutputArgs, PlanArgs, StatusArgs, UploadArgs},
    aws::session::AwsSession,
    config_file::load_config,
    confirmation::{confirm_change, require_confirmation},
    error::CliError,
    output::{CliOutput, GOOD},
    verdict::Verdict,
};

pub(crate) fn upload_model(args: UploadArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    require_confirmation(args.yes, "`automation plan`")?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    let Some(CheckedUpload { uri, planned, is_uploaded }) = runtime.block_on(plan_and_send(&args, out))? else {
        return Ok(Verdict::Bad);
    };
    if args.output.json {
        out.print_json(&json!({ "uri": uri, "uploaded": is_uploaded, "plan": planned.to_json() }))?;
    } else if is_uploaded {
        out.print_line(format_args!("{GOOD}Uploaded to {uri}{GOOD:#}"))?;
    } else {
        out.print_line("Nothing was uploaded.")?;
    }
    if !is_uploaded || !args.watch {
        return Ok(if is_uploaded { Verdict::Good } else { Verdict::Bad });
    }
    let status = StatusArgs {
        what: Some(uri),
        running: false,
        recent: None,
        watch: true,
        exit_status: true,
        table: None,
        output: OutputArgs::default(),
        stack: args.stack,
    };
    show_status(&status, out)
}

/// An archive that was planned, and uploaded unless it has a problem or the answer was no.
struct CheckedUpload {
    /// The URI of the object.
    uri: String,
    planned: PlannedArchive,
    is_uploaded: bool,
}

/// Returns `None` if the configuration file is not valid, after printing its errors.
async fn plan_and_send(args: &UploadArgs, out: &mut CliOutput) -> Result<Option<CheckedUpload>, CliError> {
    let session = AwsSession::open_stack(&args.stack).await?;
    let (bucket, key) = find_destination(args, &session)?;
    let Some(document) = load_document(args, &session, out).await? else { return Ok(None) };
    let plan = PlanArgs {
        archive: args.archive.display().to_string(),
        config: args.config.clone().unwrap_or_else(|| "the active configuration".into()),
        key: Some(key.clone()),
        metadata: args.metadata.clone(),
        bucket: Some(bucket.clone()),
        model_bucket: None,
        artifact_bucket: None,
        version_id: None,
        role_arn: None,
        requests: false,
        output: OutputArgs::default(),
        stack: args.stack.clone(),
    };
    // A file is read without calls; the worker threads of the runtime have nothing else to do.
    let planned = tokio::task::block_in_place(|| plan_archive(&document, session.stack(), &plan))?;
    if !args.output.json {
        planned.print_to(false, out)?;
    }
    let uri = format!("s3://{bucket}/{key}");
    let is_complete = matches!(planned.verdict(), Verdict::Good);
    let is_uploaded = is_complete && (args.yes || confirm_upload(args, &session, &uri).await?);
    if is_uploaded {
        let target = ObjectTarget { bucket, key, metadata: args.metadata.iter().cloned().collect() };
        send_file(session.config(), &args.archive, &target).await?;
    }
    Ok(Some(CheckedUpload { uri, planned, is_uploaded }))
}

async fn confirm_upload(args: &UploadArgs, session: &AwsSession, uri: &str) -> Result<bool, CliError> {
    let place = session.describe_place(args.config.as_deref().map(|path| path.display().to_string())).await?;
    confirm_change(&place, &format!("Upload {} to {uri}?", args.archive.display()))
}

/// Loads the configuration to plan with: a file, or the active one.
async fn load_document(
    args: &UploadArgs,
    session: &AwsSession,
    out: &mut CliOutput,
) -> Result<Option<ConfigDocument>, CliError> {
    if let Some(path) = &args.config {
        return load_config(path, args.output.json, out);
    }
    let source = session.find_config_source(None).ok_or(CliError::MissingOutput {
        what: "stack's configuration bucket",
        option: "--config",
        output: "ConfigBucketName",
    })?;
    let config = source.load_active().await.map_err(|error| match error {
        LoadError::Call(error) => CliError::of_bucket(source.bucket(), None, error),
        other => CliError::Configuration(Box::new(other)),
    })?;
    Ok(Some(ConfigDocument::clone(&config.document)))
}

/// Returns the bucket and the key of the object.
fn find_destination(args: &UploadArgs, session: &AwsSession) -> Result<(String, String), CliError> {
    let name = args.archive.file_name().unwrap_or(args.archive.as_os_str()).to_string_lossy();
    let Some(uri) = &args.destination else {
        let bucket = session.find_output("ModelBucketName").ok_or(CliError::MissingOutput {
            what: "stack's model bucket",
            option: "a destination such as s3://bucket/key.tar.gz",
            output: "ModelBucketName",
        })?;
        return Ok((bucket, name.into_owned()));
    };
    let location = uri.strip_prefix("s3://").and_then(|location| location.split_once('/'));
    let Some((bucket, key)) = location.filter(|(bucket, _)| !bucket.is_empty()) else {
        return Err(CliError::NoObjectKey(uri.clone()));
    };
    let is_folder = key.is_empty() || key.ends_with('/');
    Ok((bucket.to_owned(), if is_folder { format!("{key}{name}") } else { key.to_owned() }))
}
