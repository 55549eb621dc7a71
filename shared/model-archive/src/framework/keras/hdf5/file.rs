//! The bytes of an HDF5 file: its head is kept, the rest is only read forwards.

use super::error::Hdf5Error;
use crate::{container::member::MemberReader, limits::Limits};

/// Maximum length of a part of an object header, in bytes. A root group has about 1 KiB in one or
/// two parts.
const MAX_BLOCK: u64 = 256 * 1024;

pub(super) struct Hdf5File<'c, 'a, 'b> {
    content: &'c mut MemberReader<'a, 'b>,
    head: Vec<u8>,
    /// The offset and bytes of the last read after the head.
    window: (u64, Vec<u8>),
    /// Maximum length of a single read after the head, in bytes.
    max_read: u64,
    /// Bytes of an offset and of a length.
    pub offset_size: usize,
    pub length_size: usize,
    /// The offset that addresses are relative to.
    pub base: u64,
}

impl<'c, 'a, 'b> Hdf5File<'c, 'a, 'b> {
    /// `max_text` is the maximum length of a text attribute, in bytes.
    pub fn open_member(
        content: &'c mut MemberReader<'a, 'b>,
        limits: &Limits,
        max_text: u64,
    ) -> Result<Self, Hdf5Error> {
        let size = usize::try_from(content.size()).unwrap_or(usize::MAX).min(limits.head_bytes);
        let mut head = vec![0; size];
        content.fill_buffer(&mut head)?;
        let (window, max_read) = ((0, Vec::new()), MAX_BLOCK.max(max_text));
        Ok(Self { content, head, window, max_read, offset_size: 8, length_size: 8, base: 0 })
    }

    /// The offset of an address in the file.
    pub fn resolve_address(&self, address: u64) -> Result<u64, Hdf5Error> {
        let offset = self.base.checked_add(address).filter(|offset| *offset < self.content.size());
        offset.ok_or_else(|| Hdf5Error::Malformed {
            at: 0,
            cause: format!("an address points to byte {address}, outside the file"),
        })
    }

    /// Fails if the file ends before `end`, which includes the base address. HDF5 subtracts it too
    /// if the superblock is at the start of the file (`H5F__super_read`).
    pub fn check_end(&self, end: u64) -> Result<(), Hdf5Error> {
        let (expected, size) = (end.saturating_sub(self.base), self.content.size());
        if size >= expected {
            return Ok(());
        }
        let cause = format!("it was cut short: its superblock says that it has {expected} bytes");
        Err(Hdf5Error::Malformed { at: size, cause })
    }

    pub fn read_range(&mut self, offset: u64, count: u64) -> Result<Vec<u8>, Hdf5Error> {
        let outside = |file: &Self| Hdf5Error::Malformed {
            at: offset,
            cause: format!("expected {count} bytes there, but the file has only {} bytes", file.content.size()),
        };
        let end = offset.checked_add(count).ok_or_else(|| outside(self))?;
        if end > self.content.size() {
            return Err(outside(self));
        }
        let range = |start: u64, part: &[u8]| {
            let from = usize::try_from(offset.checked_sub(start)?).ok()?;
            part.get(from..from.checked_add(usize::try_from(count).ok()?)?).map(<[u8]>::to_vec)
        };
        if let Some(bytes) = range(0, &self.head).or_else(|| range(self.window.0, &self.window.1)) {
            return Ok(bytes);
        }
        let position = self.content.position();
        if offset < position {
            let cause = format!("its attributes are after its first {} bytes and out of order", self.head.len());
            return Err(Hdf5Error::Unsupported(cause));
        }
        if count > self.max_read {
            return Err(Hdf5Error::Unsupported(format!("a part of its header has {count} bytes")));
        }
        // Read more than requested: the next part is usually close behind.
        self.content.skip_bytes(offset - position)?;
        let mut window = vec![0; usize::try_from(count.max(MAX_BLOCK)).unwrap_or(usize::MAX)];
        let filled = self.content.fill_buffer(&mut window)?;
        window.truncate(filled);
        self.window = (offset, window);
        range(offset, &self.window.1).ok_or_else(|| outside(self))
    }
}
