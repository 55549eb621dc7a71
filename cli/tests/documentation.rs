//! The commands that the documentation names: all are complete command lines, and those of the
//! first two pages that need no AWS account succeed in a fresh clone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use automation_cli::CliArgs;
use clap::Parser;

/// Commands that need nothing but files of the repository.
const PURE: [&str; 4] = ["inspect examples/", "validate config/", "plan examples/", "targets"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The arguments of every `automation …` line in the shell blocks of a page.
fn find_commands(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut commands = Vec::new();
    let mut in_shell = false;
    for line in text.lines().map(str::trim) {
        if let Some(language) = line.strip_prefix("```") {
            in_shell = matches!(language, "sh" | "console");
        } else if in_shell {
            let line = line.trim_start_matches("$ ");
            let line = line.replace("cargo run --quiet -p cli -- ", "automation ");
            if let Some(command) = line.strip_prefix("automation ") {
                let command = command.split(" #").next().unwrap().split(" | ").next().unwrap();
                commands.push(command.trim().to_owned());
            }
        }
    }
    commands
}

fn documented_commands() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .chain([repository().join("README.md")])
        .flat_map(|page| find_commands(&page).into_iter().map(move |command| (page.clone(), command)))
        .collect()
}

#[test]
fn documented_commands_are_complete() {
    let commands = documented_commands();
    assert!(commands.len() > 20, "{commands:?}");
    for (page, command) in commands {
        // `$Model` and `<Model>` stand for values of the reader.
        let words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']).replace(['<', '>'], ""));
        let parsed = CliArgs::try_parse_from(["automation".to_owned()].into_iter().chain(words));
        assert!(parsed.is_ok(), "{}: automation {command}\n{}", page.display(), parsed.err().unwrap());
    }
}

#[test]
fn first_commands_succeed_in_a_fresh_clone() {
    let pages = ["README.md", "docs/GETTING_STARTED.md"];
    let commands: Vec<_> = pages.iter().flat_map(|page| find_commands(&repository().join(page))).collect();
    let pure: Vec<_> = commands.iter().filter(|command| PURE.iter().any(|start| command.starts_with(start))).collect();
    assert_eq!(pure.len(), 7, "{commands:?}");
    for command in pure {
        let output = Command::new(env!("CARGO_BIN_EXE_automation"))
            .args(command.split_whitespace())
            .env("COLUMNS", "80")
            .current_dir(repository())
            .output()
            .unwrap();
        assert!(output.status.success(), "automation {command}\n{}", String::from_utf8_lossy(&output.stderr));
        if command.starts_with("plan") {
            let page = fs::read_to_string(repository().join("docs/GETTING_STARTED.md")).unwrap();
            let plan = String::from_utf8(output.stdout).unwrap();
            assert!(page.contains(&format!("```text\n{plan}```\n")), "the page shows another plan:\n{plan}");
        }
    }
}
