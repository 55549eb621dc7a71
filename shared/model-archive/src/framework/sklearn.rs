//! scikit-learn: whether a file may be a pickle. Pickles can run code and are never opened.

use crate::{
    container::member::MemberReader, error::FileError, framework::format_facts::FormatFacts, problem::Warning,
};

/// How a pickle of protocol 2 or later starts: an opcode and the version.
const PICKLE: u8 = 0x80;

/// How compressed pickles start: gzip, zlib (at four levels), bzip2, xz, LZMA, LZ4, and the format
/// of joblib before version 0.10 (`numpy_pickle_utils.py`).
const COMPRESSED: [&[u8]; 10] = [
    b"\x1f\x8b",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"BZh",
    b"\xfd7zXZ",
    b"\x5d\0\0",
    b"\x04\x22\x4d\x18",
    b"ZF",
];

/// Bytes that are read to recognize a pickle: protocols 0 and 1 start with the name of a class.
const HEAD: usize = 256;

pub(crate) fn read_sklearn(content: &mut MemberReader<'_, '_>) -> Result<FormatFacts, FileError> {
    if !may_be_pickle(content.peek_bytes(HEAD)?) {
        return Err(FileError::malformed_at(0, "expected a pickle, as pickle.dump or joblib.dump writes it"));
    }
    Ok(FormatFacts::from_warning(Warning::new(
        "sklearn-not-opened",
        "the file is a pickle, which is never opened: that it has a scikit-learn model is assumed from its name or its \
         first bytes",
    )))
}

fn may_be_pickle(head: &[u8]) -> bool {
    match head {
        // A version; or MARK, and a tuple, list or dict after it; or an empty list or dict.
        [PICKLE, 2..=5, ..] | [b'(', ..] | [b']' | b'}', b'q', ..] => true,
        // GLOBAL, in protocols 0 and 1: two lines of text, the module and the class.
        [b'c', rest @ ..] => {
            let mut lines = rest.split(|byte| *byte == b'\n');
            let is_name = |line: &[u8]| {
                !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
            };
            lines.next().is_some_and(is_name) && lines.next().is_some_and(is_name)
        }
        _ => COMPRESSED.iter().any(|magic| head.starts_with(magic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_of_every_protocol_are_recognized() {
        let pickles: [&[u8]; 8] = [
            b"ccopy_reg\n_reconstructor\np0\n",
            b"ccopy_reg\n_reconstructor\nq\0(",
            b"(dp0\nS'a'",
            b"}q\0.",
            b"\x80\x02csklearn.pipeline\n",
            b"\x80\x05\x95\x10\0",
            b"x\x9c\xed\x9d",
            b"ZF0x1a",
        ];
        for pickle in pickles {
            assert!(may_be_pickle(pickle), "{}", pickle.escape_ascii());
        }
        let others: [&[u8]; 6] =
            [b"", b"hello world\n", b"cats and dogs\nx\n", b"\x80\x09", b"\0\0\x80\x3f", b"node {\n"];
        for other in others {
            assert!(!may_be_pickle(other), "{}", other.escape_ascii());
        }
    }
}
