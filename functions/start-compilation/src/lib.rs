//! A compilation request becomes a compilation job.

pub mod handler;
