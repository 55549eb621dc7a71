//! Records the status of compilation jobs and publishes notifications about them.

pub mod handler;
