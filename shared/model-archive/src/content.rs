//! The bytes of one member.

use std::io::{self, BufRead, Read};

use crate::{Problem, fault::Fault, gzip::Gzip, problem::quoted};

/// Reads one member and never beyond it.
pub(crate) struct Content<'a, 'b> {
    gzip: &'a mut Gzip<'b>,
    path: &'a str,
    size: u64,
    position: u64,
}

impl<'a, 'b> Content<'a, 'b> {
    pub fn new(gzip: &'a mut Gzip<'b>, path: &'a str, size: u64) -> Self {
        Self { gzip, path, size, position: 0 }
    }

    /// The rest of a member of which `position` bytes were consumed.
    pub fn rest(gzip: &'a mut Gzip<'b>, path: &'a str, size: u64, position: u64) -> Self {
        Self { gzip, path, size, position: position.min(size) }
    }

    /// Bytes the member has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the member that were consumed.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn remaining(&self) -> u64 {
        self.size - self.position
    }

    /// The next bytes; empty only at the member's end.
    pub fn chunk(&mut self) -> Result<&[u8], Fault> {
        let remaining = usize::try_from(self.remaining()).unwrap_or(usize::MAX);
        if remaining == 0 {
            return Ok(&[]);
        }
        let (path, position, size) = (self.path, self.position, self.size);
        let chunk = self.gzip.chunk()?;
        if chunk.is_empty() {
            return Err(Fault::Archive(truncated(path, position, size)));
        }
        Ok(&chunk[..chunk.len().min(remaining)])
    }

    /// The next bytes without consuming them: `count` of them unless the member ends before.
    pub fn peek(&mut self, count: usize) -> Result<&[u8], Fault> {
        let count = count.min(usize::try_from(self.remaining()).unwrap_or(usize::MAX));
        self.gzip.peek(count)
    }

    /// Takes the next byte; none at the member's end.
    pub fn byte(&mut self) -> Result<Option<u8>, Fault> {
        if self.position == self.size {
            return Ok(None);
        }
        let mut byte = self.gzip.byte();
        if byte.is_none() {
            self.chunk()?;
            byte = self.gzip.byte();
        }
        self.position += u64::from(byte.is_some());
        Ok(byte)
    }

    /// Takes bytes off that `chunk` or `peek` gave.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(usize::try_from(self.remaining()).unwrap_or(usize::MAX));
        self.gzip.consume(count);
        self.position += count as u64;
    }

    /// Skips `count` bytes, or all there are.
    pub fn skip(&mut self, mut count: u64) -> Result<(), Fault> {
        count = count.min(self.remaining());
        while count > 0 {
            let chunk = self.chunk()?.len() as u64;
            let part = chunk.min(count);
            self.consume(usize::try_from(part).unwrap_or(usize::MAX));
            count -= part;
        }
        Ok(())
    }

    /// Fills `into` as far as the member goes and tells how far that was.
    pub fn fill(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < into.len() {
            let chunk = self.chunk()?;
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

pub(crate) fn truncated(path: &str, position: u64, size: u64) -> Problem {
    Problem::new(
        "tar-truncated",
        format!("the archive ends within {}, after {position} of its {size} bytes", quoted(path)),
        "make the archive again and check it with `tar -tzf` before uploading it",
    )
}

impl Read for Content<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.chunk()?;
        let part = chunk.len().min(into.len());
        into[..part].copy_from_slice(&chunk[..part]);
        self.consume(part);
        Ok(part)
    }
}

impl BufRead for Content<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.chunk()?)
    }

    fn consume(&mut self, count: usize) {
        Self::consume(self, count);
    }
}
