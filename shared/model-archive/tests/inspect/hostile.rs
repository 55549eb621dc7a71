//! Whatever the bytes: a result within the limits, never a panic.

use std::{
    io::{self, Read},
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::common::{codes, fixture, fixtures, gzip, header, look, member, onnx, stored, tar_gz, tar_of};
use model_archive::{Inspection, Limits, inspect};
use proptest::prelude::*;
use tar::EntryType;

fn archive() -> Vec<u8> {
    tar_gz(&[("./._a.onnx", b"x"), ("a.onnx", &onnx("made/sparse-weights.onnx")), ("readme.txt", b"hello")])
}

#[test]
fn every_prefix_of_an_archive_is_answered() {
    let (data, whole) = (archive(), look(&archive()));
    assert!(whole.problems.is_empty());
    for end in 0..data.len() {
        let inspection = look(&data[..end]);
        assert_eq!(inspection.problems.len(), 1, "{end}");
    }
}

#[test]
fn every_prefix_of_a_model_is_answered() {
    let model = onnx("made/sparse-weights.onnx");
    for end in 0..model.len() {
        let inspection = look(&tar_gz(&[("a.onnx", &model[..end])]));
        // A cut between two fields of the model leaves a valid one.
        assert!(inspection.model.is_some() != codes(&inspection).contains(&"model-invalid"), "{end}");
    }
}

/// Paths and contents.
type Members = Vec<(String, Vec<u8>)>;

/// One small model of each format, as its members.
fn specimens() -> Vec<Members> {
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
    let mut specimens: Vec<_> = models.iter().map(|(suite, name)| members(suite, name)).collect();
    specimens.push(vec![("m.h5".to_owned(), fixture("keras/refused/latest.h5"))]);
    specimens.push(vec![("m.cfg".to_owned(), b"[net]\nwidth=3\n[yolo]\n".to_vec()), ("m.weights".to_owned(), vec![0])]);
    specimens
}

fn members(suite: &str, model: &str) -> Members {
    let found = fixtures(&format!("{suite}/suite.tar.gz")).into_iter();
    let found: Vec<_> = found
        .filter_map(|(path, data)| Some((path.strip_prefix(model)?.strip_prefix('/')?.to_owned(), data)))
        .collect();
    assert!(!found.is_empty(), "{suite} {model}");
    found
}

fn look_at_owned(members: &[(String, Vec<u8>)]) -> Inspection {
    let members: Vec<_> = members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect();
    look(&tar_gz(&members))
}

#[test]
fn every_prefix_of_a_file_of_every_format_is_answered() {
    for specimen in specimens() {
        for (number, (path, data)) in specimen.iter().enumerate() {
            for end in 0..=data.len() {
                let cut = specimen
                    .iter()
                    .enumerate()
                    .map(|(at, (path, data))| (path.as_str(), if at == number { &data[..end] } else { &data[..] }));
                // Compressing would take most of the time.
                let archive = stored(&tar_of(&cut.collect::<Vec<_>>()));
                let inspection = look(&archive);
                assert!(
                    inspection.model.is_some() || !inspection.problems.is_empty(),
                    "{path} of {} cut to {end} bytes is neither a model nor a problem",
                    data.len()
                );
            }
        }
    }
}

/// As many zeros as are asked for, compressed.
fn zeros(count: u64) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(io::repeat(0).take(count), flate2::Compression::fast());
    let mut data = Vec::new();
    encoder.read_to_end(&mut data).unwrap();
    data
}

