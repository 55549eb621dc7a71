//! Why an HDF5 file cannot be read.

use crate::error::ReadError;

pub(crate) enum Hdf5Error {
    Archive(ReadError),
    Malformed {
        /// Offset in the file.
        at: u64,
        cause: String,
    },
    /// The file may be valid, but uses a feature that is not read. The text is the end of a
    /// sentence.
    Unsupported(String),
}

impl From<ReadError> for Hdf5Error {
    fn from(error: ReadError) -> Self {
        Self::Archive(error)
    }
}
