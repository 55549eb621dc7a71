//! The ARN of an SNS topic.

use std::{fmt, str::FromStr};

use document::arn::{Home, is_arn};
use thiserror::Error;

/// The ARN of an SNS topic, in the partition of its Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

/// Not the ARN of an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicArnError {
    /// Of another form.
    #[error(
        "`{0}` is no ARN of an SNS topic; allowed: stack, or one such as arn:aws:sns:eu-west-1:123456789012:labeling"
    )]
    Form(String),
    /// Of a partition that its Region is not in.
    #[error(
        "`{arn}` names the partition {found}, but {region} is in {partition}; write arn:{partition}:sns:{region}:…"
    )]
    Partition {
        /// The ARN.
        arn: String,
        /// Its partition.
        found: String,
        /// Its Region.
        region: String,
        /// That Region's partition.
        partition: &'static str,
    },
}

impl TopicArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicArn {
    type Err = TopicArnError;

    fn from_str(text: &str) -> Result<Self, TopicArnError> {
        let form = || TopicArnError::Form(text.to_owned());
        // The pattern of `NotificationTopicArn` (service model 2017-07-24), without its empty parts.
        let named = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let Some(home) = Home::of(text).filter(|_| is_arn(text, "sns", true, named)) else { return Err(form()) };
        match partition_of(home.region) {
            Some(partition) if partition != home.partition => Err(TopicArnError::Partition {
                arn: text.to_owned(),
                found: home.partition.to_owned(),
                region: home.region.to_owned(),
                partition,
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

/// The partition of a Region; none for the isolated ones, whose names tell them apart no further.
fn partition_of(region: &str) -> Option<&'static str> {
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
