//! What a file is, by its first bytes: a model, another format, or nothing that was meant to be
//! here.

use std::fmt;

use super::{
    format::Format,
    unsupported_format::{UnsupportedFormat, is_error_response},
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const MAGIC: [(usize, &[u8], FileType); 19] = [
    (0, b"\x1f\x8b", FileType::Gzip),
    (0, b"\x1f\xc2\x8b", FileType::GzipDecodedAsText),
    (0, b"\x1f\xef\xbf\xbd", FileType::GzipDecodedAsText),
    (0, b"\x1f\x9d", FileType::Archive("a file that `compress` wrote")),
    (0, b"PK\x03\x04", FileType::Zip),
    (0, b"PK\x05\x06", FileType::Zip),
    (0, b"BZh", FileType::Compressed("a bzip2 file")),
    (0, b"\xfd7zXZ\0", FileType::Compressed("an xz file")),
    (0, b"\x28\xb5\x2f\xfd", FileType::Archive("a Zstandard file")),
    (0, b"H4sI", FileType::Base64Gzip),
    (0, b"7z\xbc\xaf\x27\x1c", FileType::Archive("a 7-Zip file")),
    (0, b"Rar!", FileType::Archive("a RAR file")),
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
    /// A symbolic or hard link, which has no content of its own.
    Link,
    Gzip,
    /// Gzip that was decoded and encoded as text on its way.
    GzipDecodedAsText,
    Base64Gzip,
    /// Compressed in a format that joblib writes as well.
    Compressed(&'static str),
    /// Another archive or compressed file, which no framework reads.
    Archive(&'static str),
    Tar,
    Zip,
    Pickle,
    /// HTML or XML.
    Html,
    Json,
    /// JSON after a byte order mark, which no framework reads.
    MarkedJson,
    /// JSON in which a server says that something failed.
    ErrorResponse,
    Text,
    GitLfsPointer,
    Zeros,
    Model(Format),
    /// A format that Neo does not take.
    Unsupported(&'static UnsupportedFormat),
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
        // So do unsupported formats, which may be zip files, pickles or text.
        if let Some(unsupported) = UnsupportedFormat::from_content(head) {
            return Self::Unsupported(unsupported);
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
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start();
        match text.first() {
            Some(b'<') => Self::Html,
            Some(b'{') if head.starts_with(BYTE_ORDER_MARK) => Self::MarkedJson,
            Some(b'{') if is_error_response(head) => Self::ErrorResponse,
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Text,
        }
    }

    /// Whether a file of this type is neither a model nor weights: it was lost or replaced on its
    /// way into the archive.
    pub fn is_lost(self) -> bool {
        matches!(
            self,
            Self::Empty | Self::Link | Self::GzipDecodedAsText | Self::Html | Self::ErrorResponse | Self::GitLfsPointer
        )
    }

    /// Whether other files may be inside.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Gzip | Self::Compressed(_) | Self::Archive(_) | Self::Tar | Self::Zip)
    }

    /// How to fix a file of this type, if the type alone says so.
    pub fn suggested_fix(self) -> Option<&'static str> {
        Some(match self {
            Self::Link => {
                "archive the file itself: `tar --dereference --hard-dereference -czf model.tar.gz <model files>`"
            }
            Self::Empty => "archive the file again from where it was saved, and check its size with `ls -l`",
            Self::Zeros => "download or copy the file again: nothing but zeros arrived",
            Self::GzipDecodedAsText => "transfer it as a binary file: it was converted as if it were text",
            Self::Base64Gzip => "decode it: `base64 -d model.txt > model.tar.gz`",
            Self::Gzip => "decompress the file before you archive it: `gunzip --stdout <file> > <new file>`",
            Self::Compressed(_) => "decompress the file before you archive it",
            Self::Html | Self::ErrorResponse => {
                "download the model again: this is a server's response, not the model file"
            }
            Self::GitLfsPointer => "download the file with `git lfs pull` and archive that file",
            Self::Zip | Self::Tar | Self::Archive(_) => "extract the file and archive the model in it",
            Self::MarkedJson => "remove the byte order mark: `sed -i '1s/^\\xEF\\xBB\\xBF//' <file>`",
            Self::Json | Self::Text => "archive the model file itself: this file only has its name",
            Self::Unsupported(unsupported) => unsupported.fix,
            _ => return None,
        })
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Link => "a link",
            Self::Gzip => "a gzip file",
            Self::GzipDecodedAsText => "a gzip file that was converted as if it were text",
            Self::Base64Gzip => "a gzip file in base64",
            Self::Tar => "a plain tar archive",
            Self::Zip => "a zip file",
            Self::Pickle => "a Python pickle",
            Self::Html => "an HTML or XML page",
            Self::Json => "JSON text",
            Self::MarkedJson => "JSON after a byte order mark",
            Self::ErrorResponse => "a server's error response (JSON)",
            Self::Text => "plain text",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::Zeros => "nothing but zeros",
            Self::Model(format) => return f.write_str(&format.with_article()),
            Self::Unsupported(unsupported) => unsupported.name,
            Self::Compressed(description) | Self::Archive(description) | Self::Other(description) => description,
            Self::Unknown => "unknown data",
        })
    }
}
