//! Keeps partner apps in the desired state, inside their maintenance windows.

mod handler;

pub use handler::AppMaintainer;
