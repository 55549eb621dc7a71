//! The records of a PAX header that override the path, the link target and the size of a member.

use std::str;

/// What a PAX header overrides in the next header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PaxRecords {
    pub path: Option<Vec<u8>>,
    pub link_target: Option<Vec<u8>>,
    pub size: Option<u64>,
    /// Whether the file is stored as a sparse file, without its holes.
    pub sparse: bool,
}

impl PaxRecords {
    /// Records are `<length> <key>=<value>\n`. The length is that of the whole record, so values
    /// may contain newlines.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        const INVALID: &str = "a malformed PAX record";
        let mut pax = Self::default();
        while bytes.first().is_some_and(|byte| *byte != 0) {
            let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(INVALID)?;
            let length: usize =
                str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok()).ok_or(INVALID)?;
            if length <= space + 1 || length > bytes.len() {
                return Err(INVALID);
            }
            let (record, rest) = bytes.split_at(length);
            bytes = rest;
            let record = record[space + 1..].strip_suffix(b"\n").ok_or(INVALID)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(INVALID)?;
            pax.apply_record(&record[..equals], &record[equals + 1..]).ok_or(INVALID)?;
        }
        Ok(pax)
    }

    fn apply_record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            // The header of a sparse file has a placeholder path, such as
            // `GNUSparseFile.0/model.onnx`.
            b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"path" if !self.sparse => self.path = Some(value.to_vec()),
            b"linkpath" => self.link_target = Some(value.to_vec()),
            b"size" => self.size = Some(str::from_utf8(value).ok()?.parse().ok()?),
            _ => {}
        }
        self.sparse |= key.starts_with(b"GNU.sparse.");
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_split_by_their_length() {
        let bytes = b"15 a=b\nc=d\n\xffe\n\n19 path=model.onnx\n13 size=1234\n";
        assert_eq!(bytes[..15].last(), Some(&b'\n'));
        let pax = PaxRecords::parse(bytes);
        assert_eq!(
            pax,
            Ok(PaxRecords { path: Some(b"model.onnx"[..].to_vec()), size: Some(1234), ..PaxRecords::default() })
        );
    }

    #[test]
    fn sparse_file_keeps_its_real_name() {
        let pax = PaxRecords::parse(b"33 GNU.sparse.name=a/model.onnx\n\n".strip_suffix(b"\n").unwrap());
        assert!(pax.is_err(), "the length is one byte too long");
        let pax = PaxRecords::parse(b"32 GNU.sparse.name=a/model.onnx\n19 path=stand-in/0\n").unwrap();
        assert_eq!((pax.path.as_deref(), pax.sparse), (Some(&b"a/model.onnx"[..]), true));
    }

    #[test]
    fn wrong_lengths_are_rejected() {
        for bytes in [
            "5",
            "99 path=a\n",
            "0 a=b\n",
            "6 a=b",
            "x a=b\n",
            "6 abc\n",
            "999999999999999999999999 a=b\n",
            "13 size=12x4\n",
        ] {
            assert!(PaxRecords::parse(bytes.as_bytes()).is_err(), "{bytes}");
        }
    }
}
