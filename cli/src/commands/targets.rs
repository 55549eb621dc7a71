//! `automation targets`

use neo::{FrameworkSupport, TARGETS, TargetFamily, TargetRow};
use serde_json::{Value, json};

use crate::{
    args::TargetsArgs,
    error::CliError,
    output::{CliOutput, HEADER, WARNING, format_count},
    table::{TableCell, TextTable},
    verdict::Verdict,
};

pub(crate) fn list_targets(args: &TargetsArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let rows: Vec<_> = TARGETS.iter().filter(|row| is_selected(args, row)).collect();
    if let Some(name) = args.name.as_ref().filter(|name| !TARGETS.iter().any(|row| matches_name(name, row))) {
        return Err(CliError::UnknownTarget(name.clone()));
    }
    if args.output.json {
        out.print_json(&rows.iter().map(|row| to_json(row)).collect::<Vec<_>>())?;
    } else if let Some(row) = rows.iter().find(|row| Some(row.name()) == args.name) {
        print_target(row, out)?;
    } else {
        print_targets(&rows, out)?;
    }
    Ok(Verdict::Good)
}

fn is_selected(args: &TargetsArgs, row: &TargetRow) -> bool {
    args.framework.is_none_or(|framework| row.find_support(framework).is_some())
        && args.name.as_ref().is_none_or(|name| matches_name(name, row))
        && args.region.as_ref().is_none_or(|region| row.regions.is_empty() || row.regions.contains(&region.as_str()))
        && !(args.current && row.successor.is_some())
}

fn matches_name(name: &str, row: &TargetRow) -> bool {
    // A complete name selects one target: LINUX_ARM64 does not select LINUX_ARM64_NVIDIA.
    let is_complete = TARGETS.iter().any(|row| row.name() == name);
    if is_complete { row.name() == name } else { row.name().to_lowercase().contains(&name.to_lowercase()) }
}

/// Targets of one family with the same frameworks and required options.
struct TargetGroup<'a> {
    family: TargetFamily,
    frameworks: Vec<&'static str>,
    required: Vec<String>,
    rows: Vec<&'a TargetRow>,
}

fn group_targets<'a>(rows: &[&'a TargetRow]) -> Vec<TargetGroup<'a>> {
    let mut groups: Vec<TargetGroup<'_>> = Vec::new();
    for row in rows {
        let frameworks: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
        let options = row.option_names().unwrap_or_default();
        let required: Vec<_> = options.iter().filter_map(|name| name.strip_suffix('*')).map(str::to_owned).collect();
        let is_same = |group: &&mut TargetGroup<'_>| {
            group.family == row.family && group.frameworks == frameworks && group.required == required
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.rows.push(row),
            None => groups.push(TargetGroup { family: row.family, frameworks, required, rows: vec![row] }),
        }
    }
    groups
}

fn print_targets(rows: &[&TargetRow], out: &mut CliOutput) -> Result<(), CliError> {
    for TargetGroup { family, frameworks, required, rows } in group_targets(rows) {
        out.print_line(format_args!("{HEADER}{}{HEADER:#}", family.as_str()))?;
        let mut table = TextTable::with_labels().with_indent(2);
        let names: Vec<_> = rows.iter().map(|row| row.name()).collect();
        table.add_row(["targets".into(), names.join(" ").into()]);
        table.add_row(["frameworks".into(), frameworks.join(" ").into()]);
        if !required.is_empty() {
            table.add_row(["required options".into(), required.join(" ").into()]);
        }
        for row in &rows {
            if let Some(note) = availability_note(row) {
                table.add_row([row.name().into(), TableCell::with_style(note, WARNING)]);
            }
        }
        table.print_to(out)?;
        out.print_line("")?;
    }
    out.print_line(format_args!(
        "{}. `automation targets NAME` shows versions, compiler options and the source.",
        format_count(rows.len(), "target")
    ))
}

fn availability_note(row: &TargetRow) -> Option<String> {
    if let Some(successor) = row.successor {
        return Some(format!("retired: use {successor}"));
    }
    (!row.regions.is_empty()).then(|| format!("only in {}", row.regions.join(", ")))
}

fn print_target(row: &TargetRow, out: &mut CliOutput) -> Result<(), CliError> {
    out.print_line(format_args!("{HEADER}{}{HEADER:#}  {}", row.name(), row.family.as_str()))?;
    if let Some(note) = availability_note(row) {
        out.print_line(format_args!("{WARNING}{note}{WARNING:#}"))?;
    }
    out.print_line("")?;
    let mut table = TextTable::new(["framework", "versions", "accepts framework_version"]).with_indent(2);
    for FrameworkSupport { framework, versions } in row.frameworks {
        let versions = if versions.is_empty() { "not documented".to_owned() } else { versions.join(", ") };
        let accepts_version = if row.accepts_framework_version(*framework) { "yes" } else { "no" };
        table.add_row([framework.as_str().into(), versions.into(), accepts_version.into()]);
    }
    table.print_to(out)?;
    out.print_line("")?;
    let options = row.option_names().map_or_else(
        || "command-line flags of the Neuron compiler, as one string".to_owned(),
        |names| {
            let names = names.join(", ");
            if names.contains('*') { names + "  (* required)" } else { names }
        },
    );
    let mut table = TextTable::with_labels().with_indent(2);
    table.add_row(["compiler options".into(), options.into()]);
    table.add_row(["source".into(), describe_source(row.source).into()]);
    table.print_to(out)
}

/// Writes out the sources of a row, which the table abbreviates.
fn describe_source(source: &str) -> String {
    let describe = |part: &str| match part {
        "cloud" => "developer guide, instance types".to_owned(),
        "edge" => "developer guide, edge devices".to_owned(),
        other => other.replacen("API", "API reference", 1),
    };
    source.split("; ").map(describe).collect::<Vec<_>>().join("; ")
}

fn to_json(row: &TargetRow) -> Value {
    let frameworks: Vec<_> = row
        .frameworks
        .iter()
        .map(|FrameworkSupport { framework, versions }| {
            let accepts_version = row.accepts_framework_version(*framework);
            json!({ "framework": framework, "versions": versions, "takes_framework_version": accepts_version })
        })
        .collect();
    json!({
        "name": row.name(),
        "target": row.to_target(),
        "family": row.family.as_str(),
        "frameworks": frameworks,
        "compiler_options": row.option_names(),
        "regions": row.regions,
        "successor": row.successor,
        "source": row.source,
    })
}
