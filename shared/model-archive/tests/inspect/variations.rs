//! Variations of the reference models: what must not matter, wrong names, and lost files. Each rule
//! holds for every model of every framework.

use crate::{
    common::{archive_with_links, gzip_bytes, gzip_stored, inspect_bytes, problem_codes, tar_of},
    frameworks::suite_models,
};
use flate2::{Compression, write::GzEncoder};
use model_archive::{Framework, Inspection};
use std::io::Write;
use tar::{Builder, EntryType, Header};

/// The suites, and how many models of each are varied.
const SUITES: [(&str, usize); 8] = [
    ("keras", 6),
    ("mxnet", 4),
    ("onnx", 12),
    ("pytorch", 7),
    ("tensorflow", 40),
    ("tflite", 6),
    ("xgboost/1-7", 12),
    ("xgboost/3-2", 8),
];

/// Models with more bytes take too long without optimization.
const MAX_SIZE: usize = 64 * 1024;

/// A name for each format.
const NAMES: [&str; 16] = [
    "m.onnx", "m.pb", "m.pbtxt", "saved_model.pb", "m.h5", "m.pth", "m.pt", "m.tflite", "m-symbol.json", "m.params",
    "m.cfg", "m.weights", "m.model", "xgboost-model", "m.pkl", "m.bin",
];

/// What a file is after it was lost on its way.
const LOST: [&[u8]; 6] = [
    b"",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 91234\n",
    b"<!DOCTYPE html><html><body>Sign in</body></html>",
    b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error>",
    b"{\"message\": \"Not Found\"}",
    b"404: Not Found",
];

type Members = Vec<(String, Vec<u8>)>;

fn varied_models() -> Vec<(String, Members)> {
    let models = SUITES.iter().flat_map(|(suite, count)| {
        let small =
            |(_, members): &(String, Members)| members.iter().map(|(_, data)| data.len()).sum::<usize>() < MAX_SIZE;
        let models = suite_models(suite).into_iter().flat_map(|(name, members)| match *suite {
            // A folder of this suite has several models, each of one file.
            "onnx" => members.into_iter().map(|member| (format!("{name}/{}", member.0), vec![member])).collect(),
            _ => vec![(name, members)],
        });
        let models = models.filter(small).take(*count);
        models.map(move |(name, members)| (format!("{suite}/{name}"), members))
    });
    models.collect()
}

fn borrow_members(members: &Members) -> Vec<(&str, &[u8])> {
    members.iter().map(|(path, data)| (path.as_str(), data.as_slice())).collect()
}

fn inspect_owned(members: &Members) -> Inspection {
    inspect_bytes(&gzip_bytes(&tar_of(&borrow_members(members))))
}

/// The answer, apart from the paths: the model, and the codes of problems and warnings.
fn find_answer(inspection: &Inspection) -> String {
    let mut model = inspection.model.clone();
    if let Some(model) = &mut model {
        model.path.clear();
    }
    let warnings: Vec<_> = inspection.warnings.iter().map(|warning| &warning.code).collect();
    format!("{model:?} {:?} {warnings:?}", problem_codes(inspection))
}

