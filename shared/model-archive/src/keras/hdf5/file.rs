//! The bytes of an HDF5 file, of which the head is kept and the rest is only read forwards.

use super::{Failure, MAX_BLOCK};
use crate::{Limits, content::Content, keras::MAX_CONFIG};

pub(super) struct File<'c, 'a, 'b> {
    content: &'c mut Content<'a, 'b>,
    head: Vec<u8>,
    /// What was read last beyond the head.
    window: (u64, Vec<u8>),
    /// Bytes of an offset and of a length.
    pub offset_size: usize,
    pub length_size: usize,
    /// What addresses are relative to.
    pub base: u64,
}

impl<'c, 'a, 'b> File<'c, 'a, 'b> {
    pub fn open(content: &'c mut Content<'a, 'b>, limits: &Limits) -> Result<Self, Failure> {
        let size = usize::try_from(content.size()).unwrap_or(usize::MAX).min(limits.head_bytes);
        let mut head = vec![0; size];
        content.fill(&mut head)?;
        Ok(Self { content, head, window: (0, Vec::new()), offset_size: 8, length_size: 8, base: 0 })
    }

    pub fn place(&self, address: u64) -> Result<u64, Failure> {
        let place = self.base.checked_add(address).filter(|place| *place < self.content.size());
        place.ok_or_else(|| Failure::Malformed {
            at: 0,
            cause: format!("an address leads to byte {address}, out of the file"),
        })
    }

    pub fn bytes(&mut self, offset: u64, count: u64) -> Result<Vec<u8>, Failure> {
        let outside = |file: &Self| Failure::Malformed {
            at: offset,
            cause: format!("{count} bytes are expected there, but the file has {}", file.content.size()),
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
            let cause = format!("its attributes lie beyond its first {} bytes and out of order", self.head.len());
            return Err(Failure::Unsupported(cause));
        }
        if count > MAX_BLOCK.max(MAX_CONFIG) {
            return Err(Failure::Unsupported(format!("a part of its header has {count} bytes")));
        }
        // More than asked for: the next thing is mostly close behind.
        self.content.skip(offset - position)?;
        let mut window = vec![0; usize::try_from(count.max(MAX_BLOCK)).unwrap_or(usize::MAX)];
        let filled = self.content.fill(&mut window)?;
        window.truncate(filled);
        self.window = (offset, window);
        range(offset, &self.window.1).ok_or_else(|| outside(self))
    }
}
