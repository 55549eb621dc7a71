//! Names and ids derived from what they identify. The job name is the idempotency key of
//! `CreateCompilationJob`.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ModelSource;

/// Maximum length of a job name (service model 2017-07-24, `EntityName`).
const MAX_JOB_NAME: usize = 63;

/// Bytes of the digest in a name: 80 bits, so that the chance of a collision among a million names
/// is below 10⁻¹².
const DIGEST_BYTES: usize = 10;

/// Characters of the digest in a name: each base 32 character encodes five bits.
const DIGEST_CHARACTERS: usize = DIGEST_BYTES * 8 / 5;

/// What a job compiles and how, without the archive itself.
pub(crate) struct JobIdentity<'a> {
    pub target: &'a str,
    /// `None` for a model package.
    pub framework: Option<&'a str>,
    pub framework_version: Option<&'a str>,
    pub data_input_config: Option<&'a str>,
    pub compiler_options: Option<&'a str>,
    pub kms_key_id: Option<&'a str>,
    /// The configured output template.
    pub output: Option<&'a str>,
}

/// The name of a compilation job: the same for the same upload version, target, settings and
/// attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobName(String);

impl JobName {
    pub(crate) fn new(source: &ModelSource, identity: &JobIdentity<'_>, attempt: u32) -> Self {
        let source_fields = source.identity_fields();
        let source_fields = source_fields.each_ref().map(AsRef::as_ref);
        let digest = hash_fields(&[&source_fields[..], &identity.hash_fields()].concat());
        let target = to_dashed(identity.target);
        let retry = if attempt > 1 { format!("-r{attempt}") } else { String::new() };
        let tail = format!("-{target}-{digest}{retry}");
        let stem = to_dashed(source.display_name());
        let stem = stem[..stem.len().min(MAX_JOB_NAME - tail.len())].trim_end_matches('-');
        Self(format!("{stem}{tail}").trim_start_matches('-').to_owned())
    }

