//! What is kept as declared: work teams, partner apps and images. Declared and standing state in, a plan out.
//!
//! Pure: no AWS SDK, no I/O; the clock is passed in.

mod change;
mod digest;
pub mod image;
pub mod partner_app;
mod plan;
pub mod span;
pub mod upgrade;
pub mod window;
pub mod workteam;

use document::{Fields, Reader};

pub use plan::{Change, Item, Plan};

/// What `automation.yaml` declares beside compilation.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// The section `partner_apps`.
    pub partner_apps: Vec<partner_app::PartnerApp>,
    /// The section `images`.
    pub images: Vec<image::Image>,
    /// Work teams, in the order of the document.
    pub workteams: Vec<workteam::Workteam>,
}

impl Declared {
    /// Reads the sections among those of a document; none if there are mistakes in them.
    pub fn read(reader: &mut Reader, sections: &Fields<'_>) -> Option<Self> {
        let partner_apps = match sections.get("partner_apps") {
            None => Some(Vec::new()),
            Some(at) => partner_app::read(reader, at),
        };
        let images = match sections.get("images") {
            None => Some(Vec::new()),
            Some(at) => image::read(reader, at),
        };
        let workteams = workteam::workteams(reader, sections);
        Some(Self { partner_apps: partner_apps?, images: images?, workteams: workteams? })
    }
}
