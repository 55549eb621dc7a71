//! Problems with the key of an upload, which block every target.

use model_archive::Problem;

use super::PlanInput;

/// Maximum length of `S3Uri`, in characters (service model 2017-07-24).
pub(super) const MAX_S3_URI: usize = 1024;

impl PlanInput<'_> {
    pub(super) fn find_upload_problems(&self) -> Vec<Problem> {
        let upload = self.upload;
        let mut problems = Vec::new();
        if !upload.key.ends_with(".tar.gz") {
            problems.push(Problem::new(
                "key-suffix",
                format!("the key `{}` does not end in .tar.gz", upload.key),
                "SageMaker Neo expects a gzip-compressed tar archive; upload it under a key that ends in .tar.gz",
            ));
        }
        // The service model's pattern for an S3 URI does not match across line ends.
        if upload.key.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            problems.push(Problem::new(
                "key-characters",
                format!("the key {:?} contains a control character", upload.key),
                "upload the archive under a key of printable characters",
            ));
        }
        if upload.s3_uri().len() > MAX_S3_URI {
            problems.push(Problem::new(
                "key-too-long",
                format!(
                    "the key is {} bytes long; SageMaker allows {MAX_S3_URI} for the whole S3 URI, including the bucket",
                    upload.key.len()
                ),
                "upload the archive under a shorter key",
            ));
        }
        problems
    }
}
