//! Plans compilations: turns uploaded archives, and model packages named in the configuration, into
//! compilation requests.

mod apply_config;
mod decide;
mod dispatch;
mod handler;
mod missed_uploads;
mod own_artifact;
mod package_groups;
#[cfg(test)]
mod tests;

pub use handler::Planner;
