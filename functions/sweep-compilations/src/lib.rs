//! Finds compilation jobs whose status changes were not reported.
//!
//! Events are for speed, the sweep is for truth: if no event ever arrived, every status change
//! would still be published, only later. Its order follows from what a busy account does to it:
//!
//! 1. **Parked requests first.** A throttled or slow SageMaker must not keep them waiting:
//!    releasing them needs no call to SageMaker.
//! 2. **Own running jobs next**, looked up by name, 20 per sweep in turn. Their number is bounded
//!    by the account's quota; the number of past jobs is not.
//! 3. **The list of jobs last**, newest first, to find jobs not started by this stack. SageMaker
//!    filters after it has cut the pages, and lists past jobs of years: an account with history
//!    would otherwise use up every sweep with pages that are empty.
//!
//! Every call counts against one budget of calls and time. What does not fit is left to the next
//! sweep, which continues at the stored position. If a step is changed to loop until everything is
//! seen, a sweep on an account with 200,000 past jobs never ends; the tests count calls for that
//! reason.

mod call_budget;
mod handler;
mod job_list;
mod running_jobs;
mod waits;

pub use call_budget::CALL_PAUSE;
pub use handler::{SweepReport, Sweeper};
