//! ARNs of SNS topics.

use std::{fmt, str::FromStr};

use document::{
    ConfigFinding,
    arn::{ArnScope, is_arn},
};
use thiserror::Error;

/// The ARN of an SNS topic, in the partition of its Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicArnError {
    #[error("expected `stack` or an SNS topic ARN, such as arn:aws:sns:eu-west-1:123456789012:labeling, found `{0}`")]
    Form(String),
    /// The partition is not the one of the Region.
    #[error("expected partition {expected}, to which {region} belongs, found {found} in `{arn}`")]
    Partition { arn: String, found: String, region: String, expected: &'static str },
}

impl From<TopicArnError> for ConfigFinding {
    fn from(error: TopicArnError) -> Self {
        let fix = match &error {
            TopicArnError::Form(_) => "write stack, or the ARN of an SNS topic".to_owned(),
            TopicArnError::Partition { region, expected, .. } => format!("write arn:{expected}:sns:{region}:…"),
        };
        Self::new(error.to_string(), fix)
    }
}

impl TopicArn {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicArn {
    type Err = TopicArnError;

    fn from_str(text: &str) -> Result<Self, TopicArnError> {
        let malformed = || TopicArnError::Form(text.to_owned());
        // The pattern of `NotificationTopicArn` (service model 2017-07-24), without its empty
        // parts.
        let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let Some(home) = ArnScope::from_arn(text).filter(|_| is_arn(text, "sns", true, is_name)) else {
            return Err(malformed());
        };
        match region_partition(home.region) {
            Some(expected) if expected != home.partition => Err(TopicArnError::Partition {
                arn: text.to_owned(),
                found: home.partition.to_owned(),
                region: home.region.to_owned(),
                expected,
            }),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The partition of a Region; `None` for isolated Regions, whose names do not show which partition
/// they belong to.
fn region_partition(region: &str) -> Option<&'static str> {
    if region.starts_with("cn-") {
        Some("aws-cn")
    } else if region.starts_with("us-gov-") {
        Some("aws-us-gov")
    } else if region.contains("-iso") || region.starts_with("eusc-") {
        None
    } else {
        Some("aws")
    }
}
