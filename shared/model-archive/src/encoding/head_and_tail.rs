//! The head and the tail of a file, for formats that keep their directory at either end. The
//! middle, where the weights are, is skipped.

use std::{cell::Cell, io};

use rawzip::ReaderAt;

use crate::{container::member::MemberReader, error::ReadError, limits::Limits};

/// Why bytes of the file are not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfRange {
    #[error("an offset points to byte {0}, outside the file")]
    Outside(u64),
    #[error("byte {0} is in the middle of the file, which is skipped")]
    Skipped(u64),
}

pub(crate) struct HeadAndTail {
    head: Vec<u8>,
    tail: Vec<u8>,
    size: u64,
    /// The first offset in the skipped middle that a third-party reader requested.
    missed: Cell<Option<u64>>,
}

impl HeadAndTail {
    /// Reads a member to its end.
    pub fn read_member(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<Self, ReadError> {
        let size = content.size();
        let (head, tail) = (limits.head_bytes as u64, limits.tail_bytes as u64);
        let (head, tail) = if size <= head + tail { (size, 0) } else { (head, tail) };
        let mut ends = Self { head: zeroed_buffer(head), tail: Vec::new(), size, missed: Cell::new(None) };
        content.fill_buffer(&mut ends.head)?;
        content.skip_bytes(size - head - tail)?;
        ends.tail = zeroed_buffer(tail);
        content.fill_buffer(&mut ends.tail)?;
        Ok(ends)
    }

    pub fn file_size(&self) -> u64 {
        self.size
    }

    /// Why a third-party reader failed, if it needed skipped bytes.
    pub fn missed_range(&self) -> Option<OutOfRange> {
        self.missed.get().map(OutOfRange::Skipped)
    }

    /// The `length` bytes at `offset`.
    pub fn slice_at(&self, offset: u64, length: u64) -> Result<&[u8], OutOfRange> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size).ok_or(OutOfRange::Outside(offset))?;
        let tail = self.size - self.tail.len() as u64;
        let (part, start) = if end <= self.head.len() as u64 { (&self.head, 0) } else { (&self.tail, tail) };
        let from = offset.checked_sub(start).ok_or(OutOfRange::Skipped(offset))?;
        let range = usize::try_from(from).ok().zip(usize::try_from(length).ok());
        range.and_then(|(from, length)| part.get(from..from + length)).ok_or(OutOfRange::Skipped(offset))
    }

    pub fn array_at<const N: usize>(&self, offset: u64) -> Result<[u8; N], OutOfRange> {
        let bytes = self.slice_at(offset, N as u64)?;
        bytes.try_into().map_err(|_| OutOfRange::Outside(offset))
    }
}

fn zeroed_buffer(size: u64) -> Vec<u8> {
    vec![0; usize::try_from(size).unwrap_or(usize::MAX)]
}

impl ReaderAt for &HeadAndTail {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.size.saturating_sub(offset);
        let tail = self.size - self.tail.len() as u64;
        // Never read across the skipped middle: return the bytes before it as a short read.
        let end = if offset < self.head.len() as u64 { self.head.len() as u64 } else { self.size };
        let count = rest.min(into.len() as u64).min(end.saturating_sub(offset));
        if count > 0 && offset >= self.head.len() as u64 && offset < tail {
            self.missed.set(Some(offset));
            return Err(io::Error::other(OutOfRange::Skipped(offset)));
        }
        let bytes = self.slice_at(offset, count).map_err(io::Error::other)?;
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}
