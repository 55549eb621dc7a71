//! Invalid and unusual archives, each with its own problem or warning.

use std::io::{self, Read};

use crate::common::{
    gzip_bytes, inspect_bytes, inspect_members, onnx_model, problem_codes, tar_gz, tar_header, tar_member, tar_of,
};
use model_archive::{Framework, Inspection, Limits, inspect_archive};
use tar::EntryType;

fn model() -> Vec<u8> {
    onnx_model("made/symbolic.onnx")
}

fn assert_sound(inspection: &Inspection, path: &str) {
    assert_eq!(problem_codes(inspection), Vec::<&str>::new());
    assert_eq!(inspection.model.as_ref().unwrap().path, path);
}

#[test]
fn file_type_is_named_if_not_a_gzipped_tar() {
    let tar = tar_of(&[("m.onnx", &model())]);
    let whole = gzip_bytes(&tar);
    let mut wrong_checksum = whole.clone();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let cases: [(&str, Vec<u8>, &str, &str); 14] = [
        ("empty", vec![], "empty", "is empty (0 bytes)"),
        ("plain tar", tar.clone(), "not-gzip", "a plain tar archive"),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "not-gzip", "a zip file"),
        ("page", b"<html><body>404".to_vec(), "not-gzip", "an HTML or XML page"),
        ("model", model(), "not-gzip", "an ONNX file"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "gzip-truncated", "in the middle of its gzip stream"),
        ("header only", whole[..5].to_vec(), "gzip-truncated", "ends after 5 bytes"),
        ("checksum", wrong_checksum, "gzip-corrupt", "does not have a matching checksum"),
        ("bad deflate", [&whole[..10], &[0xff; 50]].concat(), "gzip-corrupt", "corrupt deflate stream"),
        ("gzipped model", gzip_bytes(&model()), "not-tar", "an ONNX file"),
        ("gzipped zip", gzip_bytes(b"PK\x03\x04"), "not-tar", "a zip file"),
        ("twice", gzip_bytes(&whole), "not-tar", "a gzip file"),
        ("nothing inside", gzip_bytes(b""), "not-tar", "decompresses to 0 bytes"),
        ("no files", gzip_bytes(&[0; 10240]), "tar-empty", "contains no files"),
    ];
    for (name, archive, code, expected) in cases {
        let inspection = inspect_bytes(&archive);
        assert_eq!(problem_codes(&inspection), [code], "{name}: {inspection:?}");
        assert!(inspection.problems[0].problem.contains(expected), "{name}: {:?}", inspection.problems);
        assert!(!inspection.problems[0].remedy.is_empty(), "{name}");
    }
}

#[test]
fn model_before_archive_damage_is_reported() {
    let archive = tar_gz(&[("m.onnx", &model())]);
    let inspection = inspect_bytes(&archive[..archive.len() - 4]);
    assert_eq!(problem_codes(&inspection), ["gzip-truncated"]);
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
}

#[test]
fn archive_without_model_lists_its_members() {
    let inspection = inspect_members(&[("notes.txt", b"x"), ("src/train.py", b"import torch")]);
    assert_eq!(problem_codes(&inspection), ["no-model"]);
    assert!(inspection.problems[0].problem.contains("`notes.txt`, `src/train.py`"), "{:?}", inspection.problems);
    assert_eq!(inspection.member_count, 2);

    let inner = tar_gz(&[("m.onnx", &model())]);
    let inspection = inspect_members(&[("inner/model.tar.gz", &inner)]);
    assert_eq!(problem_codes(&inspection), ["nested-archive"]);
    assert!(inspection.problems[0].problem.contains("`inner/model.tar.gz`"));
    // SageMaker's own training writes a zip file without a suffix.
    let zip = b"PK\x03\x04\x14\0\0\0\0\0";
    for (path, content) in
        [("model_algo-1", &zip[..]), ("m.task", zip), ("m.tar.bz2", b"BZh91AY"), ("m.7z", b"7z\xbc\xaf\x27\x1c")]
    {
        let inspection = inspect_members(&[("notes.txt", b"x"), (path, content)]);
        assert_eq!(problem_codes(&inspection), ["nested-archive"], "{path}");
        assert!(inspection.problems[0].problem.contains(path), "{inspection:?}");
    }
}

