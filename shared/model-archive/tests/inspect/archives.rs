//! Containers that are not what they should be, each with its own sentence.

use std::io::{self, Read};

use crate::common::{codes, gzip, header, look, look_at, member, onnx, tar_gz, tar_of};
use model_archive::{Framework, Inspection, Limits, inspect};
use tar::EntryType;

fn model() -> Vec<u8> {
    onnx("made/symbolic.onnx")
}

fn assert_sound(inspection: &Inspection, path: &str) {
    assert_eq!(codes(inspection), Vec::<&str>::new());
    assert_eq!(inspection.model.as_ref().unwrap().path, path);
}

#[test]
fn what_is_not_a_gzipped_tar_is_told_by_what_it_looks_like() {
    let tar = tar_of(&[("m.onnx", &model())]);
    let whole = gzip(&tar);
    let mut wrong_checksum = whole.clone();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let cases: [(&str, Vec<u8>, &str, &str); 14] = [
        ("empty", vec![], "empty", "has no bytes"),
        ("plain tar", tar.clone(), "not-gzip", "a plain tar archive"),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "not-gzip", "a zip file"),
        ("page", b"<html><body>404".to_vec(), "not-gzip", "an HTML or XML page"),
        ("model", model(), "not-gzip", "an ONNX file"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "gzip-truncated", "in the middle of its gzip stream"),
        ("header only", whole[..5].to_vec(), "gzip-truncated", "ends after 5 bytes"),
        ("checksum", wrong_checksum, "gzip-corrupt", "does not have a matching checksum"),
        ("bad deflate", [&whole[..10], &[0xff; 50]].concat(), "gzip-corrupt", "corrupt deflate stream"),
        ("gzipped model", gzip(&model()), "not-tar", "an ONNX file"),
        ("gzipped zip", gzip(b"PK\x03\x04"), "not-tar", "a zip file"),
        ("twice", gzip(&whole), "not-tar", "a gzip file"),
        ("nothing inside", gzip(b""), "not-tar", "inflates to no bytes"),
        ("no files", gzip(&[0; 10240]), "tar-empty", "holds no files"),
    ];
    for (name, archive, code, expected) in cases {
        let inspection = look(&archive);
        assert_eq!(codes(&inspection), [code], "{name}: {inspection:?}");
        assert!(inspection.problems[0].problem.contains(expected), "{name}: {:?}", inspection.problems);
        assert!(!inspection.problems[0].remedy.is_empty(), "{name}");
    }
}

#[test]
fn a_model_that_was_read_before_the_archive_breaks_is_still_told() {
    let archive = tar_gz(&[("m.onnx", &model())]);
    let inspection = look(&archive[..archive.len() - 4]);
    assert_eq!(codes(&inspection), ["gzip-truncated"]);
    assert_eq!(inspection.model.unwrap().framework, Framework::Onnx);
}

#[test]
fn an_archive_without_a_model_says_what_it_holds() {
    let inspection = look_at(&[("notes.txt", b"x"), ("src/train.py", b"import torch")]);
    assert_eq!(codes(&inspection), ["no-model"]);
    assert!(inspection.problems[0].problem.contains("`notes.txt`, `src/train.py`"), "{:?}", inspection.problems);
    assert_eq!(inspection.member_count, 2);

    let inner = tar_gz(&[("m.onnx", &model())]);
    let inspection = look_at(&[("inner/model.tar.gz", &inner)]);
    assert_eq!(codes(&inspection), ["nested-archive"]);
    assert!(inspection.problems[0].problem.contains("`inner/model.tar.gz`"));
}

#[test]
fn models_of_two_frameworks_are_both_named() {
    let inspection = look_at(&[("m.onnx", &model()), ("m.tflite", b"\x1c\0\0\0TFL3")]);
    assert_eq!(inspection.model, None);
    assert_eq!(codes(&inspection), ["several-frameworks"]);
    let problem = &inspection.problems[0].problem;
    assert!(problem.contains("`m.onnx` (ONNX)") && problem.contains("`m.tflite` (TFLITE)"), "{problem}");
}

#[test]
fn a_file_that_neo_does_not_look_for_does_not_stand_beside_the_model() {
    let symbolic = model();
    let learner = br#"{"learner": {"learner_model_param": {"num_feature": "7"}}}"#;
    for (files, path) in [
        ([("m.onnx", &symbolic[..]), ("copy.bin", &symbolic[..])], "m.onnx"),
        ([("config.json", &learner[..]), ("m.model", &learner[..])], "m.model"),
    ] {
        assert_sound(&look_at(&files), path);
    }
    let inspection = look_at(&[("a.bin", &symbolic), ("b.bin", &symbolic)]);
    assert_eq!(codes(&inspection), ["several-models"]);
}

