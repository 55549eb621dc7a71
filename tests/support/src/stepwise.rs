//! Edges that yield before each call, to stop or interleave work between any two calls.

use std::{
    fmt::Debug,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::task::{unconstrained, yield_now};
use worker::CallError;

use crate::edges::{ControlledEdge, EdgeCalls};

/// An edge whose every call takes one more poll than its own.
pub type Stepwise<E> = ControlledEdge<E, YieldingCalls>;

/// Calls that yield before they are made.
#[derive(Debug, Clone, Copy, Default)]
pub struct YieldingCalls;

impl<E> Stepwise<E> {
    pub fn new(edge: E) -> Self {
        Self { edge, calls: YieldingCalls }
    }
}

impl EdgeCalls for YieldingCalls {
    async fn run_call<T: Debug + Send, E: From<CallError> + Debug + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.run_unrecorded(call).await
    }

    async fn run_unrecorded<T: Send, E: From<CallError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        yield_now().await;
        call.await
    }
}

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
