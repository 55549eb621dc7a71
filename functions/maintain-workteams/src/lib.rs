//! Keeps work teams in the desired state that `automation.yaml` declares.

mod handler;

pub use handler::WorkteamMaintainer;
