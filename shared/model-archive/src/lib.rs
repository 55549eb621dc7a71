#![doc = include_str!("../README.md")]

mod container;
mod element_type;
mod encoding;
mod error;
mod framework;
mod framework_name;
mod inspection;
mod inspector;
mod limits;
mod name_set;
mod problem;
mod recognition;

pub use element_type::ElementType;
pub use error::InspectError;
pub use framework_name::{Framework, InputLayout, UnknownFramework};
pub use inspection::{ArchiveMember, Dim, InspectedModel, Inspection, ModelInput};
pub use inspector::{inspect_archive, inspect_archive_for};
pub use limits::Limits;
pub use problem::{Problem, Warning, limit_problems, limit_warnings, quote_name, shorten_name, shorten_text};
