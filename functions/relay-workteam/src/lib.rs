//! Forwards messages to work teams with their labeling jobs, progress and worker portal.

mod handler;

pub use handler::{QUERY_TIMEOUT, TeamRelay};
