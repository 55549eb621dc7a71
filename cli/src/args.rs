//! The command line. The doc comments are its help.
#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]
#![allow(clippy::struct_excessive_bools, reason = "one per flag")]

use std::{ffi::OsStr, path::PathBuf, sync::LazyLock};

use clap::{
    Arg, Args, Command, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser},
};
use clap_complete::Shell;
use jiff::Timestamp;
use model_archive::Framework;
use neo::{TARGETS, TargetRow};

use crate::{
    dead_letter_queues::{MessageFilter, QUEUE_NAMES},
    upload_location::UploadLocation,
};

/// Check models and configuration before upload, follow compilation jobs, and operate the stack
#[derive(Debug, Parser)]
#[command(name = "automation", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct CliArgs {
    #[command(subcommand)]
    pub(crate) command: CliCommand,
    /// When to print colors
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
    /// Show everything that led to an error
    #[arg(long, global = true)]
    pub(crate) verbose: bool,
}

/// Whose resources are read and changed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS options")]
pub(crate) struct AwsArgs {
    /// Profile in the AWS configuration files [default: AWS_PROFILE; credentials in environment
    /// variables come first]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region [default: AWS_REGION, or the Region of the profile]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

impl AwsArgs {
    /// The Region that is known without reading any file.
    pub fn region_or_variable(&self) -> Option<String> {
        let region = self.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
        region.filter(|region| !region.is_empty())
    }
}

/// Credentials, Region, and the stack that a command works on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS options")]
pub(crate) struct StackArgs {
    /// CloudFormation stack whose outputs name the table, the buckets, the topics and the queues,
    /// and whose parameters say what its roles may use [default: the outputs in environment
    /// variables, such as LedgerTableName]
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// How results are printed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// When colors are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set; with FORCE_COLOR, always
    Auto,
    Always,
    Never,
}

/// The names of all targets, which completions suggest.
static TARGET_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| TARGETS.iter().map(TargetRow::name).collect());

/// Accepts any text, and suggests values to completions.
#[derive(Clone)]
struct SuggestedValues(Vec<&'static str>);

impl TypedValueParser for SuggestedValues {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().copied().map(PossibleValue::new)))
    }
}

fn suggest_targets() -> SuggestedValues {
    SuggestedValues(TARGET_NAMES.iter().map(String::as_str).collect())
}

fn suggest_queues() -> SuggestedValues {
    SuggestedValues(QUEUE_NAMES.to_vec())
}

/// Parses the name of a framework in any case.
fn parse_framework() -> impl TypedValueParser<Value = Framework> {
    PossibleValuesParser::new(Framework::ALL.map(Framework::as_str)).try_map(|name| name.parse::<Framework>())
}

const EXAMPLES: &str = "\
Examples:
  automation inspect model.tar.gz
  automation plan model.tar.gz -c automation.yaml --key vision/model.tar.gz
  automation validate automation.yaml
  automation maintain workteams --plan
  automation targets --framework PYTORCH
  automation redrive requests --dry-run

Exit status:
  0  done; no problems were found
  1  the command failed, or found a problem: the archive cannot be compiled, the
     configuration is not valid, or a message could not be redriven
  2  the command line is not valid, or the command would have to ask and cannot;
     nothing was done

