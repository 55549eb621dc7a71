//! Arbitrary bytes lead to a result within the limits, and never to a panic.

use std::{
    io::{self, Read},
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::common::{
    extract_fixture, gzip_bytes, gzip_stored, inspect_bytes, onnx_model, problem_codes, read_fixture, tar_gz,
    tar_header, tar_member, tar_of,
};
use model_archive::{Inspection, Limits, inspect_archive};
use proptest::prelude::*;
use tar::EntryType;

fn sample_archive() -> Vec<u8> {
    tar_gz(&[("./._a.onnx", b"x"), ("a.onnx", &onnx_model("made/sparse-weights.onnx")), ("readme.txt", b"hello")])
}

#[test]
fn every_prefix_of_an_archive_has_a_problem() {
    let (data, whole) = (sample_archive(), inspect_bytes(&sample_archive()));
    assert!(whole.problems.is_empty());
    for end in 0..data.len() {
        let inspection = inspect_bytes(&data[..end]);
        assert_eq!(inspection.problems.len(), 1, "{end}");
    }
}

#[test]
fn every_prefix_of_a_model_has_a_result() {
    let model = onnx_model("made/sparse-weights.onnx");
    for end in 0..model.len() {
        let inspection = inspect_bytes(&tar_gz(&[("a.onnx", &model[..end])]));
        // A cut between two fields of the model leaves a valid one.
        assert!(inspection.model.is_some() != problem_codes(&inspection).contains(&"model-invalid"), "{end}");
    }
}

/// Paths and contents.
type Members = Vec<(String, Vec<u8>)>;

/// One small model of each format, as its members.
fn sample_models() -> Vec<Members> {
    let models = [
        ("tensorflow", "saved-fixed"),
        ("tensorflow", "saved-session-text"),
        ("tensorflow", "graph-several"),
        ("tensorflow", "graph-several-text"),
        ("keras", "keras2-unnamed"),
        ("keras", "keras3-channels-first"),
        ("tflite", "pair"),
        ("mxnet", "gluon-dense"),
        ("xgboost/1-7", "1-7-linear-deprecated"),
        ("xgboost/3-2", "3-2-linear-json"),
        ("xgboost/3-2", "3-2-linear-ubj"),
        ("pytorch", "frozen"),
        ("pytorch", "exported"),
    ];
    let mut models: Vec<_> = models.iter().map(|(suite, name)| suite_members(suite, name)).collect();
    models.push(vec![("m.h5".to_owned(), read_fixture("keras/refused/latest.h5"))]);
    models.push(vec![("m.cfg".to_owned(), b"[net]\nwidth=3\n[yolo]\n".to_vec()), ("m.weights".to_owned(), vec![0])]);
    models
}

fn suite_members(suite: &str, model: &str) -> Members {
    let found = extract_fixture(&format!("{suite}/suite.tar.gz")).into_iter();
    let found: Vec<_> = found
        .filter_map(|(path, data)| Some((path.strip_prefix(model)?.strip_prefix('/')?.to_owned(), data)))
        .collect();
    assert!(!found.is_empty(), "{suite} {model}");
    found
}

fn inspect_owned_members(members: &[(String, Vec<u8>)]) -> Inspection {
    let members: Vec<_> = members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect();
    inspect_bytes(&tar_gz(&members))
}

#[test]
fn every_prefix_of_every_format_has_a_result() {
    for members in sample_models() {
        for (number, (path, data)) in members.iter().enumerate() {
            for end in 0..=data.len() {
                let cut = members
                    .iter()
                    .enumerate()
                    .map(|(at, (path, data))| (path.as_str(), if at == number { &data[..end] } else { &data[..] }));
                // Not compressed, because compression would take most of the time.
                let archive = gzip_stored(&tar_of(&cut.collect::<Vec<_>>()));
                let inspection = inspect_bytes(&archive);
                assert!(
                    inspection.model.is_some() || !inspection.problems.is_empty(),
                    "{path} of {} cut to {end} bytes is neither a model nor a problem",
                    data.len()
                );
            }
        }
    }
}

/// This number of zeros, compressed.
fn gzipped_zeros(count: u64) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(io::repeat(0).take(count), flate2::Compression::fast());
    let mut data = Vec::new();
    encoder.read_to_end(&mut data).unwrap();
    data
}

