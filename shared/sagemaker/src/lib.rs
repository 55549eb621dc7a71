//! Amazon SageMaker: compilation jobs, work teams and labeling jobs, partner apps, images.
//!
//! The only crate that depends on `aws-sdk-sagemaker`, which takes minutes to compile. It also
//! enables the features of `hyper`, `hyper-util`, `regex`, `serde_json`, `tokio-util` and `tower`
//! that other packages of this workspace need: every selection of packages then resolves to the
//! same features, and the SDK is compiled once.

mod client;
pub mod compilation_jobs;
mod convert;
pub mod images;
pub mod partner_apps;
mod tags;
pub mod workteams;

pub use client::SageMakerClient;
