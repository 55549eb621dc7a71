//! How fast an archive is inspected: bytes a second where there are many, archives a second where they are small.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use model_archive::{Limits, inspect};
use model_archive_bench::{fixture, onnx, tar_gz, weights};

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

criterion_group!(benches, large, many, formats);
criterion_main!(benches);
