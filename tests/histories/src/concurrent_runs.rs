//! Two runs of the functions at the same time, for every step of the protocol of the ledger.

use std::hash::{DefaultHasher, Hasher};

use worker::Failure;

use crate::simulated_stack::SWEEP_LIMIT;
use crate::{CallControl, HistoryStep, SimulatedStack, clock::advance_clock, exploration::World};

/// A run of a function.
#[derive(Debug, Clone)]
enum Run {
    Delivery { queue: u8, body: String },
    Sweep,
}

/// The queues of a [`SimulatedStack`].
const UPLOADS: u8 = 0;
const REQUESTS: u8 = 1;
const JOB_STATES: u8 = 2;

/// Two targets: with two uploads, the smallest case in which everything can go wrong.
const TARGETS: &[&str] = &["ml_c5", "ml_m5"];

/// How many targets the scenarios have in which an upload is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanSize {
    /// One: plan-compilation makes few calls, and all their orders are explored in a minute.
    OneTarget,
    TwoTargets,
}

impl PlanSize {
    fn targets(self) -> &'static [&'static str] {
        match self {
            Self::OneTarget => &TARGETS[..1],
            Self::TwoTargets => TARGETS,
        }
    }
}

/// Every pair of runs that share rows: each exists with two uploads or one, and two targets.
pub const SCENARIOS: [&str; 17] = [
    "two deliveries of one upload",
    "two uploads of the same bytes",
    "two versions of one key",
    "two deliveries of one request",
    "a request beyond the quota, and the end of a job",
    "the end of a job, and the sweep, release one request",
    "a newer version, and the start of the older one",
    "a newer version, and the retry of the older one",
    "the stop and the start of one job",
    "two observations of one end",
    "the sweep, and an observation",
    "the ends of the last two jobs",
    "the end of the last job, and a failure that is retried",
    "an upload joins a job that is retried",
    "the sweep, and an observation of a deleted job",
    "two deliveries of one replay",
    "a replay, and the last failure of the upload",
];

type Targets = &'static [&'static str];

/// A stack in which two functions run at the same time.
pub struct ConcurrentRuns {
    stack: SimulatedStack,
    runs: [Run; 2],
}

impl World for ConcurrentRuns {
    fn fork(&self) -> Self {
        Self { stack: self.stack.fork(), runs: self.runs.clone() }
    }

    async fn run_process(&self, number: usize, calls: &CallControl) -> Result<(), Failure> {
        match &self.runs[number] {
            Run::Delivery { queue, body } => self.stack.handle_message(*queue, Some(body), calls).await,
            Run::Sweep => Ok(self.stack.create_sweeper(calls).run_sweep(SWEEP_LIMIT).await.map(drop)?),
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.stack.hash_contents(&mut hasher);
        hasher.finish()
    }

    async fn check_outcome(&mut self, results: [Result<(), Failure>; 2]) {
        for (run, result) in self.runs.iter().zip(results) {
            self.stack.finish_run(run.to_message(), result);
        }
        self.stack.run_until_idle().await;
        self.stack.check_invariants();
    }
}

impl Run {
    fn to_message(&self) -> Option<(u8, String)> {
        match self {
            Self::Delivery { queue, body } => Some((*queue, body.clone())),
            Self::Sweep => None,
        }
    }
}

impl ConcurrentRuns {
    /// Builds the stack of one of [`SCENARIOS`].
    pub async fn build(scenario: &str, size: PlanSize) -> Self {
        let targets = size.targets();
        match scenario {
            "two deliveries of one upload" => Self::plan_twice(targets),
            "two uploads of the same bytes" => Self::plan_same_bytes(targets),
            "two versions of one key" => Self::plan_versions(targets),
            "two deliveries of one request" => Self::start_twice().await,
            "a request beyond the quota, and the end of a job" => Self::park_and_release().await,
            "the end of a job, and the sweep, release one request" => Self::release_twice().await,
            "a newer version, and the start of the older one" => Self::supersede_and_start(targets).await,
            "a newer version, and the retry of the older one" => Box::pin(Self::supersede_and_retry(targets)).await,
            "the stop and the start of one job" => Self::stop_and_start().await,
            "two observations of one end" => Self::observe_twice().await,
            "the sweep, and an observation" => Self::sweep_and_observe().await,
            "the ends of the last two jobs" => Self::observe_last_two(false).await,
            "the end of the last job, and a failure that is retried" => Self::observe_last_two(true).await,
            "an upload joins a job that is retried" => Box::pin(Self::join_and_retry(targets)).await,
            "the sweep, and an observation of a deleted job" => Self::sweep_deleted().await,
            "two deliveries of one replay" => Self::replay_twice(targets).await,
            "a replay, and the last failure of the upload" => Self::replay_and_fail(targets).await,
            _ => panic!("there is no scenario {scenario}"),
        }
    }