#[test]
fn models_of_two_frameworks_are_both_listed() {
    let inspection = inspect_members(&[("m.onnx", &model()), ("m.tflite", b"\x1c\0\0\0TFL3")]);
    assert_eq!(inspection.model, None);
    assert_eq!(problem_codes(&inspection), ["several-frameworks"]);
    let problem = &inspection.problems[0].problem;
    assert!(problem.contains("`m.onnx` (ONNX)") && problem.contains("`m.tflite` (TFLITE, not readable)"), "{problem}");
}

#[test]
fn misnamed_model_is_ignored_next_to_a_named_one() {
    let symbolic = model();
    let learner = br#"{"learner": {"learner_model_param": {"num_feature": "7"}, "gradient_booster": {"model": {}}}}"#;
    for (files, path) in [
        ([("m.onnx", &symbolic[..]), ("copy.bin", &symbolic[..])], "m.onnx"),
        ([("config.json", &learner[..]), ("m.model", &learner[..])], "m.model"),
    ] {
        assert_sound(&inspect_members(&files), path);
    }
    let inspection = inspect_members(&[("a.bin", &symbolic), ("b.bin", &symbolic)]);
    assert_eq!(problem_codes(&inspection), ["several-models"]);
}

#[test]
fn later_file_of_the_same_path_wins() {
    let files: [(&str, &[u8]); 2] = [("m.onnx", b"\x08"), ("./m.onnx", &model())];
    assert_sound(&inspect_members(&files), "m.onnx");
    let inspection = inspect_members(&[files[0], files[1], ("n.onnx", &model())]);
    assert_eq!(problem_codes(&inspection), ["several-models"]);
    assert!(
        inspection.problems[0].problem.contains("one .onnx file, but the archive contains 2"),
        "{:?}",
        inspection.problems
    );
}

#[test]
fn mac_metadata_is_a_warning_and_never_the_model() {
    let files: [(&str, &[u8]); 5] = [
        ("._m.onnx", b"\0\x05\x16\x07"),
        ("__MACOSX/m.onnx", b"x"),
        (".DS_Store", b"x"),
        ("a/._m.onnx", b"x"),
        ("m.onnx", &model()),
    ];
    let inspection = inspect_members(&files);
    assert_sound(&inspection, "m.onnx");
    assert_eq!(inspection.warnings.len(), 1);
    assert_eq!(inspection.warnings[0].code, "macos-metadata");
    assert!(inspection.warnings[0].warning.contains("`._m.onnx`, `__MACOSX/m.onnx`, `.DS_Store`, `a/._m.onnx`"));

    let inspection = inspect_members(&[("._m.onnx", &model())]);
    assert_eq!(problem_codes(&inspection), ["no-model"]);
    assert_eq!(inspection.model, None);
}

#[test]
fn every_tar_encoding_of_names_is_read() {
    let long = format!("{}/m.onnx", "a/deep/folder".repeat(20));
    let mut gnu_long = tar_member("././@LongLink", format!("{long}\0").as_bytes(), EntryType::GNULongName);
    gnu_long.extend(tar_member("stand-in", &model(), EntryType::Regular));

    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let digits = (1..9).find(|digits| (body.len() + digits).to_string().len() == *digits).unwrap();
        format!("{}{body}", body.len() + digits)
    };
    let xattr = record("LIBARCHIVE.xattr.com.apple.provenance", "binary\nwith a line\n");
    let records = [xattr, record("path", &long), record("size", &model().len().to_string())].concat();
    let mut pax = tar_member("PaxHeaders/0", records.as_bytes(), EntryType::XHeader);
    let mut stand_in = tar_member("stand-in", &model(), EntryType::Regular);
    stand_in[..512].copy_from_slice(tar_header("stand-in", 0, EntryType::Regular).as_bytes());
    pax.extend(stand_in);

    let mut ustar = tar::Header::new_ustar();
    ustar.set_path(&long[long.len() - 200..]).unwrap();
    ustar.set_size(model().len() as u64);
    ustar.set_cksum();
    let mut prefixed = ustar.as_bytes().to_vec();
    prefixed.extend(model());
    prefixed.resize(prefixed.len().next_multiple_of(512), 0);

    let global = [
        tar_member(
            "pax_global_header",
            b"52 comment=0123456789012345678901234567890123456789\n",
            EntryType::XGlobalHeader,
        ),
        pax.clone(),
    ];
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("GNU long name", gnu_long, &long),
        ("PAX", pax, &long),
        ("global PAX", global.concat(), &long),
        ("ustar prefix", prefixed, &long[long.len() - 200..]),
        ("./", tar_member("./m.onnx", &model(), EntryType::Regular), "m.onnx"),
        ("absolute", tar_member("/opt/m.onnx", &model(), EntryType::Regular), "opt/m.onnx"),
        ("contiguous file", tar_member("m.onnx", &model(), EntryType::Continuous), "m.onnx"),
    ];
    for (name, mut tar, path) in cases {
        for end in [0, 1024] {
            tar.resize(tar.len() + end, 0);
            let inspection = inspect_bytes(&gzip_bytes(&tar));
            assert_eq!(problem_codes(&inspection), Vec::<&str>::new(), "{name}");
            assert_eq!(inspection.model.unwrap().path, path, "{name}");
            assert_eq!(inspection.members[0].size, model().len() as u64, "{name}");
        }
    }
}

