#![doc = include_str!("../README.md")]

mod client;
pub mod compilation_jobs;
mod convert;
pub mod images;
pub mod partner_apps;
mod tags;
pub mod workteams;

pub use client::SageMakerClient;
