//! Sends a file to Amazon S3, in parts if it is large.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use indicatif::ProgressBar;
use worker::CallError;

use crate::{archive::create_bar, error::CliError};

/// Size in bytes up to which an object is sent in one request, and of a part of a larger one.
const PART_SIZE: u64 = 16 * 1024 * 1024;

/// Maximum number of parts of an object (Amazon S3 user guide, multipart upload limits).
const MAX_PARTS: u64 = 10_000;

/// An object that is about to be written.
pub(super) struct ObjectTarget {
    pub bucket: String,
    pub key: String,
    /// User metadata.
    pub metadata: HashMap<String, String>,
}

impl ObjectTarget {
    fn explain_error(&self, error: CallError) -> CliError {
        CliError::of_bucket(&self.bucket, None, error)
    }
}

/// Uploads the file while a progress bar shows how much was sent.
pub(super) async fn send_file(config: &SdkConfig, path: &Path, target: &ObjectTarget) -> Result<(), CliError> {
    // A part takes as long as the connection needs; the session's timeouts are for small requests.
    let config = aws_sdk_s3::config::Builder::from(config).timeout_config(TimeoutConfig::disabled()).build();
    let client = Client::from_conf(config);
    let read_error = |source| CliError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read_error)?;
    let size = file.metadata().map_err(read_error)?.len();
    let bar = create_bar(Some(size));
    let sent = if size <= PART_SIZE {
        let body = read_part(&mut file, PART_SIZE).map_err(read_error)?;
        put_object(&client, target, body).await
    } else {
        let part_size = PART_SIZE.max(size.div_ceil(MAX_PARTS));
        send_parts(&client, target, &bar, || read_part(&mut file, part_size).map_err(read_error)).await
    };
    bar.finish_and_clear();
    sent
}

async fn put_object(client: &Client, target: &ObjectTarget, body: Vec<u8>) -> Result<(), CliError> {
    let request = client.put_object().bucket(&target.bucket).key(&target.key);
    let sent = request.set_metadata(Some(target.metadata.clone())).body(ByteStream::from(body)).send().await;
    sent.map(|_| ()).map_err(|error| target.explain_error(CallError::from_sdk("PutObject", error)))
}

/// Sends parts until `next_part` returns an empty one. If one fails, the parts that were sent are
/// deleted, because they cost as much as an object.
async fn send_parts(
    client: &Client,
    target: &ObjectTarget,
    bar: &ProgressBar,
    next_part: impl FnMut() -> Result<Vec<u8>, CliError>,
) -> Result<(), CliError> {
    let request = client.create_multipart_upload().bucket(&target.bucket).key(&target.key);
    let created = request.set_metadata(Some(target.metadata.clone())).send().await;
    let created = created.map_err(|error| target.explain_error(CallError::from_sdk("CreateMultipartUpload", error)))?;
    let id = created.upload_id().unwrap_or_default();
    let sent = send_all_parts(client, target, id, bar, next_part).await;
    if sent.is_err() {
        // The error that matters is the first one. Amazon S3 keeps the parts if this fails.
        let abort = client.abort_multipart_upload().bucket(&target.bucket).key(&target.key).upload_id(id);
        let _ = abort.send().await;
    }
    sent
}

async fn send_all_parts(
    client: &Client,
    target: &ObjectTarget,
    id: &str,
    bar: &ProgressBar,
    mut next_part: impl FnMut() -> Result<Vec<u8>, CliError>,
) -> Result<(), CliError> {
    let mut parts = Vec::new();
    for number in 1.. {
        let body = next_part()?;
        if body.is_empty() {
            break;
        }
        let length = body.len();
        let request = client.upload_part().bucket(&target.bucket).key(&target.key).upload_id(id).part_number(number);
        let sent = request.body(ByteStream::from(body)).send().await;
        let sent = sent.map_err(|error| target.explain_error(CallError::from_sdk("UploadPart", error)))?;
        let part =
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32);
        parts.push(part.build());
        bar.inc(length as u64);
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = client.complete_multipart_upload().bucket(&target.bucket).key(&target.key).upload_id(id);
    let completed = request.multipart_upload(parts).send().await;
    completed.map(|_| ()).map_err(|error| target.explain_error(CallError::from_sdk("CompleteMultipartUpload", error)))
}

/// Reads at most this many bytes; fewer at the end of the file.
fn read_part(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(size).read_to_end(&mut part)?;
    Ok(part)
}
