//! Why an inspection stops, or why reading one file stops.

use std::io;

use crate::problem::Problem;

/// The archive could not be read: the caller's reader failed. Everything wrong with the archive
/// itself is a [`Problem`].
#[derive(Debug, thiserror::Error)]
#[error("the archive could not be read beyond byte {offset}")]
pub struct InspectError {
    /// Bytes of the archive that had been read.
    pub offset: u64,
    #[source]
    pub source: io::Error,
}

/// Ends an inspection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The caller's reader failed, which says nothing about the archive.
    #[error("the reader failed")]
    Source(#[source] io::Error),
    /// The archive ends or is damaged here, or exceeds a limit.
    #[error("{}", .0.problem)]
    Archive(Problem),
    /// The first bytes are not those of a gzip stream.
    #[error("the archive is not gzip-compressed")]
    NotGzip { head: Vec<u8> },
    /// The first tar header is invalid. `problem` applies if `head` looks like tar nevertheless.
    #[error("the first tar header is invalid")]
    InvalidFirstHeader { head: Vec<u8>, problem: Problem },
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::other(error)
    }
}

impl ReadError {
    /// Recovers the error that passed through a third-party reader; an error of that reader itself
    /// is returned unchanged.
    pub fn downcast_from(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}

/// Ends the reading of one file.
#[derive(Debug)]
pub(crate) enum FileError {
    /// Nothing after the file can be read either.
    Archive(ReadError),
    /// The file does not have the expected format; the archive continues after it.
    Malformed {
        /// Offset in the file.
        offset: u64,
        /// What is wrong there, as the end of a sentence.
        cause: String,
    },
}

impl FileError {
    pub fn malformed_at(offset: u64, cause: impl Into<String>) -> Self {
        Self::Malformed { offset, cause: cause.into() }
    }
}

impl From<ReadError> for FileError {
    fn from(error: ReadError) -> Self {
        Self::Archive(error)
    }
}
