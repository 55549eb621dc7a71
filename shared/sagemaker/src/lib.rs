#![doc = include_str!("../README.md")]

mod client;
pub mod compilation_jobs;
mod concurrent_reads;
mod convert;
pub mod images;
pub mod model_packages;
pub mod partner_apps;
mod tags;
pub mod workteams;

pub use client::SageMakerClient;
pub use concurrent_reads::READ_LIMIT;
