#![doc = include_str!("../README.md")]

mod change;
mod digest;
mod duplicate;
pub mod export;
pub mod image;
pub mod partner_app;
mod plan;
pub mod time_format;
mod update_calls;
mod update_history;
pub mod upgrade;
pub mod window;
pub mod workteam;

use document::{MapFields, Reader};

pub use change::tags_refused_problem;
pub use plan::{ApplyOutcome, Change, PlanItem, Reconciled, ResourcePlan};
pub use update_calls::{MAX_CALLS, UpdateCalls};
pub use update_history::{
    DesiredUpdate, FailedUpdate, NextRequest, PendingUpdate, SettledUpdate, ShownUpdate, UpdateHistory,
};

/// The resources that `automation.yaml` declares besides compilation, in the order of the document.
#[derive(Debug, Clone, Default)]
pub struct DeclaredResources {
    pub partner_apps: Vec<partner_app::PartnerApp>,
    pub images: Vec<image::Image>,
    pub workteams: Vec<workteam::Workteam>,
}

impl DeclaredResources {
    /// Reads the sections of a document; `None` if one of them could not be read. `reader` collects
    /// every error.
    pub fn read_sections(reader: &mut Reader, sections: &MapFields<'_>) -> Option<Self> {
        let partner_apps = match sections.get("partner_apps") {
            None => Some(Vec::new()),
            Some(at) => partner_app::read_apps(reader, at),
        };
        let images = match sections.get("images") {
            None => Some(Vec::new()),
            Some(at) => image::read_images(reader, at),
        };
        let workteams = workteam::read_workteams(reader, sections);
        Some(Self { partner_apps: partner_apps?, images: images?, workteams: workteams? })
    }
}