`maintain --detailed-exitcode` and `status --exit-status` say more. With --json,
an error is printed to stdout as {\"error\": {\"code\", \"message\", \"fix\"}}.";

#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Inspect a model archive and report what prevents compilation
    Inspect(InspectArgs),
    /// Show the compilation job that would be created for each target
    Plan(Box<PlanArgs>),
    /// Validate a configuration file
    Validate(ValidateArgs),
    /// Plan and apply work teams, partner apps and images from the configuration
    Maintain(MaintainArgs),
    /// List the supported compilation targets
    Targets(TargetsArgs),
    /// Explain the code of a problem or warning
    Explain(ExplainArgs),
    /// Check a model archive, show its plan, and upload it
    Upload(Box<UploadArgs>),
    /// Show the status of uploads and compilation jobs
    Status(StatusArgs),
    /// Show the active configuration of the stack, and what it changed
    Config(ConfigArgs),
    /// Check a deployed stack without changing anything
    Doctor(DoctorArgs),
    /// List messages in a dead-letter queue and redrive them
    Redrive(RedriveArgs),
    /// Have uploads planned again that were rejected, that failed, or that got no answer
    Replay(ReplayArgs),
    /// Print the JSON Schema of automation.yaml
    Schema,
    /// Generate shell completions
    #[command(after_help = "Example:\n  automation completions zsh > ~/.zfunc/_automation")]
    Completions {
        /// Shell to generate the script for
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation inspect model.tar.gz
  automation inspect s3://models/vision/resnet.tar.gz --dim batch=1
  tar cz model.onnx | automation inspect - --json")]
pub(crate) struct InspectArgs {
    /// Model archive: a file, `-` for standard input, or s3://bucket/key
    #[arg(value_hint = ValueHint::FilePath)]
    pub archive: String,
    /// Size of a dynamic dimension; `default` applies to all other dynamic dimensions
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = parse_dimension)]
    pub dims: Vec<(String, u64)>,
    /// Size of a dynamic first dimension that no --dim names
    #[arg(long, value_name = "SIZE", value_parser = clap::value_parser!(u32).range(1..=2_147_483_647))]
    pub batch_size: Option<u32>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation plan model.tar.gz -c automation.yaml --key vision/model.tar.gz
  automation plan model.tar.gz -m neo-targets=ml_c5,jetson_nano
  automation plan s3://models/vision/resnet.tar.gz -c automation.yaml --json
  automation plan model.tar.gz -c automation.yaml --stack sagemaker-automation

With --stack, buckets, keys and networks that the stack's roles may not use are
warnings.

Job names depend on the version ID of the uploaded object. For a local file,
they are derived from the version ID `local`, unless --version-id sets another
one.")]
pub(crate) struct PlanArgs {
    /// Model archive: a file, `-` for standard input, or s3://bucket/key
    #[arg(value_hint = ValueHint::FilePath)]
    pub archive: String,
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = "automation.yaml")]
    pub config: PathBuf,
    /// S3 object key the model will be uploaded to [default: the archive's file name]
    #[arg(short, long)]
    pub key: Option<String>,
    /// S3 user metadata the model will be uploaded with, such as neo-targets=ml_c5; repeat for
    /// several entries
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_metadata)]
    pub metadata: Vec<(String, String)>,
    /// Name of the bucket the model will be uploaded to [default: the stack's model bucket]
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Name of the stack's own model bucket, to which rules without `bucket` apply [default: output
    /// ModelBucketName]
    #[arg(long, value_name = "BUCKET")]
    pub model_bucket: Option<String>,
    /// Name of the artifact bucket [default: output ArtifactBucketName, or artifacts]
    #[arg(long, value_name = "BUCKET")]
    pub artifact_bucket: Option<String>,
    /// S3 version ID of the uploaded object
    #[arg(long)]
    pub version_id: Option<String>,
    /// The stack's compilation role [default: output CompilationRoleArn, or an example]
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Show the settings of each job, where they come from, and the CreateCompilationJob request
    #[arg(long)]
    pub requests: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation validate automation.yaml
  automation validate automation.yaml --stack sagemaker-automation --strict

