//! Amazon Resource Names (ARNs).

/// The parts of an ARN that say where a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArnScope<'a> {
    /// Such as `aws-cn`.
    pub partition: &'a str,
    /// Empty for global resources, such as roles.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

impl<'a> ArnScope<'a> {
    /// Returns `None` if `arn` is not an ARN.
    pub fn from_arn(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, _service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (prefix == "arn" && !resource.is_empty()).then_some(Self { partition, region, account })
    }
}

/// Whether a text is an ARN of this service whose resource satisfies `is_resource` (service model
/// 2017-07-24, where partitions are `aws[a-z\-]*`).
pub fn is_arn(text: &str, service: &str, with_region: bool, is_resource: impl Fn(&str) -> bool) -> bool {
    let Some(scope) = ArnScope::from_arn(text) else { return false };
    let mut parts = text.splitn(6, ':');
    let (found, name) = (parts.nth(2).unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    scope.partition.strip_prefix("aws").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        && found == service
        && scope.region.is_empty() != with_region
        && is_word(scope.region)
        && scope.account.len() == 12
        && scope.account.bytes().all(|byte| byte.is_ascii_digit())
        && is_resource(name)
}

/// Whether a text is the ARN of an IAM role.
pub fn is_role_arn(text: &str) -> bool {
    /// Allowed lengths of a role ARN, in characters (service model 2017-07-24).
    const LENGTHS: std::ops::RangeInclusive<usize> = 20..=2048;
    let is_name_character = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    let is_role = |name: &str| {
        let name = name.strip_prefix("role").map(|name| name.strip_prefix('/').unwrap_or(name));
        name.is_some_and(|name| !name.is_empty() && name.chars().all(is_name_character))
    };
    LENGTHS.contains(&text.len()) && is_arn(text, "iam", false, is_role)
}
