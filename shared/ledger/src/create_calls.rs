//! Calls of `CreateCompilationJob`, recorded before they are made.
//!
//! SageMaker shows a job some seconds after it has created it, and a function can crash, or lose
//! the response, after the call. A refusal is therefore the answer to a request only if no other
//! call can have created the job: the first call is answered at once, a later one only after
//! SageMaker had the time to show the job of an earlier one, and neither if another call was
//! recorded meanwhile.
//!
//! What breaks if a call is recorded after it was made, or a refusal without its number: a request
//! that is delivered twice within these seconds, and refused the second time, is reported as
//! rejected while its job runs; and a job that is to be stopped within these seconds is reported as
//! stopped, although it may complete.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use neo::{CompilationRequest, JobName, JobStatus};
use worker::CallError;

use crate::{JobRow, Ledger, LedgerRow, LedgerTable, QuotaWait, Versioned, contended_error, job_key};

/// The last count of [`JobRow::unseen`] at which SageMaker may have a job that it does not show: it
/// shows a new job within seconds, and looks are seconds apart.
pub const MAX_UNSEEN: u32 = 3;

/// A call of `CreateCompilationJob` that is about to be made.
#[derive(Debug)]
pub struct CreateCall<'a> {
    request: &'a CompilationRequest,
    known: Versioned<JobRow>,
    /// How often SageMaker may have had the job without showing it when this call was recorded.
    unseen_before: u32,
}

impl CreateCall<'_> {
    pub fn request(&self) -> &CompilationRequest {
        self.request
    }

    /// The row of the job as this call has left it.
    pub fn row(&self) -> &JobRow {
        &self.known.row
    }

    /// Whether the job is still requested, and no other call was recorded since.
    fn is_last(&self, row: &JobRow) -> bool {
        row.status == JobStatus::Requested && row.create_calls == self.known.row.create_calls
    }

    /// The row of a requested job if this call did not create it: unchanged if another call was
    /// recorded since.
    pub(crate) fn withdraw_from(&self, row: JobRow) -> JobRow {
        if self.is_last(&row) { JobRow { unseen: self.unseen_before, ..row } } else { row }
    }
}

impl<T: LedgerTable> Ledger<T> {
    /// Records a call of `CreateCompilationJob` before it is made. The row of a job that was
    /// accepted before, or has ended, is unchanged.
    ///
    /// A parked request leaves the quota queue: from now on, its message stands for it. Otherwise a
    /// message that is delivered before its release is recorded could not be parked again, and
    /// would remain in SQS beside the parked request.
    pub async fn record_create_call<'a>(&self, request: &'a CompilationRequest) -> Result<CreateCall<'a>, CallError> {
        let now = (self.clock)();
        let key = job_key(&request.job_name);
        let unseen_before = AtomicU32::new(0);
        let count = |row: Option<JobRow>| {
            let row = row.unwrap_or_else(|| JobRow::new_requested(request, now));
            unseen_before.store(row.unseen, Ordering::Relaxed);
            (row.status == JobStatus::Requested).then(|| JobRow {
                create_calls: row.create_calls.saturating_add(1),
                unseen: 1,
                quota_wait: row.quota_wait.map(|wait| QuotaWait { turn: None, ..wait }),
                ..row
            })
        };
        let updated = self.update_row(&key, count).await?;
        let known = updated.row.zip(updated.revision).map(|(row, revision)| Versioned { revision, row });
        let known = known.ok_or_else(|| contended_error(&key))?;
        Ok(CreateCall { request, known, unseen_before: unseen_before.into_inner() })
    }

    /// Records that a call did not create the job: SageMaker throttled or refused it, or it was not
    /// made. The row is unchanged if another call was recorded since.
    pub async fn withdraw_create_call(&self, call: &CreateCall<'_>) -> Result<(), CallError> {
        let withdraw = |row: JobRow, _| call.is_last(&row).then(|| call.withdraw_from(row));
        self.advance_job(call, withdraw).await.map(drop)
    }

    /// Records that SageMaker accepted a job. Returns the current status, which is a different one
    /// if the job was stopped in the meantime.
    pub async fn mark_job_accepted(&self, call: &CreateCall<'_>) -> Result<JobStatus, CallError> {
        self.advance_job(call, |row, now| {
            let accepted = || JobRow { unseen: 0, ..row.clone().with_status(JobStatus::Starting, now) };
            row.status.can_become(JobStatus::Starting).then(accepted)
        })
        .await
    }

    /// Records that SageMaker rejected a job that it does not show. If an earlier call may have
    /// created it, this was a look for it; if another call was recorded since, the job is
    /// unchanged. Returns the current status, which is [`JobStatus::Requested`] in both cases.
    pub async fn mark_job_rejected(&self, call: &CreateCall<'_>, reason: &str) -> Result<JobStatus, CallError> {
        self.advance_job(call, |row, now| {
            if !call.is_last(&row) {
                return None;
            }
            Some(match call.unseen_before {
                looks @ 1..MAX_UNSEEN => JobRow { unseen: looks + 1, ..row },
                _ => JobRow {
                    failure_reason: Some(reason.to_owned()),
                    ended_at: Some(now),
                    ..row.with_status(JobStatus::Rejected, now)
                },
            })
        })
        .await
    }

    /// Withdraws a job that SageMaker does not show, once no recorded call can have created it.
    /// Returns the current status, which is [`JobStatus::Requested`] until then; `None` if it has
    /// no row.
    pub async fn cancel_job_after_calls(&self, name: &JobName) -> Result<Option<JobStatus>, CallError> {
        let now = (self.clock)();
        let cancel = |row: Option<JobRow>| {
            let row = row.filter(|row| row.status == JobStatus::Requested)?;
            Some(match row.unseen {
                looks @ 1..=MAX_UNSEEN => JobRow { unseen: looks + 1, ..row },
                _ => row.with_withdrawal(now),
            })
        };
        Ok(self.update_row(&job_key(name), cancel).await?.row.map(|row| row.status))
    }

    /// Changes the row of a job; it is read again only if it was changed since the call was
    /// recorded.
    async fn advance_job(
        &self,
        call: &CreateCall<'_>,
        advance: impl Fn(JobRow, Timestamp) -> Option<JobRow> + Sync,
    ) -> Result<JobStatus, CallError> {
        let now = (self.clock)();
        let key = job_key(&call.request.job_name);
        let Versioned { revision, row } = &call.known;
        let Some(advanced) = advance(row.clone(), now).map(LedgerRow::limit_size) else { return Ok(row.status) };
        if self.write_row(&key, Some(*revision), &advanced).await? {
            return Ok(advanced.status);
        }
        let row = self.update_row(&key, |row: Option<JobRow>| advance(row?, now)).await?.row;
        row.map(|row| row.status).ok_or_else(|| contended_error(&key))
    }
}