fn tar_with_headers(members: &Members, new_header: fn() -> Header) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, data) in members {
        let mut header = new_header();
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(1_700_000_000);
        header.set_entry_type(EntryType::Regular);
        builder.append_data(&mut header, path, data.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip_best(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packaging_does_not_change_the_answer() {
    let models = varied_models();
    assert!(models.len() > 60, "{}", models.len());
    let neighbors: [(&str, &[u8]); 9] = [
        ("README.md", b"# A model\n"),
        ("code/inference.py", b"def model_fn(model_dir):\n    pass\n"),
        ("code/requirements.txt", b"numpy\n"),
        ("code/__init__.py", b""),
        (".gitattributes", b"*.onnx filter=lfs\n"),
        ("labels.txt", b"cat\ndog\n"),
        ("sample.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("setup.cfg", b"[metadata]\nname = x\n"),
        ("classes.json", b"[\"cat\", \"dog\"]"),
    ];
    for (name, members) in models {
        let expected = find_answer(&inspect_owned(&members));
        let tar = tar_of(&borrow_members(&members));
        let nest =
            |folder: &str| members.iter().map(|(path, data)| (format!("{folder}{path}"), data.clone())).collect();
        let with = |before: bool| {
            let neighbors = neighbors.map(|(path, data)| (path.to_owned(), data.to_vec()));
            let own = members.clone();
            if before { neighbors.into_iter().chain(own).collect() } else { own.into_iter().chain(neighbors).collect() }
        };
        let variations: [(&str, Vec<u8>); 9] = [
            ("stored", gzip_stored(&tar)),
            ("best compression", gzip_best(&tar)),
            ("ustar", gzip_bytes(&tar_with_headers(&members, Header::new_ustar))),
            ("old tar", gzip_bytes(&tar_with_headers(&members, Header::new_old))),
            ("reversed", gzip_bytes(&tar_of(&borrow_members(&members.iter().rev().cloned().collect())))),
            ("nested", gzip_bytes(&tar_of(&borrow_members(&nest("export/model/1/"))))),
            ("from the current folder", gzip_bytes(&tar_of(&borrow_members(&nest("./"))))),
            ("after neighbors", gzip_bytes(&tar_of(&borrow_members(&with(true))))),
            ("before neighbors", gzip_bytes(&tar_of(&borrow_members(&with(false))))),
        ];
        for (variation, archive) in variations {
            assert_eq!(find_answer(&inspect_bytes(&archive)), expected, "{name}, {variation}");
        }
    }
}

/// The name that a fix suggests.
fn suggested_name(inspection: &Inspection) -> Option<&str> {
    let misnamed = inspection.problems.iter().find(|problem| problem.code == "model-misnamed")?;
    misnamed.remedy.split_once("rename the file to `")?.1.split('`').next()
}

#[test]
fn name_of_another_format_is_never_believed() {
    let single = varied_models().into_iter().filter(|(_, members)| members.len() == 1);
    for (model, mut members) in single {
        let original = inspect_owned(&members);
        let framework = original.model.as_ref().map(|model| model.framework);
        let own = members[0].0.clone();
        for name in NAMES {
            name.clone_into(&mut members[0].0);
            let inspection = inspect_owned(&members);
            let found = inspection.model.as_ref().map(|model| model.framework);
            assert!(found.is_none() || found == framework, "{model} as {name}: {found:?}");
            if let Some(suggested) = suggested_name(&inspection).map(str::to_owned) {
                members[0].0 = suggested;
                assert_eq!(find_answer(&inspect_owned(&members)), find_answer(&original), "{model} as {name}");
            } else if inspection.problems.is_empty() {
                let extension = |path: &str| path.rsplit('.').next().map(str::to_owned);
                let same =
                    [extension(name), Some("pb".to_owned()), Some("pth".to_owned()), Some("xgboost-model".to_owned())];
                assert!(same.contains(&extension(&own)) || found == framework, "{model} as {name}");
                assert_eq!(inspection.model.unwrap().inputs, original.model.as_ref().unwrap().inputs);
            } else {
                // The content itself is the problem, whatever its name is.
                assert_eq!(problem_codes(&inspection), problem_codes(&original), "{model} as {name}");
            }
        }
    }
}

/// Whether the model loads without this file.
fn is_companion(path: &str) -> bool {
    ["fingerprint.pb", "keras_metadata.pb"].iter().any(|name| path.ends_with(name))
}

#[test]
fn lost_file_never_passes_for_a_model() {
    for (model, members) in varied_models() {
        for at in (0..members.len()).filter(|at| !is_companion(&members[*at].0)) {
            let path = &members[at].0;
            // Weights may be text: a variable can hold words.
            let may_be_text = path.starts_with("variables/");
            for lost in LOST.into_iter().filter(|lost| !may_be_text || !lost.starts_with(b"404")) {
                let mut members = members.clone();
                members[at].1 = lost.to_vec();
                for members in [members.iter().rev().cloned().collect(), members.clone()] {
                    let inspection = inspect_owned(&members);
                    let text = lost.escape_ascii();
                    assert!(!inspection.problems.is_empty(), "{model}: {path} is {text}");
                    let says = |problem: &model_archive::Problem| problem.problem.contains(path.as_str());
                    assert!(
                        inspection.problems.iter().any(says),
                        "{model}: {path} is {text}: {:?}",
                        inspection.problems
                    );
                }
            }
            let files: Vec<_> = members.iter().enumerate().filter(|(other, _)| *other != at).collect();
            let files: Vec<_> = files.iter().map(|(_, (path, data))| (path.as_str(), data.as_slice())).collect();
            let linked = archive_with_links(&files, &[(path, "/data/blob")]);
            assert!(linked.problems.iter().any(|problem| problem.problem.contains("link")), "{model}: {path}");
            let missing = inspect_bytes(&gzip_bytes(&tar_of(&files)));
            assert!(!missing.problems.is_empty(), "{model} without {path}");
        }
    }
}

#[test]
fn path_file_of_python_never_stops_another_framework() {
    for (model, mut members) in varied_models() {
        let original = inspect_owned(&members);
        if original.model.as_ref().is_none_or(|model| model.framework == Framework::Pytorch) {
            continue;
        }
        members.insert(0, ("lib/site-packages/distutils-precedence.pth".to_owned(), b"import os\n".to_vec()));
        assert_eq!(find_answer(&inspect_owned(&members)), find_answer(&original), "{model}");
    }
}
