//! The planner of the tests in this crate.

use automation::objects::Objects;
use ledger::LedgerTable;
use neo::ModelBuckets;
use notifications::Channel;
use support::{MODEL_BUCKET, MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic, TestStack};
use worker::queue::Sender;

use crate::Planner;

pub(crate) type TestPlanner = Planner<MemoryObjects, MemoryTable, MemoryTopic, MemoryQueue, MemoryPackages>;

/// Creates a planner with an empty model registry and empty queues.
pub(crate) fn create_planner<O, T, N, Q>(stack: TestStack<O, T, N>) -> Planner<O, T, N, Q, MemoryPackages>
where
    O: Objects + Clone,
    T: LedgerTable + Clone,
    N: Channel + Clone,
    Q: Sender + Default,
{
    Planner {
        config: stack.config_source(),
        models: stack.model_notifier(),
        archives: stack.objects,
        ledger: stack.ledger,
        notifier: stack.notifier,
        packages: MemoryPackages::default(),
        requests: Q::default(),
        uploads: Q::default(),
        config_queues: Vec::new(),
        model_buckets: ModelBuckets::new(MODEL_BUCKET, Vec::new()),
        artifact_buckets: Vec::new(),
        region: None,
        clock: stack.clock,
    }
}
