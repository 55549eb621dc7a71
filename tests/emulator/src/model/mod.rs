//! The official service model, as botocore ships it, and the check of requests against it.

mod check;
mod error;
mod pattern;
mod raw;
mod shape;
mod violation;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use shape::Shape;

pub use error::ModelError;
pub use violation::{Constraint, Violation, message};

/// The environment variable that names the model file.
pub const MODEL_VARIABLE: &str = "SAGEMAKER_SERVICE_MODEL";

/// Where botocore keeps the model below a `site-packages` folder.
const MODEL_IN_SITE_PACKAGES: &str = "botocore/data/sagemaker/2017-07-24/service-2.json.gz";

/// Requests of chosen operations, as the service's own description has them.
#[derive(Debug)]
pub struct ServiceModel {
    /// Operation name → the shape of its input; `None` for an operation that takes nothing.
    operations: BTreeMap<String, Option<String>>,
    shapes: HashMap<String, Shape>,
}

impl ServiceModel {
    /// Reads `service-2.json.gz` and keeps what the operations of this emulator reach.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::load_operations(path, crate::operations::is_offered)
    }

    /// Reads `service-2.json.gz` and keeps what the chosen operations reach.
    pub fn load_operations(path: &Path, keep: impl Fn(&str) -> bool) -> Result<Self, ModelError> {
        let raw = raw::RawModel::read(path)?;
        let operations: BTreeMap<String, Option<String>> = raw
            .operations
            .into_iter()
            .filter(|(name, _)| keep(name))
            .map(|(name, operation)| (name, operation.input.map(|input| input.shape)))
            .collect();
        let shapes = shape::reachable(operations.values().flatten(), raw.shapes)?;
        Ok(Self { operations, shapes })
    }

    /// Finds the model file: `SAGEMAKER_SERVICE_MODEL`, else botocore in the `.venv` at the root of the workspace.
    pub fn locate() -> Result<PathBuf, ModelError> {
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

    /// Everything in `body` that the model forbids, in the model's order; empty when the request is valid.
    pub fn violations(&self, operation: &str, body: &serde_json::Value) -> Vec<Violation> {
        match self.operations.get(operation) {
            None => vec![Violation::at("", body, Constraint::UnknownOperation { operation: operation.to_owned() })],
            Some(None) => Vec::new(),
            Some(Some(input)) => check::check(&self.shapes, input, body),
        }
    }

    /// The operations this model was loaded for.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// The patterns that the `regex` crate cannot express (look-around, mostly) and that are therefore not checked.
    pub fn unchecked_patterns(&self) -> Vec<&str> {
        let mut patterns: Vec<&str> = self
            .shapes
            .values()
            .filter_map(|shape| match shape {
                Shape::Text { pattern: Some(pattern), .. } if !pattern.compiles() => Some(pattern.as_str()),
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
