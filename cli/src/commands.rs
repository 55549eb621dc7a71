//! One module per command.

pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod maintain;
pub(crate) mod plan;
pub(crate) mod redrive;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod targets;
pub(crate) mod upload;
pub(crate) mod validate;