    /// Takes the first message of each of two queues.
    fn deliver(stack: SimulatedStack, queues: [u8; 2]) -> Self {
        let runs = queues.map(|queue| {
            let body = stack.take_message(queue, 0).unwrap_or_else(|| panic!("queue {queue} is empty: {stack:#?}"));
            Run::Delivery { queue, body }
        });
        Self { stack, runs }
    }

    fn plan_twice(targets: Targets) -> Self {
        let mut stack = SimulatedStack::with_targets(targets);
        stack.upload_model(0, false, 2);
        Self::deliver(stack, [UPLOADS, UPLOADS])
    }

    fn plan_same_bytes(targets: Targets) -> Self {
        let mut stack = SimulatedStack::with_targets(targets);
        stack.upload_model(0, false, 1);
        stack.upload_model(0, false, 1);
        Self::deliver(stack, [UPLOADS, UPLOADS])
    }

    fn plan_versions(targets: Targets) -> Self {
        let mut stack = SimulatedStack::with_targets(targets);
        stack.upload_model(2, false, 1);
        stack.upload_model(2, true, 1);
        Self::deliver(stack, [UPLOADS, UPLOADS])
    }

    /// A stack with one planned upload, whose requests were not delivered.
    async fn planned(model: u8, targets: Targets) -> SimulatedStack {
        let mut stack = SimulatedStack::with_targets(targets);
        stack.upload_model(model, false, 1);
        stack.deliver_all(UPLOADS).await;
        stack
    }

    /// A stack with one upload, whose jobs are in progress.
    async fn compiling(model: u8, targets: Targets) -> SimulatedStack {
        let mut stack = Self::planned(model, targets).await;
        stack.deliver_all(REQUESTS).await;
        for job in 0..targets.len() {
            stack.progress_job(job, false);
        }
        stack.deliver_all(JOB_STATES).await;
        stack
    }

    async fn start_twice() -> Self {
        let stack = Self::planned(0, TARGETS).await;
        let Some(body) = stack.take_message(REQUESTS, 0) else { panic!("no request: {stack:#?}") };
        let run = Run::Delivery { queue: REQUESTS, body };
        Self { stack, runs: [run.clone(), run] }
    }

    async fn park_and_release() -> Self {
        let mut stack = Self::planned(0, TARGETS).await;
        let step = HistoryStep::Deliver {
            queue: REQUESTS,
            message: 0,
            fault: crate::ScheduledFault::NONE,
            acknowledged: true,
        };
        stack.run_step(&step).await;
        stack.progress_job(0, false);
        stack.progress_job(0, false);
        stack.run_step(&HistoryStep::ScriptResponses { which: 2, count: 1 }).await;
        Self::deliver(stack, [REQUESTS, JOB_STATES])
    }

    async fn release_twice() -> Self {
        let mut stack = Self::planned(0, TARGETS).await;
        stack.run_step(&HistoryStep::ScriptResponses { which: 2, count: 1 }).await;
        stack.deliver_all(REQUESTS).await;
        stack.progress_job(0, false);
        stack.progress_job(0, false);
        let body = stack.take_message(JOB_STATES, 0).unwrap_or_default();
        Self { stack, runs: [Run::Delivery { queue: JOB_STATES, body }, Run::Sweep] }
    }

    async fn supersede_and_start(targets: Targets) -> Self {
        let mut stack = Self::planned(2, targets).await;
        stack.upload_model(2, true, 1);
        Self::deliver(stack, [UPLOADS, REQUESTS])
    }

