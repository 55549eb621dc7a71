//! Starts and stops compilation jobs.

mod handler;

pub use handler::Starter;
