//! ONNX models compared with the package `onnx`, and models that this package does not write.

use crate::common::{
    archive_with_links, extract_fixture, inspect_members, onnx_model, problem_codes, read_fixture, reference_form,
    tar_gz,
};
use model_archive::{Dim, Framework, InputLayout, Limits, inspect_archive};
use serde_json::{Map, Value};

#[test]
fn onnx_suite_matches_the_onnx_package() {
    let expected: Map<String, Value> = serde_json::from_slice(&read_fixture("onnx/suite.json")).unwrap();
    let models = extract_fixture("onnx/suite.tar.gz");
    assert_eq!(models.len(), expected.len());
    assert!(models.len() > 140);
    for (path, data) in models {
        let inspection = inspect_members(&[(&path, &data)]);
        assert_eq!(reference_form(&inspection), expected[&path], "{path}");
        let model = inspection.model.unwrap();
        assert_eq!((model.framework, model.layout, model.read), (Framework::Onnx, InputLayout::Nchw, true));
        assert_eq!(model.path, path);
        let compilable = !model.inputs.is_empty();
        assert_eq!(inspection.problems.is_empty(), compilable, "{path}: {:?}", inspection.problems);
        assert!(inspection.warnings.is_empty(), "{path}: {:?}", inspection.warnings);
    }
}

