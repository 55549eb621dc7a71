//! What a compilation job compiles: an uploaded archive, or a version of a model package.

use serde::{Deserialize, Serialize};

use crate::{ModelId, ModelPackageArn, Upload};

/// What is compiled. The API takes exactly one of the two (service model 2017-07-24, `CreateCompilationJobRequest`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// An archive in the model bucket.
    Upload(Upload),
    /// A version of a model package that a rule names.
    Package(ModelPackage),
}

/// A version of a model package, and what a rule asks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPackage {
    /// The package's version.
    pub model_package_version_arn: ModelPackageArn,
    /// The version's number, and what tells this rule's wishes from others: a rule that was changed is as a new upload.
    pub version: String,
}

impl Source {
    /// `s3://bucket/key`, or the ARN of the package's version.
    pub fn uri(&self) -> String {
        match self {
            Self::Upload(upload) => upload.s3_uri(),
            Self::Package(package) => package.model_package_version_arn.as_str().to_owned(),
        }
    }

    /// What people call the model: the last part of an upload's key, or `resnet/3`.
    pub fn stem(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.stem(),
            Self::Package(package) => package.model_package_version_arn.name_and_number(),
        }
    }

    /// The folder that is the model's own: an upload's key without the archive's suffix, or the package's name.
    pub fn folder(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.key.strip_suffix(".tar.gz").unwrap_or(&upload.key),
            Self::Package(package) => package.model_package_version_arn.name(),
        }
    }

    /// What tells it from others in its folder.
    pub fn version(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.version(),
            Self::Package(package) => &package.version,
        }
    }

    /// The model version's id.
    pub fn model_id(&self) -> ModelId {
        let [bucket, key, version] = self.identity();
        ModelId::new(bucket, key, version)
    }

    /// What names are made of. No bucket has an empty name.
    pub(crate) fn identity(&self) -> [&str; 3] {
        match self {
            Self::Upload(upload) => [&upload.bucket, &upload.key, upload.version()],
            Self::Package(package) => ["", package.model_package_version_arn.as_str(), &package.version],
        }
    }

    /// The upload, if it is one.
    pub fn upload(&self) -> Option<&Upload> {
        match self {
            Self::Upload(upload) => Some(upload),
            Self::Package(_) => None,
        }
    }
}

impl From<Upload> for Source {
    fn from(upload: Upload) -> Self {
        Self::Upload(upload)
    }
}
