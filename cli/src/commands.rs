//! One module per command.

pub(crate) mod completions;
#[cfg(feature = "aws")]
pub(crate) mod config;
#[cfg(feature = "aws")]
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod inspect;
#[cfg(feature = "aws")]
pub(crate) mod maintain;
pub(crate) mod plan;
#[cfg(feature = "aws")]
pub(crate) mod redrive;
#[cfg(feature = "aws")]
pub(crate) mod replay;
pub(crate) mod schema;
#[cfg(feature = "aws")]
pub(crate) mod status;
pub(crate) mod targets;
#[cfg(feature = "aws")]
pub(crate) mod upload;
pub(crate) mod validate;
