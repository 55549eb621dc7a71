//! Everything the emulator remembers, and how it changes with time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::bus::Deliveries;
use crate::clock::Clock;
use crate::compilation::{CompilationJobs, Compiled, Work};
use crate::effects::Effect;
use crate::faults::Faults;
use crate::image::Images;
use crate::journal::Journal;
use crate::partner_app::PartnerApps;
use crate::settings::{Owner, Settings};
use crate::tags::Tags;
use crate::workteam::{JobScript, Workteams};

/// The window of the request rate.
const SECOND: Duration = Duration::from_secs(1);

/// The state behind all operations. Whoever holds it owns the moment: nothing in here waits.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub clock: Clock,
    pub settings: Settings,
    /// What `reset` goes back to.
    pub initial: Settings,
    pub owner: Owner,
    pub faults: Faults,
    pub journal: Journal,
    pub compilation: CompilationJobs,
    pub partner_apps: PartnerApps,
    pub images: Images,
    pub tags: Tags,
    pub workteams: Workteams,
    /// Whether S3 is there: then a compilation ends when its artifact is written.
    pub has_s3: bool,
    /// What is to happen outside, in order; taken out after each change.
    pub effects: Vec<Effect>,
    /// What became of the events.
    pub deliveries: Deliveries,
    answered: VecDeque<Instant>,
}

/// The parts of the world that decide how a job goes on.
pub(crate) struct Surroundings<'a> {
    pub settings: &'a Settings,
    pub faults: &'a mut Faults,
    pub has_s3: bool,
    pub effects: &'a mut Vec<Effect>,
}

impl World {
    pub fn new(settings: Settings, owner: Owner, has_s3: bool) -> Self {
        Self { initial: settings.clone(), settings, owner, has_s3, ..Self::default() }
    }

    /// Lets everything happen that is due by now.
    pub fn settle(&mut self) {
        let now = self.clock.now();
        let (jobs, mut around) = self.compilation_and_surroundings();
        jobs.settle(now, &mut around);
        self.partner_apps.settle(now, &mut self.faults);
        self.images.settle(now, &mut self.faults, &mut self.effects);
        self.workteams.settle(now, &mut self.effects);
    }

    /// When the next change is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = [
            self.compilation.next_due(),
            self.partner_apps.next_due(),
            self.images.next_due(),
            self.workteams.next_due(),
        ];
        due.into_iter().flatten().min()
    }

    pub fn compilation_and_surroundings(&mut self) -> (&mut CompilationJobs, Surroundings<'_>) {
        let around = Surroundings {
            settings: &self.settings,
            faults: &mut self.faults,
            has_s3: self.has_s3,
            effects: &mut self.effects,
        };
        (&mut self.compilation, around)
    }

    /// All compilation jobs as Describe shows them.
    pub fn compilation_jobs(&self) -> Vec<serde_json::Value> {
        self.compilation.all().map(|job| job.description(&self.owner.region)).collect()
    }

    /// Starts a labeling job, or adds objects to one; the job as Describe shows it.
    pub fn label(&mut self, script: &JobScript) -> Result<serde_json::Value, String> {
        self.workteams.run(script, &self.owner, self.clock.now(), &mut self.effects)
    }

    /// Ends a compilation whose work outside is done.
    pub fn compiled(&mut self, work: &Work, result: Result<Compiled, String>) {
        let now = self.clock.now();
        self.compilation.finish(work, result, now, &mut self.effects);
    }

    /// Whether one more request is within the rate; if so, it counts.
    pub fn admit(&mut self) -> bool {
        let Some(limit) = self.settings.max_rps else {
            return true;
        };
        let now = Instant::now();
        while self.answered.front().is_some_and(|at| now.duration_since(*at) >= SECOND) {
            self.answered.pop_front();
        }
        let admitted = self.answered.len() < limit;
        if admitted {
            self.answered.push_back(now);
        }
        admitted
    }

    /// Back to the start: no resources, faults and requests, the initial settings, the machine's clock.
    pub fn reset(&mut self) {
        self.compilation = CompilationJobs::default();
        self.partner_apps = PartnerApps::default();
        self.images = Images::default();
        self.tags = Tags::default();
        self.workteams = Workteams::default();
        self.faults.clear();
        self.journal.clear();
        self.settings = self.initial.clone();
        self.clock = Clock::default();
        self.effects.clear();
        self.answered.clear();
    }
}
