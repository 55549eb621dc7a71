//! The body of an object that continues where it broke.
//!
//! The SDK repeats a request, but not the transfer of a body: a connection that breaks or stalls
//! after the response has begun ends the body with an error, or even with too few bytes and without
//! an error. A large archive would then be read again from its first byte, and fail again.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use aws_sdk_s3::{Client, error::SdkError};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::sleep,
};
use tracing::warn;

use crate::objects::OpenError;

/// How often a body is opened again without any byte read in between.
const MAX_ATTEMPTS: u32 = 5;

/// Pause before a body is opened again; it doubles with each further attempt.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) type Body = Pin<Box<dyn AsyncRead + Send>>;

/// The object that is read: exactly this version of it.
#[derive(Debug, Clone)]
pub(crate) struct ReadObject {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
    /// Without quotes.
    pub etag: String,
    /// In bytes; `None` if S3 did not announce it.
    pub size: Option<u64>,
}

/// Reads an object to its announced end: a body that breaks, stalls or ends before it is requested
/// again from there.
pub(crate) struct ResumableBody {
    client: Client,
    object: ReadObject,
    state: State,
    /// Bytes that were read.
    position: u64,
    /// Requests since the last byte was read.
    attempts: u32,
}

enum State {
    Reading(Body),
    Opening(Pin<Box<dyn Future<Output = Result<Body, io::Error>> + Send>>),
}

impl ResumableBody {
    pub fn new(client: Client, object: ReadObject, body: Body) -> Self {
        Self { client, object, state: State::Reading(body), position: 0, attempts: 0 }
    }

    /// Requests the rest of the object, because of `cause`.
    ///
    /// # Errors
    /// Returns the cause if the object was requested too often without success, or is not there any
    /// more.
    fn resume_after(&mut self, cause: io::Error) -> io::Result<()> {
        if cause.kind() == ErrorKind::NotFound || self.attempts == MAX_ATTEMPTS {
            return Err(cause);
        }
        let pause = PAUSE * 2_u32.pow(self.attempts);
        self.attempts += 1;
        let key = &self.object.key;
        warn!(key, offset = self.position, %cause, "Transfer of the object broke; it is requested again from there");
        let request = open_rest(self.client.clone(), self.object.clone(), self.position);
        self.state = State::Opening(Box::pin(async move {
            sleep(pause).await;
            request.await
        }));
        Ok(())
    }
}

impl AsyncRead for ResumableBody {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let cause = match &mut this.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(context)) {
                    Ok(body) => {
                        this.state = State::Reading(body);
                        continue;
                    }
                    Err(error) => error,
                },
                State::Reading(body) => {
                    let filled = buffer.filled().len();
                    match ready!(body.as_mut().poll_read(context, buffer)) {
                        Ok(()) if buffer.filled().len() > filled => {
                            this.position += (buffer.filled().len() - filled) as u64;
                            this.attempts = 0;
                            return Poll::Ready(Ok(()));
                        }
                        Ok(()) if buffer.remaining() == 0 => return Poll::Ready(Ok(())),
                        Ok(()) => match this.object.size.filter(|size| *size > this.position) {
                            None => return Poll::Ready(Ok(())),
                            Some(size) => early_end(this.position, size),
                        },
                        Err(error) => error,
                    }
                }
            };
            this.resume_after(cause)?;
        }
    }
}

/// The error of a body that ends before its announced end.
pub(crate) fn early_end(position: u64, size: u64) -> io::Error {
    let message = format!("the object ended after {position} of {size} bytes");
    io::Error::new(ErrorKind::UnexpectedEof, message)
}

/// Requests an object from a byte on.
async fn open_rest(client: Client, object: ReadObject, offset: u64) -> io::Result<Body> {
    let request = client.get_object().bucket(object.bucket).key(object.key).set_version_id(object.version_id);
    let request = request.if_match(format!("\"{}\"", object.etag)).range(format!("bytes={offset}-"));
    let output = request.send().await.map_err(|error| {
        let status = match &error {
            SdkError::ServiceError(error) => error.raw().status().as_u16(),
            _ => 0,
        };
        match status {
            404 | 405 => io::Error::new(ErrorKind::NotFound, OpenError::Gone),
            412 => io::Error::new(ErrorKind::NotFound, OpenError::Overwritten),
            _ => io::Error::other(error),
        }
    })?;
    let range = output.content_range.unwrap_or_default();
    if !range.starts_with(&format!("bytes {offset}-")) {
        return Err(io::Error::other(format!("S3 returned the range `{range}`, not the one from byte {offset} on")));
    }
    Ok(Box::pin(output.body.into_async_read()))
}
