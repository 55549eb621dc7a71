//! A compilation job's state becomes a ledger row and a notification.

pub mod handler;
