//! What bytes look like that are not what was expected: files are often only named `.tar.gz`.

use crate::Problem;

/// Bytes that are enough to tell: a tar header.
pub(crate) const HEAD: usize = 512;

const MAGIC: [(usize, &[u8], Looks); 15] = [
    (0, b"\x1f\x8b", Looks::Gzip),
    (0, b"PK\x03\x04", Looks::Zip),
    (0, b"PK\x05\x06", Looks::Zip),
    (0, b"BZh", Looks::Other("a bzip2 file")),
    (0, b"\xfd7zXZ\0", Looks::Other("an xz file")),
    (0, b"\x28\xb5\x2f\xfd", Looks::Other("a Zstandard file")),
    (0, b"7z\xbc\xaf\x27\x1c", Looks::Other("a 7-Zip file")),
    (0, b"Rar!", Looks::Other("a RAR file")),
    (0, b"\x89HDF\r\n\x1a\n", Looks::Model("a bare HDF5 file")),
    (4, b"TFL3", Looks::Model("a bare TensorFlow Lite file")),
    (0, b"\x80\x02", Looks::Other("a Python pickle")),
    (0, b"\x80\x04", Looks::Other("a Python pickle")),
    (0, b"version https://git-lfs", Looks::Pointer),
    (0, b"\x7fELF", Looks::Other("a program")),
    (257, b"ustar", Looks::Tar),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Looks {
    Empty,
    Gzip,
    Tar,
    Zip,
    Markup,
    Json,
    Text,
    Pointer,
    Zeros,
    Model(&'static str),
    Other(&'static str),
    Unknown,
}

fn looks(head: &[u8]) -> Looks {
    if head.is_empty() {
        return Looks::Empty;
    }
    let magic = MAGIC.iter().find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, looks)) = magic {
        return *looks;
    }
    if head.iter().all(|byte| *byte == 0) {
        return Looks::Zeros;
    }
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || !byte.is_ascii();
    if !head.iter().all(printable) {
        return Looks::Unknown;
    }
    match head.trim_ascii_start().first() {
        Some(b'<') => Looks::Markup,
        Some(b'{' | b'[') => Looks::Json,
        _ => Looks::Text,
    }
}

impl Looks {
    fn phrase(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Gzip => "another gzip file",
            Self::Tar => "a plain tar archive",
            Self::Zip => "a zip file",
            Self::Markup => "an HTML or XML page",
            Self::Json => "JSON text",
            Self::Text => "plain text",
            Self::Pointer => "a Git LFS pointer",
            Self::Zeros => "nothing but zeros",
            Self::Model(what) | Self::Other(what) => what,
            Self::Unknown => "unknown data",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Empty => "upload the archive again: nothing of it arrived",
            Self::Tar => "compress it: `gzip model.tar` makes model.tar.gz",
            Self::Markup | Self::Json => {
                "download the model again: this is a server's answer, not the file that was asked for"
            }
            Self::Pointer => "fetch the file itself with `git lfs pull` and archive that",
            _ => "make the archive with `tar -czf model.tar.gz <model files>`",
        }
    }
}

/// The answer to an object that is not gzip, from its first bytes.
pub(crate) fn not_gzip(head: &[u8]) -> Problem {
    let looks = looks(head);
    if looks == Looks::Empty {
        return Problem::new("empty", "the archive is empty: it has no bytes", looks.remedy());
    }
    let problem = format!("the archive is not gzip-compressed: it looks like {}", looks.phrase());
    Problem::new("not-gzip", problem, looks.remedy())
}

/// The answer to a gzip file without a tar archive inside, from its first inflated bytes.
pub(crate) fn not_tar(head: &[u8]) -> Problem {
    let looks = looks(head);
    let problem = format!("the gzip file does not hold a tar archive: its content looks like {}", looks.phrase());
    let remedy = match looks {
        Looks::Gzip => "it was compressed twice: gunzip it once",
        _ => "make the archive with `tar -czf model.tar.gz <model files>`",
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
        let cases: [(&[u8], &str); 12] = [
            (b"", "empty"),
            (b"\x1f\x8b\x08", "another gzip"),
            (&tar, "plain tar"),
            (b"PK\x03\x04\x14\0", "zip"),
            (b"\n<!DOCTYPE html>", "HTML"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "HTML or XML"),
            (b"{\"message\": \"not found\"}", "JSON"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            ("modèle".as_bytes(), "plain text"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
            (&[0; 20], "zeros"),
            (b"\x08\x07\x12\x07pytorch", "unknown data"),
        ];
        for (head, expected) in cases {
            let problem = not_gzip(head);
            assert!(problem.problem.contains(expected), "{problem:?} for {expected}");
            assert!(!problem.remedy.is_empty());
        }
    }
}
