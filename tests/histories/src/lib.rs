//! The four handlers over in-memory edges, driven through histories that AWS allows: messages doubled, reordered and kept, calls that
//! fail before or after their effect, processes that die between any two calls, clocks that jump.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a test double: it fails by panicking")]

mod clock;
mod faults;
mod world;

pub use clock::advance;
pub use faults::Faults;
pub use world::{Action, World};
