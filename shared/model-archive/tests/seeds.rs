//! Runs the fuzz targets on the seeds of the fuzzers and on inputs that they once found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails, in its helpers too")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Much longer than any seed takes, unoptimized and on a busy machine.
const MAX_TIME: Duration = Duration::from_secs(10);

fn fuzz_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_has_a_result() {
    for (target, _) in fuzz::TARGETS {
        let folder = fuzz_path("seeds").join(target);
        let seeds = file_names(&folder);
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            let (data, start) = (fs::read(folder.join(&seed)).unwrap(), Instant::now());
            // A panic alone would not show which seed caused it.
            println!("{target}/{seed}");
            fuzz::run_target(target, &data);
            assert!(start.elapsed() < MAX_TIME, "{target}/{seed} takes {:?}", start.elapsed());
        }
    }
}

#[test]
fn every_target_is_known_to_cargo_fuzz() {
    let mut targets: Vec<_> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(file_names(&fuzz_path("seeds")), targets);
    let files: Vec<_> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(file_names(&fuzz_path("fuzz_targets")), files);
    let manifest = fs::read_to_string(fuzz_path("Cargo.toml")).unwrap();
    for (target, file) in targets.iter().zip(files) {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{file}\"")), "{target}");
        let text = fs::read_to_string(fuzz_path("fuzz_targets").join(file)).unwrap();
        assert!(text.contains(&format!("model_archive_fuzz::run_target(\"{target}\", data)")), "{target}");
    }
}
