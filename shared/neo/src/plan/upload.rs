//! What stands against an upload whatever is compiled from it.

use model_archive::Problem;

use super::Planned;

/// Longest `S3Uri` the API takes, in characters (service model 2017-07-24).
pub(super) const MAX_S3_URI: usize = 1024;

impl Planned<'_> {
    pub(super) fn upload_problems(&self) -> Vec<Problem> {
        let upload = self.upload;
        let mut problems = Vec::new();
        if !upload.key.ends_with(".tar.gz") {
            problems.push(Problem::new(
                "key-suffix",
                format!("the key `{}` does not end in .tar.gz", upload.key),
                "SageMaker Neo takes one gzip-compressed tar archive; upload it under a key that ends in .tar.gz",
            ));
        }
        // The service model's pattern for an S3 URI ends at a line's end.
        if upload.key.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            problems.push(Problem::new(
                "key-characters",
                format!("the key {:?} holds a control character", upload.key),
                "upload the archive under a key of printable characters",
            ));
        }
        if upload.s3_uri().len() > MAX_S3_URI {
            problems.push(Problem::new(
                "key-too-long",
                format!("the key has {} bytes; with the bucket SageMaker takes {MAX_S3_URI}", upload.key.len()),
                "upload the archive under a shorter key",
            ));
        }
        problems
    }
}
