//! The `SageMaker` emulator as a process of its own.
#![allow(clippy::doc_markdown)] // the comments on the flags are the help text

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use sagemaker_emulator::{Emulator, MODEL_VARIABLE, Owner, ServiceModel, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// Serves the SageMaker operations that sagemaker-automation calls, on 127.0.0.1.
#[derive(Debug, Parser)]
#[command(name = "sagemaker-emulator")]
struct Flags {
    /// botocore's service-2.json.gz; left out: the one in the workspace's .venv
    #[arg(long, env = MODEL_VARIABLE, value_name = "PATH")]
    service_model: Option<PathBuf>,
    /// The port; 0 is a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long a compilation job stays STARTING
    #[arg(long, value_name = "MS", default_value_t = Settings::default().starting_ms)]
    starting: u64,
    /// How long a compilation job stays INPROGRESS
    #[arg(long, value_name = "MS", default_value_t = Settings::default().in_progress_ms)]
    in_progress: u64,
    /// How long a compilation job stays STOPPING
    #[arg(long, value_name = "MS", default_value_t = Settings::default().stopping_ms)]
    stopping: u64,
    /// How long a partner app or an image is being created or updated
    #[arg(long, value_name = "MS", default_value_t = Settings::default().updating_ms)]
    updating: u64,
    /// How far, in percent, the durations of single jobs lie from these
    #[arg(long, value_name = "PERCENT", default_value_t = Settings::default().jitter_percent)]
    jitter: u8,
    /// Compilation jobs that may run at a time; more are answered with ResourceLimitExceeded
    #[arg(long, value_name = "N")]
    max_running: Option<usize>,
    /// Requests answered within a second; more are answered with ThrottlingException
    #[arg(long, value_name = "N")]
    max_rps: Option<usize>,
    /// An AWS emulator whose S3 the jobs read and write; credentials come from the environment
    #[arg(long, value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Tell state changes to the rules of that emulator's EventBridge
    #[arg(long, requires = "aws_endpoint")]
    events: bool,
    /// Tell each state change twice
    #[arg(long, requires = "events")]
    duplicate_events: bool,
    /// The Region in ARNs and events; left out: AWS_REGION
    #[arg(long)]
    region: Option<String>,
    /// The account in ARNs and events
    #[arg(long, default_value_t = Owner::default().account)]
    account: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let flags = Flags::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = start(flags).await?;
    let mut out = std::io::stdout();
    writeln!(out, "sagemaker-emulator listening on {}", emulator.url())?;
    out.flush()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn start(flags: Flags) -> Result<Emulator, Box<dyn std::error::Error>> {
    let settings = Settings {
        starting_ms: flags.starting,
        in_progress_ms: flags.in_progress,
        stopping_ms: flags.stopping,
        updating_ms: flags.updating,
        jitter_percent: flags.jitter,
        max_running: flags.max_running,
        max_rps: flags.max_rps,
        ..Settings::default()
    };
    let region = flags.region.unwrap_or_else(|| Owner::default().region);
    let mut builder =
        Emulator::builder().port(flags.port).settings(settings).owner(Owner { region, account: flags.account });
    if let Some(path) = flags.service_model {
        builder = builder.service_model(ServiceModel::load(&path)?);
    }
    if let Some(url) = flags.aws_endpoint {
        let copies = usize::from(flags.events) + usize::from(flags.duplicate_events);
        builder = builder.aws_endpoint(url).copies_of_events(copies);
    }
    Ok(builder.start().await?)
}
