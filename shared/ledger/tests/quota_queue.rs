//! The quota queue: fair, without loss, and as long as it has to be.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::{Ledger, Reuse};
use neo::{CompilationRequest, JobName, ModelId};
use serde_json::json;
use support::{
    MemoryQueue, MemoryTable, Stepwise, compilation_request, crash_after, interleave, model_row, park_refused_request,
};
use tokio::task::yield_now;

fn request_for(model: &str, job: &str) -> CompilationRequest {
    CompilationRequest { model: serde_json::from_value(model.into()).unwrap(), ..compilation_request(job) }
}

fn new_ledger(table: &MemoryTable) -> Ledger<MemoryTable> {
    Ledger::new(table.clone(), || Timestamp::UNIX_EPOCH)
}

fn job_names(queue: &MemoryQueue) -> Vec<String> {
    let bodies = queue.bodies.read();
    let requests = bodies.iter().map(|body| serde_json::from_str::<CompilationRequest>(body).unwrap());
    requests.map(|request| request.job_name.to_string()).collect()
}

/// SEMANTICS fair: Parked requests are released round-robin, one request per model at a time.
#[tokio::test]
async fn parked_requests_are_released_one_per_model_in_turn() {
    let ledger = new_ledger(&MemoryTable::default());
    for target in 0..4 {
        assert!(ledger.park_request(&request_for("large", &format!("large-{target}"))).await.unwrap());
    }
    assert!(ledger.park_request(&request_for("small", "small-0")).await.unwrap());
    assert!(!ledger.park_request(&request_for("small", "small-0")).await.unwrap(), "a request is parked only once");
    let queue = MemoryQueue::default();
    assert_eq!(ledger.release_parked_requests(&queue, 3).await.unwrap(), 3);
    // A model that comes later does not wait for all targets of the large one.
    assert!(ledger.park_request(&request_for("late", "late-0")).await.unwrap());
    for expected in [1, 1, 1, 0] {
        assert_eq!(ledger.release_parked_requests(&queue, 1).await.unwrap(), expected);
    }
    assert_eq!(job_names(&queue), ["large-0", "small-0", "large-1", "late-0", "large-2", "large-3"]);
}

/// A refused request goes behind the other requests of its model, and the models keep their turns.
#[tokio::test]
async fn refused_request_is_parked_behind_its_model() {
    let ledger = new_ledger(&MemoryTable::default());
    for job in ["large-0", "large-1", "small-0"] {
        ledger.park_request(&request_for(&job[..5], job)).await.unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let queue = MemoryQueue::default();
        ledger.release_parked_requests(&queue, 1).await.unwrap();
        let job = job_names(&queue).remove(0);
        park_refused_request(&ledger, &request_for(&job[..5], &job), "the quota is used up").await;
        order.push(job);
    }
    assert_eq!(order, ["large-0", "small-0", "large-1", "small-0", "large-0", "small-0"]);
}

/// Parks one more request and releases one; returns how many rows each of the two read and wrote.
async fn count_touched_rows(table: MemoryTable) -> (usize, usize) {
    let ledger = new_ledger(&table);
    table.touched_rows.set(0);
    park_refused_request(&ledger, &request_for("m", "one-more"), "the quota is used up").await;
    let to_park = table.touched_rows.take();
    assert_eq!(ledger.release_parked_requests(&MemoryQueue::default(), 1).await.unwrap(), 1);
    (to_park, table.touched_rows.get())
}

/// Parks 100,000 requests of 1,000 models: each is released once, and to park or to release one, as
/// many rows are read and written as with 1,000 parked requests.
#[tokio::test]
async fn hundred_thousand_requests_are_parked_and_released() {
    const MODELS: usize = 1_000;
    const TARGETS: usize = 100;
    let table = MemoryTable::default();
    let ledger = new_ledger(&table);
    let mut touched = Vec::new();
    for target in 0..TARGETS {
        for model in 0..MODELS {
            let request = request_for(&format!("model-{model}"), &format!("job-{model}-{target}"));
            park_refused_request(&ledger, &request, "the quota is used up").await;
        }
        if target == 0 || target == TARGETS - 1 {
            touched.push(count_touched_rows(table.fork()).await);
        }
    }
    assert_eq!(touched[0], touched[1]);
    let largest = table.rows.read().values().map(|(_, row)| row.to_string().len()).max().unwrap();
    assert!(largest < 4 * 1024, "expected no row to grow: {largest} bytes");
    let mut released: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..3 {
        let queue = MemoryQueue::default();
        assert_eq!(ledger.release_parked_requests(&queue, MODELS).await.unwrap(), MODELS);
        for job in job_names(&queue) {
            *released.entry(job).or_default() += 1;
        }
    }
    assert_eq!(released.len(), 3 * MODELS);
    for target in 0..3 {
        assert!(released.contains_key(&format!("job-0-{target}")), "expected three rounds over all models");
    }
}

