//! Values that are right once they are read.

use std::{fmt, str::FromStr};

use document::arn;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Lengths of `FrameworkVersion`, in characters (service model 2017-07-24).
const FRAMEWORK_VERSION: std::ops::RangeInclusive<usize> = 3..=10;

/// Lengths of the Region in the ARN of a model package, in characters (service model 2017-07-24).
const REGION: std::ops::RangeInclusive<usize> = 9..=16;

/// Longest key id, in characters (service model 2017-07-24).
const KMS_KEY_ID: usize = 2048;

/// Longest name of a package (service model 2017-07-24, `EntityName`).
const PACKAGE_NAME: usize = 63;

/// Most digits of the number of a package's version: it is a 32-bit integer (service model 2017-07-24, `ModelPackageVersion`).
const PACKAGE_NUMBER: usize = 10;

/// A version of a framework, such as `1.15.3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrameworkVersion(String);

/// Not a version that the API takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no version that SageMaker takes: one digit, a dot and what follows, in 3 to 10 characters, such as \"2.0\""
)]
pub struct FrameworkVersionError(String);

impl FrameworkVersion {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Major and minor: what the SageMaker Python SDK sends, whatever is asked for.
    pub fn short(&self) -> &str {
        match self.0.match_indices('.').nth(1) {
            Some((second, _)) => &self.0[..second],
            None => &self.0,
        }
    }

    /// Major and minor as numbers, if they are.
    pub(crate) fn numbers(&self) -> Option<(u32, u32)> {
        numbers(&self.0)
    }
}

/// Major and minor of a version.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl FromStr for FrameworkVersion {
    type Err = FrameworkVersionError;

    fn from_str(text: &str) -> Result<Self, FrameworkVersionError> {
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let mut chars = text.chars();
        let fits = FRAMEWORK_VERSION.contains(&text.len())
            && chars.next().is_some_and(|c| c.is_ascii_digit())
            && chars.next() == Some('.')
            && chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
            && chars.all(rest);
        if fits { Ok(Self(text.to_owned())) } else { Err(FrameworkVersionError(text.to_owned())) }
    }
}

impl fmt::Display for FrameworkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of the role that SageMaker compiles under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn(String);

impl RoleArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not what it should be, with what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{found}` is no {what}")]
pub struct Malformed {
    found: String,
    what: &'static str,
}

impl FromStr for RoleArn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if arn::is_role(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Malformed { found: text.to_owned(), what: "ARN of a role, such as arn:aws:iam::123456789012:role/neo" })
    }
}

/// The ARN of a version of a model package, such as `arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelPackageArn(String);

impl ModelPackageArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package's name and the number of the version, such as `resnet/3`.
    pub fn name_and_number(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The package's name.
    pub fn name(&self) -> &str {
        self.name_and_number().split('/').next().unwrap_or_default()
    }

    /// The number of the version.
    pub fn number(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for ModelPackageArn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let named = |resource: &str| {
            let version = resource.strip_prefix("model-package/").and_then(|version| version.split_once('/'));
            version.is_some_and(|(name, number)| {
                (1..=PACKAGE_NAME).contains(&name.len())
                    && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    && (1..=PACKAGE_NUMBER).contains(&number.len())
                    && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let in_region = arn::Home::of(text).is_some_and(|home| REGION.contains(&home.region.len()));
        if in_region && arn::is_arn(text, "sagemaker", true, named) {
            return Ok(Self(text.to_owned()));
        }
        let what = "ARN of a version of a model package, such as arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3";
        Err(Malformed { found: text.to_owned(), what })
    }
}

/// The key that SageMaker encrypts an artifact with: an id, an alias, or the ARN of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKeyId(String);

impl KmsKeyId {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KmsKeyId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ":/_-".contains(c);
        if !text.is_empty() && text.len() <= KMS_KEY_ID && text.chars().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(Malformed { found: text.to_owned(), what: "KMS key, such as alias/models or the key's ARN" })
    }
}

/// The network that SageMaker compiles in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// 1 to 5 security groups.
    pub security_group_ids: Vec<String>,
    /// 1 to 16 subnets.
    pub subnets: Vec<String>,
}

/// Values for dimensions that the model leaves open, by symbolic name; `default` serves every other one.
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

impl SymbolicDims {
    pub(crate) fn value(&self, name: Option<&str>) -> Option<u64> {
        name.and_then(|name| self.0.get(name)).or_else(|| self.0.get("default")).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_what_the_api_takes() {
        for (text, short) in [("2.0", "2.0"), ("1.15.3", "1.15"), ("1.7.0", "1.7"), ("2.9.1rc1", "2.9")] {
            assert_eq!(text.parse::<FrameworkVersion>().unwrap().short(), short);
        }
        for text in ["2", "10.1", "", "v1.0", "1.", "1..0", "1.2.3.4.5.6", "1.0 "] {
            assert!(text.parse::<FrameworkVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn roles_and_keys_are_what_the_api_takes() {
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