#[test]
fn headers_with_excessive_lengths_are_rejected() {
    let mut long_name = tar_header("././@LongLink", 0, EntryType::GNULongName);
    long_name.set_size(1 << 40);
    long_name.set_cksum();
    let mut pax = tar_header("PaxHeaders/0", 0, EntryType::XHeader);
    pax.set_size(1 << 32);
    pax.set_cksum();
    let mut endless = tar_header("m.onnx", 0, EntryType::Regular);
    endless.set_size(u64::MAX);
    endless.set_cksum();
    for (name, header, code) in
        [("long name", long_name, "limit-header"), ("PAX", pax, "limit-header"), ("file", endless, "tar-invalid")]
    {
        let inspection = inspect_bytes(&gzip_bytes(header.as_bytes()));
        assert_eq!(problem_codes(&inspection), [code], "{name}");
    }
    let broken = [
        tar_member("PaxHeaders/0", b"99 path=a\n", EntryType::XHeader),
        tar_member("m.onnx", &model(), EntryType::Regular),
    ];
    assert_eq!(problem_codes(&inspect_bytes(&gzip_bytes(&broken.concat()))), ["tar-invalid"]);
}

#[test]
fn tar_damage_is_reported_with_its_offset() {
    let tar = tar_of(&[("a.txt", b"x"), ("m.onnx", &model())]);
    let mut header_damaged = tar.clone();
    header_damaged[1024] ^= 1;
    let inspection = inspect_bytes(&gzip_bytes(&header_damaged));
    assert_eq!(problem_codes(&inspection), ["tar-invalid"]);
    assert!(inspection.problems[0].problem.contains("byte 1024"), "{:?}", inspection.problems);

    let inspection = inspect_bytes(&gzip_bytes(&tar[..1600]));
    assert_eq!(problem_codes(&inspection), ["tar-truncated"]);
    let expected = format!("within `m.onnx`, after 64 of its {} bytes", model().len());
    assert!(inspection.problems[0].problem.contains(&expected), "{:?}", inspection.problems);

    assert_eq!(problem_codes(&inspect_bytes(&gzip_bytes(&tar[..1100]))), ["tar-truncated"]);

    // A damaged first header is still recognized as a tar header.
    let tar = tar_of(&[("m.onnx", &model())]);
    let mut first_damaged = tar.clone();
    first_damaged[0] ^= 1;
    assert_eq!(problem_codes(&inspect_bytes(&gzip_bytes(&first_damaged))), ["tar-invalid"]);
    assert_eq!(problem_codes(&inspect_bytes(&gzip_bytes(&tar[..300]))), ["tar-truncated"]);
}

#[test]
fn link_to_itself_and_blank_size_are_accepted() {
    let mut link = tar_header("m.onnx", 0, EntryType::Link);
    link.set_link_name("./m.onnx").unwrap();
    link.set_cksum();
    let mut folder = tar_header("folder/", 0, EntryType::Directory);
    folder.as_old_mut().size = [b' '; 12];
    folder.set_cksum();
    let file = tar_member("m.onnx", &model(), EntryType::Regular);
    assert_sound(&inspect_bytes(&gzip_bytes(&[&folder.as_bytes()[..], &file, link.as_bytes()].concat())), "m.onnx");

    let mut odd = tar_header("a\nb", 0, EntryType::Regular);
    odd.as_old_mut().size = *b"zz\n\0\0\0\0\0\0\0\0\0";
    odd.set_cksum();
    let inspection = inspect_bytes(&gzip_bytes(odd.as_bytes()));
    assert!(inspection.problems[0].problem.ends_with("a header whose size is not a number"), "{inspection:?}");
}