#[test]
fn of_a_path_that_comes_twice_the_later_file_counts() {
    let files: [(&str, &[u8]); 2] = [("m.onnx", b"\x08"), ("./m.onnx", &model())];
    assert_sound(&look_at(&files), "m.onnx");
    let inspection = look_at(&[files[0], files[1], ("n.onnx", &model())]);
    assert_eq!(codes(&inspection), ["several-models"]);
    assert!(inspection.problems[0].problem.contains("2 .onnx files"), "{:?}", inspection.problems);
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
    let inspection = look_at(&files);
    assert_sound(&inspection, "m.onnx");
    assert_eq!(inspection.warnings.len(), 1);
    assert_eq!(inspection.warnings[0].code, "macos-metadata");
    assert!(inspection.warnings[0].warning.contains("`._m.onnx`, `__MACOSX/m.onnx`, `.DS_Store`, `a/._m.onnx`"));

    let inspection = look_at(&[("._m.onnx", &model())]);
    assert_eq!(codes(&inspection), ["no-model"]);
    assert_eq!(inspection.model, None);
}

#[test]
fn names_come_in_every_form_tar_has() {
    let long = format!("{}/m.onnx", "a/deep/folder".repeat(20));
    let mut gnu_long = member("././@LongLink", format!("{long}\0").as_bytes(), EntryType::GNULongName);
    gnu_long.extend(member("stand-in", &model(), EntryType::Regular));

    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let digits = (1..9).find(|digits| (body.len() + digits).to_string().len() == *digits).unwrap();
        format!("{}{body}", body.len() + digits)
    };
    let xattr = record("LIBARCHIVE.xattr.com.apple.provenance", "binary\nwith a line\n");
    let records = [xattr, record("path", &long), record("size", &model().len().to_string())].concat();
    let mut pax = member("PaxHeaders/0", records.as_bytes(), EntryType::XHeader);
    let mut stand_in = member("stand-in", &model(), EntryType::Regular);
    stand_in[..512].copy_from_slice(header("stand-in", 0, EntryType::Regular).as_bytes());
    pax.extend(stand_in);

    let mut ustar = tar::Header::new_ustar();
    ustar.set_path(&long[long.len() - 200..]).unwrap();
    ustar.set_size(model().len() as u64);
    ustar.set_cksum();
    let mut prefixed = ustar.as_bytes().to_vec();
    prefixed.extend(model());
    prefixed.resize(prefixed.len().next_multiple_of(512), 0);

    let global = [
        member("pax_global_header", b"52 comment=0123456789012345678901234567890123456789\n", EntryType::XGlobalHeader),
        pax.clone(),
    ];
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("GNU long name", gnu_long, &long),
        ("PAX", pax, &long),
        ("global PAX", global.concat(), &long),
        ("ustar prefix", prefixed, &long[long.len() - 200..]),
        ("./", member("./m.onnx", &model(), EntryType::Regular), "m.onnx"),
        ("absolute", member("/opt/m.onnx", &model(), EntryType::Regular), "opt/m.onnx"),
        ("contiguous file", member("m.onnx", &model(), EntryType::Continuous), "m.onnx"),
    ];
    for (name, mut tar, path) in cases {
        for end in [0, 1024] {
            tar.resize(tar.len() + end, 0);
            let inspection = look(&gzip(&tar));
            assert_eq!(codes(&inspection), Vec::<&str>::new(), "{name}");
            assert_eq!(inspection.model.unwrap().path, path, "{name}");
            assert_eq!(inspection.members[0].size, model().len() as u64, "{name}");
        }
    }
}

#[test]
fn headers_that_lie_about_their_length_are_refused_unread() {
    let mut long_name = header("././@LongLink", 0, EntryType::GNULongName);
    long_name.set_size(1 << 40);
    long_name.set_cksum();
    let mut pax = header("PaxHeaders/0", 0, EntryType::XHeader);
    pax.set_size(1 << 32);
    pax.set_cksum();
    let mut endless = header("m.onnx", 0, EntryType::Regular);
    endless.set_size(u64::MAX);
    endless.set_cksum();
    for (name, header, code) in
        [("long name", long_name, "limit-header"), ("PAX", pax, "limit-header"), ("file", endless, "tar-invalid")]
    {
        let inspection = look(&gzip(header.as_bytes()));
        assert_eq!(codes(&inspection), [code], "{name}");
    }
    let broken =
        [member("PaxHeaders/0", b"99 path=a\n", EntryType::XHeader), member("m.onnx", &model(), EntryType::Regular)];
    assert_eq!(codes(&look(&gzip(&broken.concat()))), ["tar-invalid"]);
}

#[test]
fn damage_in_the_tar_is_told_with_its_place() {
    let tar = tar_of(&[("a.txt", b"x"), ("m.onnx", &model())]);
    let mut header_damaged = tar.clone();
    header_damaged[1024] ^= 1;
    let inspection = look(&gzip(&header_damaged));
    assert_eq!(codes(&inspection), ["tar-invalid"]);
    assert!(inspection.problems[0].problem.contains("byte 1024"), "{:?}", inspection.problems);

    let inspection = look(&gzip(&tar[..1600]));
    assert_eq!(codes(&inspection), ["tar-truncated"]);
    let expected = format!("within `m.onnx`, after 64 of its {} bytes", model().len());
    assert!(inspection.problems[0].problem.contains(&expected), "{:?}", inspection.problems);

    assert_eq!(codes(&look(&gzip(&tar[..1100]))), ["tar-truncated"]);

    // The first header is still seen to be one.
    let tar = tar_of(&[("m.onnx", &model())]);
    let mut first_damaged = tar.clone();
    first_damaged[0] ^= 1;
    assert_eq!(codes(&look(&gzip(&first_damaged))), ["tar-invalid"]);
    assert_eq!(codes(&look(&gzip(&tar[..300]))), ["tar-truncated"]);
}

