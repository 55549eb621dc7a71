//! The command line.
#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use model_archive::Framework;

use crate::commands::redrive::{Filter, QUEUES};

/// What the stack would do with a model, before it is uploaded, and a way back for what it could not work off.
#[derive(Debug, Parser)]
#[command(name = "automation", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  automation inspect model.tar.gz
  automation plan model.tar.gz --config automation.yaml --key vision/model.tar.gz
  automation validate automation.yaml
  automation maintain workteams --plan
  automation targets --framework PYTORCH
  automation redrive requests --dry-run

Exit status: 0 all is well, 1 the archive cannot be compiled, the configuration is not valid or a dead letter could not be
sent back, 2 it could not be looked at.

Of maintain: 0 all is as declared, or was brought there, 1 something failed, 2 something differs.";

/// A time with or without seconds.
fn time(text: &str) -> Result<Timestamp, String> {
    let whole = text.strip_suffix('Z').map_or_else(|| text.to_owned(), |minutes| format!("{minutes}:00Z"));
    let read = text.parse().or_else(|_| whole.parse());
    read.map_err(|_| "no time in UTC, such as 2026-12-01T03:40Z".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tells what model is in an archive, and what stands against compiling it
    Inspect(InspectArgs),
    /// Tells what would be requested for each target, or why not
    Plan(Box<PlanArgs>),
    /// Checks a configuration, and names every mistake in it
    Validate(ValidateArgs),
    /// Brings declared resources to what the configuration says, after showing what that changes
    Maintain(MaintainArgs),
    /// Lists what can be compiled for
    Targets(TargetsArgs),
    /// Tells how far uploads and their jobs are
    Status(StatusArgs),
    /// Shows dead letters, and sends them back to where they came from
    Redrive(RedriveArgs),
    /// Prints the JSON Schema of automation.yaml
    Schema,
    /// Prints the completions of a shell
    #[command(
        after_help = "Example:\n  automation completions bash > ~/.local/share/bash-completion/completions/automation"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  automation inspect model.tar.gz
  automation inspect s3://models/vision/resnet.tar.gz --dim batch=1 --dim default=224
  tar cz model.onnx | automation inspect - --json")]
pub(crate) struct InspectArgs {
    /// A file, `-` for standard input, or s3://bucket/key
    pub archive: String,
    /// The size of a dimension that the model leaves open; `default` for every other one
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = dim)]
    pub dims: Vec<(String, u64)>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  automation plan model.tar.gz --config automation.yaml --key vision/model.tar.gz
  automation plan model.tar.gz -c automation.yaml -m neo-targets=ml_c5,jetson_nano
  automation plan s3://models/vision/resnet.tar.gz -c automation.yaml --json

A job's name depends on the version of the upload. For a file, the names are those of a version called `local`,
unless --version-id says another one.")]
pub(crate) struct PlanArgs {
    /// A file, `-` for standard input, or s3://bucket/key
    pub archive: String,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "automation.yaml")]
    pub config: PathBuf,
    /// The key that the model is uploaded under; else the archive's own
    #[arg(short, long)]
    pub key: Option<String>,
    /// User metadata that the model is uploaded with, such as neo-targets=ml_c5
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = entry)]
    pub metadata: Vec<(String, String)>,
    /// The model bucket
    #[arg(long, default_value = "models")]
    pub bucket: String,
    /// The artifact bucket
    #[arg(long, default_value = "artifacts")]
    pub artifact_bucket: String,
    /// The version that the upload gets
    #[arg(long)]
    pub version_id: Option<String>,
    /// The region of the stack; some targets are compiled in one region only
    #[arg(long, env = "AWS_REGION")]
    pub region: Option<String>,
    /// The role of the stack
    #[arg(long, value_name = "ARN", default_value = "arn:aws:iam::123456789012:role/compilation")]
    pub role_arn: String,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example:\n  automation validate automation.yaml && aws s3 cp automation.yaml s3://$ConfigBucketName/"
)]
pub(crate) struct ValidateArgs {
    /// The configuration
    #[arg(default_value = "automation.yaml")]
    pub config: PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// What is kept as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Maintained {
    /// Work teams of Ground Truth
    Workteams,
    /// Partner AI Apps: settings, tags and upgrades, inside their windows
    PartnerApps,
    /// Images: display names, descriptions, roles and tags
    Images,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  automation maintain workteams --plan --config automation.yaml
  automation maintain workteams --yes
  set -a; . .local/env; set +a; automation maintain workteams --plan      # against `make up`

Nothing is deleted, and what the configuration does not name is left alone.

Exit status: 0 all is as declared, or was brought there, 1 something failed, 2 something differs.")]
#[allow(clippy::struct_excessive_bools)] // one a flag
pub(crate) struct MaintainArgs {
    /// What is maintained
    pub kind: Maintained,
    /// The configuration; else the one in force in the stack's bucket, else automation.yaml
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stack's configuration bucket
    #[arg(long, value_name = "BUCKET", env = "ConfigBucketName", hide_env_values = true)]
    pub config_bucket: Option<String>,
    /// The stack's Workteam topic, which `notifications: stack` means
    #[arg(long, value_name = "ARN", env = "WorkteamTopicArn", hide_env_values = true)]
    pub workteam_topic: Option<String>,
    /// Shows what would be done, and does nothing; exits with 2 if something differs
    #[arg(long)]
    pub plan: bool,
    /// Shows what would be done at that time, such as 2026-12-01T03:40Z (partner apps)
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "yes")]
    pub at: Option<Timestamp>,
    /// Shows what the coming two weeks bring, as far as that can be said now (partner apps)
    #[arg(long, conflicts_with_all = ["yes", "json"])]
    pub calendar: bool,
    /// The stack's table, its output LedgerTableName: what is known from earlier runs
    #[arg(long, env = "LedgerTableName", hide_env_values = true)]
    pub table: Option<String>,
    /// Applies the plan without asking
    #[arg(short, long, conflicts_with = "plan")]
    pub yes: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  automation targets
  automation targets ml_c5
  automation targets --framework TFLITE
  automation targets jetson --json

