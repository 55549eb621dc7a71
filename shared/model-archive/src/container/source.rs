//! The caller's reader: counts its bytes, and keeps its errors apart from problems of the archive.

use std::io::{self, ErrorKind, Read};

use crate::{error::ReadError, limits::Limits, problem::Problem};

pub(crate) struct ArchiveSource<'a> {
    reader: &'a mut dyn Read,
    bytes_read: u64,
    max_bytes: u64,
}

impl<'a> ArchiveSource<'a> {
    pub fn new(reader: &'a mut dyn Read, limits: &Limits) -> Self {
        Self { reader, bytes_read: 0, max_bytes: limits.inflated_bytes }
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

impl Read for ArchiveSource<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Compressed bytes are limited too: deflate can encode nothing at any length, and then no
        // decompressed byte would ever be counted.
        if self.bytes_read > self.max_bytes {
            let problem = format!("the archive is larger than {} bytes", self.max_bytes);
            return Err(ReadError::Archive(Problem::new("limit-size", problem, "compile a smaller model")).into());
        }
        loop {
            match self.reader.read(into) {
                Ok(read) => {
                    self.bytes_read += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Source(error).into()),
            }
        }
    }
}
