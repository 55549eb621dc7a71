//! Why a command failed, and how to fix it.

use std::{io, path::PathBuf};

#[cfg(feature = "aws")]
use aws_credential_types::provider::error::CredentialsError;
use thiserror::Error;
#[cfg(feature = "aws")]
use worker::error::{CallError, CallErrorKind};

#[cfg(feature = "aws")]
use crate::aws::call_report::{explain_call, explain_credentials, explain_expired};
use crate::{
    dead_letter_queues::QUEUE_NAMES,
    error_report::{ErrorReport, format_causes},
};

#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the archive")]
    Archive(#[from] model_archive::InspectError),
    #[error("`{0}` has no object key")]
    NoObjectKey(String),
    #[error("no rule in {} matches the key `{key}` in the bucket `{bucket}`", path.display())]
    NoMatchingRule {
        path: PathBuf,
        bucket: String,
        key: String,
        /// The keys of the rules, separated by commas; empty if no rule is for uploads.
        patterns: String,
    },
    #[error("`{0}` is not a target, and no target's name contains it")]
    UnknownTarget(String),
    #[error("`{0}` is not the code of a problem or warning")]
    UnknownCode(String),
    /// `preview` is the option that only shows what would change.
    #[error("cannot ask for confirmation because stdin or stderr is not a terminal")]
    NoTerminal { preview: &'static str },
    #[error("`{option}` applies to {applies_to} only")]
    NotApplicable { option: &'static str, applies_to: &'static str },
    /// `output` is the stack's output with the value that is missing.
    #[error("the {what} is not known")]
    MissingOutput { what: &'static str, option: &'static str, output: &'static str },
    #[error("the name of the stack is missing")]
    NoStack,
    #[error("no AWS Region is set")]
    NoRegion,
    #[cfg(not(feature = "aws"))]
    #[error("this build of automation has no commands that call AWS")]
    NoAws,
    /// `profile` is the one that the command line names.
    #[cfg(feature = "aws")]
    #[error("the AWS credentials cannot be loaded")]
    Credentials { profile: Option<String>, source: CredentialsError },
    #[error("the AWS credentials have expired")]
    ExpiredCredentials,
    #[error("there is no stack `{stack}` in {region}")]
    UnknownStack { stack: String, region: String },
    #[error("there is no bucket `{0}`")]
    UnknownBucket(String),
    #[error("there is no object {0}")]
    UnknownObject(String),
    #[error("cannot read the configuration")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// `output` is the stack's output with the queue's URL.
    #[error("there is no queue `{queue}`")]
    UnknownQueue { queue: String, output: String },
    #[error("there is no table `{0}`")]
    UnknownTable(String),
    #[error("there is no job `{0}` in the ledger of this stack")]
    UnknownJob(String),
    #[error("no version of {0} was planned; it may not have been picked up yet, or no rule covers its key")]
    UnknownModel(String),
    #[error("version {version} of {uri} was not planned in time; an empty object is never planned")]
    UnplannedVersion {
        /// `s3://bucket/key`
        uri: String,
        version: String,
    },
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[cfg(feature = "aws")]
    #[error("the inspection stopped unexpectedly")]
    InspectionStopped(#[from] tokio::task::JoinError),
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

impl CliError {
    /// The error of a call to S3 for this bucket, and for the object at `uri` if one was named.
    #[cfg(feature = "aws")]
    pub fn of_bucket(bucket: &str, uri: Option<&str>, error: CallError) -> Self {
        match (error.code(), error.kind, uri) {
            (Some("NoSuchBucket"), _, _) => Self::UnknownBucket(bucket.to_owned()),
            (_, CallErrorKind::NotFound, Some(uri)) => Self::UnknownObject(uri.to_owned()),
            _ => error.into(),
        }
    }

    /// Whether the command line is wrong: nothing was done.
    pub fn is_usage(&self) -> bool {
        matches!(self.code(), "usage" | "confirmation-needed")
    }

    /// Explains the error: in one sentence, and what to do about it.
    pub fn to_report(&self) -> ErrorReport {
        match self {
            #[cfg(feature = "aws")]
            Self::Call(error) => explain_call(error),
            #[cfg(feature = "aws")]
            Self::Credentials { profile, source } => explain_credentials(profile.as_deref(), source),
            #[cfg(feature = "aws")]
            Self::ExpiredCredentials => explain_expired(),
            _ => ErrorReport { code: self.code(), message: format_causes(self), fix: self.suggest_fix() },
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable-file",
            Self::Archive(_) => "unreadable-archive",
            Self::NoObjectKey(_) | Self::NoStack | Self::NotApplicable { .. } | Self::MissingOutput { .. } => "usage",
            Self::NoMatchingRule { .. } => "no-matching-rule",
            Self::UnknownTarget(_) => "unknown-target",
            Self::UnknownCode(_) => "unknown-code",
            Self::NoTerminal { .. } => "confirmation-needed",
            Self::NoRegion => "no-region",
            #[cfg(not(feature = "aws"))]
            Self::NoAws => "usage",
            #[cfg(feature = "aws")]
            Self::Credentials { .. } => "no-credentials",
            Self::ExpiredCredentials => "expired-credentials",
            Self::UnknownStack { .. } => "no-such-stack",
            Self::UnknownBucket(_) => "no-such-bucket",
            Self::UnknownObject(_) => "no-such-object",
            Self::Configuration(_) => "no-configuration",
            Self::UnknownQueue { .. } => "no-such-queue",
            Self::UnknownTable(_) => "no-such-table",
            Self::UnknownJob(_) => "no-such-job",
            Self::UnknownModel(_) => "no-such-upload",
            Self::UnplannedVersion { .. } => "not-planned",
            #[cfg(feature = "aws")]
            Self::Call(_) => "aws-error",
            #[cfg(feature = "aws")]
            Self::InspectionStopped(_) => "internal",
            Self::Runtime(_) | Self::Json(_) | Self::Write(_) => "internal",
        }
    }

    /// Returns what the user can do about the error, if it is known.
    fn suggest_fix(&self) -> Option<String> {
        let fix = match self {
            Self::NoObjectKey(_) => "use s3://bucket/key.tar.gz",
            Self::NoMatchingRule { patterns, .. } if patterns.is_empty() => "add a rule with `keys`",
            Self::NoMatchingRule { patterns, .. } => {
                return Some(format!(
                    "choose a bucket and a key that a rule matches, with --bucket and --key of `automation plan` or the destination of `automation upload`; the rules have the keys {patterns}"
                ));
            }
            Self::UnknownTarget(_) => "run `automation targets` to list all targets",
            Self::UnknownCode(_) => {
                "copy the code from the end of the line with the problem; docs/PROBLEMS.md lists all codes"
            }
            Self::NoTerminal { preview } => {
                return Some(format!("pass --yes to go on without asking, or {preview} to see what would change"));
            }
            Self::NotApplicable { option, .. } => return Some(format!("leave out {option}")),
            Self::MissingOutput { option, output, .. } => {
                return Some(format!(
                    "pass --stack NAME or {option}, or set {output} (`make up` writes it to .local/env)"
                ));
            }
            Self::NoStack => "pass --stack NAME",
            Self::NoRegion => "pass --region or set AWS_REGION",
            #[cfg(not(feature = "aws"))]
            Self::NoAws => "install the complete one: `cargo install --locked --path cli`",
            Self::UnknownStack { .. } => {
                "check the name with `aws cloudformation list-stacks`, and the Region and the account with --region and --profile"
            }
            Self::UnknownBucket(_) => "check the name with `aws s3 ls`, and the account with --profile",
            Self::UnknownObject(uri) => return Some(format!("check the key with `aws s3 ls {uri}`")),
            Self::Configuration(_) => {
                "upload a valid automation.yaml to the configuration bucket, or pass --config FILE"
            }
            Self::UnknownQueue { output, .. } => {
                return Some(format!(
                    "pass the URL or the name of a dead-letter queue; or one of {} with --stack NAME, or with the stack's output {output} in the environment (`make up` writes it to .local/env)",
                    QUEUE_NAMES.join(", ")
                ));
            }
            Self::UnknownTable(_) => {
                "pass --stack NAME, or the stack's ledger table with --table; and check Region and account with --region and --profile"
            }
            Self::UnknownJob(_) => "run `automation status --recent` to show the names of the latest jobs",
            Self::UnplannedVersion { .. } => {
                "check the log of plan-compilation and the dead-letter queue with `automation redrive uploads --dry-run`"
            }
            Self::Read { path, .. } if path.extension().is_some_and(|extension| extension == "yaml") => {
                "pass the path of your configuration; config/automation.example.yaml is a complete one to begin with"
            }
            Self::Read { .. } => "check the path, and whether you may read the file",
            Self::UnknownModel(_) => {
                "check the key; `automation plan ARCHIVE --key KEY` shows which rule matches, `automation doctor` whether the stack works"
            }
            Self::Archive(_) | Self::ExpiredCredentials | Self::Runtime(_) | Self::Json(_) | Self::Write(_) => {
                return None;
            }
            #[cfg(feature = "aws")]
            Self::Credentials { .. } | Self::Call(_) | Self::InspectionStopped(_) => return None,
        };
        Some(fix.to_owned())
    }
}
