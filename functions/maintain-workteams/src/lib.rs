//! Work teams are brought to what `automation.yaml` declares.

pub mod handler;
