//! SageMaker's message about a quota that is used up.

/// The value of the quota that a message names; `None` if it names none. SageMaker writes "The
/// account-level service limit '…' is 0 Jobs, with current utilization of 0 Jobs …".
pub fn read_quota_value(message: &str) -> Option<u64> {
    let message = message.to_lowercase();
    let (_, after_limit) = message.split_once("limit")?;
    after_limit.match_indices(" is ").find_map(|(start, separator)| {
        let digits: String = after_limit[start + separator.len()..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_value_is_read_from_the_message() {
        for (message, value) in [
            (
                "The account-level service limit 'Maximum number of concurrent compilation jobs' is 20 Jobs, with \
                 current utilization of 20 Jobs and a request delta of 1 Jobs.",
                Some(20),
            ),
            ("The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances, with", Some(0)),
            ("Account limit is 0", Some(0)),
            ("The limit of what is allowed is reached", None),
            ("Too many jobs", None),
        ] {
            assert_eq!(read_quota_value(message), value, "{message}");
        }
    }
}
