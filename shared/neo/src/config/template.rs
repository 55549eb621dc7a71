//! Where artifacts go: a prefix with placeholders, in the artifact bucket or in another one.

use std::{fmt, str::FromStr};

use document::spelling;
use thiserror::Error;

/// What a placeholder stands for.
const PLACEHOLDERS: [&str; 7] = ["key", "stem", "folder", "rule", "target", "version", "job"];

/// What holds where nothing is configured: a prefix of its own for each job, so that no two write the same object.
const DEFAULT: &str = "{key}/{job}";

/// A prefix such as `compiled/{rule}/{key}/{job}`, or `s3://bucket/{key}/{job}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTemplate {
    text: String,
    bucket: Option<String>,
    prefix: String,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// Something in braces that stands for nothing.
    #[error("`{{{found}}}` stands for nothing; {hint}")]
    Placeholder {
        /// What is in the braces.
        found: String,
        /// What may be.
        hint: String,
    },
    /// A brace without its other half.
    #[error("`{0}` has a brace without its other half; placeholders are written {{key}}")]
    Brace(String),
    /// An address that is no S3 URI.
    #[error("`{0}` is no place in S3; write s3://bucket/prefix, or a prefix within the artifact bucket")]
    Scheme(String),
    /// Two jobs would write the same object.
    #[error(
        "`{0}` is the same for several jobs, which would overwrite each other's artifacts; put {{job}} into it, or {{key}}, {{version}} and {{target}}"
    )]
    Shared(String),
    /// What S3 does not take.
    #[error("`{0}` holds a control character, or begins with a slash")]
    Characters(String),
}

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The upload's key without `.tar.gz`.
    pub key: &'a str,
    /// The rule's name.
    pub rule: &'a str,
    /// The target's name.
    pub target: &'a str,
    /// The upload's version.
    pub version: &'a str,
    /// The job's name.
    pub job: &'a str,
}

impl Default for OutputTemplate {
    fn default() -> Self {
        Self { text: DEFAULT.to_owned(), bucket: None, prefix: DEFAULT.to_owned() }
    }
}

impl OutputTemplate {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bucket, if the template names one.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// The `s3://…/` prefix of a job's artifact.
    pub fn expand(&self, artifact_bucket: &str, place: &Place<'_>) -> String {
        let bucket = self.bucket().unwrap_or(artifact_bucket);
        let (folder, stem) = place.key.rsplit_once('/').unwrap_or(("", place.key));
        let values = [place.key, stem, folder, place.rule, place.target, place.version, place.job];
        let mut prefix = String::new();
        let mut rest = self.prefix.as_str();
        // One pass, so that braces in a key are not taken for placeholders.
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            prefix.push_str(before);
            let value = PLACEHOLDERS.iter().position(|known| *known == name).map_or("", |index| values[index]);
            prefix.push_str(value);
            rest = after;
        }
        prefix.push_str(rest);
        // An empty folder leaves a slash too many.
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() { format!("s3://{bucket}/") } else { format!("s3://{bucket}/{prefix}/") }
    }
}

impl FromStr for OutputTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let wrong = || TemplateError::Scheme(text.to_owned());
        let (bucket, prefix) = match text.strip_prefix("s3://") {
            Some(uri) => {
                let (bucket, prefix) = uri.split_once('/').unwrap_or((uri, ""));
                let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
                if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(named) {
                    return Err(wrong());
                }
                (Some(bucket.to_owned()), prefix)
            }
            None if text.contains("://") || text.to_lowercase().starts_with("arn:") => return Err(wrong()),
            None => (None, text),
        };
        if text.starts_with('/') || text.chars().any(char::is_control) {
            return Err(TemplateError::Characters(text.to_owned()));
        }
        let used = placeholders(text, prefix)?;
        let has = |name: &str| used.iter().any(|used| used == name);
        let own = has("job") || (has("version") && has("target") && (has("key") || (has("stem") && has("folder"))));
        if !own {
            return Err(TemplateError::Shared(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), bucket, prefix: prefix.to_owned() })
    }
}

fn placeholders(text: &str, prefix: &str) -> Result<Vec<String>, TemplateError> {
    let unpaired = || TemplateError::Brace(text.to_owned());
    let mut used = Vec::new();
    let mut rest = prefix;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(unpaired)?;
        if before.contains('}') {
            return Err(unpaired());
        }
        if !PLACEHOLDERS.contains(&name) {
            let hint = spelling::hint(name, PLACEHOLDERS);
            return Err(TemplateError::Placeholder { found: name.to_owned(), hint });
        }
        used.push(name.to_owned());
        rest = after;
    }
    if rest.contains('}') { Err(unpaired()) } else { Ok(used) }
}

impl fmt::Display for OutputTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> =
        Place { key: "vision/a{job}b", rule: "edge", target: "ml_c5", version: "v1", job: "a-ml-c5-x" };

    #[test]
    fn placeholders_stand_for_what_they_name() {
        for (template, uri) in [
            (DEFAULT, "s3://artifacts/vision/a{job}b/a-ml-c5-x/"),
            ("compiled/{rule}/{target}/{stem}/{job}/", "s3://artifacts/compiled/edge/ml_c5/a{job}b/a-ml-c5-x/"),
            ("s3://elsewhere/{folder}/{stem}/{version}/{target}", "s3://elsewhere/vision/a{job}b/v1/ml_c5/"),
            ("s3://elsewhere/{job}", "s3://elsewhere/a-ml-c5-x/"),
        ] {
            assert_eq!(template.parse::<OutputTemplate>().unwrap().expand("artifacts", &PLACE), uri);
        }
    }

    #[test]
    fn what_is_no_template_is_answered_with_what_is() {
        let cases = [
            "{jbo}",
            "{colour}/{job}",
            "{job",
            "job}",
            "latest",
            "{key}",
            "https://bucket/{job}",
            "s3:///{job}",
            "S3://b/{job}",
            "/{job}",
        ];
        let said: Vec<_> =
            cases.iter().map(|text| format!("{text}\n  {}", text.parse::<OutputTemplate>().unwrap_err())).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
