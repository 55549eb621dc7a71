//! Why the service model could not be read.

use std::path::PathBuf;

use super::MODEL_VARIABLE;

/// Why the service model could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No file was named and none is in the virtual environment.
    #[error(
        "no SageMaker service model under {}: create the virtual environment of the tests, \
         or name botocore's sagemaker/2017-07-24/service-2.json.gz in {MODEL_VARIABLE}",
        libraries.display()
    )]
    NotFound {
        /// The folder that was searched.
        libraries: PathBuf,
    },
    /// The file could not be opened or inflated.
    #[error("cannot read the service model {}: name botocore's service-2.json.gz in {MODEL_VARIABLE}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a service model.
    #[error("{} is not a service model of botocore", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The model refers to a shape it does not define, or one of a type this checker does not know.
    #[error("the service model's shape {shape} {problem}: this checker has to learn it")]
    Shape {
        /// The shape's name.
        shape: String,
        /// What is wrong with it.
        problem: String,
    },
}
