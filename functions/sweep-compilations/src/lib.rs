//! Finds compilation jobs whose status changes were not reported.

pub mod handler;
