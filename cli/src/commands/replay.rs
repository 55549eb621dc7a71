//! `automation replay`

use automation::{
    event::ObjectCreated,
    objects::{ListedObject, Objects},
};
use jiff::Timestamp;
use serde_json::json;
use worker::{CallError, queue::Sender};

use crate::{
    args::ReplayArgs,
    aws::session::AwsSession,
    confirmation::{confirm_change, require_confirmation},
    error::CliError,
    output::{CliOutput, GOOD, format_count},
    table::TextTable,
    upload_location::UploadLocation,
    verdict::Verdict,
};

/// Uploads that are shown; the others are only counted.
const MAX_SHOWN: usize = 10;

/// Uploads that are looked up before they are sent: as many as one call to SQS takes.
const BATCH: usize = 10;

pub(crate) fn replay_uploads(args: &ReplayArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(replay_and_report(args, out))
}

async fn replay_and_report(args: &ReplayArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let asks = !args.dry_run && !args.yes;
    if asks {
        require_confirmation(false, "--dry-run")?;
    }
    let session = AwsSession::open_stack(&args.stack).await?;
    let queue = args.queue.clone().or_else(|| session.find_output("UploadsQueueUrl"));
    let queue = match queue {
        None if !args.dry_run => {
            return Err(CliError::MissingOutput {
                what: "Uploads queue",
                option: "--queue",
                output: "UploadsQueueUrl",
            });
        }
        queue => queue.unwrap_or_default(),
    };
    let UploadLocation { bucket, prefix } = &args.uploads;
    let objects = session.aws().s3();
    let uploads = list_uploads(&objects, bucket, prefix, args.since).await;
    let uploads = uploads.map_err(|error| CliError::of_bucket(bucket, None, error))?;
    if !args.json {
        print_uploads(&uploads, out)?;
    }
    let mut sent = 0;
    let mut is_declined = false;
    if !uploads.is_empty() && !args.dry_run {
        if asks {
            let place = session.describe_place(None).await?;
            let count = format_count(uploads.len(), "upload");
            is_declined = !confirm_change(&place, &format!("Send {count} of {bucket} to the Uploads queue?"))?;
        }
        if !is_declined {
            sent = send_uploads(&objects, &session.aws().queue(queue), bucket, &uploads).await?;
        }
    }
    if args.json {
        out.print_json(&json!({ "bucket": bucket, "prefix": prefix, "uploads": uploads.len(), "sent": sent }))?;
    } else if args.dry_run {
        out.print_line(format_args!("{} would be sent", format_count(uploads.len(), "upload")))?;
    } else if is_declined {
        out.print_line("Nothing was changed.")?;
    } else {
        out.print_line(format_args!("{GOOD}{} sent{GOOD:#}", format_count(sent, "upload")))?;
    }
    Ok(if is_declined { Verdict::Bad } else { Verdict::Good })
}

/// The objects under a prefix that can be archives, ordered by key.
async fn list_uploads(
    objects: &impl Objects,
    bucket: &str,
    prefix: &str,
    since: Option<Timestamp>,
) -> Result<Vec<ListedObject>, CallError> {
    let mut uploads = Vec::new();
    let mut last_key: Option<String> = None;
    loop {
        let page = objects.list_objects(bucket, prefix, last_key.as_deref()).await?;
        last_key = page.objects.last().map(|object| object.key.clone());
        let is_upload = |object: &ListedObject| {
            !object.key.ends_with('/') && object.size > 0 && since.is_none_or(|since| object.last_modified >= since)
        };
        uploads.extend(page.objects.into_iter().filter(is_upload));
        if !page.has_more || last_key.is_none() {
            return Ok(uploads);
        }
    }
}

fn print_uploads(uploads: &[ListedObject], out: &mut CliOutput) -> Result<(), CliError> {
    if uploads.is_empty() {
        return Ok(());
    }
    let mut table = TextTable::new(["uploaded", "bytes", "key"]);
    for object in uploads.iter().take(MAX_SHOWN) {
        let uploaded = object.last_modified.strftime("%F %T UTC").to_string();
        table.add_row(
            [uploaded, object.size.to_string(), document::escape_line(&object.key).to_string()].map(Into::into),
        );
    }
    table.print_to(out)?;
    if uploads.len() > MAX_SHOWN {
        out.print_line(format_args!("… and {} more", uploads.len() - MAX_SHOWN))?;
    }
    out.print_line("")
}

/// Sends the event of each upload that still exists. Returns their number.
async fn send_uploads(
    objects: &impl Objects,
    queue: &impl Sender,
    bucket: &str,
    uploads: &[ListedObject],
) -> Result<usize, CallError> {
    let mut sent = 0;
    for batch in uploads.chunks(BATCH) {
        let mut bodies = Vec::with_capacity(batch.len());
        for upload in batch {
            let Some(head) = objects.find_object(bucket, &upload.key).await? else { continue };
            let object = ObjectCreated {
                bucket: bucket.to_owned(),
                key: upload.key.clone(),
                version_id: head.version_id,
                etag: Some(head.etag),
                size: Some(head.size),
                sequencer: None,
            };
            bodies.push(object.to_body(upload.last_modified, "Replay"));
        }
        let count = bodies.len();
        if count > 0 {
            queue.send_bodies(bodies).await?;
        }
        sent += count;
    }
    Ok(sent)
}
