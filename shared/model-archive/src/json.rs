//! JSON as it streams by, with a bound on its texts: what is skipped is not kept, but keys and texts are.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeOwned;

use crate::{
    content::Content,
    fault::{Fault, Halt},
};

/// Longest key or text, in bytes. Weights in JSON are numbers.
const MAX_TEXT: usize = 256 * 1024;

/// Deepest nesting: that of `serde_json`, which has no bound for what it skips but remembers each level.
const MAX_DEPTH: usize = 128;

/// Reads a file that is one JSON value.
pub(crate) fn read<T: DeserializeOwned>(content: &mut Content<'_, '_>) -> Result<T, Halt> {
    let bounded = Bounded { content, strict: Strict::default() };
    // The decoder asks for single bytes.
    let mut reader = Counted { reader: BufReader::new(bounded), offset: 0 };
    let decoded = serde_json::from_reader(&mut reader);
    let offset = reader.offset;
    decoded.map_err(|error| match error.io_error_kind() {
        Some(_) => match Fault::within(error.into()) {
            Ok(fault) => Halt::Fault(fault),
            Err(error) => Halt::malformed(offset, error.to_string()),
        },
        None => Halt::malformed(offset, format!("its JSON is not as expected: {error}")),
    })
}

struct Counted<R> {
    reader: R,
    /// Bytes that the decoder took.
    offset: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Numbers that JSON does not know, but that Python and C++ write all the same: thresholds of `XGBoost`'s categorical
/// splits, arguments of Keras layers.
const UNKNOWN_NUMBERS: [&[u8]; 2] = [b"NaN", b"Infinity"];

/// No value has this byte.
const NOT_JSON: u8 = b'?';

/// Makes JSON of what only Python takes for JSON, a byte for a byte: `0` and blanks of `UNKNOWN_NUMBERS`.
#[derive(Default)]
struct Strict {
    /// Bytes of the text that is being read.
    text: Option<usize>,
    escaped: bool,
    /// What is left of one of `UNKNOWN_NUMBERS` that is being read.
    word: &'static [u8],
    depth: usize,
}

impl Strict {
    fn next(&mut self, byte: u8) -> u8 {
        self.text = match (self.text, byte) {
            (None, b'"') => Some(0),
            (None, _) => None,
            (Some(_), b'"') if !self.escaped => None,
            (Some(length), _) => Some(length + 1),
        };
        self.escaped = self.text.is_some() && byte == b'\\' && !self.escaped;
        if self.text.is_some() {
            return byte;
        }
        match byte {
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if let Some((expected, rest)) = self.word.split_first() {
            let fits = *expected == byte;
            self.word = if fits { rest } else { b"" };
            return if fits { b' ' } else { NOT_JSON };
        }
        let word = UNKNOWN_NUMBERS.into_iter().find_map(|word| word.strip_prefix(&[byte]));
        self.word = word.unwrap_or_default();
        word.map_or(byte, |_| b'0')
    }
}

/// JSON that Python wrote, as a decoder takes it.
pub(crate) fn strict(text: &str) -> Vec<u8> {
    let mut strict = Strict::default();
    text.bytes().map(|byte| strict.next(byte)).collect()
}

struct Bounded<'r, 'a, 'b> {
    content: &'r mut Content<'a, 'b>,
    strict: Strict,
}

impl Read for Bounded<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        for byte in &mut into[..read] {
            *byte = self.strict.next(*byte);
            if self.strict.text.is_some_and(|length| length > MAX_TEXT) {
                return Err(io::Error::other(format!("a text is longer than {MAX_TEXT} bytes")));
            }
            if self.strict.depth > MAX_DEPTH {
                return Err(io::Error::other(format!("it is nested more than {MAX_DEPTH} deep")));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_know_become_ones_that_it_does() {
        let cases = [
            ("[NaN, -Infinity,Infinity]", "[0  , -0       ,0       ]"),
            (r#"{"NaN": "a NaN \" NaN", "b": NaN}"#, r#"{"NaN": "a NaN \" NaN", "b": 0  }"#),
            (r#"{"\\": NaN}"#, r#"{"\\": 0  }"#),
            // What is no such number stays wrong.
            ("[N]", "[0?"),
            ("[NaNa]", "[0  a]"),
            ("[null, true]", "[null, true]"),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(strict(text)).unwrap(), expected, "{text}");
        }
    }
}
