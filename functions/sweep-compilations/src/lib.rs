//! Finds compilation jobs whose status changes were not reported.

mod call_budget;
mod handler;
mod job_list;
mod running_jobs;
mod waits;

pub use call_budget::CALL_PAUSE;
pub use handler::{SweepReport, Sweeper};
