//! Recognizes which files of an archive are models, and which one is the model.

pub(crate) mod candidates;
pub(crate) mod choice;
pub(crate) mod file_group;
pub(crate) mod file_type;
pub(crate) mod format;
pub(crate) mod recognized;
mod surplus;
pub(crate) mod unsupported_files;
pub(crate) mod unsupported_format;
pub(crate) mod upload;
pub(crate) mod weights;
