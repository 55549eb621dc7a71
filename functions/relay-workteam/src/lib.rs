//! Forwards work team notifications with their labeling jobs, progress and worker portal.

pub mod handler;
