//! Recognizes which files of an archive are models, and which one is the model.

pub(crate) mod candidates;
pub(crate) mod file_type;
pub(crate) mod format;