#[tokio::test]
async fn cancelled_request_is_not_released() {
    let ledger = new_ledger(&MemoryTable::default());
    ledger.park_request(&request_for("m", "cancelled")).await.unwrap();
    ledger.park_request(&request_for("m", "waiting")).await.unwrap();
    ledger.cancel_job_before_calls(&JobName::from("cancelled".to_owned())).await.unwrap();
    let queue = MemoryQueue::default();
    assert_eq!(ledger.release_parked_requests(&queue, 5).await.unwrap(), 1);
    assert_eq!(job_names(&queue), ["waiting"]);
    assert!(!ledger.park_request(&request_for("m", "cancelled")).await.unwrap());
}

/// A function crashes before each of its calls while it parks, and while it releases: its message
/// is delivered again, and the request is sent once or twice.
#[tokio::test]
async fn parked_request_survives_crashes() {
    let request = request_for("m", "job");
    for park_calls in 0..9 {
        for release_calls in 0..9 {
            let table = MemoryTable::default();
            let ledger = new_ledger(&table);
            let stepwise = Ledger::new(Stepwise::new(table.clone()), || Timestamp::UNIX_EPOCH);
            let queue = MemoryQueue::default();
            crash_after(park_calls, stepwise.park_request(&request));
            // False if it was parked before the crash: then the message is delayed, not deleted.
            let parked_again = ledger.park_request(&request).await.unwrap();
            crash_after(release_calls, stepwise.release_parked_requests(&Stepwise::new(queue.clone()), 5));
            ledger.release_parked_requests(&queue, 5).await.unwrap();
            let sent = job_names(&queue).len();
            assert!((1..=2).contains(&sent), "{park_calls} {release_calls} {parked_again}: {sent}");
            assert_eq!(ledger.peek_parked_requests(5).await.unwrap(), []);
        }
    }
}

/// Two functions release the same requests call by call, in every order, while the first one that
/// was sent is refused and parked again: nothing is lost, and each is sent at most twice.
#[tokio::test]
async fn two_releasers_lose_nothing() {
    let jobs = ["m-0", "m-1", "n-0"];
    for order in 0..1 << 12 {
        let table = MemoryTable::default();
        let ledger = new_ledger(&table);
        for job in jobs {
            ledger.park_request(&request_for(&job[..1], job)).await.unwrap();
        }
        let stepwise = Ledger::new(Stepwise::new(table.clone()), || Timestamp::UNIX_EPOCH);
        let (first, second) = (MemoryQueue::default(), MemoryQueue::default());
        let refuse_first = async {
            stepwise.release_parked_requests(&Stepwise::new(first.clone()), 2).await.unwrap();
            let refused = request_for("m", "m-0");
            let call = stepwise.record_create_call(&refused).await.unwrap();
            stepwise.park_refused_request(&call, "the quota is used up").await.unwrap()
        };
        let (parked_again, _) =
            interleave(order, refuse_first, stepwise.release_parked_requests(&Stepwise::new(second.clone()), 2));
        let mut sent = [job_names(&first), job_names(&second)].concat();
        if parked_again {
            // Its message was deleted.
            sent.remove(sent.iter().position(|job| job == "m-0").unwrap());
        }
        let rest = MemoryQueue::default();
        ledger.release_parked_requests(&rest, 9).await.unwrap();
        sent.extend(job_names(&rest));
        for job in jobs {
            let times = sent.iter().filter(|sent| *sent == job).count();
            assert!((1..=2).contains(&times), "order {order:012b}: {job} was sent {times} times");
        }
    }
}

/// Two models of the same bytes: the job of the first is claimed, and the second is about to join
/// it. Returns the request of each.
async fn plan_shared_job(ledger: &Ledger<MemoryTable>) -> (CompilationRequest, CompilationRequest) {
    let owner = request_for("owner", "job");
    let sharer = CompilationRequest { content: owner.content.clone(), ..request_for("sharer", "unused") };
    ledger.claim_job(&owner, Reuse::Running).await.unwrap();
    for request in [&owner, &sharer] {
        let row = model_row(request.source.clone(), vec![owner.job_name.clone()]);
        ledger.create_model(&request.model, row).await.unwrap();
    }
    (owner, sharer)
}

