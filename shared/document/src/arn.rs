//! What an ARN says of where a resource is.

/// Partition, Region and account of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    /// Such as `aws-cn`.
    pub partition: &'a str,
    /// Empty for what belongs to no Region, such as roles.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

impl<'a> Home<'a> {
    /// The home that an ARN names; none if it is no ARN.
    pub fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, _service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (prefix == "arn" && !resource.is_empty()).then_some(Self { partition, region, account })
    }
}

/// Whether a text is an ARN of this form (service model 2017-07-24, where partitions are `aws[a-z\-]*`).
pub fn is_arn(text: &str, service: &str, with_region: bool, resource: impl Fn(&str) -> bool) -> bool {
    let Some(home) = Home::of(text) else { return false };
    let mut parts = text.splitn(6, ':');
    let (found, name) = (parts.nth(2).unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let word = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    home.partition.strip_prefix("aws").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        && found == service
        && home.region.is_empty() != with_region
        && word(home.region)
        && home.account.len() == 12
        && home.account.bytes().all(|byte| byte.is_ascii_digit())
        && resource(name)
}

/// Whether a text is the ARN of a role.
pub fn is_role(text: &str) -> bool {
    /// Lengths of a role's ARN, in characters (service model 2017-07-24).
    const LENGTHS: std::ops::RangeInclusive<usize> = 20..=2048;
    let named = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    let role = |name: &str| {
        let name = name.strip_prefix("role").map(|name| name.strip_prefix('/').unwrap_or(name));
        name.is_some_and(|name| !name.is_empty() && name.chars().all(named))
    };
    LENGTHS.contains(&text.len()) && is_arn(text, "iam", false, role)
}
