//! Records that no delivery can process, and records that are slowed down by others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use common::TestQueue;
use histories::{advance_clock, now};
use ledger::Ledger;
use support::MemoryTable;
use worker::{CallError, CallErrorKind, batch::SETTLE_TIME};

const TIME_LEFT: Duration = SETTLE_TIME.saturating_add(Duration::from_millis(50));

/// Delivers a message until it leaves the queue, every five seconds. Its work runs under a claim.
/// Returns the queue, and how often the work began.
async fn deliver_until_gone<W, F>(work: W) -> (TestQueue, usize)
where
    W: Fn() -> F,
    F: Future<Output = Result<(), CallError>>,
{
    let ledger = Ledger::new(MemoryTable::default(), now);
    let began = AtomicUsize::new(0);
    let mut queue = TestQueue::from_bodies([r#"{"version":1,"job_name":"resnet"}"#.to_owned()]);
    for _ in 0..200 {
        let handle = |_| async {
            let counted = async {
                began.fetch_add(1, Ordering::Relaxed);
                work().await
            };
            ledger.run_once("notice", counted).await.map(drop)
        };
        queue.deliver_batch(10, TIME_LEFT, handle).await;
        if queue.messages.is_empty() {
            break;
        }
        advance_clock(5);
    }
    (queue, began.into_inner())
}

/// SEMANTICS poison: A record that no delivery can process successfully is moved to the dead-letter
/// queue with its cause.
#[tokio::test]
async fn panic_under_a_claim_uses_up_the_deliveries() {
    let (queue, began) = deliver_until_gone(|| async { panic!("a bug") }).await;
    assert_eq!(queue.dead_letters, [("m0".to_owned(), "panicked: a bug".to_owned())]);
    assert_eq!(began, 5);
}

/// SEMANTICS poison: A record that no delivery can process successfully is moved to the dead-letter
/// queue with its cause.
#[tokio::test]
async fn timeout_under_a_claim_uses_up_the_deliveries() {
    let (queue, began) = deliver_until_gone(std::future::pending).await;
    let cause = "the record was not finished before the invocation's deadline";
    assert_eq!(queue.dead_letters, [("m0".to_owned(), cause.to_owned())]);
    assert_eq!(began, 5);
}

/// SEMANTICS half-hour: A record that fails for a passing reason is retried for at least 30 minutes
/// before it is moved to the dead-letter queue.
#[tokio::test]
async fn transient_failure_is_retried_for_half_an_hour() {
    let outage = || async { Err(CallError::new("Publish", CallErrorKind::Unanswered, "connection reset")) };
    let (queue, began) = deliver_until_gone(outage).await;
    assert_eq!(queue.dead_letters, [("m0".to_owned(), "Publish: connection reset".to_owned())]);
    assert_eq!(began, 5);
    assert!(queue.waits.iter().sum::<Duration>() >= Duration::from_mins(30), "{:?}", queue.waits);
}
