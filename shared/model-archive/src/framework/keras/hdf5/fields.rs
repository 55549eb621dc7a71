//! The fields of a part of an HDF5 file.

use super::error::Hdf5Error;

/// Reads one field after the other.
pub(super) struct FieldReader {
    bytes: Vec<u8>,
    at: usize,
    /// Offset of the bytes in the file.
    start: u64,
}

impl FieldReader {
    pub fn new(bytes: Vec<u8>, start: u64) -> Self {
        Self { bytes, at: 0, start }
    }

    pub fn take_bytes(&mut self, count: usize) -> Result<Vec<u8>, Hdf5Error> {
        let end = self.at.checked_add(count);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).map(<[u8]>::to_vec);
        let bytes = bytes.ok_or_else(|| self.malformed_error("its header ends within a field"))?;
        self.at += count;
        Ok(bytes)
    }

    pub fn skip_bytes(&mut self, count: usize) -> Result<(), Hdf5Error> {
        self.take_bytes(count).map(drop)
    }

    pub fn read_number(&mut self, width: usize) -> Result<u64, Hdf5Error> {
        let bytes = self.take_bytes(width)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub fn read_byte(&mut self) -> Result<u8, Hdf5Error> {
        Ok(self.take_bytes(1)?[0])
    }

    pub fn read_size(&mut self) -> Result<usize, Hdf5Error> {
        let bytes = self.take_bytes(2)?;
        Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    /// The next message of an object header: its type, flags and body.
    pub fn next_message(&mut self, v2: bool, ordered: bool) -> Result<Option<(u16, u8, Vec<u8>)>, Hdf5Error> {
        let head = if v2 { 4 + if ordered { 2 } else { 0 } } else { 8 };
        // Fewer bytes than that are a gap.
        if self.bytes.len() - self.at < head {
            return Ok(None);
        }
        let kind = if v2 { u16::from(self.read_byte()?) } else { u16::try_from(self.read_size()?).unwrap_or_default() };
        let size = self.read_size()?;
        let flags = self.read_byte()?;
        self.skip_bytes(if v2 { head - 4 } else { 3 })?;
        Ok(Some((kind, flags, self.take_bytes(size)?)))
    }

    pub fn malformed_error(&self, cause: &str) -> Hdf5Error {
        Hdf5Error::Malformed { at: self.start + self.at as u64, cause: cause.to_owned() }
    }
}
