//! Runs two processes in every possible order of their calls, with a crash in every call.
//!
//! A future cannot be copied, so a state is reached by running a copy of the world again from its
//! start. Two states are the same if the worlds are the same and each process has received the same
//! responses; a state that was reached before is not explored again.

use std::{
    collections::HashSet,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    ops::AddAssign,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tokio::runtime::Builder;
use worker::Failure;

use crate::{
    clock::{now, restore_clock},
    process::{CallControl, CallFault, Process},
};

/// A world in which two processes run at the same time.
pub trait World: Sized {
    /// An independent copy.
    #[must_use]
    fn fork(&self) -> Self;

    /// The work of the process `number`, 0 or 1.
    fn run_process(&self, number: usize, calls: &CallControl) -> impl Future<Output = Result<(), Failure>>;

    /// Identifies the contents of the world, except for its clock, which stands still.
    fn fingerprint(&self) -> u64;

    /// Runs without faults until nothing is left to do, and checks what must hold then. Panics if
    /// it does not.
    fn check_outcome(&mut self, results: [Result<(), Failure>; 2]) -> impl Future<Output = ()>;
}

/// What an exploration covers.
#[derive(Debug, Clone, Copy)]
pub struct FaultBudget {
    /// Faults in one run.
    pub faults: usize,
    pub kinds: &'static [CallFault],
    /// How often a run changes from one process to the other before one of them has ended.
    pub switches: usize,
}

impl FaultBudget {
    /// No fault, and the first process is interrupted at any call by the second one, which is
    /// interrupted at any call as well.
    pub const TWO_SWITCHES: Self = Self { faults: 0, kinds: &[], switches: 2 };

    /// One crash. A crash before a call is the same as one after the call before it.
    pub const ONE_CRASH: Self = Self { faults: 1, kinds: &[CallFault::CrashAfter], switches: usize::MAX };

    /// One fault of any kind.
    pub const ONE_FAULT: Self = Self {
        faults: 1,
        kinds: &[CallFault::CrashAfter, CallFault::LostRequest, CallFault::LostResponse, CallFault::Refused],
        switches: usize::MAX,
    };
}

/// What was explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Of these, different ends of both processes, each of which was checked.
    pub ends: usize,
    /// Histories: runs from the start, each with other choices.
    pub runs: usize,
}

impl AddAssign for Explored {
    fn add_assign(&mut self, other: Self) {
        self.states += other.states;
        self.ends += other.ends;
        self.runs += other.runs;
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states in {} histories, with {} different ends", self.states, self.runs, self.ends)
    }
}

/// The next step of a run: which process makes its next call, and what goes wrong in it.
#[derive(Debug, Clone, Copy)]
struct Choice {
    process: usize,
    fault: Option<CallFault>,
}

/// Threads that explore one world: most of the time they wait for the pauses between two tries to
/// write a contended row.
const THREADS: usize = 8;

/// Explores every order of the calls of the two processes of a world, beginning now.
pub fn explore_interleavings(start: &(impl World + Sync), budget: FaultBudget) -> Explored {
    let explorer = Explorer { budget, time: now(), progress: Mutex::default() };
    explorer.lock_progress().todo.push(Vec::new());
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(|| explorer.explore_paths(start)));
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
    let progress = explorer.lock_progress();
    Explored { states: progress.seen.len(), ends: progress.ends, runs: progress.runs }
}

struct Explorer {
    budget: FaultBudget,
    time: Timestamp,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    seen: HashSet<u64>,
    /// Paths to states whose successors were not explored.
    todo: Vec<Vec<Choice>>,
    /// Threads that may add further paths.
    busy: usize,
    ends: usize,
    runs: usize,
    /// Whether a check has failed.
    has_failed: bool,
}