    async fn supersede_and_retry(targets: Targets) -> Self {
        let mut stack = Self::compiling(2, targets).await;
        stack.progress_job(0, true);
        stack.run_until_observed().await;
        stack.upload_model(2, true, 1);
        Self::deliver(stack, [UPLOADS, JOB_STATES])
    }

    async fn stop_and_start() -> Self {
        let mut stack = Self::planned(2, TARGETS).await;
        let Some(request) = stack.take_message(REQUESTS, 0) else { panic!("no request: {stack:#?}") };
        stack.upload_model(2, true, 1);
        stack.deliver_all(UPLOADS).await;
        let is_stop = |body: &String| body.contains("stop");
        let position = stack.queue_bodies(REQUESTS).read().iter().position(is_stop).unwrap_or_default();
        let body = stack.take_message(REQUESTS, position).unwrap_or_default();
        let runs = [body, request].map(|body| Run::Delivery { queue: REQUESTS, body });
        Self { stack, runs }
    }

    async fn observe_twice() -> Self {
        let mut stack = Self::compiling(0, TARGETS).await;
        stack.progress_job(0, false);
        stack.run_until_observed().await;
        let body = stack.take_message(JOB_STATES, 0).unwrap_or_default();
        let run = Run::Delivery { queue: JOB_STATES, body };
        Self { stack, runs: [run.clone(), run] }
    }

    async fn sweep_and_observe() -> Self {
        let mut stack = Self::compiling(0, TARGETS).await;
        stack.progress_job(0, false);
        stack.run_until_observed().await;
        let body = stack.take_message(JOB_STATES, 0).unwrap_or_default();
        Self { stack, runs: [Run::Sweep, Run::Delivery { queue: JOB_STATES, body }] }
    }

    /// With `fails`, one of the jobs fails on the side of SageMaker, so it is retried.
    async fn observe_last_two(fails: bool) -> Self {
        let mut stack = Self::compiling(0, TARGETS).await;
        stack.progress_job(0, fails);
        stack.progress_job(0, false);
        stack.run_until_observed().await;
        Self::deliver(stack, [JOB_STATES, JOB_STATES])
    }

    async fn join_and_retry(targets: Targets) -> Self {
        let mut stack = Self::compiling(0, targets).await;
        stack.progress_job(0, true);
        stack.run_until_observed().await;
        stack.upload_model(0, false, 1);
        Self::deliver(stack, [UPLOADS, JOB_STATES])
    }

    /// A stack whose jobs have failed because of the model, which was not observed yet.
    async fn failed(targets: Targets) -> SimulatedStack {
        let mut stack = Self::compiling(0, targets).await;
        for _ in targets {
            stack.progress_job(UNRETRIED_FAILURE, true);
        }
        stack.run_until_observed().await;
        stack
    }

    async fn replay_twice(targets: Targets) -> Self {
        let mut stack = Box::pin(Self::failed(targets)).await;
        stack.deliver_all(JOB_STATES).await;
        stack.replay_upload(0, 2);
        Self::deliver(stack, [UPLOADS, UPLOADS])
    }

    async fn replay_and_fail(targets: Targets) -> Self {
        let mut stack = Box::pin(Self::failed(targets)).await;
        while stack.queue_bodies(JOB_STATES).read().len() > 1 {
            stack.deliver_message(JOB_STATES, 0, &CallControl::without_faults(), true).await;
        }
        stack.replay_upload(0, 1);
        Self::deliver(stack, [UPLOADS, JOB_STATES])
    }

    async fn sweep_deleted() -> Self {
        let mut stack = Self::compiling(0, TARGETS).await;
        stack.progress_job(0, false);
        stack.run_until_observed().await;
        stack.delete_job(0);
        advance_clock(LONGER_THAN_THE_OVERLAP);
        let body = stack.take_message(JOB_STATES, 0).unwrap_or_default();
        let runs = [Run::Sweep, Run::Delivery { queue: JOB_STATES, body }];
        Self { stack, runs }
    }
}

/// A running job, counted in a circle: one with an odd number fails because of its model.
const UNRETRIED_FAILURE: usize = 1;

/// Longer than consecutive sweeps overlap, in seconds.
const LONGER_THAN_THE_OVERLAP: i64 = 20 * 60;
