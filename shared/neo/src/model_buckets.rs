//! The buckets whose uploads are compiled.

/// The stack's own model bucket and the existing buckets that the template parameter `ModelBuckets`
/// names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelBuckets {
    own: String,
    existing: Vec<String>,
}

impl ModelBuckets {
    pub fn new(own: impl Into<String>, existing: Vec<String>) -> Self {
        Self { own: own.into(), existing }
    }

    /// The bucket of the rules that name no bucket.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// The buckets that existed before the stack.
    pub fn existing(&self) -> &[String] {
        &self.existing
    }

    /// All buckets, the stack's own first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.own.as_str()).chain(self.existing.iter().map(String::as_str))
    }

    /// Whether uploads to the bucket are compiled. Bucket names are lower case, but people write
    /// them differently, and so may S3 host names.
    pub fn contains(&self, bucket: &str) -> bool {
        self.iter().any(|known| known.eq_ignore_ascii_case(bucket))
    }

    /// Whether an object can be a model: in an existing bucket, only archives are considered,
    /// whatever the keys of the rules are.
    pub fn may_hold_model(&self, bucket: &str, key: &str) -> bool {
        key.ends_with(".tar.gz") || !self.is_existing(bucket)
    }

    /// Whether the bucket also has other uses: it existed before the stack.
    pub fn is_existing(&self, bucket: &str) -> bool {
        self.existing.iter().any(|known| known == bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_bucket_is_the_first() {
        assert_eq!(ModelBuckets::new("own", Vec::new()).iter().collect::<Vec<_>>(), ["own"]);
        let buckets = ModelBuckets::new("own", vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(buckets.iter().collect::<Vec<_>>(), ["own", "a", "b"]);
        assert!(buckets.contains("A") && !buckets.contains("c"));
        assert!(buckets.may_hold_model("own", "a.zip") && buckets.may_hold_model("a", "a.tar.gz"));
        assert!(!buckets.may_hold_model("a", "a.zip"));
        assert!(buckets.is_existing("a") && !buckets.is_existing("own"));
    }
}
