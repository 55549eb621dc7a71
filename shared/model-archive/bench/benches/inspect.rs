//! How fast an archive is inspected: bytes per second for large models, archives per second for
//! small ones.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use model_archive::{Limits, inspect_archive};
use model_archive_bench::{generate_weights, onnx_model, read_fixture, tar_gz};

/// Size of the weights of the large models, in bytes.
const WEIGHTS: usize = 32 << 20;

fn bench_large_models(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("large");
    group.sample_size(20);
    // Trained weights hardly compress, pruned ones do.
    for (name, zeros) in [("trained", 0), ("pruned", 3)] {
        let weights = generate_weights(WEIGHTS, zeros);
        let onnx = onnx_model(&weights);
        bench_archive(&mut group, &format!("onnx/{name}"), &[("model.onnx", &onnx)]);
        bench_archive(&mut group, &format!("skipped/{name}"), &[("model.bin", &weights)]);
    }
    group.finish();
}

fn bench_many_members(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("members");
    let names: Vec<_> = (0..10_000).map(|number| format!("assets/{number}.txt")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &b"asset"[..])).collect();
    bench_archive(&mut group, "10000", &members);
    group.finish();
}

fn bench_formats(criterion: &mut Criterion) {
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
        let data = read_fixture(suite, path);
        let file = path.rsplit('/').next().unwrap_or(path);
        bench_archive(&mut group, name, &[(file, &data)]);
    }
    group.finish();
}

/// Measures the inspection of an archive with these members.
fn bench_archive(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, members: &[(&str, &[u8])]) {
    let archive = tar_gz(members);
    let size: usize = members.iter().map(|(_, data)| data.len()).sum();
    group.throughput(Throughput::Bytes(size as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| inspect_archive(black_box(archive.as_slice()), &Limits::default()));
    });
}

criterion_group!(benches, bench_large_models, bench_many_members, bench_formats);
criterion_main!(benches);
