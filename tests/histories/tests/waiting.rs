//! A message that waits for days. `tests/e2e/test_template.py` checks the limits and the alarms of
//! the stack.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use common::TestQueue;
use jiff::Timestamp;
use ledger::Ledger;
use start_compilation::Starter;
use support::{MemoryJobs, MemoryPackages, MemoryQueue, MemoryTable, ScriptedResponse, compilation_request};

/// How long SQS delays a message, at most.
const MAX_DELAY: Duration = Duration::from_mins(15);

/// How long the source queues keep a message (`MessageRetentionPeriod` in template.yaml).
const RETENTION: Duration = Duration::from_hours(10 * 24);

/// More deliveries than a message has in two weeks.
const MAX_DELIVERIES: usize = 2000;

type TestStarter = Starter<MemoryJobs, MemoryTable, MemoryQueue, MemoryPackages>;

fn create_starter() -> TestStarter {
    Starter {
        jobs: MemoryJobs::default(),
        packages: MemoryPackages::default(),
        ledger: Ledger::new(MemoryTable::default(), Timestamp::now),
        job_states: MemoryQueue::default(),
        role_arn: "role".to_owned(),
    }
}

/// Delivers the request until it is processed, and before each delivery lets SageMaker throttle the
/// call while this number of deliveries has not been reached.
async fn deliver_until_settled(starter: &TestStarter, throttled: usize) -> TestQueue {
    let body = serde_json::to_string(&compilation_request("resnet")).unwrap();
    let mut queue = TestQueue::from_bodies([body]);
    for delivery in 0..MAX_DELIVERIES {
        if queue.messages.is_empty() {
            return queue;
        }
        assert_eq!(queue.messages[0].deliveries, 0, "a message that was delivered five times would be moved");
        let response = (delivery < throttled).then_some(ScriptedResponse::Throttled);
        starter.jobs.responses.set(response.into_iter().collect());
        queue.deliver_batch(1, Duration::from_mins(1), |event| starter.handle_event(event)).await;
    }
    queue
}

/// SEMANTICS waiting-survives: A message can wait for days and be sent on any number of times: no
/// limit of the platform ends it without a cause, and an alarm reports a message that is not
/// received for an hour.
#[tokio::test]
async fn message_that_waits_for_days_is_processed() {
    let starter = create_starter();
    let queue = deliver_until_settled(&starter, 1100).await;
    assert_eq!(queue.dead_letters, []);
    assert_eq!(starter.jobs.jobs.read().len(), 1, "the job is created in the end");
    assert_eq!(queue.delays.len(), 1100);
    assert!(queue.delays.iter().all(|delay| *delay <= MAX_DELAY), "SQS refuses a longer delay");
    let waited: Duration = queue.delays.iter().sum();
    assert!(waited > RETENTION, "expected each copy to be a new message of its queue, waited {waited:?}");

    let starter = create_starter();
    let queue = deliver_until_settled(&starter, usize::MAX).await;
    let [(_, cause)] = &queue.dead_letters[..] else { panic!("expected one message, got {:?}", queue.dead_letters) };
    assert!(cause.starts_with("the record waited for two weeks: "), "{cause}");
    assert!(starter.jobs.jobs.read().is_empty());
}