In the list of options, an asterisk marks what a target must have.")]
pub(crate) struct TargetsArgs {
    /// A target, such as ml_c5 or LINUX_ARM64_NVIDIA, or part of its name
    pub name: Option<String>,
    /// Only targets that this framework is compiled for
    #[arg(short, long)]
    pub framework: Option<Framework>,
    /// Only targets that are compiled in this region
    #[arg(long)]
    pub region: Option<String>,
    /// Leaves retired targets out
    #[arg(long)]
    pub current: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  set -a; . .local/env; set +a                              # or export the outputs of the stack on AWS
  automation status                                         # the last uploads, with their jobs
  automation status s3://models/vision/resnet.tar.gz --watch
  automation status resnet-ml-c5-lxbs4xnt6bqcgpq6 --json
  automation status --running

With --watch, it ends when every job that is shown has ended; an upload that is not planned yet and an answer of AWS that does
not come are waited for, 15 minutes at most. Exit status 1 says that one failed or was rejected.")]
pub(crate) struct StatusArgs {
    /// An upload as s3://bucket/key, the ARN of a model package's version, or the name of a job; else the last uploads
    #[arg(conflicts_with_all = ["running", "recent"])]
    pub what: Option<String>,
    /// Jobs that have not ended, the longest unchanged first
    #[arg(long, conflicts_with = "recent")]
    pub running: bool,
    /// The last uploads, with their jobs, and the last ended jobs that something else started
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "10")]
    pub recent: Option<usize>,
    /// Looks again every two seconds until all has ended
    #[arg(long)]
    pub watch: bool,
    /// The stack's table: its output LedgerTableName
    #[arg(long, env = "LedgerTableName")]
    pub table: String,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  set -a; . .local/env; set +a                              # or export the outputs of the stack on AWS
  automation redrive uploads --dry-run
  automation redrive requests --filter cause=AccessDenied
  automation redrive job-states --filter 'function=*Relay*' --filter correlation_id=8f3a --json
  automation redrive https://sqs.eu-west-1.amazonaws.com/123456789012/stack-UploadsDeadLetterQueue-abc

A letter is deleted only after it was sent. Sending one back that was worked off before changes nothing.

Exit status 1 says that a letter was not sent, not deleted or not given back; the latter two are in the queue again after
five minutes.")]
pub(crate) struct RedriveArgs {
    #[arg(help = format!("A dead-letter queue: its URL, its name, or a short one: {}", QUEUES.join(", ")))]
    pub queue: String,
    /// Shows the letters and leaves them where they are
    #[arg(long)]
    pub dry_run: bool,
    /// Only letters whose cause, function or correlation_id has this text in it, or is of this pattern (`*`, `?`); all of several
    #[arg(long = "filter", value_name = "FIELD=TEXT", value_parser = Filter::parse)]
    pub filters: Vec<Filter>,
    /// Most letters that are looked at
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    pub limit: usize,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    // As S3 has it, and as the console shows it.
    let name = name.strip_prefix("x-amz-meta-").unwrap_or(name);
    Ok((name.to_lowercase(), value.to_owned()))
}

fn dim(text: &str) -> Result<(String, u64), String> {
    let (name, size) = text.split_once('=').ok_or("write NAME=SIZE")?;
    let size: u64 = size.parse().map_err(|error| format!("{error}"))?;
    if size == 0 { Err("a size is at least 1".to_owned()) } else { Ok((name.to_owned(), size)) }
}
