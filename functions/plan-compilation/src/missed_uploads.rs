//! Finds uploads whose event did not arrive (level-triggered reconciliation).
//!
//! S3 starts to send the events of a bucket about five minutes after the bucket is configured, and
//! an event can be lost later. The lists of the model buckets are therefore read from time to time,
//! in passes. Each pass considers the objects that have come due since the last complete pass
//! started, so each object is considered once, however long a pass takes, and only these objects
//! cost more than their place in the list. After a pass in which an object could not be checked,
//! the next one considers the same objects again.
//!
//! An object that has no decision in the ledger is sent to the Uploads queue like an event. This is
//! done before the position is recorded: after a crash in between, the object is sent again, and
//! the ledger lets only one of the two messages have an effect.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use automation::{
    event::ObjectCreated,
    objects::{ListedObject, Objects},
};
use jiff::{SignedDuration, Timestamp};
use ledger::{BucketPass, BucketRow, LedgerTable, ModelState};
use notifications::Channel;
use sagemaker::model_packages::ModelPackages;
use tracing::{info, warn};
use worker::{CallError, CallErrorKind, queue::Sender};

use crate::Planner;

/// Calls to S3 per run, of which each list call returns 1,000 objects: 20 runs in an hour read the
/// list of a million objects.
const MAX_CALLS: usize = 50;

/// No call begins later in a run: runs do not overlap.
const MAX_RUN: Duration = Duration::from_mins(2);

/// Ages at which an object is due. Most events arrive and are processed within a minute. S3 dates
/// an upload in parts to its start, and it is not listed before its end, so it is due several
/// times.
const DUE_AGES: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(12),
];

/// Age from which an object is not considered any more.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The stack's own bucket counts as seen this long before its first run: what was uploaded while
/// the stack was being deployed is meant for it.
const DEPLOYMENT: SignedDuration = SignedDuration::from_hours(1);

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadSearch {
    /// Calls to S3.
    pub calls: usize,
    /// Objects that were due.
    pub checked: usize,
    /// Objects without a decision, which were sent to the Uploads queue.
    pub found: usize,
}

/// The search in one bucket.
struct BucketSearch<'a> {
    bucket: &'a str,
    /// The row as it was read.
    previous: BucketRow,
    found_until: Timestamp,
    /// `None` if the pass is complete.
    pass: Option<BucketPass>,
}

impl<O: Objects, T: LedgerTable, N: Channel, Q: Sender, P: ModelPackages> Planner<O, T, N, Q, P> {
    /// Continues the passes over all model buckets, one page of each in turn, until they are
    /// complete or the calls of this run are used up.
    ///
    /// # Errors
    /// If a bucket cannot be read until someone acts. Any other failure delays: the next run
    /// continues. A bucket that fails does not block the others.
    pub(crate) async fn find_missed_uploads(&self, report: &mut UploadSearch) -> Result<(), CallError> {
        let started = Instant::now();
        let mut result = Ok(());
        let mut searches = self.open_buckets().await?;
        let mut ended = Vec::with_capacity(searches.len());
        while report.calls < MAX_CALLS
            && started.elapsed() < MAX_RUN
            && let Some(mut search) = searches.pop_front()
        {
            let page = self.search_page(&mut search, report).await;
            if page.is_ok() && search.pass.is_some() {
                searches.push_back(search);
                continue;
            }
            if let Err(error) = page {
                warn!(bucket = search.bucket, %error, "Model bucket not searched for missed uploads");
                if error.kind.is_refusal() {
                    result = Err(error);
                }
            }
            ended.push(search);
        }
        for BucketSearch { bucket, previous, found_until, pass } in searches.into_iter().chain(ended) {
            let row = BucketRow { first_seen: previous.first_seen, found_until, pass };
            self.ledger.record_bucket(bucket, &previous, &row).await?;
        }
        result
    }

