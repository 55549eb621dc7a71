//! Starts and stops compilation jobs.

pub mod handler;
