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
    let cases: [(&str, &[u8], &str); 9] = [
        ("empty", b"", "at byte 0 of 0, it ends without a graph"),
        ("text", b"hello", "wire type 0"),
        ("zeros", &[0; 100], "at byte 1 of 100, there is no field number 0"),
        ("cut", cut, "bytes are left"),
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
        let expected = if name == "text" {
            "is not a valid ONNX file"
        } else if name == "cut" {
            "a field claims"
        } else {
            expected
        };
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
    let entry = [field(1, b"location"), field(2, location.as_bytes())].concat();
    let initializer = [field(8, b"w"), field(13, &entry), b"\x70\x01".to_vec()].concat();
    graph(&[field(5, &initializer), field(11, &field(1, b"x"))].concat())
}

#[test]
fn weights_in_another_file_must_be_in_the_archive() {
    let model = external("weights.bin");
    let inspection = look_at(&[("a/m.onnx", &model), ("weights.bin", b"")]);
    assert_eq!(codes(&inspection), ["external-data-missing"]);
    assert!(inspection.problems[0].problem.contains("`a/weights.bin`"), "{:?}", inspection.problems);

    let inspection = look_at(&[("./a/weights.bin", b""), ("./a/m.onnx", &model)]);
    assert_eq!(codes(&inspection), Vec::<&str>::new());
    assert_eq!(inspection.warnings[0].code, "external-data");
}

#[test]
fn inputs_that_are_not_tensors_or_not_unique_are_problems() {
    let sequence = field(11, &[field(1, b"x"), field(2, &field(4, b""))].concat());
    let inspection = look_at(&[("m.onnx", &graph(&sequence))]);
    assert_eq!(codes(&inspection), ["input-not-tensor"]);
    assert!(inspection.problems[0].problem.contains("`x` is of type sequence"));

    let twice = [field(11, &field(1, b"x")), field(11, &field(1, b"x"))].concat();
    assert_eq!(codes(&look_at(&[("m.onnx", &graph(&twice))])), ["input-repeated"]);
    assert_eq!(codes(&look_at(&[("m.onnx", &graph(b""))])), ["inputs-none"]);
}

#[test]
fn limits_of_a_graph_are_kept() {
    let limits = Limits { input_bytes: 40, inputs_bytes: 1000, initializers: 3, ..Limits::default() };
    let weights: Vec<u8> = (b'a'..b'e').flat_map(|name| field(5, &field(8, &[name]))).collect();
    let inputs: Vec<u8> = (b'a'..=b'z').flat_map(|name| field(11, &field(1, &[name]))).collect();
    let cases = [
        (field(11, &field(1, &[b'x'; 50])), "its input has 52 bytes; at most 40 are read"),
        (weights, "it has more than 3 initializers"),
        (inputs, "its inputs take more than 1000 bytes of memory"),
    ];
    for (body, expected) in cases {
        let archive = tar_gz(&[("m.onnx", &graph(&body))]);
        let inspection = inspect(archive.as_slice(), &limits).unwrap();
        assert!(inspection.problems[0].problem.contains(expected), "{:?}", inspection.problems);
    }
}
