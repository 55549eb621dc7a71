//! Why a command failed, and how to fix it.

use std::{io, path::PathBuf};

use thiserror::Error;
use worker::error::CallError;

use crate::dead_letter_queues::QUEUE_NAMES;

#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the archive")]
    Archive(#[from] model_archive::InspectError),
    #[error("cannot read {uri}")]
    S3 { uri: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{0}` has no object key")]
    NoObjectKey(String),
    #[error("no rule in {} matches the key `{key}`", path.display())]
    NoMatchingRule { path: PathBuf, key: String },
    #[error("`{0}` is not a target, and no target's name contains it")]
    UnknownTarget(String),
    #[error("`{0}` is not the code of a problem or warning")]
    UnknownCode(String),
    #[error("cannot ask for confirmation because stdin is not a terminal")]
    NoTerminal,
    #[error("cannot read the configuration")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// `output` is the stack's output with the queue's URL.
    #[error("there is no queue `{queue}`")]
    UnknownQueue { queue: String, output: String },
    #[error("there is no table `{0}`")]
    UnknownTable(String),
    #[error("the ledger has no job `{0}`")]
    UnknownJob(String),
    #[error("the ledger has no version of {0}; it may not have been picked up yet, or no rule covers its key")]
    UnknownModel(String),
    #[error("version {version} of {uri} was not planned in time; an empty object is never planned")]
    UnplannedVersion {
        /// `s3://bucket/key`
        uri: String,
        version: String,
    },
    #[error("applying changes needs the stack's ledger table")]
    NoLedger,
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("the inspection stopped unexpectedly")]
    InspectionStopped(#[from] tokio::task::JoinError),
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

impl CliError {
    /// Returns what the user can do about the error, if it is known.
    pub fn suggest_fix(&self) -> Option<String> {
        let fix = match self {
            Self::NoObjectKey(_) => "use s3://bucket/key.tar.gz",
            Self::NoMatchingRule { .. } => "pass the object key with --key, for example --key vision/model.tar.gz",
            Self::UnknownTarget(_) => "run `automation targets` to list all targets",
            Self::UnknownCode(_) => {
                "copy the code from the end of the line with the problem; docs/PROBLEMS.md lists all codes"
            }
            Self::NoTerminal => "use --yes to apply or --plan to preview",
            Self::UnknownQueue { output, .. } => {
                return Some(format!(
                    "pass the URL or the name of a dead-letter queue, or one of {} with the stack's outputs in the environment ({output}=https://…; `make up` writes them to .local/env)",
                    QUEUE_NAMES.join(", ")
                ));
            }
            Self::UnknownTable(_) => {
                "pass the stack's ledger table with --table or set LedgerTableName (`make up` writes it to .local/env)"
            }
            Self::UnknownJob(_) => "run `automation status --recent` to show the names of the latest jobs",
            Self::UnplannedVersion { .. } => {
                "check the log of plan-compilation and the dead-letter queue with `automation redrive uploads --dry-run`"
            }
            Self::NoLedger => {
                "pass --table or set LedgerTableName (`make up` writes it to .local/env); --plan does not need it"
            }
            Self::Read { .. }
            | Self::Archive(_)
            | Self::S3 { .. }
            | Self::Configuration(_)
            | Self::UnknownModel(_)
            | Self::Call(_)
            | Self::Runtime(_)
            | Self::InspectionStopped(_)
            | Self::Json(_)
            | Self::Write(_) => return None,
        };
        Some(fix.to_owned())
    }
}
