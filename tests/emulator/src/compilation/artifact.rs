//! The artifact of a compilation job: its S3 URI, its bytes and its digest.

use std::fmt::Display;

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{job::EmulatedCompilationJob, request::InputConfig};

#[derive(Debug, Clone)]
pub(crate) struct CompiledArtifact {
    pub uri: String,
    /// SageMaker reports a BLAKE2 hash; any hash identifies the emulator's artifact.
    pub digest: String,
    pub bytes: Vec<u8>,
}

/// A compilation to run: the input object to check and the artifact to write.
#[derive(Debug, Clone)]
pub(crate) struct CompilationTask {
    pub job_name: String,
    /// Distinguishes the job from a later job with the same name.
    pub created: Timestamp,
    /// `None` for a job with a model package.
    pub input: Option<InputConfig>,
    target: String,
    output_location: String,
}

impl From<&EmulatedCompilationJob> for CompilationTask {
    fn from(job: &EmulatedCompilationJob) -> Self {
        Self {
            job_name: job.name().to_owned(),
            created: job.created,
            input: job.request.input_config.clone(),
            target: job.target.target_name(),
            output_location: job.request.output_config.s3_output_location.clone(),
        }
    }
}

impl CompilationTask {
    /// Builds a small archive as a placeholder for a compiled model.
    pub fn build_artifact(&self) -> std::io::Result<CompiledArtifact> {
        let bytes = self.build_archive()?;
        let digest = format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        Ok(CompiledArtifact { uri: self.artifact_uri(), digest, bytes })
    }

    /// The failure reason for an error of the emulator itself.
    pub fn internal_error_reason(&self, error: &dyn Display) -> String {
        format!("ServerError: There was an internal server error during the compilation job {}: {error}", self.job_name)
    }

    /// `<S3OutputLocation>/<stem of the input>-<target>.tar.gz`: Neo's naming scheme.
    fn artifact_uri(&self) -> String {
        let key = self.input.as_ref().map_or("", |input| input.s3_uri.as_str());
        let file = key.rsplit('/').next().unwrap_or_default();
        let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".tgz")).unwrap_or(file);
        let stem = if stem.is_empty() { "model" } else { stem };
        format!("{}/{stem}-{}.tar.gz", self.output_location.trim_end_matches('/'), self.target)
    }

    fn build_archive(&self) -> std::io::Result<Vec<u8>> {
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
        // Without a timestamp, the same job always produces the same bytes.
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let mut archive = tar::Builder::new(gzip);
        archive.append_data(&mut header, "manifest.json", manifest.as_bytes())?;
        archive.into_inner()?.finish()
    }
}
