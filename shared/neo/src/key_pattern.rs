//! Which uploads a rule applies to: glob patterns for object keys and buckets.

mod reach;

use document::ConfigFinding;
use globset::{ErrorKind, Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A glob pattern for object keys: `*` matches within one folder, `**` across folders, `{a,b}`
/// either. Also for bucket names, which have no folders.
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

/// A text that is not a glob pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a glob pattern for object keys, found `{pattern}`: {cause}")]
pub struct KeyPatternError {
    pattern: String,
    cause: &'static str,
    fix: &'static str,
}

impl From<KeyPatternError> for ConfigFinding {
    fn from(error: KeyPatternError) -> Self {
        Self::new(error.to_string(), error.fix)
    }
}

impl From<globset::Error> for KeyPatternError {
    fn from(error: globset::Error) -> Self {
        let (cause, fix) = match error.kind() {
            ErrorKind::UnclosedClass => ("`[` is not closed", "write [[] to match the character itself"),
            ErrorKind::InvalidRange(..) => ("a range in brackets runs backwards", "write, for example, [a-z]"),
            ErrorKind::UnopenedAlternates => ("`}` is not opened", "write [}] to match the character itself"),
            ErrorKind::UnclosedAlternates => ("`{` is not closed", "write [{] to match the character itself"),
            ErrorKind::DanglingEscape => ("nothing follows the backslash at its end", "remove it"),
            _ => ("it is too complex", "simplify it"),
        };
        Self { pattern: error.glob().unwrap_or_default().to_owned(), cause, fix }
    }
}

impl TryFrom<String> for KeyPattern {
    type Error = KeyPatternError;

    fn try_from(pattern: String) -> Result<Self, KeyPatternError> {
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
