//! Which model package groups a rule applies to.

use std::str::FromStr;

use document::arn;

use super::values::{InvalidValueError, is_package_name};
use crate::KeyPattern;

/// The characters that make a text a glob.
const GLOB_CHARACTERS: &str = "*?[]{}";

/// Model package groups that a rule may apply to: a glob that is wider than intended costs money.
pub const MAX_RULE_GROUPS: usize = 50;

/// A model package group, or a glob over the names of groups.
#[derive(Debug, Clone, PartialEq)]
pub enum PackageGroupPattern {
    /// The name or the ARN of one group.
    Group(String),
    /// Every group of the account and Region whose name matches.
    Glob(Box<KeyPattern>),
}

impl PackageGroupPattern {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Group(group) => group,
            Self::Glob(pattern) => pattern.as_str(),
        }
    }

    /// Whether it applies to the group with this name.
    pub fn is_match(&self, name: &str) -> bool {
        match self {
            Self::Group(group) => group_name(group) == name,
            Self::Glob(pattern) => pattern.is_match(name),
        }
    }

    /// Whether every group that the other one applies to is one of its own.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Group(group)) => self.is_match(group_name(group)),
            (Self::Glob(own), Self::Glob(other)) => own == other || own.as_str() == "*",
            (Self::Group(_), Self::Glob(_)) => false,
        }
    }
}

/// The name of a model package group that is named or given by its ARN.
pub fn group_name(group: &str) -> &str {
    group.rsplit('/').next().unwrap_or(group)
}

impl FromStr for PackageGroupPattern {
    type Err = InvalidValueError;

    fn from_str(text: &str) -> Result<Self, InvalidValueError> {
        let is_group = |resource: &str| resource.strip_prefix("model-package-group/").is_some_and(is_package_name);
        if is_package_name(text) || arn::is_arn(text, "sagemaker", true, is_group) {
            return Ok(Self::Group(text.to_owned()));
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-!,".contains(c) || GLOB_CHARACTERS.contains(c);
        if text.contains(|c| GLOB_CHARACTERS.contains(c))
            && text.chars().all(is_allowed)
            && let Ok(pattern) = KeyPattern::try_from(text.to_owned())
        {
            return Ok(Self::Glob(Box::new(pattern)));
        }
        Err(InvalidValueError {
            found: text.to_owned(),
            expected: "model package group: a name, an ARN or a glob over names",
            example: "resnet or vision-*",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/resnet";

    fn parse(text: &str) -> PackageGroupPattern {
        text.parse().unwrap()
    }

    #[test]
    fn names_arns_and_globs_match_groups() {
        for (pattern, name, matches) in [
            ("resnet", "resnet", true),
            ("resnet", "resnet-2", false),
            (ARN, "resnet", true),
            (ARN, "vgg", false),
            ("*", "anything", true),
            ("vision-*", "vision-resnet", true),
            ("vision-*", "audio-resnet", false),
            ("{resnet,vgg}-v[0-9]", "vgg-v2", true),
        ] {
            assert_eq!(parse(pattern).is_match(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "res net",
            "-resnet",
            "resnet-",
            "team/resnet",
            "vision-[",
            "**/*",
            "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/3",
            "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/vision-*",
            "arn:aws:sagemaker:eu-west-1:1234:model-package-group/resnet",
        ] {
            let error = text.parse::<PackageGroupPattern>().unwrap_err().to_string();
            assert!(error.starts_with("expected a model package group: a name"), "{error}");
        }
    }

    #[test]
    fn a_pattern_covers_the_groups_of_narrower_ones() {
        for (wide, narrow, covers) in [
            ("*", "vision-*", true),
            ("vision-*", "vision-resnet", true),
            ("resnet", ARN, true),
            ("vision-*", "vision-*", true),
            ("vision-*", "*", false),
            ("resnet", "resnet*", false),
        ] {
            assert_eq!(parse(wide).covers(&parse(narrow)), covers, "{wide} {narrow}");
        }
    }
}
