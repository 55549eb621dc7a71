//! Compilation jobs: requests, rules, states, answers.

mod artifact;
mod create;
mod job;
mod list;
mod manage;
mod request;
mod rules;
mod store;
mod target;
mod view;

pub(crate) use artifact::{Compiled, Work};
pub(crate) use create::create;
pub(crate) use list::list;
pub(crate) use manage::{delete, describe, stop};
pub(crate) use store::CompilationJobs;
