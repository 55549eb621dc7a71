//! What an upload is that is not a `.tar.gz`: many files are only named so, and some uploads store
//! more than the file.

use super::file_type::FileType;
use crate::problem::Problem;

const CREATE_ARCHIVE: &str = "create the archive with `tar -czf model.tar.gz <model files>`";

/// The first bytes of gzip with the only compression method there is (RFC 1952).
const GZIP: &[u8] = b"\x1f\x8b\x08";

/// What each field of a multipart form starts with, in lower case.
const FORM: &[u8] = b"content-disposition: form-data";

/// The problem of an object that is not gzip, from its first bytes.
pub(crate) fn not_gzip_problem(head: &[u8]) -> Problem {
    if let Some(problem) = encoded_problem(head).or_else(|| wrapped_problem(head)) {
        return problem;
    }
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
        FileType::GzipDecodedAsText
        | FileType::Base64Gzip
        | FileType::Html
        | FileType::ErrorResponse
        | FileType::GitLfsPointer
        | FileType::Unsupported(_) => file_type.suggested_fix().unwrap_or(CREATE_ARCHIVE),
        _ => CREATE_ARCHIVE,
    };
    Problem::new("not-gzip", format!("the archive is not gzip-compressed: it looks like {file_type}"), fix)
}

/// The problem of an object that has the gzip archive as text in something else.
fn encoded_problem(head: &[u8]) -> Option<Problem> {
    let contains = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    let (what, fix) = if head.starts_with(b"data:") && contains(b";base64,") {
        ("a data URL", "decode it: `sed 's/^data:[^,]*,//' <object> | base64 -d > model.tar.gz`")
    } else if head.trim_ascii_start().starts_with(b"{") && contains(b"\"H4sI") {
        (
            "JSON with its content in base64, as Amazon API Gateway passes a request to a function",
            "decode it, for example with `jq -r .body <object> | base64 -d > model.tar.gz`",
        )
    } else if head.to_ascii_lowercase().starts_with(b"1f8b08") {
        ("hexadecimal text", "decode it: `xxd -r -p <object> > model.tar.gz`")
    } else if head.starts_with(b"b'\\x1f\\x8b") || head.starts_with(b"b\"\\x1f\\x8b") {
        ("the text of a Python bytes object", "store the bytes themselves, without str(…) or repr(…)")
    } else {
        return None;
    };
    Some(Problem::new(
        "not-gzip",
        format!("the archive is not gzip-compressed: the upload wrapped it in {what}, which was stored too"),
        fix,
    ))
}

/// The problem of an object that has the gzip archive after something else: the upload stored its
/// own framing too.
fn wrapped_problem(head: &[u8]) -> Option<Problem> {
    let found = head.windows(GZIP.len()).position(|window| window == GZIP);
    let is_form = head.starts_with(b"--") && head.to_ascii_lowercase().windows(FORM.len()).any(|window| window == FORM);
    // Long fields may come before the file in a form.
    let offset = match found {
        Some(0) => return None,
        None if !is_form => return None,
        found => found,
    };
    let before = &head[..offset.unwrap_or(head.len())];
    let line = before.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_chunk = before.ends_with(b"\r\n") && !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    let (what, fix) = if before.starts_with(b"--") {
        ("a multipart form", "upload the file itself with PUT: `curl --upload-file model.tar.gz '<presigned URL>'`")
    } else if is_chunk {
        (
            "HTTP chunks (aws-chunked)",
            "upload the file with a client that S3 understands: `aws s3 cp model.tar.gz s3://<bucket>/<key>`",
        )
    } else {
        ("other data", "upload the file itself: `aws s3 cp model.tar.gz s3://<bucket>/<key>`")
    };
    let place = match offset {
        Some(offset) => format!("starts only at byte {offset} of the object"),
        None => format!("does not start in the first {} bytes of the object", head.len()),
    };
    Some(Problem::new(
        "not-gzip",
        format!("the gzip archive {place}: the upload wrapped it in {what}, which was stored too"),
        fix,
    ))
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
        FileType::Gzip => {
            "the archive was compressed twice: decompress it once with `gunzip --stdout <object> > model.tar.gz`"
        }
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
        let cases: [(&[u8], &str); 18] = [
            (b"", "empty"),
            (b"\x1f\x8b\x08", "a gzip"),
            (b"\x1f\xc2\x8b\x08", "as if it were text"),
            (b"H4sIAAAAAAAAA+3O", "base64"),
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
            (b"\x02\0\0\0\0\0\0\0{}", "safetensors"),
            (b"\x01\x02\x03", "unknown data"),
        ];
        for (head, expected) in cases {
            let problem = not_gzip_problem(head);
            assert!(problem.problem.contains(expected), "{problem:?} for {expected}");
            assert!(!problem.remedy.is_empty());
        }
    }

    #[test]
    fn framing_of_the_upload_is_reported_as_such() {
        let form = b"--X\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\x1f\x8b\x08\0";
        for (head, offset, expected) in [
            (&form[..], 52, "a multipart form"),
            (b"10000;chunk-signature=abc\r\n\x1f\x8b\x08\0", 27, "aws-chunked"),
            (b"2f00\r\n\x1f\x8b\x08\0", 6, "aws-chunked"),
            (b"\n\x1f\x8b\x08\0", 1, "other data"),
        ] {
            let problem = not_gzip_problem(head);
            assert_eq!(problem.code, "not-gzip");
            let offset = format!("at byte {offset} of the object");
            assert!(problem.problem.contains(&offset) && problem.problem.contains(expected), "{problem:?}");
        }
        let field = [b"--X\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\n", &[b'e'; 450][..]].concat();
        for (head, expected, fix) in [
            (&field[..], "a multipart form", "curl --upload-file"),
            (b"data:application/gzip;base64,H4sICLn5", "a data URL", "base64 -d"),
            (b"{\"body\": \"H4sICLn5", "JSON with its content in base64", "jq -r .body"),
            (b"1F8B0800a2", "hexadecimal text", "xxd -r -p"),
            (b"b'\\x1f\\x8b\\x08\\x00'", "the text of a Python bytes object", "without str"),
        ] {
            let problem = not_gzip_problem(head);
            assert_eq!(problem.code, "not-gzip");
            assert!(problem.problem.contains(expected) && problem.remedy.contains(fix), "{problem:?}");
        }
    }
}
