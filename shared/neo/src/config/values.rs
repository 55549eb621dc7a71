//! Values that are valid once they are parsed.

use std::{fmt, str::FromStr};

use document::{ConfigFinding, arn};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Allowed lengths of `FrameworkVersion`, in characters (service model 2017-07-24).
const FRAMEWORK_VERSION: std::ops::RangeInclusive<usize> = 3..=10;

/// Allowed lengths of the Region in a model package ARN, in characters (service model 2017-07-24).
const REGION: std::ops::RangeInclusive<usize> = 9..=16;

/// Maximum length of a KMS key id, in characters (service model 2017-07-24).
const KMS_KEY_ID: usize = 2048;

/// Maximum length of a model package name (service model 2017-07-24, `EntityName`).
const PACKAGE_NAME: usize = 63;

/// Maximum number of digits in a model package version, which is a 32-bit integer (service model
/// 2017-07-24, `ModelPackageVersion`).
const PACKAGE_NUMBER: usize = 10;

/// A version of a framework, such as `1.15.3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrameworkVersion(String);

/// A framework version that the API does not accept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected a framework version such as \"2.0\" (a digit, a dot, then letters, digits or dots; 3 to 10 characters), found `{0}`"
)]
pub struct FrameworkVersionError(String);

impl From<FrameworkVersionError> for ConfigFinding {
    fn from(error: FrameworkVersionError) -> Self {
        Self::new(error.to_string(), "write major and minor version, such as \"2.0\"")
    }
}

impl FrameworkVersion {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Major and minor version, which is all that the SageMaker Python SDK ever sends.
    pub fn major_minor(&self) -> &str {
        match self.0.match_indices('.').nth(1) {
            Some((second, _)) => &self.0[..second],
            None => &self.0,
        }
    }

    /// `None` if they are not numbers.
    pub(crate) fn to_numbers(&self) -> Option<(u32, u32)> {
        parse_major_minor(&self.0)
    }
}

/// Parses the major and minor number of a version.
pub(crate) fn parse_major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl FromStr for FrameworkVersion {
    type Err = FrameworkVersionError;

    fn from_str(text: &str) -> Result<Self, FrameworkVersionError> {
        let is_rest = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let mut chars = text.chars();
        let fits = FRAMEWORK_VERSION.contains(&text.len())
            && chars.next().is_some_and(|c| c.is_ascii_digit())
            && chars.next() == Some('.')
            && chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
            && chars.all(is_rest);
        if fits { Ok(Self(text.to_owned())) } else { Err(FrameworkVersionError(text.to_owned())) }
    }
}

impl fmt::Display for FrameworkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of the execution role of a compilation job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn(String);

impl RoleArn {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A configured value that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a {expected}, such as {example}, found `{found}`")]
pub struct InvalidValueError {
    pub(super) found: String,
    pub(super) expected: &'static str,
    pub(super) example: &'static str,
}

impl From<InvalidValueError> for ConfigFinding {
    fn from(error: InvalidValueError) -> Self {
        Self::new(error.to_string(), format!("write, for example, {}", error.example))
    }
}

impl FromStr for RoleArn {
    type Err = InvalidValueError;

    fn from_str(text: &str) -> Result<Self, InvalidValueError> {
        if arn::is_role_arn(text) {
            return Ok(Self(text.to_owned()));
        }
        let example = "arn:aws:iam::123456789012:role/neo";
        Err(InvalidValueError { found: text.to_owned(), expected: "role ARN", example })
    }
}

/// The ARN of a model package version, such as
/// `arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelPackageArn(String);

impl ModelPackageArn {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package name and version number, such as `resnet/3`.
    pub fn name_and_number(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    pub fn name(&self) -> &str {
        self.name_and_number().split('/').next().unwrap_or_default()
    }

    pub fn version_number(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

/// Whether a text is a valid name of a model package group (service model 2017-07-24,
/// `EntityName`).
pub(super) fn is_package_name(name: &str) -> bool {
    (1..=PACKAGE_NAME).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

impl FromStr for ModelPackageArn {
    type Err = InvalidValueError;

    fn from_str(text: &str) -> Result<Self, InvalidValueError> {
        let is_versioned_package = |resource: &str| {
            let version = resource.strip_prefix("model-package/").and_then(|version| version.split_once('/'));
            version.is_some_and(|(name, number)| {
                is_package_name(name.trim_end_matches('-'))
                    && name.len() <= PACKAGE_NAME
                    && (1..=PACKAGE_NUMBER).contains(&number.len())
                    && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let in_region = arn::ArnScope::from_arn(text).is_some_and(|scope| REGION.contains(&scope.region.len()));
        if in_region && arn::is_arn(text, "sagemaker", true, is_versioned_package) {
            return Ok(Self(text.to_owned()));
        }
        let example = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        Err(InvalidValueError { found: text.to_owned(), expected: "model package version ARN", example })
    }
}

/// The KMS key that SageMaker encrypts an artifact with: an id, an alias, or the ARN of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKeyId(String);

impl KmsKeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KmsKeyId {
    type Err = InvalidValueError;

    fn from_str(text: &str) -> Result<Self, InvalidValueError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":/_-".contains(c);
        if !text.is_empty() && text.len() <= KMS_KEY_ID && text.chars().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        let example = "alias/models or the ARN of the key";
        Err(InvalidValueError { found: text.to_owned(), expected: "KMS key", example })
    }
}

/// The VPC configuration of a compilation job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcConfig {
    /// 1 to 5 security groups.
    pub security_group_ids: Vec<String>,
    /// 1 to 16 subnets.
    pub subnets: Vec<String>,
}

/// Sizes for the model's dynamic dimensions, by symbolic name; `default` applies to all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SymbolicDims(pub(crate) IndexMap<String, u64>);

impl fmt::Display for SymbolicDims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.0.iter().map(|(name, size)| format!("{name}: {size}")).collect();
        f.write_str(&sizes.join(", "))
    }
}

impl FromIterator<(String, u64)> for SymbolicDims {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_the_api_accepts_are_valid() {
        for (text, major_minor) in [("2.0", "2.0"), ("1.15.3", "1.15"), ("1.7.0", "1.7"), ("2.9.1rc1", "2.9")] {
            assert_eq!(text.parse::<FrameworkVersion>().unwrap().major_minor(), major_minor);
        }
        for text in ["2", "10.1", "", "v1.0", "1.", "1..0", "1.2.3.4.5.6", "1.0 "] {
            assert!(text.parse::<FrameworkVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn arns_and_keys_the_api_accepts_are_valid() {
        for (text, good) in [
            ("arn:aws:iam::123456789012:role/neo", true),
            ("arn:aws-us-gov:iam::123456789012:role/team/neo@x", true),
            ("arn:aws:iam::1234:role/neo", false),
            ("arn:aws:iam::123456789012:user/neo", false),
            ("neo", false),
        ] {
            assert_eq!(text.parse::<RoleArn>().is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3", true),
            ("arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:model-package/a-b/12", true),
            ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet", false),
            ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/latest", false),
            ("arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/resnet", false),
            ("arn:aws:sagemaker:eu-west-1:1234:model-package/resnet/3", false),
            ("arn:aws:iam::123456789012:model-package/resnet/3", false),
            ("resnet/3", false),
        ] {
            assert_eq!(text.parse::<ModelPackageArn>().is_ok(), good, "{text}");
        }
        assert!("alias/models".parse::<KmsKeyId>().is_ok());
        assert!("alias models".parse::<KmsKeyId>().is_err());
    }
}
