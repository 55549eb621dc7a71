//! The uploads that a command line names.

/// Where uploads are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadLocation {
    pub bucket: String,
    pub prefix: String,
}

impl UploadLocation {
    /// Parses `s3://bucket/prefix` or `s3://bucket`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let location = text.strip_prefix("s3://").ok_or("expected s3://bucket/prefix")?;
        let (bucket, prefix) = location.split_once('/').unwrap_or((location, ""));
        if bucket.is_empty() {
            return Err("expected s3://bucket/prefix".to_owned());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_needs_a_bucket() {
        let location =
            |bucket: &str, prefix: &str| Ok(UploadLocation { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        assert_eq!(UploadLocation::parse("s3://models/vision/"), location("models", "vision/"));
        assert_eq!(UploadLocation::parse("s3://models"), location("models", ""));
        for text in ["models/vision", "s3://", "s3:///vision"] {
            assert!(UploadLocation::parse(text).is_err(), "{text}");
        }
    }
}
