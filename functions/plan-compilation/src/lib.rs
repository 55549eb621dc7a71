//! Plans compilations: turns uploaded archives, and model packages named in the configuration, into
//! compilation requests.

mod decide;
mod dispatch;
mod handler;
mod own_artifact;

pub use handler::Planner;
