//! Images: their properties, their states, their events.

mod change;
mod read;
mod state;
mod store;

pub(crate) use change::{create, update};
pub(crate) use read::{describe, list};
pub(crate) use store::Images;