#[test]
fn gibibyte_of_zeros_is_rejected_quickly() {
    let mut file = tar_header("weights.onnx", 0, EntryType::Regular);
    file.set_size(1 << 30);
    file.set_cksum();
    let bare = gzipped_zeros(1 << 30);
    let in_tar = [&gzip_bytes(file.as_bytes()), &bare[..], &gzip_bytes(&[0; 1024])].concat();
    for data in [in_tar, bare] {
        let start = Instant::now();
        let inspection = inspect_bytes(&data);
        assert!(problem_codes(&inspection).contains(&"limit-ratio"), "{inspection:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[test]
fn limits_bound_the_work() {
    let small = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
    let inspection = inspect_archive(gzipped_zeros(1 << 21).as_slice(), &small).unwrap();
    assert_eq!(problem_codes(&inspection), ["limit-size"]);

    // Gzip members that decompress to nothing: only the number of compressed bytes grows.
    let endless = gzip_bytes(b"").into_iter().cycle();
    let inspection = inspect_archive(Forever(endless), &small).unwrap();
    assert_eq!(problem_codes(&inspection), ["limit-size"]);

    let few = Limits { members: 3, kept_members: 2, ..Limits::default() };
    let file = tar_member("a.txt", b"", EntryType::Regular);
    let inspection = inspect_archive(gzip_bytes(&file.repeat(3)).as_slice(), &few).unwrap();
    assert_eq!((inspection.members.len(), inspection.member_count), (2, 3));
    let inspection = inspect_archive(gzip_bytes(&file.repeat(4)).as_slice(), &few).unwrap();
    assert_eq!(problem_codes(&inspection), ["limit-members"]);

    // Headers for a member that never follows.
    let inspection = inspect_bytes(&gzip_bytes(&tar_member("x", b"", EntryType::XHeader).repeat(200_000)));
    assert_eq!(problem_codes(&inspection), ["limit-members"]);
}

struct Forever<I>(I);

impl<I: Iterator<Item = u8>> Read for Forever<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len();
        into.iter_mut().zip(&mut self.0).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}

/// Extracted once, because that takes much longer than a test case.
static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| onnx_model("made/inputs-first.onnx"));
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(sample_archive);
static SAMPLE_MODELS: LazyLock<Vec<Members>> = LazyLock::new(sample_models);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_have_problems(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(!inspect_bytes(&data).problems.is_empty());
        prop_assert!(!inspect_bytes(&gzip_bytes(&data)).problems.is_empty());
    }

    #[test]
    fn random_model_file_does_not_panic(data in prop::collection::vec(any::<u8>(), 0..2048)) {
        inspect_bytes(&tar_gz(&[("m.onnx", &data)]));
    }

    #[test]
    fn flipped_bits_of_the_archive_do_not_panic(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let mut data = ARCHIVE.clone();
        for flip in flips {
            let bit = flip.index(data.len() * 8);
            data[bit / 8] ^= 1 << (bit % 8);
        }
        inspect_bytes(&data);
    }

    #[test]
    fn flipped_bits_of_the_tar_do_not_panic(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut tar = tar_of(&[("a.onnx", &MODEL), ("b.txt", b"x")]);
        for flip in flips {
            let bit = flip.index(tar.len() * 8);
            tar[bit / 8] ^= 1 << (bit % 8);
        }
        inspect_bytes(&gzip_bytes(&tar));
    }

    #[test]
    fn flipped_bits_of_every_format_do_not_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        near in any::<bool>(),
    ) {
        for mut members in SAMPLE_MODELS.iter().cloned() {
            for (place, byte) in &flips {
                let member = place.index(members.len());
                let data = &mut members[member].1;
                // Half of the cases change the first bytes, where the structure is.
                let most = if near { data.len().min(400) } else { data.len() };
                if most > 0 {
                    let at = place.index(most);
                    data[at] = *byte;
                }
            }
            inspect_owned_members(&members);
        }
    }

    #[test]
    fn random_bytes_under_every_name_do_not_panic(data in prop::collection::vec(any::<u8>(), 0..600)) {
        let heads: [(&str, &[u8]); 14] = [
            ("m.onnx", b""), ("saved_model.pb", b"\x08\x01\x12"), ("saved_model.pbtxt", b"meta_graphs {"), ("g.pb", b"\x0a"),
            ("g.pbtxt", b"node { "), ("m.h5", b"\x89HDF\r\n\x1a\n\0"), ("m.h5", b"\x89HDF\r\n\x1a\n\x02\x08\x08"),
            ("m.tflite", b"\x1c\0\0\0TFL3"), ("m.pt", b"PK\x03\x04"), ("net-symbol.json", b"{\"nodes\": ["),
            ("m.params", b"\x12\x01\0\0\0\0\0\0"), ("m.cfg", b"[net]\n"), ("m.model", b"{L"), ("m.model", b"binf"),
        ];
        for (path, head) in heads {
            inspect_bytes(&tar_gz(&[(path, &[head, &data].concat())]));
        }
    }

    #[test]
    fn flipped_bits_of_a_model_do_not_panic(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut model = MODEL.clone();
        for flip in flips {
            let bit = flip.index(model.len() * 8);
            model[bit / 8] ^= 1 << (bit % 8);
        }
        inspect_bytes(&tar_gz(&[("m.onnx", &model)]));
    }
}
