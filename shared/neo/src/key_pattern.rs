//! Which uploads a rule applies to: a glob pattern for object keys.

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// A glob pattern for object keys: `*` matches within one folder, `**` across folders, `{a,b}`
/// either.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPattern {
    glob: Glob,
    matcher: GlobMatcher,
}

impl KeyPattern {
    pub fn is_match(&self, key: &str) -> bool {
        self.matcher.is_match(key)
    }

    pub fn as_str(&self) -> &str {
        self.glob.glob()
    }
}

impl TryFrom<String> for KeyPattern {
    type Error = globset::Error;

    fn try_from(pattern: String) -> Result<Self, globset::Error> {
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build()?;
        let matcher = glob.compile_matcher();
        Ok(Self { glob, matcher })
    }
}

impl From<KeyPattern> for String {
    fn from(pattern: KeyPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl PartialEq for KeyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.glob == other.glob
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_keys_match_as_globs() {
        for (pattern, key, matches) in [
            ("vision/**/*.tar.gz", "vision/a.tar.gz", true),
            ("vision/**/*.tar.gz", "vision/2026/11/a b+c.tar.gz", true),
            ("vision/**/*.tar.gz", "audio/a.tar.gz", false),
            ("vision/*.tar.gz", "vision/old/a.tar.gz", false),
            ("**", "anything/at/all", true),
            ("{a,b}/*.tar.gz", "b/ünï.tar.gz", true),
        ] {
            let pattern = KeyPattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.is_match(key), matches, "{} {key}", pattern.as_str());
        }
        assert!(KeyPattern::try_from("vision/[".to_owned()).is_err());
    }
}
