//! Where artifacts are written: a prefix with placeholders, in the artifact bucket or in another
//! one.

use std::{fmt, str::FromStr};

use document::{ConfigFinding, spelling};
use thiserror::Error;

/// The placeholders, in the order in which [`OutputTemplate::expand_uri`] lists their values.
const PLACEHOLDERS: [&str; 7] = ["key", "stem", "folder", "rule", "target", "version", "job"];

/// The default: each job has its own prefix, so that no two jobs write the same object.
const DEFAULT: &str = "{key}/{job}";

/// A prefix such as `compiled/{rule}/{key}/{job}`, or `s3://bucket/{key}/{job}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTemplate {
    text: String,
    bucket: Option<String>,
    prefix: String,
}

/// Why a text is not a valid output template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutputTemplateError {
    #[error("expected a known placeholder, found `{{{found}}}`")]
    UnknownPlaceholder {
        /// The text between the braces.
        found: String,
        /// The nearest known placeholder, or all of them.
        hint: String,
    },
    #[error("expected placeholders such as {{key}}, found an unmatched brace in `{0}`")]
    UnmatchedBrace(String),
    /// A URI or ARN that is not a valid S3 URI.
    #[error("expected s3://bucket/prefix, or a prefix in the artifact bucket, found `{0}`")]
    InvalidUri(String),
    #[error("expected a location per job, found `{0}`, where jobs would overwrite each other's artifacts")]
    SharedByJobs(String),
    #[error("expected a prefix without a leading slash and control characters, found `{0}`")]
    InvalidCharacter(String),
}

impl From<OutputTemplateError> for ConfigFinding {
    fn from(error: OutputTemplateError) -> Self {
        let fix = match &error {
            OutputTemplateError::UnknownPlaceholder { hint, .. } => hint,
            OutputTemplateError::UnmatchedBrace(_) => "close each { with a }",
            OutputTemplateError::InvalidUri(_) => "write, for example, s3://bucket/{key}/{job}, or {key}/{job}",
            OutputTemplateError::SharedByJobs(_) => "add {job}, or {key}, {version} and {target}",
            OutputTemplateError::InvalidCharacter(_) => "remove the leading slash and control characters",
        };
        Self::new(error.to_string(), fix)
    }
}

/// The values of the placeholders for one job.
#[derive(Debug, Clone, Copy)]
pub struct PlaceholderValues<'a> {
    /// The upload's key without `.tar.gz`, or the name of the model package.
    pub key: &'a str,
    pub rule: &'a str,
    pub target: &'a str,
    pub version: &'a str,
    pub job: &'a str,
}

impl Default for OutputTemplate {
    fn default() -> Self {
        Self { text: DEFAULT.to_owned(), bucket: None, prefix: DEFAULT.to_owned() }
    }
}

impl OutputTemplate {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bucket that the template names; `None` for the artifact bucket.
    pub fn bucket_name(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// Whether the location contains the name of the job, so that no two jobs share it.
    pub(crate) fn contains_job(&self) -> bool {
        self.prefix.contains("{job}")
    }

    /// Returns the `s3://…/` prefix of a job's artifact.
    pub fn expand_uri(&self, artifact_bucket: &str, job: &PlaceholderValues<'_>) -> String {
        let bucket = self.bucket_name().unwrap_or(artifact_bucket);
        let (folder, stem) = job.key.rsplit_once('/').unwrap_or(("", job.key));
        let values = [job.key, stem, folder, job.rule, job.target, job.version, job.job];
        let mut prefix = String::new();
        let mut rest = self.prefix.as_str();
        // One pass, so that braces in a key are not read as placeholders.
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            prefix.push_str(before);
            let value = PLACEHOLDERS.iter().position(|known| *known == name).map_or("", |index| values[index]);
            prefix.push_str(value);
            rest = after;
        }
        prefix.push_str(rest);
        // An empty folder leaves an extra slash.
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() { format!("s3://{bucket}/") } else { format!("s3://{bucket}/{prefix}/") }
    }
}

impl FromStr for OutputTemplate {
    type Err = OutputTemplateError;

    fn from_str(text: &str) -> Result<Self, OutputTemplateError> {
        let invalid_uri = || OutputTemplateError::InvalidUri(text.to_owned());
        let (bucket, prefix) = match text.strip_prefix("s3://") {
            Some(uri) => {
                let (bucket, prefix) = uri.split_once('/').unwrap_or((uri, ""));
                let is_bucket_character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
                if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_bucket_character) {
                    return Err(invalid_uri());
                }
                (Some(bucket.to_owned()), prefix)
            }
            None if text.contains("://") || text.to_lowercase().starts_with("arn:") => return Err(invalid_uri()),
            None => (None, text),
        };
        if text.starts_with('/') || text.chars().any(char::is_control) {
            return Err(OutputTemplateError::InvalidCharacter(text.to_owned()));
        }
        let used = parse_placeholders(text, prefix)?;
        let has = |name: &str| used.iter().any(|used| used == name);
        let is_unique =
            has("job") || (has("version") && has("target") && (has("key") || (has("stem") && has("folder"))));
        if !is_unique {
            return Err(OutputTemplateError::SharedByJobs(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), bucket, prefix: prefix.to_owned() })
    }
}

fn parse_placeholders(text: &str, prefix: &str) -> Result<Vec<String>, OutputTemplateError> {
    let unmatched = || OutputTemplateError::UnmatchedBrace(text.to_owned());
    let mut used = Vec::new();
    let mut rest = prefix;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(unmatched)?;
        if before.contains('}') {
            return Err(unmatched());
        }
        if !PLACEHOLDERS.contains(&name) {
            let hint = spelling::suggest_name(name, PLACEHOLDERS);
            return Err(OutputTemplateError::UnknownPlaceholder { found: name.to_owned(), hint });
        }
        used.push(name.to_owned());
        rest = after;
    }
    if rest.contains('}') { Err(unmatched()) } else { Ok(used) }
}

impl fmt::Display for OutputTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: PlaceholderValues<'_> =
        PlaceholderValues { key: "vision/a{job}b", rule: "edge", target: "ml_c5", version: "v1", job: "a-ml-c5-x" };

    #[test]
    fn placeholders_are_replaced_by_their_values() {
        for (template, uri) in [
            (DEFAULT, "s3://artifacts/vision/a{job}b/a-ml-c5-x/"),
            ("compiled/{rule}/{target}/{stem}/{job}/", "s3://artifacts/compiled/edge/ml_c5/a{job}b/a-ml-c5-x/"),
            ("s3://elsewhere/{folder}/{stem}/{version}/{target}", "s3://elsewhere/vision/a{job}b/v1/ml_c5/"),
            ("s3://elsewhere/{job}", "s3://elsewhere/a-ml-c5-x/"),
        ] {
            assert_eq!(template.parse::<OutputTemplate>().unwrap().expand_uri("artifacts", &VALUES), uri);
        }
    }

    #[test]
    fn errors_name_what_is_allowed() {
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
        let messages: Vec<_> =
            cases.iter().map(|text| format!("{text}\n  {}", text.parse::<OutputTemplate>().unwrap_err())).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
