//! Records the status of compilation jobs and publishes notifications about them.

mod artifact;
mod handler;

pub use handler::JobRelay;
