//! The artifact of a compilation: its place, its bytes, its digest.

use std::fmt::Display;

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::job::Job;
use super::request::InputConfig;

/// What a finished compilation has produced.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    /// Where the artifact is.
    pub uri: String,
    /// The service reports a BLAKE2 hash here; any hash identifies the emulator's artifact.
    pub digest: String,
    /// The object's bytes.
    pub bytes: Vec<u8>,
}

/// A compilation to be done: the input to look for, the artifact to write.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub job_name: String,
    /// Tells the job from a later one of its name.
    pub created: Timestamp,
    /// The input object; none for a model package.
    pub input: Option<InputConfig>,
    target: String,
    output_location: String,
}

impl Work {
    pub fn of(job: &Job) -> Self {
        Self {
            job_name: job.name().to_owned(),
            created: job.created,
            input: job.request.input_config.clone(),
            target: job.target.name(),
            output_location: job.request.output_config.s3_output_location.clone(),
        }
    }

    /// The artifact: a small archive in place of a compiled model.
    pub fn compiled(&self) -> std::io::Result<Compiled> {
        let bytes = self.archive()?;
        let digest = format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        Ok(Compiled { uri: self.artifact_uri(), digest, bytes })
    }

    /// A failure that is the emulator's own.
    pub fn internal_error(&self, error: &dyn Display) -> String {
        format!("ServerError: There was an internal server error during the compilation job {}: {error}", self.job_name)
    }

    /// `<S3OutputLocation>/<stem of the input>-<target>.tar.gz`, as Neo names it.
    fn artifact_uri(&self) -> String {
        let key = self.input.as_ref().map_or("", |input| input.s3_uri.as_str());
        let file = key.rsplit('/').next().unwrap_or_default();
        let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".tgz")).unwrap_or(file);
        let stem = if stem.is_empty() { "model" } else { stem };
        format!("{}/{stem}-{}.tar.gz", self.output_location.trim_end_matches('/'), self.target)
    }

    fn archive(&self) -> std::io::Result<Vec<u8>> {
        let manifest = json!({
            "written_by": "sagemaker-emulator",
            "note": "A stand-in for a compiled model: nothing was compiled.",
            "compilation_job_name": self.job_name,
            "target": self.target,
            "input": self.input,
        });
        let manifest = format!("{manifest:#}\n");
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        header.set_mode(0o644);
        // No time inside: the same job gives the same bytes.
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let mut archive = tar::Builder::new(gzip);
        archive.append_data(&mut header, "manifest.json", manifest.as_bytes())?;
        archive.into_inner()?.finish()
    }
}
