//! Partner AI Apps: their versions, their states, their updates.

mod app;
mod catalogue;
mod create;
mod read;
mod store;
mod update;

pub(crate) use catalogue::Release;
pub(crate) use create::create;
pub(crate) use read::{describe, list};
pub(crate) use store::PartnerApps;
pub(crate) use update::update;
