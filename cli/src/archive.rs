//! Inspects an archive from a file, standard input or S3 while a progress bar shows how much was
//! read.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model_archive::{Framework, Inspection, Limits, inspect_archive_for};
#[cfg(feature = "aws")]
use tokio_util::io::SyncIoBridge;
#[cfg(feature = "aws")]
use worker::CallError;

#[cfg(feature = "aws")]
use crate::aws::session::AwsSession;
use crate::{args::AwsArgs, error::CliError};

/// Size in bytes from which an archive gets a progress bar: smaller ones finish before it is seen.
const MIN_SIZE_FOR_BAR: u64 = 16 * 1024 * 1024;

/// An archive with the result of its inspection.
pub(crate) struct InspectedArchive {
    pub inspection: Inspection,
    /// In bytes.
    pub size: u64,
    /// `None` unless the archive is an object in S3.
    pub object: Option<S3Object>,
}

pub(crate) struct S3Object {
    pub key: String,
    pub version_id: Option<String>,
    pub etag: String,
    pub metadata: HashMap<String, String>,
}

/// The framework to choose among several, from the metadata of an object; of a file, there is none.
pub(crate) type ExpectedFramework<'f> = &'f dyn Fn(&HashMap<String, String>) -> Option<Framework>;

/// Inspects the archive that the command line names: a file, `-`, or an S3 URI.
pub(crate) fn inspect_source(
    name: &str,
    aws: &AwsArgs,
    expected: ExpectedFramework<'_>,
) -> Result<InspectedArchive, CliError> {
    if let Some(location) = name.strip_prefix("s3://") {
        let (bucket, key) = location.split_once('/').unwrap_or((location, ""));
        if bucket.is_empty() || key.is_empty() {
            return Err(CliError::NoObjectKey(name.to_owned()));
        }
        return inspect_object(bucket, key, aws, expected);
    }
    if name == "-" {
        let mut reader = ProgressReader { reader: io::stdin().lock(), bar: create_bar(None), read: 0 };
        let inspection = inspect_archive_for(expected(&HashMap::new()), &mut reader, &Limits::default())?;
        return Ok(InspectedArchive { inspection, size: reader.read, object: None });
    }
    let path = Path::new(name);
    let read_error = |source| CliError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let size = file.metadata().map_err(read_error)?.len();
    let mut reader = ProgressReader { reader: file, bar: create_bar(Some(size)), read: 0 };
    let inspection = inspect_archive_for(expected(&HashMap::new()), &mut reader, &Limits::default())?;
    Ok(InspectedArchive { inspection, size, object: None })
}

#[cfg(not(feature = "aws"))]
fn inspect_object(
    _bucket: &str,
    _key: &str,
    _aws: &AwsArgs,
    _expected: ExpectedFramework<'_>,
) -> Result<InspectedArchive, CliError> {
    Err(CliError::NoAws)
}

#[cfg(feature = "aws")]
fn inspect_object(
    bucket: &str,
    key: &str,
    aws: &AwsArgs,
    expected: ExpectedFramework<'_>,
) -> Result<InspectedArchive, CliError> {
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::Runtime)?;
    runtime.block_on(download_and_inspect(bucket, key, aws, expected))
}

#[cfg(feature = "aws")]
async fn download_and_inspect(
    bucket: &str,
    key: &str,
    aws: &AwsArgs,
    expected: ExpectedFramework<'_>,
) -> Result<InspectedArchive, CliError> {
    let session = AwsSession::open(aws).await?;
    let client = aws_sdk_s3::Client::new(session.config());
    let uri = format!("s3://{bucket}/{key}");
    let response = client.get_object().bucket(bucket).key(key).send().await;
    let object =
        response.map_err(|error| CliError::of_bucket(bucket, Some(&uri), CallError::from_sdk("GetObject", error)))?;
    let size = object.content_length().and_then(|length| u64::try_from(length).ok());
    let s3_object = S3Object {
        key: key.to_owned(),
        version_id: object.version_id().map(str::to_owned),
        etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
        metadata: object.metadata().cloned().unwrap_or_default(),
    };
    let body = object.body.into_async_read();
    let (bar, expected) = (create_bar(size), expected(&s3_object.metadata));
    let (inspection, read) = tokio::task::spawn_blocking(move || {
        let mut reader = ProgressReader { reader: SyncIoBridge::new(body), bar, read: 0 };
        inspect_archive_for(expected, &mut reader, &Limits::default()).map(|inspection| (inspection, reader.read))
    })
    .await??;
    Ok(InspectedArchive { inspection, size: size.unwrap_or(read), object: Some(s3_object) })
}

/// A progress bar in bytes, shown at once, because the first part of an upload may take a minute;
/// hidden if stderr is not a terminal, or the size is small.
pub(crate) fn create_bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() || size.is_some_and(|size| size < MIN_SIZE_FOR_BAR) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    let template = if size.is_some() {
        "{bytes:>10} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left"
    } else {
        "{bytes:>10} {spinner} {bytes_per_sec}"
    };
    // If the template were not valid, the bar would have its default style.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.tick();
    bar
}

/// A reader that advances a progress bar.
struct ProgressReader<R> {
    reader: R,
    bar: ProgressBar,
    /// Bytes that were read.
    read: u64,
}

impl<R: Read> Read for ProgressReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        self.bar.set_position(self.read);
        Ok(read)
    }
}

impl<R> Drop for ProgressReader<R> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
