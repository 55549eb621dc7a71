//! The fields of a protobuf message in the first bytes of a file: enough to tell apart the many
//! formats that start with the same bytes.

/// A field whose value may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadField<'h> {
    pub number: u64,
    pub value: HeadValue<'h>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadValue<'h> {
    Varint(u64),
    /// Four or eight bytes.
    Fixed,
    /// A string or a message, as far as there are bytes.
    Bytes(&'h [u8]),
}

impl<'h> HeadField<'h> {
    /// The bytes of a field of this number.
    pub fn bytes_of(self, number: u64) -> Option<&'h [u8]> {
        match self.value {
            HeadValue::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }
}

/// Iterates over the fields of a message up to the first that is cut or malformed.
#[derive(Debug, Clone)]
pub(crate) struct HeadFields<'h> {
    rest: &'h [u8],
}

impl<'h> HeadFields<'h> {
    pub fn new(message: &'h [u8]) -> Self {
        Self { rest: message }
    }

    fn read_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The next bytes; fewer only at the end.
    fn take_bytes(&mut self, length: u64) -> &'h [u8] {
        let length = usize::try_from(length).map_or(self.rest.len(), |length| length.min(self.rest.len()));
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }
}

impl<'h> Iterator for HeadFields<'h> {
    type Item = HeadField<'h>;

    fn next(&mut self) -> Option<HeadField<'h>> {
        let tag = self.read_varint()?;
        let value = match tag & 7 {
            0 => HeadValue::Varint(self.read_varint()?),
            1 if self.rest.len() >= 8 => {
                self.take_bytes(8);
                HeadValue::Fixed
            }
            2 => {
                let length = self.read_varint()?;
                HeadValue::Bytes(self.take_bytes(length))
            }
            5 if self.rest.len() >= 4 => {
                self.take_bytes(4);
                HeadValue::Fixed
            }
            _ => return None,
        };
        Some(HeadField { number: tag >> 3, value }).filter(|field| field.number > 0)
    }
}

/// Whether bytes are a name: printable text on one line, of which the end may be missing.
pub(crate) fn is_name(bytes: &[u8]) -> bool {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_far_as_the_bytes_go() {
        let head = b"\x08\x96\x01\x12\x03abc\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0\x2a\x05de";
        let fields: Vec<_> = HeadFields::new(head).map(|field| (field.number, field.value)).collect();
        let expected = [
            (1, HeadValue::Varint(150)),
            (2, HeadValue::Bytes(b"abc")),
            (3, HeadValue::Fixed),
            (4, HeadValue::Fixed),
            (5, HeadValue::Bytes(b"de")),
        ];
        assert_eq!(fields, expected);
        for malformed in [&b"\x02\x01a"[..], b"\x0b", b"\x80", &[0xff; 20], b"\x0d\0"] {
            assert_eq!(HeadFields::new(malformed).next(), None, "{malformed:?}");
        }
    }

    #[test]
    fn names_are_one_line_of_text() {
        for (bytes, expected) in
            [(&b"conv/w:0"[..], true), ("né".as_bytes(), true), (&"né".as_bytes()[..2], true), (b"", false)]
        {
            assert_eq!(is_name(bytes), expected, "{bytes:?}");
        }
        assert!(!is_name(b"\x0a\x03abc") && !is_name(b"\xff\xfe"));
    }
}
