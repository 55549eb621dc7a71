//! The fuzz targets on what the fuzzers start from and what they once found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails, in its helpers too")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Much more than any of them takes, unoptimised and on a busy machine.
const MOST: Duration = Duration::from_secs(10);

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_is_answered() {
    for (target, _) in fuzz::TARGETS {
        let folder = folder("seeds").join(target);
        let seeds = names(&folder);
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            let (data, start) = (fs::read(folder.join(&seed)).unwrap(), Instant::now());
            // A panic alone would not tell which one it was.
            println!("{target}/{seed}");
            fuzz::run(target, &data);
            assert!(start.elapsed() < MOST, "{target}/{seed} takes {:?}", start.elapsed());
        }
    }
}

#[test]
fn every_target_is_one_for_cargo_fuzz() {
    let mut targets: Vec<_> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names(&folder("seeds")), targets);
    let files: Vec<_> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder("fuzz_targets")), files);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for (target, file) in targets.iter().zip(files) {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{file}\"")), "{target}");
        let text = fs::read_to_string(folder("fuzz_targets").join(file)).unwrap();
        assert!(text.contains(&format!("model_archive_fuzz::run(\"{target}\", data)")), "{target}");
    }
}
