//! Finds compilation jobs whose status changes were not reported.

mod handler;

pub use handler::{SweepReport, Sweeper};
