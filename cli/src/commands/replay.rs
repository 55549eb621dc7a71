//! `automation replay`

use std::collections::HashMap;

use automation::{
    event::ObjectCreated,
    objects::{ListedObject, Objects},
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, ModelFailure};
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

/// Uploads that are looked up in the ledger at a time: as many keys as one call takes.
const LOOKUP_BATCH: usize = 100;

/// Why an upload is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplayCause {
    /// The ledger does not have it.
    NeverAnswered,
    Failure(ModelFailure),
}

impl ReplayCause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NeverAnswered => "never answered",
            Self::Failure(ModelFailure::Rejected) => "rejected",
            Self::Failure(ModelFailure::Failed) => "failed",
        }
    }
}

/// An upload to send.
struct ReplayedUpload {
    object: ObjectCreated,
    uploaded_at: Timestamp,
    cause: ReplayCause,
}

/// The uploads under a prefix.
#[derive(Default)]
struct FoundUploads {
    to_send: Vec<ReplayedUpload>,
    /// How many others were compiled, are being compiled, or were superseded.
    unchanged: usize,
}

impl FoundUploads {
    fn count_cause(&self, cause: ReplayCause) -> usize {
        self.to_send.iter().filter(|upload| upload.cause == cause).count()
    }

    /// The counts, such as "3 uploads (1 never answered, 2 rejected, 0 failed)".
    fn format_counts(&self) -> String {
        let counts = CAUSES.map(|cause| format!("{} {}", self.count_cause(cause), cause.as_str()));
        format!("{} ({})", format_count(self.to_send.len(), "upload"), counts.join(", "))
    }
}

const CAUSES: [ReplayCause; 3] = [
    ReplayCause::NeverAnswered,
    ReplayCause::Failure(ModelFailure::Rejected),
    ReplayCause::Failure(ModelFailure::Failed),
];

pub(crate) fn replay_uploads(args: &ReplayArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(replay_and_report(args, out))
}

async fn replay_and_report(args: &ReplayArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let asks = !args.dry_run && !args.yes;
    if asks {
        require_confirmation(false, "--dry-run")?;
    }
    let session = AwsSession::open_stack(&args.stack).await?;
    let table = session.find_ledger_table(args.table.as_deref())?;
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
    let (objects, ledger) = (session.aws().s3(), session.aws().ledger(&table));
    let listed = list_uploads(&objects, bucket, prefix, args.since).await;
    let listed = listed.map_err(|error| CliError::of_bucket(bucket, None, error))?;
    let now = Timestamp::now();
    let found = find_uploads(&objects, &ledger, bucket, &listed, now).await?;
    if !args.output.json {
        print_uploads(&found, out)?;
    }
    let mut sent = 0;
    let mut is_declined = false;
    if !found.to_send.is_empty() && !args.dry_run {
        if asks {
            let place = session.describe_place(None).await?;
            let question = format!("Send {} of {bucket} to the Uploads queue?", found.format_counts());
            is_declined = !confirm_change(&place, &question)?;
        }
        if !is_declined {
            let bodies = found.to_send.iter().map(|upload| upload.object.to_body(now, "Replay"));
            session.aws().queue(queue).send_bodies(bodies.collect()).await?;
            sent = found.to_send.len();
        }
    }
    if args.output.json {
        let [never_answered, rejected, failed] = CAUSES.map(|cause| found.count_cause(cause));
        out.print_json(&json!({
            "bucket": bucket, "prefix": prefix, "uploads": found.to_send.len(), "never_answered": never_answered,
            "rejected": rejected, "failed": failed, "unchanged": found.unchanged, "sent": sent,
        }))?;
    } else if args.dry_run {
        out.print_line(format_args!("{} would be sent", found.format_counts()))?;
    } else if is_declined {
        out.print_line("Nothing was changed.")?;
    } else {
        out.print_line(format_args!("{GOOD}{} sent{GOOD:#}", found.format_counts()))?;
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

/// Looks up which of the listed objects are sent, in the version that S3 has now.
async fn find_uploads<T: LedgerTable>(
    objects: &impl Objects,
    ledger: &Ledger<T>,
    bucket: &str,
    listed: &[ListedObject],
    now: Timestamp,
) -> Result<FoundUploads, CallError> {
    let mut found = FoundUploads::default();
    for batch in listed.chunks(LOOKUP_BATCH) {
        let mut uploads = Vec::with_capacity(batch.len());
        for listed in batch {
            let Some(head) = objects.find_object(bucket, &listed.key).await? else { continue };
            uploads.push((ObjectCreated::from_head(bucket, &listed.key, head), listed.last_modified));
        }
        let ids: Vec<_> = uploads.iter().filter_map(|(object, _)| object.model_id()).collect();
        let plans = ledger.find_last_plans(&ids).await?;
        let names: Vec<_> = plans.iter().flat_map(|plan| plan.jobs.clone()).collect();
        let jobs = ledger.find_jobs(&names).await?;
        let mut causes = HashMap::with_capacity(plans.len());
        for plan in &plans {
            let jobs: Vec<_> = jobs.iter().filter(|job| plan.jobs.contains(&job.name)).cloned().collect();
            causes.insert(plan.source.unreplayed_id(), plan.find_failure(&jobs));
        }
        for (mut object, uploaded_at) in uploads {
            let cause = match object.model_id().and_then(|id| causes.get(&id)) {
                None => ReplayCause::NeverAnswered,
                Some(Some(failure)) => ReplayCause::Failure(*failure),
                Some(None) => {
                    found.unchanged += 1;
                    continue;
                }
            };
            object.replayed_at = (cause != ReplayCause::NeverAnswered).then_some(now);
            found.to_send.push(ReplayedUpload { object, uploaded_at, cause });
        }
    }
    Ok(found)
}

fn print_uploads(found: &FoundUploads, out: &mut CliOutput) -> Result<(), CliError> {
    if !found.to_send.is_empty() {
        let mut table = TextTable::new(["uploaded", "bytes", "answer", "key"]);
        for ReplayedUpload { object, uploaded_at, cause } in found.to_send.iter().take(MAX_SHOWN) {
            let uploaded = uploaded_at.strftime("%F %T UTC").to_string();
            let size = object.size.unwrap_or_default().to_string();
            table.add_row([uploaded, size, cause.as_str().to_owned(), object.key.clone()].map(Into::into));
        }
        table.print_to(out)?;
        if found.to_send.len() > MAX_SHOWN {
            out.print_line(format_args!("… and {} more", found.to_send.len() - MAX_SHOWN))?;
        }
        out.print_line("")?;
    }
    if found.unchanged > 0 {
        let others = format_count(found.unchanged, "other upload");
        out.print_line(format_args!("Not sent: {others}, compiled or being compiled"))?;
    }
    Ok(())
}