#[test]
fn checksum_of_signed_bytes_is_accepted() {
    let mut header = tar_header("modèle.onnx", model().len(), EntryType::Regular);
    // Each of the two bytes of the letter è counts for 256 less.
    let sum = header.cksum().unwrap() - 512;
    header.as_old_mut().cksum.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let tar = [&header.as_bytes()[..], &model(), &vec![0; 512 - model().len() % 512]].concat();
    assert_sound(&inspect_bytes(&gzip_bytes(&tar)), "modèle.onnx");
}

#[test]
fn links_sparse_files_and_directories_are_not_models() {
    let link = tar_member("m.onnx", b"", EntryType::Symlink);
    let inspection = inspect_bytes(&gzip_bytes(&link));
    assert_eq!(problem_codes(&inspection), ["model-is-link"]);
    assert!(inspection.problems[0].remedy.contains("--dereference"));

    let mut sparse = tar_header("m.onnx", 512, EntryType::GNUSparse);
    sparse.as_gnu_mut().unwrap().set_is_extended(true);
    sparse.set_cksum();
    let tar = [sparse.as_bytes().to_vec(), vec![0; 512], vec![7; 512], tar_member("b.txt", b"x", EntryType::Regular)]
        .concat();
    let inspection = inspect_bytes(&gzip_bytes(&tar));
    assert_eq!(problem_codes(&inspection), ["model-is-sparse"]);
    assert_eq!(inspection.members[1].path, "b.txt");

    let folder = [tar_member("dir.onnx/", b"", EntryType::Directory), tar_member("old.onnx/", b"", EntryType::Regular)];
    let tar = [&folder.concat()[..], &tar_member("dir.onnx/m.onnx", &model(), EntryType::Regular)].concat();
    assert_sound(&inspect_bytes(&gzip_bytes(&tar)), "dir.onnx/m.onnx");
}

#[test]
fn gzip_members_are_joined_and_trailing_data_is_ignored() {
    let tar = tar_of(&[("m.onnx", &model())]);
    let (one, two) = tar.split_at(700);
    assert_sound(&inspect_bytes(&[gzip_bytes(one), gzip_bytes(b""), gzip_bytes(two)].concat()), "m.onnx");

    for tail in [&b"garbage"[..], &[0; 600], &[0x1f; 30]] {
        let inspection = inspect_bytes(&[&gzip_bytes(&tar), tail].concat());
        assert_sound(&inspection, "m.onnx");
        assert_eq!(inspection.warnings[0].code, "gzip-trailing-data");
    }
    let inspection = inspect_bytes(&gzip_bytes(&[&tar[..], &tar].concat()));
    assert_sound(&inspection, "m.onnx");
    assert_eq!(inspection.warnings[0].code, "tar-trailing-data");
}

#[test]
fn paths_outside_the_archive_are_a_warning() {
    let tar = tar_member("../m.onnx", &model(), EntryType::Regular);
    assert_eq!(inspect_bytes(&gzip_bytes(&tar)).warnings[0].code, "path-outside");
}

/// Returns one byte at a time, with an interruption before each, and fails after `max_bytes`.
struct Trickle<'a> {
    data: &'a [u8],
    max_bytes: usize,
    interrupted: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.max_bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection reset"));
        }
        self.max_bytes -= 1;
        self.data.read(&mut into[..1])
    }
}

#[test]
fn reader_failure_is_an_error_not_a_problem() {
    for data in [tar_gz(&[("m.onnx", &model())]), tar_of(&[("m.onnx", &model())])] {
        let slow = Trickle { data: &data, max_bytes: usize::MAX, interrupted: false };
        assert_eq!(inspect_archive(slow, &Limits::default()).unwrap(), inspect_bytes(&data));
    }
    let data = tar_gz(&[("m.onnx", &model())]);
    for max_bytes in 0..data.len() {
        let failing = Trickle { data: &data, max_bytes, interrupted: false };
        let error = inspect_archive(failing, &Limits::default()).unwrap_err();
        assert_eq!(error.source.to_string(), "connection reset");
        assert_eq!(error.offset, max_bytes as u64);
    }
}