#[test]
fn dynamic_dimensions_keep_their_names() {
    let dims = |path: &str| inspect_members(&[("m.onnx", &onnx_model(path))]).model.unwrap().inputs.remove(0).dims;
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
fn two_models_are_a_problem_that_lists_both() {
    let model = onnx_model("made/symbolic.onnx");
    let inspection = inspect_members(&[("a/encoder.onnx", &model), ("b/decoder.onnx", &model)]);
    assert_eq!(inspection.model, None);
    assert_eq!(problem_codes(&inspection), ["several-models"]);
    let problem = &inspection.problems[0].problem;
    assert!(problem.contains("`a/encoder.onnx`, `b/decoder.onnx`"), "{problem}");
}

#[test]
fn misnamed_model_is_recognized() {
    let inspection = inspect_members(&[("model.bin", &onnx_model("light/light_squeezenet.onnx"))]);
    assert_eq!(problem_codes(&inspection), ["model-misnamed"]);
    assert!(inspection.problems[0].problem.contains("`model.bin`"));
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
}

#[test]
fn invalid_onnx_is_reported_with_offset_and_cause() {
    let model = onnx_model("made/weights-apart.onnx");
    let cut = &model[..model.len() / 2];
    let cases: [(&str, &[u8], &str); 12] = [
        ("empty", b"", "it is empty"),
        ("text", b"hello", "it looks like plain text"),
        ("zeros", &[0; 100], "it looks like nothing but zeros"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n", "it looks like a Git LFS pointer"),
        ("gzip", b"\x1f\x8b\x08\0\0\0", "it looks like a gzip file"),
        ("field 0", b"\x08\x07\0", "at byte 3 of 3, 0 is not a valid field number"),
        ("cut", cut, "are left; the file is probably truncated"),
        ("no graph", b"\x08\x07", "at byte 2 of 2, it ends without a graph"),
        ("endless number", &[0x88; 20], "a number is longer than 64 bits"),
        ("open group", b"\x0b\x08\x01", "the message ends within a group"),
        ("deep groups", &[0x0b; 200], "wire type 3 of field 1 is not valid there"),
        (
            "lying length",
            b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            "a field claims 9223372036854775807 bytes, but only 0 are left",
        ),
    ];
    for (name, data, expected) in cases {
        let inspection = inspect_members(&[("m.onnx", data)]);
        assert_eq!(problem_codes(&inspection), ["model-invalid"], "{name}");
        let problem = &inspection.problems[0].problem;
        assert!(problem.contains(expected) && problem.contains("`m.onnx`"), "{name}: {problem}");
        assert_eq!(inspection.model, None);
    }
}

/// A length-delimited field of a message.
fn delimited_field(number: u8, body: &[u8]) -> Vec<u8> {
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

fn model_with_graph(body: &[u8]) -> Vec<u8> {
    [b"\x08\x08".to_vec(), delimited_field(7, body)].concat()
}

/// A model whose only weight is in another file.
pub fn external_data_model(location: &str) -> Vec<u8> {
    model_with_graph(
        &[delimited_field(5, &external_tensor(location)), delimited_field(11, &delimited_field(1, b"x"))].concat(),
    )
}

fn external_tensor(location: &str) -> Vec<u8> {
    external_tensor_at(location, &[])
}

/// A tensor in another file, at a place that these entries specify.
fn external_tensor_at(location: &str, place: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        delimited_field(13, &[delimited_field(1, key.as_bytes()), delimited_field(2, value.as_bytes())].concat())
    };
    let entries: Vec<u8> = [("location", location)].iter().chain(place).flat_map(entry).collect();
    [delimited_field(8, b"w"), entries, b"\x70\x01".to_vec()].concat()
}

#[test]
fn external_weights_must_have_their_size() {
    let graph = |tensors: &[Vec<u8>]| {
        let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| delimited_field(5, tensor)).collect();
        model_with_graph(&[tensors, delimited_field(11, &delimited_field(1, b"x"))].concat())
    };
    let first = external_tensor_at("w.bin", &[("offset", "0"), ("length", "40")]);
    let last = external_tensor_at("w.bin", &[("offset", "40"), ("length", "24"), ("checksum", "7")]);
    let other = external_tensor_at("v.bin", &[("length", "4096")]);
    for tensors in [[first.clone(), last.clone()], [last, first]] {
        let model = graph(&tensors);
        let inspection = inspect_members(&[("a/m.onnx", &model), ("a/w.bin", &[1; 64])]);
        assert_eq!(problem_codes(&inspection), Vec::<&str>::new());
        let inspection = inspect_members(&[("a/m.onnx", &model), ("a/w.bin", &[1; 63])]);
        assert_eq!(problem_codes(&inspection), ["weights-invalid"]);
        let text = "`a/m.onnx` stores weights in files that are too short: `a/w.bin` (63 of at least 64 bytes)";
        assert_eq!(inspection.problems[0].problem, text);
    }
    let many =
        graph(&(0..9).map(|number| external_tensor_at(&format!("{number}"), &[("length", "9")])).collect::<Vec<_>>());
    let names: Vec<_> = (0..9).map(|number| number.to_string()).collect();
    let files = names.iter().map(|name| (name.as_str(), &b"1"[..])).chain([("m.onnx", &many[..])]);
    let inspection = inspect_members(&files.collect::<Vec<_>>());
    assert_eq!(problem_codes(&inspection), ["weights-invalid"]);
    assert!(inspection.problems[0].problem.ends_with("`4` (1 of at least 9 bytes) and 4 more"));
    // A missing file and a link have problems of their own.
    let inspection = archive_with_links(&[("m.onnx", &graph(&[other]))], &[("v.bin", "blobs/1")]);
    assert_eq!(problem_codes(&inspection), ["weights-invalid"]);
    assert!(inspection.problems[0].problem.contains("a link"), "{:?}", inspection.problems);
}

#[test]
fn external_weights_must_be_in_the_archive() {
    let model = external_data_model("weights.bin");
    let inspection = inspect_members(&[("a/m.onnx", &model), ("weights.bin", b"")]);
    assert_eq!(problem_codes(&inspection), ["external-data-missing"]);
    assert!(inspection.problems[0].problem.contains("`a/weights.bin`"), "{:?}", inspection.problems);

    for location in ["weights.bin", "./weights.bin", "../a//weights.bin", "b/../weights.bin"] {
        let inspection =
            inspect_members(&[("./a/weights.bin", b"\x01"), ("./a/m.onnx", &external_data_model(location))]);
        assert_eq!(problem_codes(&inspection), Vec::<&str>::new(), "{location}");
        assert_eq!(inspection.warnings[0].code, "external-data");
    }
    // A folder and an empty path are not files.
    for location in ["a", "", "../.."] {
        let inspection = inspect_members(&[("a/weights.bin", b""), ("m.onnx", &external_data_model(location))]);
        assert_eq!(problem_codes(&inspection), ["external-data-missing"], "{location}");
    }
}

#[test]
fn weights_in_many_files_are_one_problem() {
    let tensors: Vec<u8> =
        (0..100).flat_map(|number| delimited_field(5, &external_tensor(&format!("w{number}")))).collect();
    let model = model_with_graph(&[tensors, delimited_field(11, &delimited_field(1, b"x"))].concat());
    let names: Vec<_> = (0..99).map(|number| format!("w{number}")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"\x01"[..])).collect();
    files.push(("m.onnx", &model));
    let inspection = inspect_members(&files);
    assert_eq!(problem_codes(&inspection), ["external-data-missing"]);
    assert!(inspection.problems[0].problem.contains("missing from the archive: `w99`"), "{:?}", inspection.problems);
    assert_eq!(inspection.warnings.len(), 1);
    assert!(inspection.warnings[0].warning.contains("`w12` and 94 more"), "{:?}", inspection.warnings);
}

