//! How fast an archive is inspected: bytes a second where there are many, archives a second where they are small.
#![allow(clippy::unwrap_used, clippy::panic, reason = "without its models there is nothing to measure")]

use std::{fs, hint::black_box, io::Write, path::Path};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use model_archive::{Limits, inspect};

/// Weights of the large models, in bytes.
const WEIGHTS: usize = 32 << 20;

fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("large");
    group.sample_size(20);
    // Trained weights hardly deflate, pruned ones do.
    for (name, zeros) in [("trained", 0), ("pruned", 3)] {
        let weights = weights(WEIGHTS, zeros);
        let onnx = onnx(&weights);
        measure(&mut group, &format!("onnx/{name}"), &[("model.onnx", &onnx)]);
        measure(&mut group, &format!("skipped/{name}"), &[("model.bin", &weights)]);
    }
    group.finish();
}

fn many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("members");
    let names: Vec<_> = (0..10_000).map(|number| format!("assets/{number}.txt")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &b"asset"[..])).collect();
    measure(&mut group, "10000", &members);
    group.finish();
}

fn formats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("formats");
    let models = [
        ("onnx", "onnx/suite.tar.gz", "light/light_resnet50.onnx"),
        ("savedmodel", "tensorflow/suite.tar.gz", "saved-keras/saved_model.pb"),
        ("savedmodel_text", "tensorflow/suite.tar.gz", "saved-keras-text/saved_model.pbtxt"),
        ("graphdef", "tensorflow/suite.tar.gz", "graph-constants/frozen.pb"),
        ("graphdef_text", "tensorflow/suite.tar.gz", "graph-constants-text/frozen.pbtxt"),
        ("keras", "keras/suite.tar.gz", "keras3-deep/model.h5"),
        ("tflite", "tflite/suite.tar.gz", "weights/model.tflite"),
        ("pytorch", "pytorch/suite.tar.gz", "scripted/model.pt"),
        ("mxnet_symbol", "mxnet/suite.tar.gz", "gluon/net-symbol.json"),
        ("mxnet_params", "mxnet/suite.tar.gz", "gluon/net-0000.params"),
        ("xgboost_json", "xgboost/3-2/suite.tar.gz", "3-2-classes-json/xgboost.model"),
        ("xgboost_ubjson", "xgboost/3-2/suite.tar.gz", "3-2-classes-ubj/xgboost.model"),
    ];
    for (name, suite, path) in models {
        let data = fixture(suite, path);
        let file = path.rsplit('/').next().unwrap_or(path);
        measure(&mut group, name, &[(file, &data)]);
    }
    group.finish();
}

/// Inspects an archive of these members over and over.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, members: &[(&str, &[u8])]) {
    let archive = tar_gz(members);
    let size: usize = members.iter().map(|(_, data)| data.len()).sum();
    group.throughput(Throughput::Bytes(size as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| inspect(black_box(archive.as_slice()), &Limits::default()));
    });
}

fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, data) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Floats between -0.06 and 0.06 from a linear congruential generator; all but every `zeros + 1`th is zero.
fn weights(size: usize, zeros: u64) -> Vec<u8> {
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

/// `ModelProto` with one input and one weight that has all the bytes.
fn onnx(weights: &[u8]) -> Vec<u8> {
    let mut tensor = field(8, b"weight");
    tensor.extend(field(9, weights));
    let shape: Vec<_> = [1_u8, 3, 224].iter().flat_map(|size| field(1, &[0x08, *size])).collect();
    let kind = field(1, &[&[0x08, 1][..], &field(2, &shape)].concat());
    let mut graph = field(5, &tensor);
    graph.extend(field(11, &[field(1, b"data"), field(2, &kind)].concat()));
    let mut model = vec![0x08, 8];
    model.extend(field(7, &graph));
    model
}

/// A field of protobuf with its length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    field.push(length.to_le_bytes()[0]);
    field.write_all(bytes).unwrap();
    field
}

fn fixture(suite: &str, wanted: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models").join(suite);
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

criterion_group!(benches, large, many, formats);
criterion_main!(benches);
