//! Edges that fail: before their effect, after it, and once a process is dead, always.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use automation::{
    call::{CallError, Kind},
    compilation_jobs::{CompilationJobs, CreateError, JobPage},
    event::ObjectCreated,
    job::JobDescription,
    ledger::{List, Part, Row, Table, Versioned},
    notification::Notification,
    objects::{Object, Objects, OpenError},
    queue::Sender,
    topic::Topic,
};
use jiff::Timestamp;
use neo::CompilationRequest;

/// When the process dies: after this many more calls to an edge.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    calls_left: Arc<AtomicUsize>,
}

/// What becomes of one call.
enum Fate {
    Works,
    /// It has its effect, but nobody hears of it.
    Unheard,
    /// The process is dead.
    Dead,
}

impl Faults {
    /// A process that dies in its call number `calls` (from 0), after the call's effect.
    pub fn dies_in_call(calls: usize) -> Self {
        Self { calls_left: Arc::new(AtomicUsize::new(calls)) }
    }

    /// A process that lives.
    pub fn none() -> Self {
        Self::dies_in_call(usize::MAX)
    }

    fn fate(&self) -> Fate {
        match self.calls_left.load(Ordering::Relaxed) {
            usize::MAX => Fate::Works,
            // One past the call that killed it.
            0 => {
                self.calls_left.store(DEAD, Ordering::Relaxed);
                Fate::Unheard
            }
            DEAD => Fate::Dead,
            left => {
                self.calls_left.store(left - 1, Ordering::Relaxed);
                Fate::Works
            }
        }
    }

    async fn through<T, E: From<CallError>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let dead = || CallError::other("any call", Kind::Unanswered, "the process is dead");
        // Whoever runs at the same time takes turns here.
        tokio::task::yield_now().await;
        match self.fate() {
            Fate::Works => work.await,
            Fate::Unheard => {
                let _ = work.await;
                Err(dead().into())
            }
            Fate::Dead => Err(dead().into()),
        }
    }
}

/// Stands for "dead" among the calls left; no history makes as many calls.
const DEAD: usize = usize::MAX - 1;

/// An edge under faults.
#[derive(Debug, Clone)]
pub(crate) struct Faulty<E> {
    pub edge: E,
    pub faults: Faults,
}

impl<E: Table> Table for Faulty<E> {
    async fn get<R: Row>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        self.faults.through(self.edge.get(key)).await
    }

    async fn get_all<R: Row>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        self.faults.through(self.edge.get_all(keys)).await
    }

    async fn list<R: Row>(&self, list: List, part: Part, count: usize) -> Result<Vec<R>, CallError> {
        self.faults.through(self.edge.list(list, part, count)).await
    }

    async fn put<R: Row>(&self, key: &str, over: Option<u64>, row: &R, until: Timestamp) -> Result<bool, CallError> {
        self.faults.through(self.edge.put(key, over, row, until)).await
    }
}

impl<E: Sender> Sender for Faulty<E> {
    async fn send(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.faults.through(self.edge.send(bodies)).await
    }
}

impl<E: Objects> Objects for Faulty<E> {
    async fn open(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        self.faults.through(self.edge.open(object)).await
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        self.faults.through(self.edge.versions(bucket, key)).await
    }

    async fn write(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.faults.through(self.edge.write(bucket, key, content_type, bytes)).await
    }
}

impl<E: Topic> Topic for Faulty<E> {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        self.faults.through(self.edge.publish(notification)).await
    }
}

impl<E: CompilationJobs> CompilationJobs for Faulty<E> {
    async fn create(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateError> {
        self.faults.through(self.edge.create(request, role_arn)).await
    }

    async fn describe(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.faults.through(self.edge.describe(name)).await
    }

    async fn stop(&self, name: &str) -> Result<(), CallError> {
        self.faults.through(self.edge.stop(name)).await
    }

    async fn modified_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        page: Option<String>,
    ) -> Result<JobPage, CallError> {
        self.faults.through(self.edge.modified_between(after, until, page)).await
    }
}
