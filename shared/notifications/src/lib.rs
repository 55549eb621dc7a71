#![doc = include_str!("../README.md")]

pub mod channel;
mod chat;
mod compilation;
mod console;
pub mod event_bus;
#[cfg(test)]
mod hostile_text;
mod image;
mod notification;
mod notification_type;
pub mod notifier;
mod partner_app;
pub mod sns;
mod text;
mod workteam;

pub use channel::Channel;
pub use notification::Notification;
pub use notification_type::{NotificationType, Severity};
pub use workteam::{TeamMessages, TeamReport};
