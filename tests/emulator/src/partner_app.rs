//! Partner AI Apps: versions, statuses and updates.

mod app_store;
mod create;
mod describe_list;
mod emulated_app;
mod release_catalogue;
mod update;

pub(crate) use app_store::PartnerAppStore;
pub(crate) use create::create_partner_app;
pub(crate) use describe_list::{describe_partner_app, list_partner_apps};
pub(crate) use release_catalogue::AppRelease;
pub(crate) use update::update_partner_app;
