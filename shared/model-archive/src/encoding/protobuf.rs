//! Reads protobuf's wire format without buffering it (protobuf.dev, "Encoding").

use crate::{container::member::MemberReader, error::FileError};

/// Maximum nesting of groups that are skipped: the C++ and Python runtimes stop at 100 too.
const MAX_GROUPS: u32 = 100;

/// A field, and its value as far as it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireField {
    pub number: u32,
    pub value: WireValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireValue {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    /// The length of the bytes that follow: a string, packed values or a message. Read or skip them
    /// before the next field.
    Bytes(u64),
}

pub(crate) struct ProtobufReader<'c, 'a, 'b> {
    content: &'c mut MemberReader<'a, 'b>,
}

impl<'c, 'a, 'b> ProtobufReader<'c, 'a, 'b> {
    pub fn new(content: &'c mut MemberReader<'a, 'b>) -> Self {
        Self { content }
    }

    pub fn position(&self) -> u64 {
        self.content.position()
    }

    /// Where the file ends.
    pub fn end_position(&self) -> u64 {
        self.content.size()
    }

    /// Where a message of `length` bytes that starts here ends.
    pub fn end_of(&self, length: u64) -> u64 {
        self.position() + length
    }

    /// The next field of the message that ends at `end`; `None` at its end. Groups are skipped.
    pub fn next_field(&mut self, end: u64) -> Result<Option<WireField>, FileError> {
        let mut groups = 0;
        loop {
            if self.position() >= end {
                return if groups == 0 {
                    Ok(None)
                } else {
                    Err(self.malformed_error("the message ends within a group"))
                };
            }
            let (number, wire_type) = self.read_tag(end)?;
            let value = match wire_type {
                0 => WireValue::Varint(self.read_varint(end)?),
                1 => WireValue::Fixed64(u64::from_le_bytes(self.read_fixed(end)?)),
                2 => WireValue::Bytes(self.read_length(end)?),
                5 => WireValue::Fixed32(u32::from_le_bytes(self.read_fixed(end)?)),
                3 if groups < MAX_GROUPS => {
                    groups += 1;
                    continue;
                }
                4 if groups > 0 => {
                    groups -= 1;
                    continue;
                }
                _ => {
                    let cause = format!("wire type {wire_type} of field {number} is not valid there");
                    return Err(self.malformed_error(cause));
                }
            };
            if groups == 0 {
                return Ok(Some(WireField { number, value }));
            }
            self.skip_value(value)?;
        }
    }

    pub fn skip_value(&mut self, value: WireValue) -> Result<(), FileError> {
        match value {
            WireValue::Bytes(length) => Ok(self.content.skip_bytes(length)?),
            _ => Ok(()),
        }
    }

    /// Reads the bytes of a value; fails if there are more than `max`.
    pub fn read_bytes(&mut self, what: &str, length: u64, max: u64) -> Result<Vec<u8>, FileError> {
        if length > max {
            return Err(self.malformed_error(format!("its {what} has {length} bytes; the maximum is {max}")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.content.fill_buffer(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a string; fails if it has more than `max` bytes.
    pub fn read_text(&mut self, what: &str, length: u64, max: u64) -> Result<String, FileError> {
        let bytes = self.read_bytes(what, length, max)?;
        String::from_utf8(bytes).map_err(|_| self.malformed_error(format!("its {what} is not UTF-8")))
    }

    /// Decodes a message; fails if it has more than `max` bytes.
    pub fn decode_message<M: prost::Message + Default>(
        &mut self,
        what: &str,
        length: u64,
        max: u64,
    ) -> Result<M, FileError> {
        let start = self.position();
        let bytes = self.read_bytes(what, length, max)?;
        M::decode(bytes.as_slice())
            .map_err(|error| FileError::malformed_at(start, format!("its {what} is malformed ({error})")))
    }

    pub fn malformed_error(&self, cause: impl Into<String>) -> FileError {
        FileError::malformed_at(self.position(), cause)
    }

    fn read_tag(&mut self, end: u64) -> Result<(u32, u64), FileError> {
        let tag = self.read_varint(end)?;
        match u32::try_from(tag >> 3) {
            Ok(number) if (1..1 << 29).contains(&number) => Ok((number, tag & 7)),
            _ => Err(self.malformed_error(format!("{} is not a valid field number", tag >> 3))),
        }
    }

    fn read_length(&mut self, end: u64) -> Result<u64, FileError> {
        let length = self.read_varint(end)?;
        let rest = end - self.position();
        if length > rest {
            let cut = if end == self.end_position() { "; the file is probably truncated" } else { "" };
            return Err(self.malformed_error(format!("a field claims {length} bytes, but only {rest} are left{cut}")));
        }
        Ok(length)
    }

    fn read_varint(&mut self, end: u64) -> Result<u64, FileError> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.read_byte(end)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.malformed_error("a number is longer than 64 bits"))
    }

    fn read_fixed<const N: usize>(&mut self, end: u64) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.read_byte(end)?;
        }
        Ok(bytes)
    }

    fn read_byte(&mut self, end: u64) -> Result<u8, FileError> {
        if self.position() >= end {
            return Err(self.malformed_error("the message ends within a field"));
        }
        self.content.next_byte()?.ok_or_else(|| self.malformed_error("the file ends within a field"))
    }
}
