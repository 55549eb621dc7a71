//! What bytes look like that are not what was expected: files are often only named `.tar.gz`.

use crate::{Problem, format::Format, problem::quoted};

/// Bytes that are enough to tell: a tar header.
pub(crate) const HEAD: usize = 512;

const MAGIC: [(usize, &[u8], Looks); 18] = [
    (0, b"\x1f\x8b", Looks::Gzip),
    (0, b"\x1f\xc2\x8b", Looks::Mangled),
    (0, b"\x1f\xef\xbf\xbd", Looks::Mangled),
    (0, b"\x1f\x9d", Looks::Other("a file that `compress` made")),
    (0, b"PK\x03\x04", Looks::Zip),
    (0, b"PK\x05\x06", Looks::Zip),
    (0, b"BZh", Looks::Other("a bzip2 file")),
    (0, b"\xfd7zXZ\0", Looks::Other("an xz file")),
    (0, b"\x28\xb5\x2f\xfd", Looks::Other("a Zstandard file")),
    (0, b"7z\xbc\xaf\x27\x1c", Looks::Other("a 7-Zip file")),
    (0, b"Rar!", Looks::Other("a RAR file")),
    (0, b"\x80\x02", Looks::Pickle),
    (0, b"\x80\x03", Looks::Pickle),
    (0, b"\x80\x04", Looks::Pickle),
    (0, b"\x80\x05", Looks::Pickle),
    (0, b"version https://git-lfs", Looks::Pointer),
    (0, b"\x7fELF", Looks::Other("a program")),
    (257, b"ustar", Looks::Tar),
];

/// What bytes look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Looks {
    Empty,
    Gzip,
    /// Gzip that something decoded and encoded as text.
    Mangled,
    Tar,
    Zip,
    Pickle,
    Markup,
    Json,
    Text,
    Pointer,
    Zeros,
    Model(Format),
    Other(&'static str),
    Unknown,
}

impl Looks {
    /// Of the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        // A model may well be a zip file or JSON.
        if let Some(format) = Format::by_content(head) {
            return Self::Model(format);
        }
        let magic = MAGIC.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
        if let Some((_, _, looks)) = magic {
            return *looks;
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
            Some(b'<') => Self::Markup,
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Text,
        }
    }

    fn phrase(self) -> String {
        let phrase = match self {
            Self::Empty => "nothing at all",
            Self::Gzip => "a gzip file",
            Self::Mangled => "a gzip file that was converted as if it were text",
            Self::Tar => "a plain tar archive",
            Self::Zip => "a zip file",
            Self::Pickle => "a Python pickle",
            Self::Markup => "an HTML or XML page",
            Self::Json => "JSON text",
            Self::Text => "plain text",
            Self::Pointer => "a Git LFS pointer",
            Self::Zeros => "nothing but zeros",
            Self::Model(format) => return format.a_noun(),
            Self::Other(what) => what,
            Self::Unknown => "unknown data",
        };
        phrase.to_owned()
    }

    /// What to do about a file that is this instead of what it should be, if that can be told from it.
    fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::Mangled => "transfer it as a binary file: on its way its bytes were taken for text",
            Self::Markup | Self::Json => {
                "download the model again: this is a server's answer, not the file that was asked for"
            }
            Self::Pointer => "fetch the file itself with `git lfs pull` and archive that",
            _ => return None,
        })
    }

    /// The answer to a file that is not of the format it is named after, if its first bytes tell what it is instead.
    pub fn instead_of(self, format: Format, path: &str) -> Option<Problem> {
        // TensorFlow's may be text under either ending.
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
        let path = quoted(path);
        let problem = match self {
            Self::Empty => format!("{path} is not a valid {}: it is empty", format.noun()),
            _ => format!("{path} is not a valid {}: it looks like {}", format.noun(), self.phrase()),
        };
        let remedy = match (self, format) {
            (Self::Pickle, Format::Xgboost) => "load it with pickle and write it again with Booster.save_model",
            _ => self.remedy().unwrap_or("export the model again and check that it loads before archiving it"),
        };
        Some(Problem::new("model-invalid", problem, remedy))
    }
}

const MAKE: &str = "make the archive with `tar -czf model.tar.gz <model files>`";

/// The answer to an object that is not gzip, from its first bytes.
pub(crate) fn not_gzip(head: &[u8]) -> Problem {
    let looks = Looks::of(head);
    let remedy = match looks {
        Looks::Empty => {
            return Problem::new(
                "empty",
                "the archive is empty: it has no bytes",
                "upload the archive again: nothing of it arrived",
            );
        }
        Looks::Tar => "compress it: `gzip model.tar` makes model.tar.gz",
        looks => looks.remedy().unwrap_or(MAKE),
    };
    Problem::new("not-gzip", format!("the archive is not gzip-compressed: it looks like {}", looks.phrase()), remedy)
}

/// The answer to a gzip file without a tar archive inside, from its first inflated bytes.
pub(crate) fn not_tar(head: &[u8]) -> Problem {
    let looks = Looks::of(head);
    let problem = match looks {
        Looks::Empty => "the gzip file is empty: it inflates to no bytes".to_owned(),
        _ => format!("the gzip file does not hold a tar archive: its content looks like {}", looks.phrase()),
    };
    let remedy = match looks {
        Looks::Gzip => "it was compressed twice: gunzip it once",
        _ => MAKE,
    };
    Problem::new("not-tar", problem, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_is_told_by_its_first_bytes() {
        let mut tar = [0; HEAD];
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
            let problem = not_gzip(head);
            assert!(problem.problem.contains(expected), "{problem:?} for {expected}");
            assert!(!problem.remedy.is_empty());
        }
    }
}