#[test]
fn a_link_to_itself_and_a_blank_size_are_harmless() {
    let mut link = header("m.onnx", 0, EntryType::Link);
    link.set_link_name("./m.onnx").unwrap();
    link.set_cksum();
    let mut folder = header("folder/", 0, EntryType::Directory);
    folder.as_old_mut().size = [b' '; 12];
    folder.set_cksum();
    let file = member("m.onnx", &model(), EntryType::Regular);
    assert_sound(&look(&gzip(&[&folder.as_bytes()[..], &file, link.as_bytes()].concat())), "m.onnx");

    let mut odd = header("a\nb", 0, EntryType::Regular);
    odd.as_old_mut().size = *b"zz\n\0\0\0\0\0\0\0\0\0";
    odd.set_cksum();
    let inspection = look(&gzip(odd.as_bytes()));
    assert!(inspection.problems[0].problem.ends_with("a header whose size is not a number"), "{inspection:?}");
}

#[test]
fn a_checksum_may_have_taken_bytes_for_signed() {
    let mut header = header("modèle.onnx", model().len(), EntryType::Regular);
    // The two bytes of the letter count for 256 less each.
    let sum = header.cksum().unwrap() - 512;
    header.as_old_mut().cksum.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let tar = [&header.as_bytes()[..], &model(), &vec![0; 512 - model().len() % 512]].concat();
    assert_sound(&look(&gzip(&tar)), "modèle.onnx");
}

#[test]
fn links_sparse_files_and_directories_are_no_models() {
    let link = member("m.onnx", b"", EntryType::Symlink);
    let inspection = look(&gzip(&link));
    assert_eq!(codes(&inspection), ["model-is-link"]);
    assert!(inspection.problems[0].remedy.contains("--dereference"));

    let mut sparse = header("m.onnx", 512, EntryType::GNUSparse);
    sparse.as_gnu_mut().unwrap().set_is_extended(true);
    sparse.set_cksum();
    let tar =
        [sparse.as_bytes().to_vec(), vec![0; 512], vec![7; 512], member("b.txt", b"x", EntryType::Regular)].concat();
    let inspection = look(&gzip(&tar));
    assert_eq!(codes(&inspection), ["model-is-sparse"]);
    assert_eq!(inspection.members[1].path, "b.txt");

    let folder = [member("dir.onnx/", b"", EntryType::Directory), member("old.onnx/", b"", EntryType::Regular)];
    let tar = [&folder.concat()[..], &member("dir.onnx/m.onnx", &model(), EntryType::Regular)].concat();
    assert_sound(&look(&gzip(&tar)), "dir.onnx/m.onnx");
}

#[test]
fn several_gzip_members_are_one_stream_and_what_follows_is_ignored() {
    let tar = tar_of(&[("m.onnx", &model())]);
    let (one, two) = tar.split_at(700);
    assert_sound(&look(&[gzip(one), gzip(b""), gzip(two)].concat()), "m.onnx");

    for tail in [&b"garbage"[..], &[0; 600], &[0x1f; 30]] {
        let inspection = look(&[&gzip(&tar), tail].concat());
        assert_sound(&inspection, "m.onnx");
        assert_eq!(inspection.warnings[0].code, "gzip-trailing-data");
    }
    let inspection = look(&gzip(&[&tar[..], &tar].concat()));
    assert_sound(&inspection, "m.onnx");
    assert_eq!(inspection.warnings[0].code, "tar-trailing-data");
}

#[test]
fn paths_that_lead_out_are_a_warning() {
    let tar = member("../m.onnx", &model(), EntryType::Regular);
    assert_eq!(look(&gzip(&tar)).warnings[0].code, "path-outside");
}

/// Gives one byte at a time, with an interruption before each, and fails after `most`.
struct Trickle<'a> {
    data: &'a [u8],
    most: usize,
    interrupted: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.most == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection reset"));
        }
        self.most -= 1;
        self.data.read(&mut into[..1])
    }
}

#[test]
fn a_reader_that_fails_is_an_error_of_its_own() {
    for data in [tar_gz(&[("m.onnx", &model())]), tar_of(&[("m.onnx", &model())])] {
        let slow = Trickle { data: &data, most: usize::MAX, interrupted: false };
        assert_eq!(inspect(slow, &Limits::default()).unwrap(), look(&data));
    }
    let data = tar_gz(&[("m.onnx", &model())]);
    for most in 0..data.len() {
        let failing = Trickle { data: &data, most, interrupted: false };
        let error = inspect(failing, &Limits::default()).unwrap_err();
        assert_eq!(error.source.to_string(), "connection reset");
        assert_eq!(error.offset, most as u64);
    }
}