#[test]
fn weights_of_node_attributes_may_be_external() {
    let tensor = external_tensor("w");
    let inner = delimited_field(1, &delimited_field(5, &delimited_field(5, &tensor)));
    for attribute in [
        delimited_field(5, &tensor),
        delimited_field(10, &tensor),
        delimited_field(6, &delimited_field(5, &tensor)),
        delimited_field(11, &inner),
    ] {
        let node = delimited_field(1, &delimited_field(5, &attribute));
        let model = model_with_graph(&[node, delimited_field(11, &delimited_field(1, b"x"))].concat());
        assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model)])), ["external-data-missing"]);
        assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model), ("w", b"\x01")])), Vec::<&str>::new());
    }
}

#[test]
fn unused_fields_may_be_long() {
    let input = [delimited_field(1, b"x"), delimited_field(3, &vec![b'd'; 100_000])].concat();
    let model = [delimited_field(2, &[b'p'; 5000]), model_with_graph(&delimited_field(11, &input))].concat();
    let inspection = inspect_members(&[("m.onnx", &model)]);
    assert_eq!(problem_codes(&inspection), Vec::<&str>::new());
    let model = inspection.model.unwrap();
    assert_eq!((model.inputs.len(), model.producer), (1, None));
}

#[test]
fn inputs_must_be_tensors_with_unique_names() {
    let sequence =
        delimited_field(11, &[delimited_field(1, b"x"), delimited_field(2, &delimited_field(4, b""))].concat());
    let inspection = inspect_members(&[("m.onnx", &model_with_graph(&sequence))]);
    assert_eq!(problem_codes(&inspection), ["input-not-tensor"]);
    assert!(inspection.problems[0].problem.contains("found `x` of type sequence"));

    let often = delimited_field(11, &delimited_field(1, b"x")).repeat(3);
    let inspection = inspect_members(&[("m.onnx", &model_with_graph(&often))]);
    assert_eq!(problem_codes(&inspection), ["input-repeated"]);
    assert!(inspection.problems[0].problem.ends_with("called `x`"), "{:?}", inspection.problems);
    let unnamed = delimited_field(11, &delimited_field(1, b""));
    assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model_with_graph(&unnamed))])), ["input-unnamed"]);
    assert_eq!(problem_codes(&inspect_members(&[("m.onnx", &model_with_graph(b""))])), ["inputs-none"]);
}

#[test]
fn graph_limits_are_enforced() {
    let limits = Limits { input_bytes: 40, inputs_bytes: 1000, initializers: 3, ..Limits::default() };
    let weights: Vec<u8> = (b'a'..b'e').flat_map(|name| delimited_field(5, &delimited_field(8, &[name]))).collect();
    let inputs: Vec<u8> = (b'a'..=b'z').flat_map(|name| delimited_field(11, &delimited_field(1, &[name]))).collect();
    let cases = [
        (delimited_field(11, &delimited_field(1, &[b'x'; 50])), "its input's name has 50 bytes; the maximum is 40"),
        (weights, "it has more than 3 initializers"),
        (inputs, "its inputs take more than 1000 bytes of memory"),
    ];
    for (body, expected) in cases {
        let archive = tar_gz(&[("m.onnx", &model_with_graph(&body))]);
        let inspection = inspect_archive(archive.as_slice(), &limits).unwrap();
        assert!(inspection.problems[0].problem.contains(expected), "{:?}", inspection.problems);
    }
}
