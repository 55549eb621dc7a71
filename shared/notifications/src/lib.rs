#![doc = include_str!("../README.md")]

mod compilation;
mod console;
mod image;
mod notification;
mod notification_type;
pub mod notifier;
mod partner_app;
pub mod sns;
mod text;
mod workteam;

pub use notification::Notification;
pub use notification_type::{NotificationType, Severity};
pub use workteam::{TeamMessages, TeamReport};
