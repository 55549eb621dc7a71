//! What a compilation job compiles: an uploaded archive, or a model package version.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ModelId, ModelPackageArn, Upload};

/// Begins the reason for which a request is rejected whose model package version is not approved
/// any more.
pub const NOT_APPROVED: &str = "the model package version is not approved any more";

/// What is compiled. The API accepts exactly one of the two (service model 2017-07-24,
/// `CreateCompilationJobRequest`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ModelSource {
    /// An archive in the model bucket.
    Upload(Upload),
    /// A model package version that a rule names, or that is approved in a group that a rule names.
    Package(ModelPackage),
}

/// A model package version, as one rule compiles it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPackage {
    pub model_package_version_arn: ModelPackageArn,
    /// The version number, and a digest of what the rule requests: changing a rule has the same
    /// effect as a new upload.
    pub version: String,
    /// When it was registered, if its group was deleted and created again: the group before may
    /// have had another version with this ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_again_at: Option<Timestamp>,
}

impl ModelSource {
    /// `s3://bucket/key`, or the ARN of the model package version.
    pub fn to_uri(&self) -> String {
        match self {
            Self::Upload(upload) => upload.s3_uri(),
            Self::Package(package) => package.model_package_version_arn.as_str().to_owned(),
        }
    }

    /// The model's name in job names and messages: the last part of an upload's key, or `resnet/3`.
    pub fn display_name(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.file_stem(),
            Self::Package(package) => package.model_package_version_arn.name_and_number(),
        }
    }

    /// The model's own folder: an upload's key without the archive suffix, or the package name.
    pub fn model_folder(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.key.strip_suffix(".tar.gz").unwrap_or(&upload.key),
            Self::Package(package) => package.model_package_version_arn.name(),
        }
    }

    /// Distinguishes it from the other versions in its folder.
    pub fn version(&self) -> &str {
        match self {
            Self::Upload(upload) => upload.version(),
            Self::Package(package) => &package.version,
        }
    }

    /// The id of this model version.
    pub fn model_id(&self) -> ModelId {
        let [bucket, key, version] = self.identity_fields();
        ModelId::new(&bucket, &key, &version)
    }

    /// The id of this model version before it was replayed.
    pub fn unreplayed_id(&self) -> ModelId {
        match self {
            Self::Upload(upload) => ModelId::new(&upload.bucket, &upload.key, upload.version()),
            Self::Package(_) => self.model_id(),
        }
    }

    /// What names and ids are derived from. A package has an empty bucket, which no upload has.
    pub(crate) fn identity_fields(&self) -> [Cow<'_, str>; 3] {
        match self {
            Self::Upload(upload) => {
                let version = match upload.replayed_at {
                    Some(at) => Cow::from(format!("{}#{at}", upload.version())),
                    None => upload.version().into(),
                };
                [(&upload.bucket).into(), (&upload.key).into(), version]
            }
            Self::Package(package) => {
                let arn = package.model_package_version_arn.as_str();
                let key = match package.created_again_at {
                    Some(at) => Cow::from(format!("{arn}#{at}")),
                    None => arn.into(),
                };
                ["".into(), key, (&package.version).into()]
            }
        }
    }

    /// The same upload version, replayed at this time; `None` for a model package.
    pub fn to_replay(&self, at: Timestamp) -> Option<Self> {
        self.as_upload().map(|upload| Self::Upload(Upload { replayed_at: Some(at), ..upload.clone() }))
    }

    /// The upload; `None` for a model package.
    pub fn as_upload(&self) -> Option<&Upload> {
        match self {
            Self::Upload(upload) => Some(upload),
            Self::Package(_) => None,
        }
    }
}

impl From<Upload> for ModelSource {
    fn from(upload: Upload) -> Self {
        Self::Upload(upload)
    }
}
