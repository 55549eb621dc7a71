//! The complete state of the emulator, and its changes over time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    answer::epoch_seconds,
    clock::EmulatorClock,
    compilation::{CompilationJobStore, CompilationTask, CompiledArtifact},
    event_bus::DeliveryCounters,
    faults::PendingFaults,
    image::ImageStore,
    model_package::ModelPackageStore,
    partner_app::PartnerAppStore,
    request_log::RequestLog,
    settings::{EmulatorSettings, Owner},
    side_effect::SideEffect,
    tags::ResourceTags,
    workteam::{LabelingJobScript, WorkteamStore},
};

/// The window of the request rate limit.
const SECOND: Duration = Duration::from_secs(1);

/// The state behind all operations. It is used under a lock, so no method blocks or awaits.
#[derive(Debug, Default)]
pub(crate) struct EmulatorState {
    pub clock: EmulatorClock,
    pub settings: EmulatorSettings,
    /// The settings that a reset restores.
    pub initial: EmulatorSettings,
    pub owner: Owner,
    pub faults: PendingFaults,
    pub request_log: RequestLog,
    pub compilation: CompilationJobStore,
    pub partner_apps: PartnerAppStore,
    pub images: ImageStore,
    pub model_packages: ModelPackageStore,
    pub tags: ResourceTags,
    pub workteams: WorkteamStore,
    /// With S3, a compilation job ends when its artifact has been written.
    pub has_s3: bool,
    /// Pending side effects in order; drained after each change.
    pub effects: Vec<SideEffect>,
    pub deliveries: DeliveryCounters,
    /// Times of the requests that were admitted in the last second, by the operation whose rate is
    /// limited; `None` for the limit of all requests.
    admitted: BTreeMap<Option<String>, VecDeque<Instant>>,
    /// The last description that each request returned.
    shown: BTreeMap<String, Value>,
}

/// The parts of the state that a status change of a compilation job reads and modifies.
pub(crate) struct TransitionContext<'a> {
    pub settings: &'a EmulatorSettings,
    pub faults: &'a mut PendingFaults,
    pub has_s3: bool,
    pub effects: &'a mut Vec<SideEffect>,
}

impl EmulatorState {
    pub fn new(settings: EmulatorSettings, owner: Owner, has_s3: bool) -> Self {
        Self { initial: settings.clone(), settings, owner, has_s3, ..Self::default() }
    }

    /// Applies all changes that are due by now.
    pub fn apply_due_changes(&mut self) {
        let now = self.clock.now();
        let (jobs, mut context) = self.compilation_and_context();
        jobs.apply_due_changes(now, &mut context);
        self.partner_apps.apply_due_changes(now, &mut self.faults);
        self.images.apply_due_changes(now, &mut self.faults, &mut self.effects);
        self.workteams.apply_due_changes(now, &mut self.effects);
    }

    /// Changes the settings. The durations of compilation jobs also apply to running ones.
    pub fn change_settings(&mut self, settings: EmulatorSettings) {
        self.settings = settings;
        self.compilation.reschedule_changes(&self.settings);
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        let due = [
            self.compilation.next_due(),
            self.partner_apps.next_due(),
            self.images.next_due(),
            self.workteams.next_due(),
        ];
        due.into_iter().flatten().min()
    }

    pub fn compilation_and_context(&mut self) -> (&mut CompilationJobStore, TransitionContext<'_>) {
        let context = TransitionContext {
            settings: &self.settings,
            faults: &mut self.faults,
            has_s3: self.has_s3,
            effects: &mut self.effects,
        };
        (&mut self.compilation, context)
    }

    /// Returns all compilation jobs as `DescribeCompilationJob` shows them.
    pub fn compilation_jobs(&self) -> Vec<Value> {
        self.compilation.iter_jobs().map(|job| job.to_description(&self.owner.region)).collect()
    }

    /// Starts a labeling job, or adds objects to a running job of the same name. Returns the job as
    /// `DescribeLabelingJob` shows it.
    pub fn start_labeling_job(&mut self, script: &LabelingJobScript) -> Result<Value, String> {
        self.workteams.run_script(script, &self.owner, self.clock.now(), &mut self.effects)
    }

    /// Ends a compilation job whose task has finished.
    pub fn finish_compilation(&mut self, task: &CompilationTask, result: Result<CompiledArtifact, String>) {
        let now = self.clock.now();
        self.compilation.finish_task(task, result, now, &mut self.effects);
    }

    /// Whether the rate limits allow one more request. An allowed request is counted.
    pub fn admit_request(&mut self, operation: &str) -> bool {
        let is_list = operation.starts_with("List") && operation != "ListTags";
        let list_limit = self.settings.max_list_rps.filter(|_| is_list);
        self.admit_below(self.settings.max_rps, None) && self.admit_below(list_limit, Some(operation.to_owned()))
    }

    fn admit_below(&mut self, limit: Option<usize>, limited: Option<String>) -> bool {
        let Some(limit) = limit else {
            return true;
        };
        let now = Instant::now();
        let admitted = self.admitted.entry(limited).or_default();
        while admitted.front().is_some_and(|at| now.duration_since(*at) >= SECOND) {
            admitted.pop_front();
        }
        let has_room = admitted.len() < limit;
        if has_room {
            admitted.push_back(now);
        }
        has_room
    }

    /// What a `Describe` request returns if `current` is the state of its resource: the state that
    /// it returned last, as long as the last change is younger than the lag; `None` if it never
    /// returned one.
    pub fn delay_description(&mut self, request: String, current: Value) -> Option<Value> {
        let changed_at = current["LastModifiedTime"].as_f64().unwrap_or_default();
        let age = SignedDuration::try_from_secs_f64(epoch_seconds(self.clock.now()) - changed_at);
        let lag = SignedDuration::from_millis(self.settings.lag_ms.try_into().unwrap_or(i64::MAX));
        if age.is_ok_and(|age| age < lag) {
            return self.shown.get(&request).cloned();
        }
        self.shown.insert(request, current.clone());
        Some(current)
    }

    /// Forgets what a request returned: its resource was deleted.
    pub fn forget_description(&mut self, request: &str) {
        self.shown.remove(request);
    }

    /// Removes all resources, faults and logged requests, and restores the initial settings and the
    /// system clock.
    pub fn reset_state(&mut self) {
        self.compilation = CompilationJobStore::default();
        self.partner_apps = PartnerAppStore::default();
        self.images = ImageStore::default();
        self.model_packages = ModelPackageStore::default();
        self.tags = ResourceTags::default();
        self.workteams = WorkteamStore::default();
        self.faults.clear();
        self.request_log.clear();
        self.settings = self.initial.clone();
        self.clock = EmulatorClock::default();
        self.effects.clear();
        self.admitted.clear();
        self.shown.clear();
    }
}