#[test]
fn a_gibibyte_of_zeros_is_refused_soon() {
    let mut file = header("weights.onnx", 0, EntryType::Regular);
    file.set_size(1 << 30);
    file.set_cksum();
    let bare = zeros(1 << 30);
    let in_tar = [&gzip(file.as_bytes()), &bare[..], &gzip(&[0; 1024])].concat();
    for data in [in_tar, bare] {
        let start = Instant::now();
        let inspection = look(&data);
        assert!(codes(&inspection).contains(&"limit-ratio"), "{inspection:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[test]
fn limits_bound_the_work() {
    let small = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
    let inspection = inspect(zeros(1 << 21).as_slice(), &small).unwrap();
    assert_eq!(codes(&inspection), ["limit-size"]);

    // Members that inflate to nothing: only the compressed side grows.
    let endless = gzip(b"").into_iter().cycle();
    let inspection = inspect(Forever(endless), &small).unwrap();
    assert_eq!(codes(&inspection), ["limit-size"]);

    let few = Limits { members: 3, kept_members: 2, ..Limits::default() };
    let file = member("a.txt", b"", EntryType::Regular);
    let inspection = inspect(gzip(&file.repeat(3)).as_slice(), &few).unwrap();
    assert_eq!((inspection.members.len(), inspection.member_count), (2, 3));
    let inspection = inspect(gzip(&file.repeat(4)).as_slice(), &few).unwrap();
    assert_eq!(codes(&inspection), ["limit-members"]);

    // Headers that describe a member which never comes.
    let inspection = look(&gzip(&member("x", b"", EntryType::XHeader).repeat(200_000)));
    assert_eq!(codes(&inspection), ["limit-members"]);
}

struct Forever<I>(I);

impl<I: Iterator<Item = u8>> Read for Forever<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len();
        into.iter_mut().zip(&mut self.0).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}

/// Unpacked once: a case takes much less time than that.
static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| onnx("made/inputs-first.onnx"));
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(archive);
static SPECIMENS: LazyLock<Vec<Members>> = LazyLock::new(specimens);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(!look(&data).problems.is_empty());
        prop_assert!(!look(&gzip(&data)).problems.is_empty());
    }

    #[test]
    fn a_random_file_is_no_model(data in prop::collection::vec(any::<u8>(), 0..2048)) {
        look(&tar_gz(&[("m.onnx", &data)]));
    }

    #[test]
    fn flipped_bits_of_the_archive_are_answered(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let mut data = ARCHIVE.clone();
        for flip in flips {
            let bit = flip.index(data.len() * 8);
            data[bit / 8] ^= 1 << (bit % 8);
        }
        look(&data);
    }

    #[test]
    fn flipped_bits_of_the_tar_are_answered(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut tar = tar_of(&[("a.onnx", &MODEL), ("b.txt", b"x")]);
        for flip in flips {
            let bit = flip.index(tar.len() * 8);
            tar[bit / 8] ^= 1 << (bit % 8);
        }
        look(&gzip(&tar));
    }

    #[test]
    fn flipped_bits_of_every_format_are_answered(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        near in any::<bool>(),
    ) {
        for mut specimen in SPECIMENS.iter().cloned() {
            for (place, byte) in &flips {
                let member = place.index(specimen.len());
                let data = &mut specimen[member].1;
                // Half of the time among the first bytes, where the structure is.
                let most = if near { data.len().min(400) } else { data.len() };
                if most > 0 {
                    let at = place.index(most);
                    data[at] = *byte;
                }
            }
            look_at_owned(&specimen);
        }
    }

    #[test]
    fn random_bytes_under_every_name_are_answered(data in prop::collection::vec(any::<u8>(), 0..600)) {
        let heads: [(&str, &[u8]); 14] = [
            ("m.onnx", b""), ("saved_model.pb", b"\x08\x01\x12"), ("saved_model.pbtxt", b"meta_graphs {"), ("g.pb", b"\x0a"),
            ("g.pbtxt", b"node { "), ("m.h5", b"\x89HDF\r\n\x1a\n\0"), ("m.h5", b"\x89HDF\r\n\x1a\n\x02\x08\x08"),
            ("m.tflite", b"\x1c\0\0\0TFL3"), ("m.pt", b"PK\x03\x04"), ("net-symbol.json", b"{\"nodes\": ["),
            ("m.params", b"\x12\x01\0\0\0\0\0\0"), ("m.cfg", b"[net]\n"), ("m.model", b"{L"), ("m.model", b"binf"),
        ];
        for (path, head) in heads {
            look(&tar_gz(&[(path, &[head, &data].concat())]));
        }
    }

    #[test]
    fn flipped_bits_of_a_model_are_answered(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut model = MODEL.clone();
        for flip in flips {
            let bit = flip.index(model.len() * 8);
            model[bit / 8] ^= 1 << (bit % 8);
        }
        look(&tar_gz(&[("m.onnx", &model)]));
    }
}
