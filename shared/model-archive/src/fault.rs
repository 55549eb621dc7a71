//! Why reading stops: the reader failed, or the archive cannot be read on, or one file in it is malformed.

use std::io;

use crate::Problem;

/// Ends an inspection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The underlying reader failed: says nothing about the archive.
    #[error("the reader failed")]
    Source(#[source] io::Error),
    /// The archive itself ends or breaks here, or goes beyond a limit.
    #[error("{}", .0.problem)]
    Archive(Problem),
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::other(fault)
    }
}

impl Fault {
    /// The fault inside an error that came through a foreign reader, or the error itself if it is its own.
    pub fn within(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}

/// Ends the reading of one file.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Nothing after it can be read either.
    Fault(Fault),
    /// The file is not what it is taken for; the archive goes on after it.
    Malformed {
        /// Offset in the file.
        offset: u64,
        /// What is wrong there, as the end of a sentence.
        cause: String,
    },
}

impl Halt {
    pub fn malformed(offset: u64, cause: impl Into<String>) -> Self {
        Self::Malformed { offset, cause: cause.into() }
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
