//! The official service model from botocore, and the check of requests against it.

mod botocore_file;
mod checker;
mod error;
mod pattern;
mod shape;
mod violation;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use shape::ModelShape;

pub use error::ModelError;
pub use violation::{ModelConstraint, RequestViolation, format_violations};

/// The environment variable with the path of the model file.
pub const MODEL_VARIABLE: &str = "SAGEMAKER_SERVICE_MODEL";

/// Path of botocore's model in a `site-packages` directory.
const MODEL_IN_SITE_PACKAGES: &str = "botocore/data/sagemaker/2017-07-24/service-2.json.gz";

/// The request shapes of selected operations.
#[derive(Debug)]
pub struct ServiceModel {
    /// Operation name → input shape; `None` for an operation without input.
    operations: BTreeMap<String, Option<String>>,
    shapes: HashMap<String, ModelShape>,
}

impl ServiceModel {
    /// Reads `service-2.json.gz` and keeps the shapes that the operations of this emulator use.
    pub fn load_file(path: &Path) -> Result<Self, ModelError> {
        Self::load_operations(path, crate::operations::is_offered)
    }

    /// Reads `service-2.json.gz` and keeps the shapes that the selected operations use.
    pub fn load_operations(path: &Path, keep: impl Fn(&str) -> bool) -> Result<Self, ModelError> {
        let raw = botocore_file::RawModel::read_file(path)?;
        let operations: BTreeMap<String, Option<String>> = raw
            .operations
            .into_iter()
            .filter(|(name, _)| keep(name))
            .map(|(name, operation)| (name, operation.input.map(|input| input.shape)))
            .collect();
        let shapes = shape::collect_reachable(operations.values().flatten(), raw.shapes)?;
        Ok(Self { operations, shapes })
    }

    /// Finds the model file: `SAGEMAKER_SERVICE_MODEL`, otherwise botocore in the `.venv` at the
    /// workspace root.
    pub fn locate_file() -> Result<PathBuf, ModelError> {
        if let Some(path) = std::env::var_os(MODEL_VARIABLE).filter(|path| !path.is_empty()) {
            return Ok(PathBuf::from(path));
        }
        let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/lib");
        let mut found: Vec<PathBuf> = std::fs::read_dir(&libraries)
            .into_iter()
            .flatten()
            .flatten()
            .map(|python| python.path().join("site-packages").join(MODEL_IN_SITE_PACKAGES))
            .filter(|model| model.is_file())
            .collect();
        found.sort();
        found.pop().ok_or(ModelError::NotFound { libraries })
    }

    /// Returns all violations of the model in `body`, in the model's order; empty for a valid
    /// request.
    pub fn find_violations(&self, operation: &str, body: &serde_json::Value) -> Vec<RequestViolation> {
        match self.operations.get(operation) {
            None => vec![RequestViolation::new(
                "",
                body,
                ModelConstraint::UnknownOperation { operation: operation.to_owned() },
            )],
            Some(None) => Vec::new(),
            Some(Some(input)) => checker::check_request(&self.shapes, input, body),
        }
    }

    pub fn operation_names(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// The patterns that are not checked because the `regex` crate does not support them (mostly
    /// look-around).
    pub fn unchecked_patterns(&self) -> Vec<&str> {
        let mut patterns: Vec<&str> = self
            .shapes
            .values()
            .filter_map(|shape| match shape {
                ModelShape::Text { pattern: Some(pattern), .. } if !pattern.is_supported() => Some(pattern.as_str()),
                _ => None,
            })
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }
}

#[cfg(test)]
mod tests;
