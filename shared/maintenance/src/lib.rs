//! What is kept as declared: work teams, partner apps and images. Declared and standing state in, a plan out.
//!
//! Pure: no AWS SDK, no I/O; the clock is passed in.

mod plan;
pub mod workteam;

use document::{Fields, Reader};

pub use plan::{Change, Item, Plan};

/// What `automation.yaml` declares beside compilation.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Work teams, in the order of the document.
    pub workteams: Vec<workteam::Workteam>,
}

impl Declared {
    /// Reads the sections among those of a document; none if there are mistakes in them.
    pub fn read(reader: &mut Reader, sections: &Fields<'_>) -> Option<Self> {
        let workteams = workteam::workteams(reader, sections);
        Some(Self { workteams: workteams? })
    }
}
