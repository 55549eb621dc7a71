//! Model archives, as users upload them.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::{fs::File, io::Read, path::Path};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// Packs files into a `.tar.gz`.
pub fn build_archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Reads a reference model: the file `name` of `tests/models/<suite>/suite.tar.gz`.
pub fn read_reference_model(suite: &str, name: &str) -> Vec<u8> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(suite).join("suite.tar.gz");
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(suite).unwrap()));
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap() == Path::new(name)).unwrap();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads a real model of the `onnx` package. Its input is `data_0`, of shape 1×3×224×224.
pub fn read_squeezenet() -> Vec<u8> {
    read_reference_model("onnx", "light/light_squeezenet.onnx")
}

/// Builds an ONNX model whose inputs have these names, each with this many dynamic dimensions.
pub fn build_dynamic_onnx<'n>(inputs: impl IntoIterator<Item = &'n str>, dims: usize) -> Vec<u8> {
    let mut graph = write_field(1, &write_field(4, b"Identity"));
    for name in inputs {
        let dim = write_field(1, &write_field(2, b"N"));
        // A tensor of floats with this shape.
        let tensor = [&[0x08, 1][..], &write_field(2, &dim.repeat(dims))].concat();
        let input = [write_field(1, name.as_bytes()), write_field(2, &write_field(1, &tensor))].concat();
        graph.extend(write_field(11, &input));
    }
    let opset = write_field(8, &[0x10, 11]);
    [&[0x08, 7][..], &write_field(7, &graph), &opset].concat()
}

/// A length-delimited field of a protobuf message.
fn write_field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(0x80 | u8::try_from(length % 0x80).unwrap());
        length /= 0x80;
    }
    field.push(u8::try_from(length).unwrap());
    field.extend(content);
    field
}
