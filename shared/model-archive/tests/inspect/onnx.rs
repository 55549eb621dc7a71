//! ONNX models as the package `onnx` reads them, and as it does not write them.

use crate::common::{answer, codes, fixture, fixtures, look_at, onnx, tar_gz};
use model_archive::{Dim, Framework, Layout, Limits, inspect};
use serde_json::{Map, Value};

#[test]
fn every_model_of_the_suite_is_read_as_the_onnx_package_reads_it() {
    let expected: Map<String, Value> = serde_json::from_slice(&fixture("onnx/suite.json")).unwrap();
    let models = fixtures("onnx/suite.tar.gz");
    assert_eq!(models.len(), expected.len());
    assert!(models.len() > 140);
    for (path, data) in models {
        let inspection = look_at(&[(&path, &data)]);
        assert_eq!(answer(&inspection), expected[&path], "{path}");
        let model = inspection.model.unwrap();
        assert_eq!((model.framework, model.layout, model.read), (Framework::Onnx, Layout::Nchw, true));
        assert_eq!(model.path, path);
        let compilable = !model.inputs.is_empty();
        assert_eq!(inspection.problems.is_empty(), compilable, "{path}: {:?}", inspection.problems);
        assert!(inspection.warnings.is_empty(), "{path}: {:?}", inspection.warnings);
    }
}

#[test]
fn open_dimensions_keep_what_is_known_of_them() {
    let dims = |path: &str| look_at(&[("m.onnx", &onnx(path))]).model.unwrap().inputs.remove(0).dims;
    let symbolic = |name: &str| Dim::Symbolic(name.to_owned());
    let rest = [Dim::Known(3), Dim::Known(8), Dim::Known(8)];
    let open = |first: Dim| Some([&[first][..], &rest[..]].concat());
    assert_eq!(
        dims("made/symbolic.onnx"),
        Some(vec![symbolic("batch"), Dim::Known(3), symbolic("height"), symbolic("width")])
    );
    assert_eq!(dims("made/missing-dimension.onnx"), open(Dim::Unknown));
    assert_eq!(dims("made/zero-dimension.onnx"), open(Dim::Unknown));
    assert_eq!(dims("made/negative-dimension.onnx"), open(Dim::Unknown));
    assert_eq!(dims("made/no-shape.onnx"), None);
    assert_eq!(dims("made/scalar.onnx"), Some(vec![]));
}

#[test]
fn two_models_are_one_too_many_and_both_are_named() {
    let model = onnx("made/symbolic.onnx");
    let inspection = look_at(&[("a/encoder.onnx", &model), ("b/decoder.onnx", &model)]);
    assert_eq!(inspection.model, None);
    assert_eq!(codes(&inspection), ["several-models"]);
    let problem = &inspection.problems[0].problem;
    assert!(problem.contains("`a/encoder.onnx`, `b/decoder.onnx`"), "{problem}");
}

#[test]
fn a_model_under_another_name_is_recognised_and_its_name_corrected() {
    let inspection = look_at(&[("model.bin", &onnx("light/light_squeezenet.onnx"))]);
    assert_eq!(codes(&inspection), ["model-misnamed"]);
    assert!(inspection.problems[0].problem.contains("`model.bin`"));
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
}

#[test]
fn what_is_no_onnx_is_answered_with_place_and_cause() {
    let model = onnx("made/weights-apart.onnx");
    let cut = &model[..model.len() / 2];
    let cases: [(&str, &[u8], &str); 12] = [
        ("empty", b"", "it is empty"),
        ("text", b"hello", "it looks like plain text"),
        ("zeros", &[0; 100], "it looks like nothing but zeros"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n", "it looks like a Git LFS pointer"),
        ("gzip", b"\x1f\x8b\x08\0\0\0", "it looks like a gzip file"),
        ("field 0", b"\x08\x07\0", "at byte 3 of 3, there is no field number 0"),
        ("cut", cut, "are left, as if it had been cut short"),
        ("no graph", b"\x08\x07", "at byte 2 of 2, it ends without a graph"),
        ("endless number", &[0x88; 20], "a number is longer than 64 bits"),
        ("open group", b"\x0b\x08\x01", "the message ends within a group"),
        ("deep groups", &[0x0b; 200], "wire type 3 of field 1 is not valid there"),
        (
            "lying length",
            b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            "a field claims 9223372036854775807 bytes where 0 are left",
        ),
    ];
    for (name, data, expected) in cases {
        let inspection = look_at(&[("m.onnx", data)]);
        assert_eq!(codes(&inspection), ["model-invalid"], "{name}");
        let problem = &inspection.problems[0].problem;
        assert!(problem.contains(expected) && problem.contains("`m.onnx`"), "{name}: {problem}");
        assert_eq!(inspection.model, None);
    }
}

/// `length`-delimited field of a message.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = body.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(body);
    bytes
}

fn graph(body: &[u8]) -> Vec<u8> {
    [b"\x08\x08".to_vec(), field(7, body)].concat()
}

/// A graph whose only weight is in another file.
pub fn external(location: &str) -> Vec<u8> {
    graph(&[field(5, &external_tensor(location)), field(11, &field(1, b"x"))].concat())
}