impl Explorer {
    fn lock_progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Explores paths until none are left.
    fn explore_paths(&self, start: &impl World) {
        let Ok(runtime) = Builder::new_current_thread().enable_time().build() else { panic!("no runtime") };
        loop {
            let mut progress = self.lock_progress();
            let next = progress.todo.pop();
            if next.is_none() && progress.busy == 0 || progress.has_failed {
                return;
            }
            progress.busy += usize::from(next.is_some());
            drop(progress);
            let Some(choices) = next else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            restore_clock(self.time);
            let run = || runtime.block_on(self.run_path(start.fork(), choices));
            let result = catch_unwind(AssertUnwindSafe(run));
            let mut progress = self.lock_progress();
            (progress.busy, progress.runs) = (progress.busy - 1, progress.runs + 1);
            if let Err(panic) = result {
                progress.has_failed = true;
                drop(progress);
                resume_unwind(panic);
            }
        }
    }

    /// Runs the given choices, and then any until both processes have ended or a known state is
    /// reached. The other choices on this way are explored later.
    async fn run_path<W: World>(&self, mut world: W, mut choices: Vec<Choice>) {
        let Some(results) = self.run_to_end(&world, &mut choices).await else { return };
        self.lock_progress().ends += 1;
        let _path = PathReport(&choices);
        world.check_outcome(results).await;
    }

    /// Returns how the processes have ended; `None` if a known state was reached.
    async fn run_to_end<W: World>(&self, world: &W, choices: &mut Vec<Choice>) -> Option<[Result<(), Failure>; 2]> {
        let calls = [CallControl::default(), CallControl::default()];
        let mut processes = [
            Process::start(&calls[0], world.run_process(0, &calls[0])).await,
            Process::start(&calls[1], world.run_process(1, &calls[1])).await,
        ];
        for choice in choices.iter() {
            make_choice(*choice, &mut processes, &calls).await;
        }
        loop {
            let faults = choices.iter().filter(|choice| choice.fault.is_some()).count();
            let mut hasher = DefaultHasher::new();
            (world.fingerprint(), faults).hash(&mut hasher);
            let switches = count_switches(choices);
            if self.budget.switches < usize::MAX {
                (switches, choices.last().map(|choice| choice.process)).hash(&mut hasher);
            }
            for (process, calls) in processes.iter().zip(&calls) {
                process.outcome().map_or_else(|| calls.knowledge().to_string(), str::to_owned).hash(&mut hasher);
            }
            if !self.lock_progress().seen.insert(hasher.finish()) {
                return None;
            }
            let mut next = self.list_choices(&processes, faults);
            if switches >= self.budget.switches
                && let Some(last) = choices.last()
                && !processes[last.process].has_ended()
            {
                next.retain(|choice| choice.process == last.process);
            }
            let Some(choice) = next.pop() else { break };
            let others = next.into_iter().map(|other| [choices.as_slice(), &[other]].concat());
            self.lock_progress().todo.extend(others);
            make_choice(choice, &mut processes, &calls).await;
            choices.push(choice);
        }
        let [first, second] = processes;
        Some([first.finish().await, second.finish().await])
    }

    fn list_choices(&self, processes: &[Process<'_>; 2], faults: usize) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (process, _) in processes.iter().enumerate().filter(|(_, process)| !process.has_ended()) {
            if faults < self.budget.faults {
                choices.extend(self.budget.kinds.iter().map(|fault| Choice { process, fault: Some(*fault) }));
            }
            choices.push(Choice { process, fault: None });
        }
        choices
    }
}

fn count_switches(choices: &[Choice]) -> usize {
    choices.windows(2).filter(|pair| pair[0].process != pair[1].process).count()
}

async fn make_choice(choice: Choice, processes: &mut [Process<'_>; 2], calls: &[CallControl; 2]) {
    if let Some(fault) = choice.fault {
        calls[choice.process].fail_next_call(fault);
    }
    processes[choice.process].advance().await;
}

/// Prints the choices that led to a failed check.
struct PathReport<'a>(&'a [Choice]);

impl Drop for PathReport<'_> {
    #[allow(clippy::print_stderr, reason = "shows how to reproduce a failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps: Vec<_> = self
                .0
                .iter()
                .map(|choice| match choice.fault {
                    None => choice.process.to_string(),
                    Some(fault) => format!("{} {fault:?}", choice.process),
                })
                .collect();
            eprintln!("The calls were made by the processes in this order: {}", steps.join(", "));
        }
    }
}
