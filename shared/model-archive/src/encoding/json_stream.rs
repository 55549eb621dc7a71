//! Decodes JSON while it streams, in bounded memory: skipped values are not kept, and the length of
//! strings and the nesting are limited.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeOwned;

use crate::{
    container::member::MemberReader,
    error::{FileError, ReadError},
};

/// Maximum length of a key or string, in bytes. Weights in JSON are numbers.
const MAX_TEXT: usize = 256 * 1024;

/// Maximum nesting: that of `serde_json`, which does not limit values that it skips, but keeps
/// track of each level.
const MAX_DEPTH: usize = 128;

/// Decodes a file that is one JSON value.
pub(crate) fn decode_json<T: DeserializeOwned>(content: &mut MemberReader<'_, '_>) -> Result<T, FileError> {
    let bounded = BoundedJson { content, filter: PythonJsonFilter::default() };
    // The decoder requests single bytes, so it gets a buffered reader.
    let mut reader = OffsetReader { reader: BufReader::new(bounded), offset: 0 };
    let decoded = serde_json::from_reader(&mut reader);
    let offset = reader.offset;
    decoded.map_err(|error| match error.io_error_kind() {
        Some(_) => match ReadError::downcast_from(error.into()) {
            Ok(error) => FileError::Archive(error),
            Err(error) => FileError::malformed_at(offset, error.to_string()),
        },
        None => FileError::malformed_at(offset, format!("its JSON is not valid: {error}")),
    })
}

struct OffsetReader<R> {
    reader: R,
    /// Bytes that the decoder has consumed.
    offset: u64,
}

impl<R: Read> Read for OffsetReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Numbers that are not JSON, but that Python and C++ write: thresholds of `XGBoost`'s categorical
/// splits, arguments of Keras layers.
const NON_JSON_NUMBERS: [&[u8]; 2] = [b"NaN", b"Infinity"];

/// A byte that no JSON value contains outside strings, so that the decoder fails on it.
const NOT_JSON: u8 = b'?';

/// Turns what only Python accepts as JSON into JSON of the same length: each of `NON_JSON_NUMBERS`
/// becomes `0` and spaces.
#[derive(Default)]
struct PythonJsonFilter {
    /// Length of the string that is being read, in bytes.
    text: Option<usize>,
    escaped: bool,
    /// The rest of one of `NON_JSON_NUMBERS` that is being read.
    word: &'static [u8],
    depth: usize,
}

impl PythonJsonFilter {
    fn filter_byte(&mut self, byte: u8) -> u8 {
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
        let word = NON_JSON_NUMBERS.into_iter().find_map(|word| word.strip_prefix(&[byte]));
        self.word = word.unwrap_or_default();
        word.map_or(byte, |_| b'0')
    }
}

/// Turns JSON that Python wrote into valid JSON.
pub(crate) fn filter_python_json(text: &str) -> Vec<u8> {
    let mut filter = PythonJsonFilter::default();
    text.bytes().map(|byte| filter.filter_byte(byte)).collect()
}

struct BoundedJson<'r, 'a, 'b> {
    content: &'r mut MemberReader<'a, 'b>,
    filter: PythonJsonFilter,
}

impl Read for BoundedJson<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        for byte in &mut into[..read] {
            *byte = self.filter.filter_byte(*byte);
            if self.filter.text.is_some_and(|length| length > MAX_TEXT) {
                return Err(io::Error::other(format!("a string is longer than {MAX_TEXT} bytes")));
            }
            if self.filter.depth > MAX_DEPTH {
                return Err(io::Error::other(format!("it is nested more than {MAX_DEPTH} levels deep")));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_json_become_zero() {
        let cases = [
            ("[NaN, -Infinity,Infinity]", "[0  , -0       ,0       ]"),
            (r#"{"NaN": "a NaN \" NaN", "b": NaN}"#, r#"{"NaN": "a NaN \" NaN", "b": 0  }"#),
            (r#"{"\\": NaN}"#, r#"{"\\": 0  }"#),
            // Anything else stays invalid.
            ("[N]", "[0?"),
            ("[NaNa]", "[0  a]"),
            ("[null, true]", "[null, true]"),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(filter_python_json(text)).unwrap(), expected, "{text}");
        }
    }
}