fn external_tensor(location: &str) -> Vec<u8> {
    let entry = [field(1, b"location"), field(2, location.as_bytes())].concat();
    [field(8, b"w"), field(13, &entry), b"\x70\x01".to_vec()].concat()
}

#[test]
fn weights_in_another_file_must_be_in_the_archive() {
    let model = external("weights.bin");
    let inspection = look_at(&[("a/m.onnx", &model), ("weights.bin", b"")]);
    assert_eq!(codes(&inspection), ["external-data-missing"]);
    assert!(inspection.problems[0].problem.contains("`a/weights.bin`"), "{:?}", inspection.problems);

    for location in ["weights.bin", "./weights.bin", "../a//weights.bin", "b/../weights.bin"] {
        let inspection = look_at(&[("./a/weights.bin", b""), ("./a/m.onnx", &external(location))]);
        assert_eq!(codes(&inspection), Vec::<&str>::new(), "{location}");
        assert_eq!(inspection.warnings[0].code, "external-data");
    }
    // A folder is no file, and neither is nothing.
    for location in ["a", "", "../.."] {
        let inspection = look_at(&[("a/weights.bin", b""), ("m.onnx", &external(location))]);
        assert_eq!(codes(&inspection), ["external-data-missing"], "{location}");
    }
}

#[test]
fn weights_in_many_files_are_one_problem_and_none_is_forgotten() {
    let tensors: Vec<u8> = (0..100).flat_map(|number| field(5, &external_tensor(&format!("w{number}")))).collect();
    let model = graph(&[tensors, field(11, &field(1, b"x"))].concat());
    let names: Vec<_> = (0..99).map(|number| format!("w{number}")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    files.push(("m.onnx", &model));
    let inspection = look_at(&files);
    assert_eq!(codes(&inspection), ["external-data-missing"]);
    assert!(inspection.problems[0].problem.contains("weights in `w99`, which"), "{:?}", inspection.problems);
    assert_eq!(inspection.warnings.len(), 1);
    assert!(inspection.warnings[0].warning.contains("`w4` and 94 more"), "{:?}", inspection.warnings);
}

#[test]
fn weights_in_the_attributes_of_nodes_may_be_in_another_file_too() {
    let tensor = external_tensor("w");
    let inner = field(1, &field(5, &field(5, &tensor)));
    for attribute in [field(5, &tensor), field(10, &tensor), field(6, &field(5, &tensor)), field(11, &inner)] {
        let node = field(1, &field(5, &attribute));
        let model = graph(&[node, field(11, &field(1, b"x"))].concat());
        assert_eq!(codes(&look_at(&[("m.onnx", &model)])), ["external-data-missing"]);
        assert_eq!(codes(&look_at(&[("m.onnx", &model), ("w", b"")])), Vec::<&str>::new());
    }
}

#[test]
fn what_is_not_needed_may_be_long() {
    let input = [field(1, b"x"), field(3, &vec![b'd'; 100_000])].concat();
    let model = [field(2, &[b'p'; 5000]), graph(&field(11, &input))].concat();
    let inspection = look_at(&[("m.onnx", &model)]);
    assert_eq!(codes(&inspection), Vec::<&str>::new());
    let model = inspection.model.unwrap();
    assert_eq!((model.inputs.len(), model.producer), (1, None));
}

#[test]
fn inputs_that_are_not_tensors_or_not_unique_are_problems() {
    let sequence = field(11, &[field(1, b"x"), field(2, &field(4, b""))].concat());
    let inspection = look_at(&[("m.onnx", &graph(&sequence))]);
    assert_eq!(codes(&inspection), ["input-not-tensor"]);
    assert!(inspection.problems[0].problem.contains("`x` is of type sequence"));

    let often = field(11, &field(1, b"x")).repeat(3);
    let inspection = look_at(&[("m.onnx", &graph(&often))]);
    assert_eq!(codes(&inspection), ["input-repeated"]);
    assert!(inspection.problems[0].problem.ends_with("called `x`"), "{:?}", inspection.problems);
    assert_eq!(codes(&look_at(&[("m.onnx", &graph(b""))])), ["inputs-none"]);
}

#[test]
fn limits_of_a_graph_are_kept() {
    let limits = Limits { input_bytes: 40, inputs_bytes: 1000, initializers: 3, ..Limits::default() };
    let weights: Vec<u8> = (b'a'..b'e').flat_map(|name| field(5, &field(8, &[name]))).collect();
    let inputs: Vec<u8> = (b'a'..=b'z').flat_map(|name| field(11, &field(1, &[name]))).collect();
    let cases = [
        (field(11, &field(1, &[b'x'; 50])), "its input's name has 50 bytes; at most 40 are read"),
        (weights, "it has more than 3 initializers"),
        (inputs, "its inputs take more than 1000 bytes of memory"),
    ];
    for (body, expected) in cases {
        let archive = tar_gz(&[("m.onnx", &graph(&body))]);
        let inspection = inspect(archive.as_slice(), &limits).unwrap();
        assert!(inspection.problems[0].problem.contains(expected), "{:?}", inspection.problems);
    }
}
