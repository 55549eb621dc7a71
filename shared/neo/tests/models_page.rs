//! docs/MODELS.md has the frameworks, layouts and versions of the table of targets.
#![allow(clippy::unwrap_used, reason = "tests")]

use model_archive::{Framework, InputLayout};
use neo::{TARGETS, TargetRow};

const PAGE: &str = include_str!("../../../docs/MODELS.md");

/// A target for each column with versions.
const COLUMNS: [&str; 3] = ["ml_c5", "ml_inf1", "jetson_xavier"];

/// The rows of the table of frameworks, as cells.
fn table_rows() -> Vec<Vec<&'static str>> {
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| Framework ")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect()).collect()
}

fn documented_versions(target: &str, framework: Framework) -> String {
    let row = TARGETS.iter().find(|row| row.name() == target).unwrap();
    match row.find_support(framework).map(|support| support.versions) {
        None => "–".to_owned(),
        Some([]) => "no version".to_owned(),
        Some(versions) => versions.join(", "),
    }
}

#[test]
fn table_of_the_page_matches_the_targets() {
    let rows = table_rows();
    assert_eq!(rows.len(), Framework::ALL.len());
    for cells in rows {
        let framework: Framework = cells[0].parse().unwrap();
        let layout = match framework.layout() {
            InputLayout::Nchw => "NCHW",
            InputLayout::Nhwc => "NHWC",
            InputLayout::None => "–",
        };
        assert_eq!(cells[2], layout, "{framework}");
        for (cell, target) in cells[3..].iter().zip(COLUMNS) {
            assert_eq!(*cell, documented_versions(target, framework), "{framework} for {target}");
        }
    }
}

#[test]
fn columns_stand_for_all_of_their_targets() {
    for row in &TARGETS {
        let describe = |row: &TargetRow| format!("{:?}", row.frameworks);
        let mut columns = TARGETS.iter().filter(|other| COLUMNS.contains(&other.name().as_str()));
        let documented = columns.any(|column| describe(column) == describe(row));
        assert!(documented || PAGE.contains(&format!("`{}`", row.name())), "{}", row.name());
    }
}

#[test]
fn every_framework_has_a_section() {
    let sections: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let frameworks: Vec<_> = table_rows().iter().map(|cells| cells[0]).collect();
    assert_eq!(sections[..frameworks.len()], frameworks);
}
