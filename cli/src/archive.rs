//! An archive from a file, from standard input or from S3, inspected while a bar shows how far it is.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model_archive::{Inspection, Limits, inspect};
use tokio_util::io::SyncIoBridge;

use crate::error::CliError;

/// Archives from this size on are worth a bar, in bytes: smaller ones are done before it is seen.
const WORTH_A_BAR: u64 = 16 * 1024 * 1024;

/// An archive that was read.
pub(crate) struct Archive {
    pub inspection: Inspection,
    pub size: u64,
    /// Of an object in S3.
    pub object: Option<S3Object>,
}

pub(crate) struct S3Object {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
    pub etag: String,
    pub metadata: HashMap<String, String>,
}

/// Reads the archive that the command line names.
pub(crate) fn read(name: &str) -> Result<Archive, CliError> {
    if let Some(place) = name.strip_prefix("s3://") {
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() || key.is_empty() {
            return Err(CliError::NoObject(name.to_owned()));
        }
        return tokio::runtime::Runtime::new().map_err(CliError::Runtime)?.block_on(from_s3(bucket, key));
    }
    if name == "-" {
        let mut counted = Counted { reader: io::stdin().lock(), bar: bar(None), read: 0 };
        let inspection = inspect(&mut counted, &Limits::default())?;
        return Ok(Archive { inspection, size: counted.read, object: None });
    }
    let path = Path::new(name);
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut counted = Counted { reader: file, bar: bar(Some(size)), read: 0 };
    let inspection = inspect(&mut counted, &Limits::default())?;
    Ok(Archive { inspection, size, object: None })
}

async fn from_s3(bucket: &str, key: &str) -> Result<Archive, CliError> {
    let config = aws_config::load_from_env().await;
    let client = aws_sdk_s3::Client::new(&config);
    let uri = format!("s3://{bucket}/{key}");
    let answer = client.get_object().bucket(bucket).key(key).send().await;
    let object = answer.map_err(|error| CliError::S3 { uri, source: said(error) })?;
    let size = object.content_length().and_then(|length| u64::try_from(length).ok());
    let found = S3Object {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: object.version_id().map(str::to_owned),
        etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
        metadata: object.metadata().cloned().unwrap_or_default(),
    };
    let body = object.body.into_async_read();
    let bar = bar(size);
    let (inspection, read) = tokio::task::spawn_blocking(move || {
        let mut counted = Counted { reader: SyncIoBridge::new(body), bar, read: 0 };
        inspect(&mut counted, &Limits::default()).map(|inspection| (inspection, counted.read))
    })
    .await??;
    Ok(Archive { inspection, size: size.unwrap_or(read), object: Some(found) })
}

/// What S3 said, in its words; else why it could not be asked.
fn said<E>(error: SdkError<E>) -> Box<dyn std::error::Error + Send + Sync>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match (error.code(), error.message(), error.raw_response()) {
        (Some(code), Some(message), _) => format!("{code}: {message}").into(),
        (Some(code), None, _) => code.into(),
        (None, _, Some(answer)) => format!("S3 answered with status {}", answer.status().as_u16()).into(),
        (None, _, None) => Box::new(error),
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() || size.is_some_and(|size| size < WORTH_A_BAR) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    let template = if size.is_some() {
        "{bytes:>10} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left"
    } else {
        "{bytes:>10} {spinner} {bytes_per_sec}"
    };
    // A template that does not parse leaves the bar as it is.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// A reader that moves a bar.
struct Counted<R> {
    reader: R,
    bar: ProgressBar,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.read += read as u64;
        self.bar.set_position(self.read);
        Ok(read)
    }
}

impl<R> Drop for Counted<R> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
