//! Runs the four compilation handlers with in-memory edges through histories that AWS permits:
//! messages that are duplicated, reordered and redelivered, calls that fail before or after their
//! effect, processes that crash between any two calls, and clocks that jump.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a test double: it fails by panicking")]

mod clock;
mod crashes;
mod simulated_stack;

pub use clock::{advance_clock, now};
pub use crashes::{CrashSchedule, CrashingEdge};
pub use simulated_stack::{HistoryStep, SimulatedStack};
