//! The fields of a part of an HDF5 file, one after the other.

use super::Failure;

/// Reads one field after the other.
pub(super) struct Fields {
    bytes: Vec<u8>,
    at: usize,
    /// Where the bytes are in the file.
    start: u64,
}

impl Fields {
    pub fn new(bytes: Vec<u8>, start: u64) -> Self {
        Self { bytes, at: 0, start }
    }

    pub fn take(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        let end = self.at.checked_add(count);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).map(<[u8]>::to_vec);
        let bytes = bytes.ok_or_else(|| self.malformed("its header ends within a field"))?;
        self.at += count;
        Ok(bytes)
    }

    pub fn skip(&mut self, count: usize) -> Result<(), Failure> {
        self.take(count).map(drop)
    }

    pub fn number(&mut self, width: usize) -> Result<u64, Failure> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub fn byte(&mut self) -> Result<u8, Failure> {
        Ok(self.take(1)?[0])
    }

    pub fn size(&mut self) -> Result<usize, Failure> {
        let bytes = self.take(2)?;
        Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    /// The next message of an object header: its type, flags and body.
    pub fn message(&mut self, v2: bool, ordered: bool) -> Result<Option<(u16, u8, Vec<u8>)>, Failure> {
        let head = if v2 { 4 + if ordered { 2 } else { 0 } } else { 8 };
        // What is left may be a gap.
        if self.bytes.len() - self.at < head {
            return Ok(None);
        }
        let kind = if v2 { u16::from(self.byte()?) } else { u16::try_from(self.size()?).unwrap_or_default() };
        let size = self.size()?;
        let flags = self.byte()?;
        self.skip(if v2 { head - 4 } else { 3 })?;
        Ok(Some((kind, flags, self.take(size)?)))
    }

    pub fn malformed(&self, cause: &str) -> Failure {
        Failure::Malformed { at: self.start + self.at as u64, cause: cause.to_owned() }
    }
}
