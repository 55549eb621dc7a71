//! Runs the compilation functions with in-memory edges through histories that AWS permits: messages
//! that are duplicated, reordered and redelivered, calls that fail before or after their effect,
//! processes that crash between any two calls, and clocks that jump.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a test double: it fails by panicking")]

use std::io::{Write, stderr};

mod clock;
mod concurrent_runs;
mod exploration;
mod process;
mod simulated_stack;

pub use clock::{advance_clock, now};
pub use concurrent_runs::{ConcurrentRuns, PlanSize, SCENARIOS};
pub use exploration::{Explored, FaultBudget, World, explore_interleavings};
pub use process::{CallControl, CallFault, Process, interleave};
pub use simulated_stack::{HistoryStep, ScheduledFault, SimulatedStack};

/// Prints a result that is of interest although its test passes: the test harness captures only
/// what the macros print.
pub fn print_result(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
