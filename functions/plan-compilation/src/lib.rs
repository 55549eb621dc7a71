//! An uploaded model archive becomes one compilation request per target.

pub mod handler;
mod own_output;
