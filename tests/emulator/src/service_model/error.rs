//! Errors while loading the service model.

use std::path::PathBuf;

use super::MODEL_VARIABLE;

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No file was given, and the virtual environment does not contain one.
    #[error(
        "found no SageMaker service model in {}; create the virtual environment of the tests, \
         or set {MODEL_VARIABLE} to the path of botocore's sagemaker/2017-07-24/service-2.json.gz",
        libraries.display()
    )]
    NotFound {
        /// The searched directory.
        libraries: PathBuf,
    },
    /// The file could not be read or decompressed.
    #[error("cannot read the service model {}; set {MODEL_VARIABLE} to the path of botocore's service-2.json.gz", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not a service model of botocore.
    #[error("{} is not a botocore service model; set {MODEL_VARIABLE} to the path of botocore's service-2.json.gz", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    /// The model references an undefined shape, or a shape of a type that the checker does not
    /// support.
    #[error("shape {shape} of the service model {problem}; extend the checker to support it")]
    ModelShape { shape: String, problem: String },
}