    /// The name of the given attempt of the same job.
    pub(crate) fn with_attempt(&self, target: &str, attempt: u32) -> Self {
        let earlier = attempt.saturating_sub(1);
        let first = self.0.strip_suffix(&format!("-r{earlier}")).filter(|_| earlier > 1).unwrap_or(&self.0);
        // The stem is shortened to make room for the suffix, as in `new`.
        let tail = to_dashed(target).len() + 2 + DIGEST_CHARACTERS;
        let (stem, tail) = first.split_at(first.len().saturating_sub(tail));
        let suffix = format!("-r{attempt}");
        let stem = stem[..stem.len().min(MAX_JOB_NAME.saturating_sub(tail.len() + suffix.len()))].trim_end_matches('-');
        Self(format!("{stem}{tail}{suffix}").trim_start_matches('-').to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for JobName {
    /// The name of an existing job, which may not have been started by this stack.
    fn from(name: String) -> Self {
        Self(name)
    }
}

/// Identifies one version of one model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(String);

impl ModelId {
    /// `version` is the version id of the object, or its entity tag if there is none.
    pub fn new(bucket: &str, key: &str, version: &str) -> Self {
        Self(hash_fields(&[bucket, key, version]))
    }

    /// The id as stored in the ledger.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies the same bytes under the same key, compiled with the same settings, in whichever
/// upload version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentId(String);

impl ContentId {
    pub(crate) fn new(source: &ModelSource, identity: &JobIdentity<'_>) -> Self {
        let [bucket, key, _] = source.identity_fields();
        let size = source.as_upload().map(|upload| upload.size.to_string());
        let bytes = source.as_upload().zip(size.as_deref()).map(|(upload, size)| [upload.etag.as_str(), size]);
        let mut fields = vec![&*bucket, &*key];
        // The content of a model package version never changes.
        fields.extend(bytes.into_iter().flatten());
        Self(hash_fields(&[&fields[..], &identity.hash_fields()].concat()))
    }

    /// The id as stored in the ledger.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JobIdentity<'_> {
    // An absent value is an empty field: no framework, version, shape or option is itself empty.
    // Fields that were added later have their name before them and are omitted where absent, so
    // that existing names do not change.
    fn hash_fields(&self) -> Vec<&str> {
        let mut fields = vec![
            self.target,
            self.framework.unwrap_or_default(),
            self.framework_version.unwrap_or_default(),
            self.data_input_config.unwrap_or_default(),
            self.compiler_options.unwrap_or_default(),
        ];
        for (name, value) in [("kms_key_id", self.kms_key_id), ("output", self.output)] {
            fields.extend(value.into_iter().flat_map(|value| [name, value]));
        }
        fields
    }
}

/// The first bytes of a SHA-256 over the fields. Each is preceded by its length, so that no two
/// lists hash alike.
pub(crate) fn hash_fields(fields: &[&str]) -> String {
    let mut sha = Sha256::new();
    for field in fields {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    BASE32_NOPAD.encode(&sha.finalize()[..DIGEST_BYTES]).to_lowercase()
}

/// Replaces everything but letters and digits with single dashes, in lower case: the characters the
/// API allows in names.
fn to_dashed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{ModelPackage, Upload};

    fn upload(key: &str, version: &str) -> ModelSource {
        ModelSource::Upload(Upload {
            bucket: "models".to_owned(),
            key: key.to_owned(),
            version_id: Some(version.to_owned()),
            etag: "0cc175b9c0f1b6a831c399e269772661".to_owned(),
            size: 1,
            replayed_at: None,
        })
    }

    fn package(number: u32, version: &str) -> ModelSource {
        let arn = format!("arn:aws:sagemaker:eu-west-1:123456789012:model-package/ResNet-50/{number}");
        ModelSource::Package(ModelPackage {
            created_again_at: None,
            model_package_version_arn: arn.parse().unwrap(),
            version: version.to_owned(),
        })
    }

    fn identity(target: &str) -> JobIdentity<'_> {
        JobIdentity {
            target,
            framework: Some("ONNX"),
            framework_version: None,
            data_input_config: Some(r#"{"data":[1,3,224,224]}"#),
            compiler_options: None,
            kms_key_id: None,
            output: None,
        }
    }

    fn is_valid(name: &str) -> bool {
        name.len() <= MAX_JOB_NAME
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    }

    /// These names exist in AWS accounts: a release that changes them would compile every model
    /// again.
    #[test]
    fn names_never_change() {
        let upload = upload("vision/ResNet 50 v1.5.tar.gz", "3HL4kqtJlcpXroDTDmJ");
        let nano = identity("jetson_nano");
        let package = package(3, "3-abc");
        let of_package = JobIdentity { framework: None, data_input_config: None, ..identity("ml_c5") };
        let names = [
            JobName::new(&upload, &nano, 1).to_string(),
            JobName::new(&upload, &identity("LINUX_ARM64_NVIDIA"), 2).to_string(),
            upload.model_id().to_string(),
            ContentId::new(&upload, &nano).as_str().to_owned(),
            JobName::new(&package, &of_package, 1).to_string(),
            package.model_id().to_string(),
            ContentId::new(&package, &of_package).as_str().to_owned(),
        ];
        insta::assert_snapshot!(names.join("\n"), @"
        resnet-50-v1-5-jetson-nano-xb7lwqepit3v4qt7
        resnet-50-v1-5-linux-arm64-nvidia-6w34qmuvzfaos24u-r2
        5l33axbblyi4ng57
        bc3ng7umn54ioz5i
        resnet-50-3-ml-c5-yusczeaxxebya2yn
        lj7bmebumgqf3fhu
        3pssboavu5w6sw5o
        ");
    }

    #[test]
    fn a_replay_is_another_version_with_the_same_content() {
        let nano = identity("jetson_nano");
        let first = upload("k", "v");
        let replays = [1, 2].map(|hour| first.to_replay(Timestamp::from_second(hour * 3600).unwrap()).unwrap());
        let sources = || [&first, &replays[0], &replays[1]].into_iter();
        assert_eq!(sources().map(|source| JobName::new(source, &nano, 1)).collect::<HashSet<_>>().len(), 3);
        assert_eq!(sources().map(ModelSource::model_id).collect::<HashSet<_>>().len(), 3);
        assert_eq!(sources().map(|source| ContentId::new(source, &nano)).collect::<HashSet<_>>().len(), 1);
        assert_eq!(replays[0].version(), first.version());
    }

    #[test]
    fn a_million_uploads_have_a_million_names() {
        let names: HashSet<_> =
            (0..1_000_000).map(|n| ModelId::new("models", "vision/resnet.tar.gz", &n.to_string())).collect();
        assert_eq!(names.len(), 1_000_000);
    }

    #[test]
    fn a_changed_package_rule_is_a_new_job_with_the_same_content() {
        let nano = identity("jetson_nano");
        let [first, later, next] = [package(3, "3-a"), package(3, "3-b"), package(4, "4-a")];
        assert_ne!(JobName::new(&first, &nano, 1), JobName::new(&later, &nano, 1));
        assert_eq!(ContentId::new(&first, &nano), ContentId::new(&later, &nano));
        assert_ne!(ContentId::new(&first, &nano), ContentId::new(&next, &nano));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(ModelId::new("a", "bc", "d"), ModelId::new("ab", "c", "d"));
        let one = identity("ml_c5");
        let ids: HashSet<_> = [
            JobIdentity { framework_version: one.data_input_config, data_input_config: None, ..identity("ml_c5") },
            JobIdentity { kms_key_id: Some("x"), ..identity("ml_c5") },
            JobIdentity { output: Some("x"), ..identity("ml_c5") },
            one,
        ]
        .iter()
        .map(|settings| ContentId::new(&upload("k", "v"), settings))
        .collect();
        assert_eq!(ids.len(), 4);
    }

    proptest! {
        #[test]
        fn every_name_is_valid_and_unique(key in "\\PC{0,80}", version in "[a-zA-Z0-9._]{1,32}", attempt in 1u32..100) {
            for target in ["ml_c5", "ANDROID_ARM_EABI_INTEL_GRAPHICS"] {
                let name = JobName::new(&upload(&key, &version), &identity(target), attempt);
                prop_assert!(is_valid(name.as_str()), "{name}");
                prop_assert_ne!(&name, &JobName::new(&upload(&key, &version), &identity(target), attempt + 1));
                let first = JobName::new(&upload(&key, &version), &identity(target), 1);
                let third = JobName::new(&upload(&key, &version), &identity(target), 3);
                // An empty stem has no dash after it; such a name differs from that of every other
                // stem.
                if !to_dashed(upload(&key, &version).display_name()).is_empty() {
                    prop_assert_eq!(&first.with_attempt(target, 2).with_attempt(target, 3), &third);
                }
                prop_assert!(is_valid(first.with_attempt(target, 2).as_str()));
                let newer = upload(&key, &format!("{version}x"));
                prop_assert_ne!(&name, &JobName::new(&newer, &identity(target), attempt));
            }
        }
    }
}
