//! Edges (clients of AWS services) whose calls fail at and after a scheduled crash of the process.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use automation::{
    event::ObjectCreated,
    objects::{Object, ObjectHead, Objects, OpenError},
};
use jiff::Timestamp;
use ledger::{LedgerRow, LedgerTable, List, ListRange, Versioned};
use neo::{CompilationRequest, JobDescription};
use notifications::{Notification, sns::Topic};
use sagemaker::compilation_jobs::{CompilationJobs, CreateJobError, JobPage};
use worker::{CallError, CallErrorKind, queue::Sender};

/// The edge call in which the process crashes.
#[derive(Debug, Clone, Default)]
pub struct CrashSchedule {
    calls_left: Arc<AtomicUsize>,
}

/// The behavior of one call.
enum CallBehavior {
    Normal,
    /// The call takes effect, but the process crashes before it receives the response.
    LostResponse,
    /// The process has crashed; the call has no effect.
    Crashed,
}

impl CrashSchedule {
    /// A process that crashes in its call number `calls` (counted from 0), after the call's effect.
    pub fn crash_in_call(calls: usize) -> Self {
        Self { calls_left: Arc::new(AtomicUsize::new(calls)) }
    }

    pub fn without_crash() -> Self {
        Self::crash_in_call(usize::MAX)
    }

    /// An edge of the process that crashes by this schedule.
    pub fn wrap_edge<E: Clone>(&self, edge: &E) -> CrashingEdge<E> {
        CrashingEdge { edge: edge.clone(), crashes: self.clone() }
    }

    fn next_behavior(&self) -> CallBehavior {
        match self.calls_left.load(Ordering::Relaxed) {
            usize::MAX => CallBehavior::Normal,
            // The process crashes in this call, after its effect.
            0 => {
                self.calls_left.store(CRASHED, Ordering::Relaxed);
                CallBehavior::LostResponse
            }
            CRASHED => CallBehavior::Crashed,
            left => {
                self.calls_left.store(left - 1, Ordering::Relaxed);
                CallBehavior::Normal
            }
        }
    }

    async fn run_call<T, E: From<CallError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let crashed = || CallError::local(CallErrorKind::Unanswered, "the process has crashed");
        // Lets concurrent invocations interleave their calls.
        tokio::task::yield_now().await;
        match self.next_behavior() {
            CallBehavior::Normal => call.await,
            CallBehavior::LostResponse => {
                let _ = call.await;
                Err(crashed().into())
            }
            CallBehavior::Crashed => Err(crashed().into()),
        }
    }
}

/// Value of `calls_left` after the crash. No history makes that many calls.
const CRASHED: usize = usize::MAX - 1;

/// An edge whose calls fail as scheduled.
#[derive(Debug, Clone)]
pub struct CrashingEdge<E> {
    pub edge: E,
    pub crashes: CrashSchedule,
}

impl<E: LedgerTable> LedgerTable for CrashingEdge<E> {
    async fn get_row<R: LedgerRow>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        self.crashes.run_call(self.edge.get_row(key)).await
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        self.crashes.run_call(self.edge.get_rows(keys)).await
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        self.crashes.run_call(self.edge.list_rows(list, range, count)).await
    }

    async fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> Result<bool, CallError> {
        self.crashes.run_call(self.edge.put_row(key, expected_revision, row, expires_at)).await
    }
}

impl<E: Sender> Sender for CrashingEdge<E> {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.crashes.run_call(self.edge.send_bodies(bodies)).await
    }
}

impl<E: Objects> Objects for CrashingEdge<E> {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        self.crashes.run_call(self.edge.open_object(object)).await
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        self.crashes.run_call(self.edge.find_object(bucket, key)).await
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        self.crashes.run_call(self.edge.list_versions(bucket, key)).await
    }

    async fn write_object(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.crashes.run_call(self.edge.write_object(bucket, key, content_type, bytes)).await
    }
}

impl<E: Topic> Topic for CrashingEdge<E> {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        self.crashes.run_call(self.edge.publish(notification)).await
    }
}

impl<E: CompilationJobs> CompilationJobs for CrashingEdge<E> {
    async fn create_job(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateJobError> {
        self.crashes.run_call(self.edge.create_job(request, role_arn)).await
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.crashes.run_call(self.edge.describe_job(name)).await
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        self.crashes.run_call(self.edge.stop_job(name)).await
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        self.crashes.run_call(self.edge.list_newest(page)).await
    }
}
