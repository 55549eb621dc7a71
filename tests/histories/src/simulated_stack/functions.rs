//! The functions of the stack, with edges whose calls are controlled.

use std::time::Duration;

use automation::{ConfigSource, ForeignJobs, ModelBuckets, ModelNotifier};
use ledger::Ledger;
use notifications::notifier::Notifier;
use plan_compilation::Planner;
use relay_compilation::JobRelay;
use start_compilation::Starter;
use support::{MemoryJobs, MemoryObjects, MemoryPackages, MemoryQueue, MemoryTable, MemoryTopic};
use sweep_compilations::Sweeper;

use super::SimulatedStack;
use crate::{clock::now, process::CallControl};

type ControlledEdge<E> = support::ControlledEdge<E, CallControl>;

type ControlledPlanner = Planner<
    ControlledEdge<MemoryObjects>,
    ControlledEdge<MemoryTable>,
    ControlledEdge<MemoryTopic>,
    ControlledEdge<MemoryQueue>,
    ControlledEdge<MemoryPackages>,
>;

type ControlledStarter = Starter<
    ControlledEdge<MemoryJobs>,
    ControlledEdge<MemoryTable>,
    ControlledEdge<MemoryQueue>,
    ControlledEdge<MemoryPackages>,
>;

type ControlledRelay = JobRelay<
    ControlledEdge<MemoryJobs>,
    ControlledEdge<MemoryTable>,
    ControlledEdge<MemoryTopic>,
    ControlledEdge<MemoryQueue>,
    ControlledEdge<MemoryObjects>,
>;

type ControlledSweeper = Sweeper<
    ControlledEdge<MemoryJobs>,
    ControlledEdge<MemoryTable>,
    ControlledEdge<MemoryQueue>,
    ControlledEdge<MemoryTopic>,
>;

impl SimulatedStack {
    fn create_ledger(&self, calls: &CallControl) -> Ledger<ControlledEdge<MemoryTable>> {
        Ledger::new(control_edge(&self.table, calls), now)
    }

    fn create_notifier(
        &self,
        calls: &CallControl,
    ) -> Notifier<ControlledEdge<MemoryTable>, ControlledEdge<MemoryTopic>> {
        let notifier = Notifier::new(self.create_ledger(calls), control_edge(&self.topic, calls));
        match &self.bus {
            Some(bus) => notifier.with_bus(control_edge(bus, calls)),
            None => notifier,
        }
    }

    pub(super) fn create_planner(&self, calls: &CallControl) -> ControlledPlanner {
        let ledger = self.create_ledger(calls);
        let notifier = self.create_notifier(calls);
        let objects = control_edge(&self.objects, calls);
        Planner {
            packages: control_edge(&self.packages, calls),
            models: ModelNotifier::new(ledger.clone(), notifier.clone(), objects.clone(), "artifacts".to_owned()),
            config: ConfigSource::new(objects.clone(), "config".to_owned(), "automation.yaml".to_owned()),
            archives: objects,
            ledger,
            notifier,
            requests: control_edge(&self.requests, calls),
            uploads: control_edge(&self.uploads, calls),
            config_queues: Vec::new(),
            model_buckets: ModelBuckets::new("models", Vec::new()),
            artifact_buckets: Vec::new(),
            region: None,
            clock: now,
        }
    }

    pub(super) fn create_starter(&self, calls: &CallControl) -> ControlledStarter {
        Starter {
            packages: control_edge(&self.packages, calls),
            jobs: control_edge(&self.jobs, calls),
            ledger: self.create_ledger(calls),
            job_states: control_edge(&self.job_states, calls),
            role_arn: "role".to_owned(),
        }
    }

    pub(super) fn create_relay(&self, calls: &CallControl) -> ControlledRelay {
        let ledger = self.create_ledger(calls);
        let notifier = self.create_notifier(calls);
        let objects = control_edge(&self.objects, calls);
        JobRelay {
            jobs: control_edge(&self.jobs, calls),
            models: ModelNotifier::new(ledger.clone(), notifier.clone(), objects, "artifacts".to_owned()),
            ledger,
            notifier,
            requests: control_edge(&self.requests, calls),
            foreign: ForeignJobs::default(),
            clock: now,
        }
    }

    pub(crate) fn create_sweeper(&self, calls: &CallControl) -> ControlledSweeper {
        let ledger = self.create_ledger(calls);
        Sweeper {
            jobs: control_edge(&self.jobs, calls),
            notifier: self.create_notifier(calls),
            ledger,
            job_states: control_edge(&self.job_states, calls),
            requests: control_edge(&self.requests, calls),
            foreign: ForeignJobs::default(),
            call_pause: Duration::ZERO,
            clock: now,
        }
    }
}

fn control_edge<E: Clone>(edge: &E, calls: &CallControl) -> ControlledEdge<E> {
    ControlledEdge { edge: edge.clone(), calls: calls.clone() }
}
