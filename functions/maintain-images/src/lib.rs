//! On schedule, image events and configuration changes: images are brought to what is declared.

pub mod handler;
