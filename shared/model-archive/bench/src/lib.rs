//! The archives that the benchmarks inspect.

use std::{fs, path::Path};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// An archive like that of `tar -z`.
pub fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, data) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Floats between -0.06 and 0.06 from a linear congruential generator. All but every `zeros + 1`th
/// is zero.
pub fn generate_weights(size: usize, zeros: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let mut weights = Vec::with_capacity(size);
    while weights.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = f32::from(i16::from_le_bytes([state.to_le_bytes()[6], state.to_le_bytes()[7]]));
        let fine = f32::from(u16::from_le_bytes([state.to_le_bytes()[4], state.to_le_bytes()[5]]));
        let weight = if (state >> 40).is_multiple_of(zeros + 1) { (random + fine / 65_536.0) / 550_000.0 } else { 0.0 };
        weights.extend(weight.to_le_bytes());
    }
    weights
}

/// A `ModelProto` with one input, and one weight that consists of these bytes.
pub fn onnx_model(weights: &[u8]) -> Vec<u8> {
    let mut tensor = delimited_field(8, b"weight");
    tensor.extend(delimited_field(9, weights));
    let shape: Vec<_> = [1_u8, 3, 224].iter().flat_map(|size| delimited_field(1, &[0x08, *size])).collect();
    let kind = delimited_field(1, &[&[0x08, 1][..], &delimited_field(2, &shape)].concat());
    let mut graph = delimited_field(5, &tensor);
    graph.extend(delimited_field(11, &[delimited_field(1, b"data"), delimited_field(2, &kind)].concat()));
    let mut model = vec![0x08, 8];
    model.extend(delimited_field(7, &graph));
    model
}

/// A length-delimited protobuf field.
fn delimited_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    field.push(length.to_le_bytes()[0]);
    field.extend(bytes);
    field
}

/// Reads one file of a suite in `tests/models`.
pub fn read_fixture(suite: &str, wanted: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/models").join(suite);
    let data = fs::read(file).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(data.as_slice()));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_str() == Some(wanted) {
            let mut data = Vec::new();
            std::io::copy(&mut entry, &mut data).unwrap();
            return data;
        }
    }
    panic!("no {wanted} in {suite}")
}
