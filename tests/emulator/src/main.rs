//! The `SageMaker` emulator as a standalone process.
#![allow(clippy::doc_markdown)] // the comments on the flags are the help text

use std::{io::Write, path::PathBuf};

use clap::Parser;
use sagemaker_emulator::{Emulator, EmulatorSettings, MODEL_VARIABLE, Owner, ServiceModel};
use tokio::signal::unix::{SignalKind, signal};

/// SageMaker shows a change some time after it was made; how long is not documented.
const LAG_MS: u64 = 1_000;

/// Emulate the SageMaker operations that sagemaker-automation calls, on 127.0.0.1
#[derive(Debug, Parser)]
#[command(name = "sagemaker-emulator")]
struct EmulatorFlags {
    /// Service model of botocore (service-2.json.gz) [default: the one in the workspace's .venv]
    #[arg(long, env = MODEL_VARIABLE, value_name = "PATH")]
    service_model: Option<PathBuf>,
    /// Port to listen on; 0 selects a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Time a compilation job stays in the status STARTING
    #[arg(long, value_name = "MS", default_value_t = EmulatorSettings::default().starting_ms)]
    starting: u64,
    /// Time a compilation job stays in the status INPROGRESS
    #[arg(long, value_name = "MS", default_value_t = EmulatorSettings::default().in_progress_ms)]
    in_progress: u64,
    /// Time a compilation job stays in the status STOPPING
    #[arg(long, value_name = "MS", default_value_t = EmulatorSettings::default().stopping_ms)]
    stopping: u64,
    /// Time it takes to create or update a partner app or an image
    #[arg(long, value_name = "MS", default_value_t = EmulatorSettings::default().updating_ms)]
    updating: u64,
    /// How long Describe operations of jobs, images and apps still return the state before a change
    #[arg(long, value_name = "MS", default_value_t = LAG_MS)]
    lag: u64,
    /// Maximum deviation of the durations of a single job from these values, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = EmulatorSettings::default().jitter_percent)]
    jitter: u8,
    /// Maximum number of concurrent compilation jobs; further ones fail with ResourceLimitExceeded
    #[arg(long, value_name = "N")]
    max_running: Option<usize>,
    /// Maximum number of requests per second; further ones fail with ThrottlingException
    #[arg(long, value_name = "N")]
    max_rps: Option<usize>,
    /// Endpoint of an AWS emulator whose S3 the jobs read and write; credentials come from the
    /// environment
    #[arg(long, value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Send state change events to the EventBridge rules of the AWS emulator
    #[arg(long, requires = "aws_endpoint")]
    events: bool,
    /// Send each state change event twice
    #[arg(long, requires = "events")]
    duplicate_events: bool,
    /// Region in ARNs and events [default: AWS_REGION, AWS_DEFAULT_REGION or us-east-1]
    #[arg(long)]
    region: Option<String>,
    /// Account ID in ARNs and events
    #[arg(long, default_value_t = Owner::default().account)]
    account: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let flags = EmulatorFlags::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = start_emulator(flags).await?;
    let mut out = std::io::stdout();
    writeln!(out, "sagemaker-emulator listening on {}", emulator.endpoint_url())?;
    out.flush()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn start_emulator(flags: EmulatorFlags) -> Result<Emulator, Box<dyn std::error::Error>> {
    let settings = EmulatorSettings {
        starting_ms: flags.starting,
        in_progress_ms: flags.in_progress,
        stopping_ms: flags.stopping,
        updating_ms: flags.updating,
        lag_ms: flags.lag,
        jitter_percent: flags.jitter,
        max_running: flags.max_running,
        max_rps: flags.max_rps,
        ..EmulatorSettings::default()
    };
    let region = flags.region.unwrap_or_else(|| Owner::default().region);
    let mut builder =
        Emulator::builder().port(flags.port).settings(settings).owner(Owner { region, account: flags.account });
    if let Some(path) = flags.service_model {
        builder = builder.service_model(ServiceModel::load_file(&path)?);
    }
    if let Some(url) = flags.aws_endpoint {
        let copies = usize::from(flags.events) + usize::from(flags.duplicate_events);
        builder = builder.aws_endpoint(url).event_copies(copies);
    }
    Ok(builder.start().await?)
}
