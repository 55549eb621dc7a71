//! What each fuzz target does with its bytes. `tests/seeds.rs` does the same with the seeds, on stable Rust.
//!
//! A target for a file's format puts the bytes into an archive under a name of that format, so that they come to its
//! reader the way they do in use. Nothing is compressed there: that would take most of the time.

use flate2::Crc;
use model_archive::{Limits, inspect};
use tar::{EntryType, Header};

/// Takes any bytes, and panics if what must hold does not.
type Target = fn(&[u8]);

/// Every target by the name it has for `cargo fuzz`.
pub const TARGETS: [(&str, Target); 16] = [
    ("archive", archive),
    ("gzip", gzip),
    ("tar", tar),
    ("onnx", |data| files(&[("model.onnx", data)])),
    ("savedmodel", |data| files(&[("saved_model.pb", data)])),
    ("savedmodel_text", |data| files(&[("saved_model.pbtxt", data)])),
    ("graphdef", |data| files(&[("frozen.pb", data)])),
    ("graphdef_text", |data| files(&[("frozen.pbtxt", data)])),
    ("keras", |data| files(&[("model.h5", data)])),
    ("tflite", |data| files(&[("model.tflite", data)])),
    ("pytorch", |data| files(&[("model.pth", data)])),
    ("mxnet_symbol", |data| files(&[("net-symbol.json", data), ("net-0000.params", PARAMS)])),
    ("mxnet_params", |data| files(&[("net-symbol.json", SYMBOL), ("net-0000.params", data)])),
    ("darknet", |data| files(&[("net.cfg", data), ("net.weights", b"")])),
    // JSON, UBJSON or the old binary format, as it begins.
    ("xgboost", |data| files(&[("xgboost-model", data)])),
    // Anything: told by its content alone.
    ("content", |data| files(&[("model.bin", data)])),
];

/// Runs the target of that name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "there is no target {name}");
    if let Some((_, target)) = target {
        target(data);
    }
}

/// Names of members in the target `archive`; a member has the number of one.
const PATHS: [&str; 20] = [
    "model.onnx",
    "weights.bin",
    "export/saved_model.pb",
    "export/variables/variables.index",
    "export/fingerprint.pb",
    "frozen.pb",
    "frozen.pbtxt",
    "model.h5",
    "model.tflite",
    "model.pth",
    "net-symbol.json",
    "net-0000.params",
    "net.cfg",
    "net.weights",
    "xgboost-model",
    "model.pkl",
    "._model.onnx",
    "model.tar.gz",
    "../model.onnx",
    "README",
];

/// A file of MXNet parameters without any: magic number, reserved word, no arrays, no names.
const PARAMS: &[u8] = b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const SYMBOL: &[u8] = br#"{"nodes": [{"op": "null", "name": "data"}, {"op": "null", "name": "fc_weight"}]}"#;

/// An archive as it is uploaded.
fn gzip(data: &[u8]) {
    look(data);
}

/// A tar archive.
fn tar(data: &[u8]) {
    look(&stored(data));
}

/// Several files: of each its path's number, its length in two bytes, and its content.
fn archive(mut data: &[u8]) {
    let mut members = Vec::new();
    while let [path, low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, after) = rest.split_at(length);
        members.push((PATHS[usize::from(*path) % PATHS.len()], content));
        data = after;
    }
    files(&members);
}

fn files(members: &[(&str, &[u8])]) {
    let mut tar = Vec::new();
    for (path, data) in members {
        let mut header = Header::new_old();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(data.len() as u64);
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(*data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    look(&stored(&tar));
}

/// A gzip stream of blocks that are not compressed (RFC 1951, 3.2.4; RFC 1952).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    for block in data.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        gzip.push(0);
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend(block);
    }
    let mut crc = Crc::new();
    crc.update(data);
    gzip.extend(b"\x01\0\0\xff\xff");
    gzip.extend(crc.sum().to_le_bytes());
    gzip.extend(crc.amount().to_le_bytes());
    gzip
}

/// What must hold whatever the bytes: there is a model or a reason why not, and every reason has a remedy.
fn look(archive: &[u8]) {
    let inspection = inspect(archive, &Limits::default());
    assert!(inspection.is_ok(), "a slice can always be read");
    let Ok(inspection) = inspection else { return };
    assert!(inspection.model.is_some() || !inspection.problems.is_empty(), "neither a model nor a problem");
    for problem in inspection.problems {
        assert!(!problem.problem.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
    }
}
