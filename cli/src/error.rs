//! Why a command could not do its work.

use std::{io, path::PathBuf};

use automation::{batch::chain, call::CallError};
use thiserror::Error;

use crate::commands::redrive::QUEUES;

#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the archive")]
    Archive(#[from] model_archive::InspectError),
    #[error("cannot read {uri}")]
    S3 { uri: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{0}` names no object; write s3://bucket/key.tar.gz")]
    NoObject(String),
    #[error("no rule of {} is for the key `{key}`; name the key that the model will have with --key, such as --key vision/model.tar.gz", path.display())]
    NoRule { path: PathBuf, key: String },
    #[error("`{0}` is neither a name of a target nor part of one; `automation targets` lists them")]
    NoTarget(String),
    #[error("there is nobody to ask whether to apply the plan: say so with --yes, or look at it with --plan")]
    NobodyToAsk,
    #[error("cannot read the configuration")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "there is no queue `{queue}`; give the URL or the name of a dead-letter queue, or one of {} with the stack's outputs in the environment ({output}=https://…; `make up` writes them to .local/env)",
        QUEUES.join(", ")
    )]
    NoQueue { queue: String, output: String },
    #[error(
        "there is no table `{0}`; --table or LedgerTableName in the environment names the stack's (`make up` writes it to .local/env)"
    )]
    NoTable(String),
    #[error("the ledger has no job `{0}`; `automation status --recent` shows the names of the last ones")]
    NoJob(String),
    #[error(
        "the ledger has no version of {0}; the upload may be a moment old, or not under a key that has been told of"
    )]
    NoModel(String),
    #[error(
        "what is asked here has to be followed: --table or LedgerTableName in the environment names the stack's ledger (`make up` writes it to .local/env); --plan only looks"
    )]
    NoLedger,
    #[error("{}", chain(.0))]
    Call(#[from] CallError),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("the inspection ended before it was done")]
    Ended(#[from] tokio::task::JoinError),
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot write")]
    Write(#[from] io::Error),
}
