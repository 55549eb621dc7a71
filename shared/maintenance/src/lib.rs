//! What is kept as declared: work teams, partner apps and images. Declared and standing state in, a plan out.
//!
//! Pure: no AWS SDK, no I/O; the clock is passed in.

mod plan;

use document::{Fields, Reader};

pub use plan::{Change, Item, Plan};

/// What `automation.yaml` declares beside compilation.
#[derive(Debug, Clone, Default)]
pub struct Declared {}

impl Declared {
    /// Reads the sections among those of a document; none if there are mistakes in them.
    pub fn read(_reader: &mut Reader, _sections: &Fields<'_>) -> Option<Self> {
        Some(Self {})
    }
}
