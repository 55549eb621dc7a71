//! The bytes of one member of a tar archive.

use std::io::{self, BufRead, Read};

use super::gzip::GzipReader;
use crate::{
    error::ReadError,
    problem::{Problem, quote_name},
};

/// Reads one member and never beyond its end.
pub(crate) struct MemberReader<'a, 'b> {
    gzip: &'a mut GzipReader<'b>,
    path: &'a str,
    size: u64,
    position: u64,
}

impl<'a, 'b> MemberReader<'a, 'b> {
    pub fn new(gzip: &'a mut GzipReader<'b>, path: &'a str, size: u64) -> Self {
        Self { gzip, path, size, position: 0 }
    }

    /// Continues with a member of which `position` bytes have been consumed.
    pub fn new_at(gzip: &'a mut GzipReader<'b>, path: &'a str, size: u64, position: u64) -> Self {
        Self { gzip, path, size, position: position.min(size) }
    }

    /// The size of the member, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the member that have been consumed.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn remaining_bytes(&self) -> u64 {
        self.size - self.position
    }

    /// The next bytes; empty only at the end of the member.
    pub fn next_chunk(&mut self) -> Result<&[u8], ReadError> {
        let remaining = usize::try_from(self.remaining_bytes()).unwrap_or(usize::MAX);
        if remaining == 0 {
            return Ok(&[]);
        }
        let (path, position, size) = (self.path, self.position, self.size);
        let chunk = self.gzip.next_chunk()?;
        if chunk.is_empty() {
            return Err(ReadError::Archive(truncated_problem(path, position, size)));
        }
        Ok(&chunk[..chunk.len().min(remaining)])
    }

    /// The next `count` bytes, or all up to the end of the member, without consuming them.
    pub fn peek_bytes(&mut self, count: usize) -> Result<&[u8], ReadError> {
        let count = count.min(usize::try_from(self.remaining_bytes()).unwrap_or(usize::MAX));
        self.gzip.peek_bytes(count)
    }

    /// Consumes the next byte; `None` at the end of the member.
    pub fn next_byte(&mut self) -> Result<Option<u8>, ReadError> {
        if self.position == self.size {
            return Ok(None);
        }
        let mut byte = self.gzip.buffered_byte();
        if byte.is_none() {
            self.next_chunk()?;
            byte = self.gzip.buffered_byte();
        }
        self.position += u64::from(byte.is_some());
        Ok(byte)
    }

    /// Consumes bytes that `next_chunk` or `peek_bytes` returned.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(usize::try_from(self.remaining_bytes()).unwrap_or(usize::MAX));
        self.gzip.consume(count);
        self.position += count as u64;
    }

    /// Skips `count` bytes, or all that are left.
    pub fn skip_bytes(&mut self, mut count: u64) -> Result<(), ReadError> {
        count = count.min(self.remaining_bytes());
        while count > 0 {
            let chunk = self.next_chunk()?.len() as u64;
            let part = chunk.min(count);
            self.consume(usize::try_from(part).unwrap_or(usize::MAX));
            count -= part;
        }
        Ok(())
    }

    /// Fills `into`, or as much of it as the member has bytes, and returns how much that was.
    pub fn fill_buffer(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < into.len() {
            let chunk = self.next_chunk()?;
            if chunk.is_empty() {
                break;
            }
            let part = chunk.len().min(into.len() - filled);
            into[filled..filled + part].copy_from_slice(&chunk[..part]);
            self.consume(part);
            filled += part;
        }
        Ok(filled)
    }
}

pub(super) fn truncated_problem(path: &str, position: u64, size: u64) -> Problem {
    Problem::new(
        "tar-truncated",
        format!("the archive ends within {}, after {position} of its {size} bytes", quote_name(path)),
        "create the archive again and check it with `tar -tzf` before you upload it",
    )
}

impl Read for MemberReader<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.next_chunk()?;
        let part = chunk.len().min(into.len());
        into[..part].copy_from_slice(&chunk[..part]);
        self.consume(part);
        Ok(part)
    }
}

impl BufRead for MemberReader<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.next_chunk()?)
    }

    fn consume(&mut self, count: usize) {
        Self::consume(self, count);
    }
}
