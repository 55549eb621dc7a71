//! What a file is that is not what was expected: many files are only named `.tar.gz`.

use std::fmt;

use super::format::Format;
use crate::problem::{Problem, quote_name};

const MAGIC: [(usize, &[u8], FileType); 18] = [
    (0, b"\x1f\x8b", FileType::Gzip),
    (0, b"\x1f\xc2\x8b", FileType::GzipDecodedAsText),
    (0, b"\x1f\xef\xbf\xbd", FileType::GzipDecodedAsText),
    (0, b"\x1f\x9d", FileType::Other("a file that `compress` wrote")),
    (0, b"PK\x03\x04", FileType::Zip),
    (0, b"PK\x05\x06", FileType::Zip),
    (0, b"BZh", FileType::Other("a bzip2 file")),
    (0, b"\xfd7zXZ\0", FileType::Other("an xz file")),
    (0, b"\x28\xb5\x2f\xfd", FileType::Other("a Zstandard file")),
    (0, b"7z\xbc\xaf\x27\x1c", FileType::Other("a 7-Zip file")),
    (0, b"Rar!", FileType::Other("a RAR file")),
    (0, b"\x80\x02", FileType::Pickle),
    (0, b"\x80\x03", FileType::Pickle),
    (0, b"\x80\x04", FileType::Pickle),
    (0, b"\x80\x05", FileType::Pickle),
    (0, b"version https://git-lfs", FileType::GitLfsPointer),
    (0, b"\x7fELF", FileType::Other("an executable program")),
    (257, b"ustar", FileType::Tar),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileType {
    Empty,
    Gzip,
    /// Gzip that was decoded and encoded as text on its way.
    GzipDecodedAsText,
    Tar,
    Zip,
    Pickle,
    /// HTML or XML.
    Html,
    Json,
    Text,
    GitLfsPointer,
    Zeros,
    Model(Format),
    Other(&'static str),
    Unknown,
}

impl FileType {
    /// Detects the type from the first bytes of a file: 512, a tar header, are enough.
    pub fn detect_from(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        // Models come first: they may be zip files or JSON.
        if let Some(format) = Format::from_content(head) {
            return Self::Model(format);
        }
        let magic = MAGIC.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
        if let Some((_, _, file_type)) = magic {
            return *file_type;
        }
        if head.iter().all(|byte| *byte == 0) {
            return Self::Zeros;
        }
        // The last character may be cut.
        let encoded =
            str::from_utf8(head).is_ok() || str::from_utf8(head).is_err_and(|error| error.error_len().is_none());
        let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || !byte.is_ascii();
        if !encoded || !head.iter().all(printable) {
            return Self::Unknown;
        }
        match head.trim_ascii_start().first() {
            Some(b'<') => Self::Html,
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Text,
        }
    }

    /// How to fix a file of this type, if the type alone says so.
    fn suggested_fix(self) -> Option<&'static str> {
        Some(match self {
            Self::GzipDecodedAsText => "transfer it as a binary file: it was converted as if it were text",
            Self::Html | Self::Json => "download the model again: this is a server's response, not the model file",
            Self::GitLfsPointer => "download the file with `git lfs pull` and archive that file",
            _ => return None,
        })
    }

    /// The problem of a file whose content does not match the format of its name, if its first
    /// bytes show what it is instead.
    pub fn mismatch_problem(self, format: Format, path: &str) -> Option<Problem> {
        // Both TensorFlow formats may be text, whatever the suffix.
        let is_text = matches!(
            format,
            Format::MxnetSymbol | Format::DarknetConfig | Format::Xgboost | Format::SavedModel | Format::FrozenGraph
        );
        let as_expected = match self {
            Self::Unknown => true,
            Self::Json | Self::Text => is_text,
            Self::Zip | Self::Pickle => format == Format::Torch,
            Self::Model(found) => found == format,
            _ => false,
        };
        if as_expected {
            return None;
        }
        let path = quote_name(path);
        let problem = match self {
            Self::Empty => format!("{path} is not a valid {}: it is empty", format.display_name()),
            _ => format!("{path} is not a valid {}: it looks like {self}", format.display_name()),
        };
        let fix = match (self, format) {
            (Self::Pickle, Format::Xgboost) => "load the model with pickle and save it with Booster.save_model",
            _ => self.suggested_fix().unwrap_or("export the model again and check that it loads before you archive it"),
        };
        Some(Problem::new("model-invalid", problem, fix))
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Gzip => "a gzip file",
            Self::GzipDecodedAsText => "a gzip file that was converted as if it were text",
            Self::Tar => "a plain tar archive",
            Self::Zip => "a zip file",
            Self::Pickle => "a Python pickle",
            Self::Html => "an HTML or XML page",
            Self::Json => "JSON text",
            Self::Text => "plain text",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::Zeros => "nothing but zeros",
            Self::Model(format) => return f.write_str(&format.with_article()),
            Self::Other(description) => description,
            Self::Unknown => "unknown data",
        })
    }
}

const CREATE_ARCHIVE: &str = "create the archive with `tar -czf model.tar.gz <model files>`";

/// The problem of an object that is not gzip, from its first bytes.
pub(crate) fn not_gzip_problem(head: &[u8]) -> Problem {
    let file_type = FileType::detect_from(head);
    let fix = match file_type {
        FileType::Empty => {
            return Problem::new(
                "empty",
                "the archive is empty (0 bytes)",
                "upload the archive again: none of its bytes arrived",
            );
        }
        FileType::Tar => "compress it: `gzip model.tar` creates model.tar.gz",
        file_type => file_type.suggested_fix().unwrap_or(CREATE_ARCHIVE),
    };
    Problem::new("not-gzip", format!("the archive is not gzip-compressed: it looks like {file_type}"), fix)
}

/// The problem of a gzip file that does not contain a tar archive, from its first decompressed
/// bytes.
pub(crate) fn not_tar_problem(head: &[u8]) -> Problem {
    let file_type = FileType::detect_from(head);
    let problem = match file_type {
        FileType::Empty => "the gzip file is empty: it decompresses to 0 bytes".to_owned(),
        _ => format!("the gzip file does not contain a tar archive: its content looks like {file_type}"),
    };
    let fix = match file_type {
        FileType::Gzip => "the archive was compressed twice: decompress it once with gunzip",
        _ => CREATE_ARCHIVE,
    };
    Problem::new("not-tar", problem, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_types_are_detected_from_the_first_bytes() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str); 16] = [
            (b"", "empty"),
            (b"\x1f\x8b\x08", "a gzip"),
            (b"\x1f\xc2\x8b\x08", "as if it were text"),
            (b"\x1f\x9d\x90", "`compress`"),
            (&tar, "plain tar"),
            (b"PK\x03\x04\x14\0", "zip"),
            (b"\n<!DOCTYPE html>", "HTML"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "HTML or XML"),
            (b"{\"message\": \"not found\"}", "JSON"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            ("modèle".as_bytes(), "plain text"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
            (&[0; 20], "zeros"),
            (b"\x08\x07\x12\x07pytorch", "an ONNX file"),
            (b"{\"learner\":{\"attributes\"", "an XGBoost model"),
            (b"\x01\x02\x03", "unknown data"),
        ];
        for (head, expected) in cases {
            let problem = not_gzip_problem(head);
            assert!(problem.problem.contains(expected), "{problem:?} for {expected}");
            assert!(!problem.remedy.is_empty());
        }
    }
}
