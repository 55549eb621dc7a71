//! Both ends of a file, for formats that keep their directory at either: the middle, where the weights are, is skipped.

use std::{cell::Cell, io};

use rawzip::ReaderAt;

use crate::{Limits, content::Content, fault::Fault};

/// Why bytes cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lack {
    /// The file has no such place.
    #[error("an offset leads to byte {0}, out of the file")]
    Outside(u64),
    /// They were skipped.
    #[error("byte {0} is in the middle of the file, which is not kept")]
    Skipped(u64),
}

pub(crate) struct Ends {
    head: Vec<u8>,
    tail: Vec<u8>,
    size: u64,
    /// The first place in the middle that a foreign reader asked for.
    missed: Cell<Option<u64>>,
}

impl Ends {
    /// Reads a member to its end.
    pub fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Self, Fault> {
        let size = content.size();
        let (head, tail) = (limits.head_bytes as u64, limits.tail_bytes as u64);
        let (head, tail) = if size <= head + tail { (size, 0) } else { (head, tail) };
        let mut ends = Self { head: zeros(head), tail: Vec::new(), size, missed: Cell::new(None) };
        content.fill(&mut ends.head)?;
        content.skip(size - head - tail)?;
        ends.tail = zeros(tail);
        content.fill(&mut ends.tail)?;
        Ok(ends)
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Why a foreign reader failed, if it is because of the gap.
    pub fn missed(&self) -> Option<Lack> {
        self.missed.get().map(Lack::Skipped)
    }

    /// `length` bytes from `offset` on.
    pub fn bytes(&self, offset: u64, length: u64) -> Result<&[u8], Lack> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size).ok_or(Lack::Outside(offset))?;
        let tail = self.size - self.tail.len() as u64;
        let (part, start) = if end <= self.head.len() as u64 { (&self.head, 0) } else { (&self.tail, tail) };
        let from = offset.checked_sub(start).ok_or(Lack::Skipped(offset))?;
        let range = usize::try_from(from).ok().zip(usize::try_from(length).ok());
        range.and_then(|(from, length)| part.get(from..from + length)).ok_or(Lack::Skipped(offset))
    }

    pub fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], Lack> {
        let bytes = self.bytes(offset, N as u64)?;
        bytes.try_into().map_err(|_| Lack::Outside(offset))
    }
}

fn zeros(count: u64) -> Vec<u8> {
    vec![0; usize::try_from(count).unwrap_or(usize::MAX)]
}

impl ReaderAt for &Ends {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.size.saturating_sub(offset);
        let tail = self.size - self.tail.len() as u64;
        // Not across the gap: what lies before it is a short read.
        let end = if offset < self.head.len() as u64 { self.head.len() as u64 } else { self.size };
        let count = rest.min(into.len() as u64).min(end.saturating_sub(offset));
        if count > 0 && offset >= self.head.len() as u64 && offset < tail {
            self.missed.set(Some(offset));
            return Err(io::Error::other(Lack::Skipped(offset)));
        }
        let bytes = self.bytes(offset, count).map_err(io::Error::other)?;
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}