With --stack, buckets, keys and networks that the stack's roles may not use are
warnings, and so are model packages whose archive they may not read.")]
pub(crate) struct ValidateArgs {
    /// Configuration file, or `-` for standard input
    #[arg(default_value = "automation.yaml")]
    pub config: PathBuf,
    /// Fail if there are warnings, too
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  automation explain torch-not-script")]
pub(crate) struct ExplainArgs {
    /// Code, as printed in square brackets at the end of a problem or warning
    pub code: String,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A resource type that is reconciled with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManagedResource {
    /// Ground Truth work teams
    Workteams,
    /// Partner AI Apps (settings, tags, and version upgrades inside maintenance windows)
    PartnerApps,
    /// SageMaker images (display names, descriptions, roles and tags)
    Images,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation maintain workteams --plan --config automation.yaml
  automation maintain workteams --stack sagemaker-automation
  automation maintain workteams --plan --detailed-exitcode
  automation maintain partner-apps --calendar --stack sagemaker-automation

Nothing is deleted, and resources that the configuration does not list are
never changed. Without a terminal, changes need --yes.

Exit status:
  0  the plan was shown or applied
  1  a resource has a problem, an update failed, the answer was no, or another
     error occurred
  2  the command line is not valid, or --yes is missing; with
     --detailed-exitcode also: a resource differs from the configuration (after
     applying the plan: it is still waiting or was skipped)")]
pub(crate) struct MaintainArgs {
    /// Type of the resources to plan and apply
    pub kind: ManagedResource,
    /// Configuration file [default: the active one in the stack's bucket, or ./automation.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stack's configuration bucket [default: output ConfigBucketName]
    #[arg(long, value_name = "BUCKET")]
    pub config_bucket: Option<String>,
    /// ARN of the stack's Workteam topic, to which `notifications: stack` refers (work teams only)
    /// [default: output WorkteamTopicArn]
    #[arg(long, value_name = "ARN")]
    pub workteam_topic: Option<String>,
    /// Show the changes without applying them
    #[arg(long)]
    pub plan: bool,
    /// Exit with status 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Show the changes that would be applied at this time, such as 2026-12-01T03:40Z (partner apps
    /// only)
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "yes")]
    pub at: Option<Timestamp>,
    /// Show the maintenance calendar for the next two weeks (partner apps only)
    #[arg(long, conflicts_with = "yes")]
    pub calendar: bool,
    /// Print what exists as a configuration, to begin to manage it; argument values of partner apps
    /// are `<set me>`
    #[arg(long, conflicts_with_all = ["config", "plan", "at", "calendar", "yes"])]
    pub export: bool,
    /// The stack's ledger table, which records earlier updates (partner apps and images only)
    /// [default: output LedgerTableName]
    #[arg(long)]
    pub table: Option<String>,
    /// Apply the changes without asking for confirmation
    #[arg(short, long, conflicts_with = "plan")]
    pub yes: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation targets
  automation targets ml_c5
  automation targets --framework TFLITE
  automation targets jetson --json

In the compiler options of a target, an asterisk marks the required ones.")]
pub(crate) struct TargetsArgs {
    /// Name of a target, such as ml_c5 or LINUX_ARM64_NVIDIA, or part of a name
    #[arg(value_parser = suggest_targets(), hide_possible_values = true)]
    pub name: Option<String>,
    /// Only targets that support this framework
    #[arg(short, long, value_parser = parse_framework(), ignore_case = true)]
    pub framework: Option<Framework>,
    /// Only targets that are supported in this Region
    #[arg(long)]
    pub region: Option<String>,
    /// Omit retired targets
    #[arg(long)]
    pub current: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation status --stack sagemaker-automation  # the latest uploads
  automation status s3://models/vision/resnet.tar.gz --watch
  automation status resnet-ml-c5-lxbs4xnt6bqcgpq6 --json
  set -a; . .local/env; set +a; automation status # the stack of `make up`

With --watch, the command exits when all listed jobs have finished and none will
be retried. It waits up to 15 minutes for the newest version of an upload to be
planned, and retries temporary AWS errors for up to 15 minutes.

Exit status:
  0  the status was shown
  1  an error occurred; with --exit-status also: a job failed and will not be
     retried, or an upload was rejected
  2  the command line is not valid")]
pub(crate) struct StatusArgs {
    /// Upload as s3://bucket/key, ARN of a model package version, or name of a job [default: the
    /// latest uploads]
    #[arg(conflicts_with_all = ["running", "recent"])]
    pub what: Option<String>,
    /// Only running jobs, least recently updated first
    #[arg(long, conflicts_with = "recent")]
    pub running: bool,
    /// The latest uploads with their jobs, and the latest finished jobs not started by this stack
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "10")]
    pub recent: Option<usize>,
    /// Refresh every two seconds until all jobs have finished
    #[arg(long)]
    pub watch: bool,
    /// Exit with status 1 if a job failed or an upload was rejected
    #[arg(long)]
    pub exit_status: bool,
    /// The stack's ledger table [default: output LedgerTableName]
    #[arg(long)]
    pub table: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation redrive uploads --dry-run --stack sagemaker-automation
  automation redrive requests --filter cause=AccessDenied
  automation redrive job-states --filter 'function=*Relay*' --yes --json
  automation redrive uploads --delete --filter cause=NoSuchKey
  automation redrive my-stack-UploadsDeadLetterQueue-abc

A message is deleted from the dead-letter queue only after it has been sent.
Redriving a message that was already processed is safe.

The messages are listed first, and nothing is sent or deleted before you confirm
it. Without a terminal, --yes is needed.

Exit status:
  0  every message that matches was listed, redriven or deleted
  1  a message could not be sent, deleted, or released to other consumers, the
     answer was no, or another error occurred. A message that could not be
     deleted or released is visible again after five minutes
  2  the command line is not valid, or --yes is missing")]
pub(crate) struct RedriveArgs {
    #[arg(
        help = format!("Dead-letter queue: URL, queue name, or one of {}", QUEUE_NAMES.join(", ")),
        value_parser = suggest_queues(),
        hide_possible_values = true
    )]
    pub queue: String,
    /// List the messages without redriving them
    #[arg(long, conflicts_with_all = ["yes", "delete"])]
    pub dry_run: bool,
    /// Delete the messages instead of redriving them
    #[arg(long)]
    pub delete: bool,
    /// Redrive or delete without asking for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Only messages whose cause, function or correlation_id contains TEXT (`*` and `?` are
    /// wildcards); repeat to combine
    #[arg(long = "filter", value_name = "FIELD=TEXT", value_parser = MessageFilter::parse)]
    pub filters: Vec<MessageFilter>,
    /// Maximum number of messages to read
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    pub limit: usize,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation replay s3://models/vision/ --dry-run --stack sagemaker-automation
  automation replay s3://models/vision/ --since 2026-11-20T00:00Z
  automation replay s3://models/vision/resnet.tar.gz --yes

The uploads are counted first, and nothing is sent before you confirm it.
Without a terminal, --yes is needed. Of each object, the newest version is
considered. One that was rejected, or of which a job failed, is planned again
with the active configuration, and gets a new answer; targets that were compiled
are not compiled again. One that was compiled, or is being compiled, is left
alone.

Exit status:
  0  the uploads were counted or sent
  1  the answer was no, or an error occurred; sending an upload again is safe
  2  the command line is not valid, or --yes is missing")]
pub(crate) struct ReplayArgs {
    /// Uploads to consider: those whose key begins with a prefix, as s3://bucket/prefix
    #[arg(value_name = "S3_URI", value_parser = UploadLocation::parse)]
    pub uploads: UploadLocation,
    /// Only uploads since this time, such as 2026-12-01T03:40Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<Timestamp>,
    /// Count the uploads without sending them
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Send without asking for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// URL of the stack's Uploads queue [default: output UploadsQueueUrl]
    #[arg(long, value_name = "URL")]
    pub queue: Option<String>,
    /// The stack's ledger table [default: output LedgerTableName]
    #[arg(long)]
    pub table: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

impl CliCommand {
    /// Whether the command prints JSON.
    pub fn is_json(&self) -> bool {
        match self {
            Self::Inspect(args) => args.output.json,
            Self::Plan(args) => args.output.json,
            Self::Validate(args) => args.output.json,
            Self::Maintain(args) => args.output.json,
            Self::Targets(args) => args.output.json,
            Self::Status(args) => args.output.json,
            Self::Config(args) => args.output.json,
            Self::Doctor(args) => args.output.json,
            Self::Redrive(args) => args.output.json,
            Self::Replay(args) => args.output.json,
            Self::Explain(args) => args.output.json,
            Self::Upload(args) => args.output.json,
            Self::Schema | Self::Completions { .. } => false,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation config --stack sagemaker-automation
  automation config --stack sagemaker-automation --json

Values of partner-app arguments are not shown. S3 does not record who uploaded
a version; AWS CloudTrail does, if it logs data events of the bucket.

Exit status:
  0  the active version was shown
  1  there is no valid version, or another error occurred
  2  the command line is not valid")]
pub(crate) struct ConfigArgs {
    /// The stack's configuration bucket [default: output ConfigBucketName]
    #[arg(long, value_name = "BUCKET")]
    pub config_bucket: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation doctor --stack sagemaker-automation
  automation doctor --stack sagemaker-automation --profile production --json

Not checked, with the command that does:
  what the functions may do      aws iam simulate-principal-policy
  whether e-mail arrives         aws sns publish --topic-arn TOPIC --message hi
  whether an upload is compiled  automation status s3://… --watch

Exit status:
  0  every check passed
  1  a check found a problem or could not be made, or another error occurred
  2  the command line is not valid")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub stack: StackArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automation upload model.tar.gz s3://models/vision/ --stack my-stack --watch
  automation upload model.tar.gz s3://models/vision/ -m neo-targets=ml_c5 --yes
  automation upload model.tar.gz            # into the bucket of the stack

The archive is inspected and planned first, with the active configuration. What
cannot be compiled is not uploaded. Without a terminal, --yes is needed.

Exit status:
  0  the archive was uploaded; with --watch: all its jobs succeeded
  1  the archive or a target has a problem, the answer was no, or another error
     occurred
  2  the command line is not valid, or --yes is missing")]
pub(crate) struct UploadArgs {
    /// Model archive: a file
    pub archive: PathBuf,
    /// S3 URI of the object, or of a folder that ends with a slash [default: the file's name in the
    /// stack's model bucket]
    pub destination: Option<String>,
    /// S3 user metadata, such as neo-targets=ml_c5; repeat for several entries
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_metadata)]
    pub metadata: Vec<(String, String)>,
    /// Configuration file to plan with [default: the active configuration of the stack]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Follow the jobs until all have finished; with --json, follow them with `automation status`
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Upload without asking for confirmation
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub stack: StackArgs,
}

/// Parses a UTC time with or without seconds.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let with_seconds = text.strip_suffix('Z').map_or_else(|| text.to_owned(), |minutes| format!("{minutes}:00Z"));
    let time = text.parse().or_else(|_| with_seconds.parse());
    time.map_err(|_| "expected a UTC time such as 2026-12-01T03:40Z".to_owned())
}

fn parse_metadata(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    // The prefix that S3 and its console show.
    let name = name.strip_prefix("x-amz-meta-").unwrap_or(name);
    Ok((name.to_lowercase(), value.to_owned()))
}

fn parse_dimension(text: &str) -> Result<(String, u64), String> {
    let (name, size) = text.split_once('=').ok_or("expected NAME=SIZE")?;
    match size.parse() {
        Ok(size) if size > 0 => Ok((name.to_owned(), size)),
        _ => Err(format!("expected a whole number of at least 1 as SIZE, found `{size}`")),
    }
}
