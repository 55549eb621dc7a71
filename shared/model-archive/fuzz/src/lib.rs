//! The fuzz targets. `tests/seeds.rs` runs them on the seeds, with stable Rust.
//!
//! A target for a file format puts the bytes into an archive under a name of that format, so that
//! they reach its reader as in production. Nothing is compressed, because compression would take
//! most of the time.

use flate2::Crc;
use model_archive::{Limits, inspect_archive};
use tar::{EntryType, Header};

/// Takes any bytes, and panics if an invariant is violated.
type FuzzTarget = fn(&[u8]);

/// Every target, by its name in `cargo fuzz`.
pub const TARGETS: [(&str, FuzzTarget); 21] = [
    ("archive", fuzz_archive),
    ("gzip", fuzz_gzip),
    ("tar", fuzz_tar),
    ("onnx", |data| inspect_files(&[("model.onnx", data)])),
    ("savedmodel", |data| inspect_files(&[("saved_model.pb", data)])),
    ("savedmodel_text", |data| inspect_files(&[("saved_model.pbtxt", data)])),
    ("variables_index", fuzz_variables_index),
    ("graphdef", |data| inspect_files(&[("frozen.pb", data)])),
    ("graphdef_text", |data| inspect_files(&[("frozen.pbtxt", data)])),
    ("keras", |data| inspect_files(&[("model.h5", data)])),
    ("tflite", |data| inspect_files(&[("model.tflite", data)])),
    ("pytorch", |data| inspect_files(&[("model.pth", data)])),
    ("mxnet_symbol", |data| inspect_files(&[("net-symbol.json", data), ("net-0000.params", PARAMS)])),
    ("mxnet_params", |data| inspect_files(&[("net-symbol.json", SYMBOL), ("net-0000.params", data)])),
    ("darknet", |data| inspect_files(&[("net.cfg", data), ("net.weights", WEIGHTS)])),
    ("darknet_weights", |data| inspect_files(&[("net.cfg", CONFIG), ("net.weights", data)])),
    ("mxnet_shapes", fuzz_shapes),
    ("sklearn", |data| inspect_files(&[("model.pkl", data)])),
    // JSON, UBJSON or the old binary format, depending on the first bytes.
    ("xgboost", |data| inspect_files(&[("xgboost-model", data)])),
    // Any format: recognized by its content alone.
    ("content", |data| inspect_files(&[("model.bin", data)])),
    // Any format, also those that Neo does not take, under a name that many programs use.
    ("unsupported_formats", |data| inspect_files(&[("best.model", data)])),
];

/// Runs a target by its name.
pub fn run_target(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "there is no target {name}");
    if let Some((_, target)) = target {
        target(data);
    }
}

/// Paths of members in the target `archive`; each member refers to one by its index.
const PATHS: [&str; 26] = [
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
    "export/variables/variables.data-00000-of-00001",
    "best.model",
    "config.json",
    "m/config.pbtxt",
    "export\\saved_model.pb",
    "lib/site.pth",
];

/// A `SavedModel` with a variable.
const SAVED_MODEL: &[u8] = b"saved_model_schema_version: 1 meta_graphs { graph_def { node { op: 'VarHandleOp' } }
    signature_def { key: 's' value { inputs { key: 'x' value { dtype: DT_FLOAT } } } } }";

/// The header of a Darknet weight file of version 0.2.0.
const WEIGHTS: &[u8] = b"\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const CONFIG: &[u8] = b"[net]\nheight=32\nwidth=32\nchannels=3\n[softmax]\n";

/// An empty file of MXNet parameters: magic number, reserved word, no arrays, no names.
const PARAMS: &[u8] = b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const SYMBOL: &[u8] = br#"{"nodes": [{"op": "null", "name": "data"}, {"op": "null", "name": "fc_weight"}]}"#;

/// An uploaded archive.
fn fuzz_gzip(data: &[u8]) {
    check_inspection(data);
}

/// A tar archive.
fn fuzz_tar(data: &[u8]) {
    check_inspection(&gzip_stored(data));
}

/// Several files. Each consists of the index of its path, its length in two bytes, and its content.
fn fuzz_archive(mut data: &[u8]) {
    let mut members = Vec::new();
    while let [path, low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, after) = rest.split_at(length);
        members.push((PATHS[usize::from(*path) % PATHS.len()], content));
        data = after;
    }
    inspect_files(&members);
}

/// The shapes beside an MXNet model.
fn fuzz_shapes(data: &[u8]) {
    inspect_files(&[("net-symbol.json", SYMBOL), ("net-0000.params", PARAMS), ("model-shapes.json", data)]);
}

/// The index of the variables of a `SavedModel`.
fn fuzz_variables_index(data: &[u8]) {
    inspect_files(&[
        ("saved_model.pbtxt", SAVED_MODEL),
        ("variables/variables.index", data),
        ("variables/variables.data-00000-of-00001", b"0"),
    ]);
}

fn inspect_files(members: &[(&str, &[u8])]) {
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
    check_inspection(&gzip_stored(&tar));
}

/// A gzip stream of blocks without compression (RFC 1951, 3.2.4; RFC 1952).
fn gzip_stored(data: &[u8]) -> Vec<u8> {
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

/// Checks the invariants for arbitrary bytes: there is a model or a problem, and every problem has
/// a fix.
fn check_inspection(archive: &[u8]) {
    let inspection = inspect_archive(archive, &Limits::default());
    assert!(inspection.is_ok(), "a slice can always be read");
    let Ok(inspection) = inspection else { return };
    assert!(inspection.model.is_some() || !inspection.problems.is_empty(), "neither a model nor a problem");
    for problem in inspection.problems {
        assert!(!problem.problem.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
    }
}
