//! Keeps partner apps in the desired state, inside their maintenance windows.

pub mod handler;