async fn find_waiting_models(ledger: &Ledger<MemoryTable>) -> BTreeSet<ModelId> {
    ledger.list_unpublished_waits(9).await.unwrap().into_iter().map(|waiting| waiting.row.model).collect()
}

/// A model joins a job before each call that parks its request, and a request is parked before each
/// call that joins its job.
#[tokio::test]
async fn model_that_joins_a_parked_job_waits() {
    for (calls, joins_slowly) in (0..12).flat_map(|calls| [(calls, false), (calls, true)]) {
        let table = MemoryTable::default();
        let ledger = new_ledger(&table);
        let (owner, sharer) = plan_shared_job(&ledger).await;
        let call = ledger.record_create_call(&owner).await.unwrap();
        let stepwise = Ledger::new(Stepwise::new(table), || Timestamp::UNIX_EPOCH);
        let wait = async || {
            for _ in 0..calls {
                yield_now().await;
            }
        };
        let (parked, job) = if joins_slowly {
            tokio::join!(
                async {
                    wait().await;
                    ledger.park_refused_request(&call, "the quota is used up").await
                },
                stepwise.claim_job(&sharer, Reuse::Running)
            )
        } else {
            tokio::join!(stepwise.park_refused_request(&call, "the quota is used up"), async {
                wait().await;
                ledger.claim_job(&sharer, Reuse::Running).await
            })
        };
        assert!(parked.unwrap());
        assert_eq!(job.unwrap(), owner.job_name);
        let waiting = find_waiting_models(&ledger).await;
        assert_eq!(waiting, BTreeSet::from([owner.model, sharer.model]), "{calls} {joins_slowly}");
    }
}

/// The function that parks a request, or the one that joins its job, crashes before each of its
/// calls, and its message is delivered again.
#[tokio::test]
async fn model_that_shares_a_parked_job_waits_after_crashes() {
    for (calls, joins_first) in (0..12).flat_map(|calls| [(calls, false), (calls, true)]) {
        let table = MemoryTable::default();
        let ledger = new_ledger(&table);
        let (owner, sharer) = plan_shared_job(&ledger).await;
        let stepwise = Ledger::new(Stepwise::new(table), || Timestamp::UNIX_EPOCH);
        if joins_first {
            ledger.claim_job(&sharer, Reuse::Running).await.unwrap();
            let call = ledger.record_create_call(&owner).await.unwrap();
            crash_after(calls, stepwise.park_refused_request(&call, "the quota is used up"));
        }
        park_refused_request(&ledger, &owner, "the quota is used up").await;
        if !joins_first {
            crash_after(calls, stepwise.claim_job(&sharer, Reuse::Running));
            ledger.claim_job(&sharer, Reuse::Running).await.unwrap();
        }
        let waiting = find_waiting_models(&ledger).await;
        assert_eq!(waiting, BTreeSet::from([owner.model, sharer.model]), "{calls} {joins_first}");
    }
}

/// A model that was superseded needs no job, even if another model still needs the one that waits.
#[tokio::test]
async fn superseded_model_does_not_wait() {
    let ledger = new_ledger(&MemoryTable::default());
    let (owner, sharer) = plan_shared_job(&ledger).await;
    ledger.claim_job(&sharer, Reuse::Running).await.unwrap();
    park_refused_request(&ledger, &owner, "the quota is used up").await;
    ledger.mark_model_superseded(&owner.model).await.unwrap();
    assert_eq!(find_waiting_models(&ledger).await, BTreeSet::from([sharer.model]));
}

/// Earlier releases parked all requests in one row.
#[tokio::test]
async fn requests_parked_by_an_earlier_release_are_released() {
    let table = MemoryTable::default();
    let ledger = new_ledger(&table);
    for job in ["a-0", "a-1", "b-0"] {
        // Earlier releases wrote the row of the job, too.
        ledger.claim_job(&request_for(&job[..1], job), Reuse::Never).await.unwrap();
    }
    let row =
        json!({ "models": [ { "model": "a", "jobs": ["a-0", "a-1", "gone"] }, { "model": "b", "jobs": ["b-0"] } ] });
    table.put_json("parked#compilation-requests", 7, row);
    let stepwise = Ledger::new(Stepwise::new(table.clone()), || Timestamp::UNIX_EPOCH);
    for calls in 0..30 {
        crash_after(calls, stepwise.move_old_parked_requests());
    }
    ledger.move_old_parked_requests().await.unwrap();
    assert_eq!(ledger.move_old_parked_requests().await.unwrap(), 0);
    let queue = MemoryQueue::default();
    ledger.release_parked_requests(&queue, 9).await.unwrap();
    assert_eq!(job_names(&queue), ["a-0", "b-0", "a-1"]);
}
