//! The model registry: model package groups, their versions, and the events of versions.

mod groups;
mod package_store;
mod versions;

pub(crate) use groups::{create_group, list_groups};
pub(crate) use package_store::ModelPackageStore;
pub(crate) use versions::{create_package, describe_package, list_packages, update_package};
