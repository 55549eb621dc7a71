//! Edges (clients of AWS services) whose calls a test controls.

use std::{fmt::Debug, future::Future};

use automation::{
    event::ObjectCreated,
    objects::{Object, ObjectHead, ObjectPage, Objects, OpenError},
};
use jiff::Timestamp;
use ledger::{LedgerRow, LedgerTable, List, ListRange, Versioned};
use neo::{CompilationRequest, JobDescription, ModelPackageArn};
use notifications::{Channel, Notification};
use sagemaker::{
    compilation_jobs::{CompilationJobs, CreateJobError, JobPage},
    model_packages::{ApprovedPage, GroupPage, ModelPackages},
};
use worker::{CallError, queue::Sender};

/// What happens to the calls of an edge.
pub trait EdgeCalls: Sync {
    /// Makes a call, or fails in its place.
    fn run_call<T: Debug + Send, E: From<CallError> + Debug + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> impl Future<Output = Result<T, E>> + Send;

    /// [`Self::run_call`] for a response that is always the same.
    fn run_unrecorded<T: Send, E: From<CallError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> impl Future<Output = Result<T, E>> + Send;
}

/// An edge whose calls are controlled.
#[derive(Debug, Clone, Default)]
pub struct ControlledEdge<E, C> {
    pub edge: E,
    pub calls: C,
}

impl<E: LedgerTable, C: EdgeCalls> LedgerTable for ControlledEdge<E, C> {
    async fn get_row<R: LedgerRow>(&self, key: &str) -> Result<Option<Versioned<R>>, CallError> {
        self.calls.run_call(self.edge.get_row(key)).await
    }

    async fn get_rows<R: LedgerRow>(&self, keys: &[String]) -> Result<Vec<R>, CallError> {
        self.calls.run_call(self.edge.get_rows(keys)).await
    }

    async fn list_rows<R: LedgerRow>(&self, list: List, range: ListRange, count: usize) -> Result<Vec<R>, CallError> {
        self.calls.run_call(self.edge.list_rows(list, range, count)).await
    }

    async fn put_row<R: LedgerRow>(
        &self,
        key: &str,
        expected_revision: Option<u64>,
        row: &R,
        expires_at: Timestamp,
    ) -> Result<bool, CallError> {
        self.calls.run_call(self.edge.put_row(key, expected_revision, row, expires_at)).await
    }
}

impl<E: Sender, C: EdgeCalls> Sender for ControlledEdge<E, C> {
    async fn send_bodies(&self, bodies: Vec<String>) -> Result<(), CallError> {
        self.calls.run_call(self.edge.send_bodies(bodies)).await
    }
}

impl<E: Objects, C: EdgeCalls> Objects for ControlledEdge<E, C> {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        self.calls.run_unrecorded(self.edge.open_object(object)).await
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        self.calls.run_call(self.edge.find_object(bucket, key)).await
    }

    async fn list_objects(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, CallError> {
        self.calls.run_call(self.edge.list_objects(bucket, prefix, after)).await
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        self.calls.run_call(self.edge.list_versions(bucket, key)).await
    }

    async fn write_object(&self, bucket: &str, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.calls.run_call(self.edge.write_object(bucket, key, content_type, bytes)).await
    }
}

impl<E: Channel, C: EdgeCalls> Channel for ControlledEdge<E, C> {
    async fn publish(&self, notification: &Notification) -> Result<(), CallError> {
        self.calls.run_call(self.edge.publish(notification)).await
    }
}

impl<E: CompilationJobs, C: EdgeCalls> CompilationJobs for ControlledEdge<E, C> {
    async fn create_job(&self, request: &CompilationRequest, role_arn: &str) -> Result<(), CreateJobError> {
        self.calls.run_call(self.edge.create_job(request, role_arn)).await
    }

    async fn describe_job(&self, name: &str) -> Result<Option<JobDescription>, CallError> {
        self.calls.run_call(self.edge.describe_job(name)).await
    }

    async fn stop_job(&self, name: &str) -> Result<(), CallError> {
        self.calls.run_call(self.edge.stop_job(name)).await
    }

    async fn list_newest(&self, page: Option<String>) -> Result<JobPage, CallError> {
        self.calls.run_call(self.edge.list_newest(page)).await
    }
}

impl<E: ModelPackages, C: EdgeCalls> ModelPackages for ControlledEdge<E, C> {
    async fn list_groups(&self, page: Option<String>) -> Result<GroupPage, CallError> {
        self.calls.run_call(self.edge.list_groups(page)).await
    }

    async fn list_approved(&self, group: &str, page: Option<String>) -> Result<Option<ApprovedPage>, CallError> {
        self.calls.run_call(self.edge.list_approved(group, page)).await
    }

    async fn find_approval(&self, package: &ModelPackageArn) -> Result<Option<String>, CallError> {
        self.calls.run_call(self.edge.find_approval(package)).await
    }
}
