//! Walks protobuf's wire format without buffering it (protobuf.dev, "Encoding").

use crate::{content::Content, fault::Halt};

/// Deepest nesting of groups that is skipped: the C++ and Python runtimes stop at 100 too.
const MAX_GROUPS: u32 = 100;

/// A field, and its value as far as it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub number: u32,
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    /// So many bytes follow: text, packed values or a message. To be read or skipped before the next field.
    Bytes(u64),
}

/// A position in a file of protobuf.
pub(crate) struct Wire<'c, 'a, 'b> {
    content: &'c mut Content<'a, 'b>,
}

impl<'c, 'a, 'b> Wire<'c, 'a, 'b> {
    pub fn new(content: &'c mut Content<'a, 'b>) -> Self {
        Self { content }
    }

    pub fn position(&self) -> u64 {
        self.content.position()
    }

    /// Where the file ends.
    pub fn end(&self) -> u64 {
        self.content.size()
    }

    /// Where a message of `length` bytes that starts here ends.
    pub fn end_of(&self, length: u64) -> u64 {
        self.position() + length
    }

    /// The next field of the message that ends at `end`; none when it is over. Groups are skipped.
    pub fn field(&mut self, end: u64) -> Result<Option<Field>, Halt> {
        let mut groups = 0;
        loop {
            if self.position() >= end {
                return if groups == 0 { Ok(None) } else { Err(self.malformed("the message ends within a group")) };
            }
            let (number, wire_type) = self.tag(end)?;
            let value = match wire_type {
                0 => Value::Varint(self.varint(end)?),
                1 => Value::Fixed64(u64::from_le_bytes(self.fixed(end)?)),
                2 => Value::Bytes(self.length(end)?),
                5 => Value::Fixed32(u32::from_le_bytes(self.fixed(end)?)),
                3 if groups < MAX_GROUPS => {
                    groups += 1;
                    continue;
                }
                4 if groups > 0 => {
                    groups -= 1;
                    continue;
                }
                _ => return Err(self.malformed(format!("wire type {wire_type} of field {number} is not valid there"))),
            };
            if groups == 0 {
                return Ok(Some(Field { number, value }));
            }
            self.skip_value(value)?;
        }
    }

    /// Passes over a value.
    pub fn skip_value(&mut self, value: Value) -> Result<(), Halt> {
        match value {
            Value::Bytes(length) => Ok(self.content.skip(length)?),
            _ => Ok(()),
        }
    }

    /// The bytes of a value, which must not be more than `most`.
    pub fn bytes(&mut self, what: &str, length: u64, most: u64) -> Result<Vec<u8>, Halt> {
        if length > most {
            return Err(self.malformed(format!("its {what} has {length} bytes; at most {most} are read")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.content.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The text of a value, which must not be more than `most` bytes.
    pub fn text(&mut self, what: &str, length: u64, most: u64) -> Result<String, Halt> {
        let bytes = self.bytes(what, length, most)?;
        String::from_utf8(bytes).map_err(|_| self.malformed(format!("its {what} is not UTF-8")))
    }

    /// A small message, decoded.
    pub fn message<M: prost::Message + Default>(&mut self, what: &str, length: u64, most: u64) -> Result<M, Halt> {
        let start = self.position();
        let bytes = self.bytes(what, length, most)?;
        M::decode(bytes.as_slice())
            .map_err(|error| Halt::malformed(start, format!("its {what} is malformed ({error})")))
    }

    pub fn malformed(&self, cause: impl Into<String>) -> Halt {
        Halt::malformed(self.position(), cause)
    }

    fn tag(&mut self, end: u64) -> Result<(u32, u64), Halt> {
        let tag = self.varint(end)?;
        match u32::try_from(tag >> 3) {
            Ok(number) if (1..1 << 29).contains(&number) => Ok((number, tag & 7)),
            _ => Err(self.malformed(format!("there is no field number {}", tag >> 3))),
        }
    }

    fn length(&mut self, end: u64) -> Result<u64, Halt> {
        let length = self.varint(end)?;
        let rest = end - self.position();
        if length > rest {
            let cut = if end == self.end() { ", as if it had been cut short" } else { "" };
            return Err(self.malformed(format!("a field claims {length} bytes where {rest} are left{cut}")));
        }
        Ok(length)
    }

    fn varint(&mut self, end: u64) -> Result<u64, Halt> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(end)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.malformed("a number is longer than 64 bits"))
    }

    fn fixed<const N: usize>(&mut self, end: u64) -> Result<[u8; N], Halt> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte(end)?;
        }
        Ok(bytes)
    }

    fn byte(&mut self, end: u64) -> Result<u8, Halt> {
        if self.position() >= end {
            return Err(self.malformed("the message ends within a field"));
        }
        self.content.byte()?.ok_or_else(|| self.malformed("the file ends within a field"))
    }
}
