//! One version of one object in the model bucket, and what its uploader asked for in user metadata.

use document::spelling;
use model_archive::{Framework, Problem};
use serde::{Deserialize, Serialize};

use crate::{FrameworkVersion, Inputs, Target};

/// One version of a model archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// Version id; none in a bucket without versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
}

impl Upload {
    /// What tells this upload from others under the same key: the version id, else the entity tag.
    pub fn version(&self) -> &str {
        self.version_id.as_deref().unwrap_or(&self.etag)
    }

    /// `s3://bucket/key`
    pub fn s3_uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The last part of the key without the archive's suffix: what people call the model.
    pub fn stem(&self) -> &str {
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        name.strip_suffix(".tar.gz").unwrap_or(name)
    }
}

/// The entries of an object's user metadata that this system reads.
pub const METADATA: [&str; 4] = ["neo-framework", "neo-framework-version", "neo-inputs", "neo-targets"];

/// An uploader's wishes, read from S3 user metadata; they win over the rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `neo-framework`
    pub framework: Option<Framework>,
    /// `neo-framework-version`
    pub framework_version: Option<FrameworkVersion>,
    /// `neo-inputs`: JSON
    pub inputs: Option<Inputs>,
    /// `neo-targets`: devices, or platforms such as `LINUX_ARM64`, comma-separated
    pub targets: Option<Vec<Target>>,
}

impl Overrides {
    /// Reads the `neo-…` entries of an object's user metadata; every mistake in them is a problem.
    pub fn from_metadata<'a>(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Problem>> {
        let mut overrides = Self::default();
        let mut problems = Vec::new();
        for (name, value) in metadata {
            let read = match name {
                "neo-framework" => value.parse().map(|f| overrides.framework = Some(f)).map_err(|e| format!("{e}")),
                "neo-framework-version" => {
                    value.parse().map(|v| overrides.framework_version = Some(v)).map_err(|e| format!("{e}"))
                }
                "neo-inputs" => Inputs::parse(value).map(|inputs| overrides.inputs = Some(inputs)),
                "neo-targets" => targets(value).map(|targets| overrides.targets = Some(targets)),
                other if other.starts_with("neo-") => {
                    Err(format!("no such setting; {}", spelling::hint(other, METADATA)))
                }
                _ => Ok(()),
            };
            if let Err(cause) = read {
                problems.push(Problem::new(
                    "metadata-invalid",
                    format!("the object's metadata `{name}: {value}` cannot be used: {cause}"),
                    "upload the archive again with that metadata corrected or left out",
                ));
            }
        }
        if problems.is_empty() { Ok(overrides) } else { Err(problems) }
    }
}

fn targets(list: &str) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for name in list.split(',') {
        let target = Target::from_name(name.trim()).map_err(|error| error.to_string())?;
        // A second job for the same target would have the same name.
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_and_mistakes_are_named() {
        let overrides = Overrides::from_metadata([
            ("neo-framework", "onnx"),
            ("neo-inputs", r#"{"b":[1,2],"a":[3]}"#),
            ("neo-targets", "ml_c5, jetson_nano,LINUX_ARM64,ml_c5"),
            ("owner", "me"),
        ])
        .unwrap();
        assert_eq!(overrides.framework, Some(Framework::Onnx));
        assert_eq!(overrides.inputs.unwrap().to_json(), r#"{"b":[1,2],"a":[3]}"#);
        assert_eq!(overrides.targets.unwrap().len(), 3);

        let problems = Overrides::from_metadata([
            ("neo-framework", "caffe"),
            ("neo-inputs", "{"),
            ("neo-targets", "ml_c5,toaster"),
            ("neo-shape", "1"),
            ("neo-framework-version", "2"),
        ])
        .unwrap_err();
        let said: Vec<_> = problems.iter().map(|problem| problem.problem.as_str()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
