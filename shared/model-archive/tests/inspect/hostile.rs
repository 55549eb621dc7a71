//! Whatever the bytes: a result within the limits, never a panic.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use crate::common::{codes, gzip, header, look, member, onnx, tar_gz, tar_of};
use model_archive::{Limits, inspect};
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
    let in_tar = [gzip(file.as_bytes()), zeros(1 << 30), gzip(&[0; 1024])].concat();
    let bare = zeros(1 << 30);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

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
        let mut data = archive();
        for flip in flips {
            let bit = flip.index(data.len() * 8);
            data[bit / 8] ^= 1 << (bit % 8);
        }
        look(&data);
    }

    #[test]
    fn flipped_bits_of_the_tar_are_answered(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut tar = tar_of(&[("a.onnx", &onnx("made/sparse-weights.onnx")), ("b.txt", b"x")]);
        for flip in flips {
            let bit = flip.index(tar.len() * 8);
            tar[bit / 8] ^= 1 << (bit % 8);
        }
        look(&gzip(&tar));
    }

    #[test]
    fn flipped_bits_of_a_model_are_answered(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut model = onnx("made/inputs-first.onnx");
        for flip in flips {
            let bit = flip.index(model.len() * 8);
            model[bit / 8] ^= 1 << (bit % 8);
        }
        look(&tar_gz(&[("m.onnx", &model)]));
    }
}
