//! Edges that yield before each call, to stop or interleave work between any two calls.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use automation::{
    event::ObjectCreated,
    objects::{Object, ObjectHead, ObjectPage, Objects, OpenError},
};
use jiff::Timestamp;
use ledger::{LedgerRow, LedgerTable, List, ListRange, Versioned};
use neo::{CompilationRequest, JobDescription};
use notifications::{Channel, Notification};
use sagemaker::compilation_jobs::{CompilationJobs, CreateJobError, JobPage};
use tokio::task::unconstrained;
use worker::{CallError, queue::Sender};

/// An edge whose every call takes one more poll than its own.
#[derive(Debug, Clone, Default)]
pub struct Stepwise<E>(pub E);

/// Runs work on [`Stepwise`] edges until it has made this many calls, as if the process crashed
/// before the next one. Returns its result if it made no further call.
pub fn crash_after<F: Future>(calls: usize, work: F) -> Option<F::Output> {
    // The test itself is one task: it must not run out of tokio's budget per poll.
    let mut work = pin!(unconstrained(work));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..=calls {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}

/// Runs two pieces of work on [`Stepwise`] edges call by call: the bits of `order`, lowest first,
/// say which of them makes the next call.
pub fn interleave<F: Future, G: Future>(order: u32, first: F, second: G) -> (F::Output, G::Output) {
    let (mut first, mut second) = (pin!(unconstrained(first)), pin!(unconstrained(second)));
    let mut context = Context::from_waker(Waker::noop());
    let (mut first_output, mut second_output) = (None, None);
    let mut step = 0;
    while first_output.is_none() || second_output.is_none() {
        let is_second = order.rotate_right(step) & 1 == 1;
        step += 1;
        if (is_second || first_output.is_some()) && second_output.is_none() {
            if let Poll::Ready(output) = second.as_mut().poll(&mut context) {
                second_output = Some(output);
            }
        } else if let Poll::Ready(output) = first.as_mut().poll(&mut context) {
            first_output = Some(output);
        }
    }
    match (first_output, second_output) {
        (Some(first), Some(second)) => (first, second),
        _ => unreachable!("the loop ends when both have finished"),
    }
}

impl<E: LedgerTable> LedgerTable for Stepwise<E> {
    async fn get_row<R: LedgerRow>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        tokio::task::yield_now().await;
        self.0.get_row(key).await
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        tokio::task::yield_now().await;
        self.0.get_rows(keys).await
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        tokio::task::yield_now().await;
        self.0.list_rows(list, range, count).await
    }

    async fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> Result<bool, CallError> {
        tokio::task::yield_now().await;
        self.0.put_row(key, expected_revision, row, expires_at).await
    }
}

impl<E: Sender> Sender for Stepwise<E> {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        self.0.send_bodies(bodies).await
    }
}

impl<E: Channel> Channel for Stepwise<E> {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        self.0.publish(notification).await
    }
}

impl<E: Objects> Objects for Stepwise<E> {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        tokio::task::yield_now().await;
        self.0.open_object(object).await
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        tokio::task::yield_now().await;
        self.0.find_object(bucket, key).await
    }

    async fn list_objects(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, CallError> {
        tokio::task::yield_now().await;
        self.0.list_objects(bucket, prefix, after).await
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        tokio::task::yield_now().await;
        self.0.list_versions(bucket, key).await
    }

    async fn write_object(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        self.0.write_object(bucket, key, content_type, bytes).await
    }
}

impl<E: CompilationJobs> CompilationJobs for Stepwise<E> {
    async fn create_job(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateJobError> {
        tokio::task::yield_now().await;
        self.0.create_job(request, role_arn).await
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        tokio::task::yield_now().await;
        self.0.describe_job(name).await
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        self.0.stop_job(name).await
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        tokio::task::yield_now().await;
        self.0.list_newest(page).await
    }
}