    /// The buckets, those first whose last complete pass is the oldest.
    async fn open_buckets(&self) -> Result<VecDeque<BucketSearch<'_>>, CallError> {
        // S3 dates objects in whole seconds.
        let now = (self.clock)();
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut searches = Vec::with_capacity(1);
        for bucket in self.model_buckets.iter() {
            let first_seen = if bucket == self.model_buckets.own() { now - DEPLOYMENT } else { now };
            let previous = self.ledger.open_bucket(bucket, first_seen).await?;
            let found_until = previous.found_until;
            let pass =
                previous.pass.clone().or(Some(BucketPass { started_at: now, last_key: None, is_incomplete: false }));
            searches.push(BucketSearch { bucket, previous, found_until, pass });
        }
        searches.sort_by_key(|search| search.found_until);
        Ok(searches.into())
    }

    /// Reads the next page of a bucket's list and checks the objects that are due, as far as the
    /// calls of the run suffice.
    async fn search_page(&self, search: &mut BucketSearch<'_>, report: &mut UploadSearch) -> Result<(), CallError> {
        let Some(BucketPass { started_at, mut last_key, mut is_incomplete }) = search.pass.clone() else {
            return Ok(());
        };
        report.calls += 1;
        let page = self.archives.list_objects(search.bucket, "", last_key.as_deref()).await?;
        let mut is_last = !page.has_more;
        let (mut uploads, mut throttled) = (Vec::new(), None);
        for object in page.objects {
            let may_hold_model = self.model_buckets.may_hold_model(search.bucket, &object.key);
            if may_hold_model && is_due(&object, search, started_at) {
                if report.calls >= MAX_CALLS {
                    is_last = false;
                    break;
                }
                report.calls += 1;
                report.checked += 1;
                match self.find_upload(search.bucket, &object).await {
                    Ok(upload) => uploads.extend(upload),
                    Err(error) => {
                        warn!(bucket = search.bucket, key = object.key, %error, "Object not checked; the next pass does");
                        is_incomplete = true;
                        throttled = Some(error).filter(|error| error.kind == CallErrorKind::Throttled);
                    }
                }
            }
            last_key = Some(object.key);
            // S3 throttles by the beginning of the key: the next run goes on behind this one.
            if throttled.is_some() {
                is_last = false;
                break;
            }
        }
        report.found += self.send_undecided(uploads).await?;
        if is_last && !is_incomplete {
            search.found_until = started_at;
        }
        search.pass = (!is_last).then_some(BucketPass { started_at, last_key, is_incomplete });
        throttled.map_or(Ok(()), Err)
    }

    /// The upload of a listed object; `None` if it was replaced or deleted since it was listed: a
    /// newer upload is due later.
    async fn find_upload(
        &self,
        bucket: &str,
        listed: &ListedObject,
    ) -> Result<Option<(ObjectCreated, Timestamp)>, CallError> {
        let head = match self.archives.find_object(bucket, &listed.key).await {
            Ok(head) => head.filter(|head| head.etag == listed.etag),
            Err(error) if error.kind.is_refusal() => {
                warn!(bucket, key = listed.key, %error, "Object not checked: S3 does not show its version");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(head.map(|head| (ObjectCreated::from_head(bucket, &listed.key, head), listed.last_modified)))
    }

    /// Sends the uploads for which the ledger has no decision that was carried out. Returns their
    /// number.
    async fn send_undecided(&self, uploads: Vec<(ObjectCreated, Timestamp)>) -> Result<usize, CallError> {
        let ids: Vec<_> = uploads.iter().filter_map(|(object, _)| object.model_id()).collect();
        let decided = self.ledger.find_models(&ids).await?.into_iter();
        let decided = decided.filter(|model| model.state != ModelState::Planned);
        let decided: HashSet<_> = decided.map(|model| model.source.model_id()).collect();
        let missed = uploads.iter().filter(|(object, _)| object.model_id().is_some_and(|id| !decided.contains(&id)));
        let bodies: Vec<_> = missed
            .map(|(object, created_at)| {
                info!(bucket = object.bucket, key = object.key, "Missed upload found");
                object.to_body(*created_at, "Reconciliation")
            })
            .collect();
        let found = bodies.len();
        if found > 0 {
            self.uploads.send_bodies(bodies).await?;
        }
        Ok(found)
    }
}

/// Whether an object became due after the last complete pass started and before this one did.
fn is_due(object: &ListedObject, search: &BucketSearch<'_>, pass_started: Timestamp) -> bool {
    let modified = object.last_modified;
    // The entity tag of an upload in parts ends with their number.
    let ages = if object.etag.contains('-') { &DUE_AGES[..] } else { &DUE_AGES[..1] };
    let is_upload = !object.key.ends_with('/') && object.size > 0;
    let is_recent = modified >= search.previous.first_seen && modified > pass_started - MAX_AGE;
    let became_due = |age: &SignedDuration| search.found_until < modified + *age && modified + *age <= pass_started;
    is_upload && is_recent && ages.iter().any(became_due)
}

#[cfg(test)]
mod tests;
