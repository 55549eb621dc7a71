//! JSON as it streams by, with a bound on its texts: what is skipped is not kept, but keys and texts are.

use std::io::{self, BufReader, Read};

use serde::de::DeserializeOwned;

use crate::{
    content::Content,
    fault::{Fault, Halt},
};

/// Longest key or text, in bytes. Weights in JSON are numbers.
const MAX_TEXT: usize = 256 * 1024;

/// Reads a file that is one JSON value.
pub(crate) fn read<T: DeserializeOwned>(content: &mut Content<'_, '_>) -> Result<T, Halt> {
    let mut reader = Bounded { content, text: None, escaped: false };
    // The decoder asks for single bytes.
    let decoded = serde_json::from_reader(BufReader::new(&mut reader));
    let offset = reader.content.position();
    decoded.map_err(|error| match error.io_error_kind() {
        Some(_) => match Fault::within(error.into()) {
            Ok(fault) => Halt::Fault(fault),
            Err(error) => Halt::malformed(offset, error.to_string()),
        },
        None => Halt::malformed(offset, format!("its JSON is not as expected: {error}")),
    })
}

struct Bounded<'r, 'a, 'b> {
    content: &'r mut Content<'a, 'b>,
    /// Bytes of the text that is being read.
    text: Option<usize>,
    escaped: bool,
}

impl Read for Bounded<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        for byte in &into[..read] {
            self.text = match (self.text, byte) {
                (None, b'"') => Some(0),
                (None, _) => None,
                (Some(_), b'"') if !self.escaped => None,
                (Some(length), _) => Some(length + 1),
            };
            self.escaped = self.text.is_some() && *byte == b'\\' && !self.escaped;
            if self.text.is_some_and(|length| length > MAX_TEXT) {
                return Err(io::Error::other(format!("a text is longer than {MAX_TEXT} bytes")));
            }
        }
        Ok(read)
    }
}
