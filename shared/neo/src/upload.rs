//! One version of one object in the model bucket, and what its uploader asked for in user metadata.

use model_archive::{Framework, Problem};
use serde::{Deserialize, Serialize};

use crate::{Inputs, Target, TargetDevice};

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

/// An uploader's wishes, read from S3 user metadata; they win over the rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `neo-framework`
    pub framework: Option<Framework>,
    /// `neo-framework-version`
    pub framework_version: Option<String>,
    /// `neo-inputs`: JSON
    pub inputs: Option<Inputs>,
    /// `neo-targets`: devices, comma-separated
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
                    overrides.framework_version = Some(value.to_owned());
                    Ok(())
                }
                "neo-inputs" => {
                    serde_json::from_str(value).map(|i| overrides.inputs = Some(i)).map_err(|e| format!("{e}"))
                }
                "neo-targets" => devices(value).map(|targets| overrides.targets = Some(targets)),
                other if other.starts_with("neo-") => {
                    Err("no such setting; known are neo-framework, neo-framework-version, neo-inputs, neo-targets"
                        .to_owned())
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

fn devices(list: &str) -> Result<Vec<Target>, String> {
    list.split(',')
        .map(|name| name.trim().parse::<TargetDevice>().map(Target::Device).map_err(|error| error.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_and_mistakes_are_named() {
        let overrides = Overrides::from_metadata([
            ("neo-framework", "onnx"),
            ("neo-inputs", r#"{"b":[1,2],"a":[3]}"#),
            ("neo-targets", "ml_c5, jetson_nano"),
            ("owner", "me"),
        ])
        .unwrap();
        assert_eq!(overrides.framework, Some(Framework::Onnx));
        assert_eq!(overrides.inputs.unwrap().data_input_config().unwrap(), r#"{"b":[1,2],"a":[3]}"#);
        assert_eq!(overrides.targets.unwrap().len(), 2);

        let problems = Overrides::from_metadata([
            ("neo-framework", "caffe"),
            ("neo-inputs", "{"),
            ("neo-targets", "ml_c5,toaster"),
            ("neo-shape", "1"),
        ])
        .unwrap_err();
        let said: Vec<_> = problems.iter().map(|problem| problem.problem.as_str()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
