//! `automation targets`

use neo::{Support, TARGETS, TargetRow};
use serde_json::{Value, json};

use crate::{
    Verdict,
    args::TargetsArgs,
    error::CliError,
    output::{HEADER, Output, WARNING},
    table::{Cell, Table},
};

pub(crate) fn run(args: &TargetsArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let rows: Vec<_> = TARGETS.iter().filter(|row| wanted(args, row)).collect();
    if let Some(name) = args.name.as_ref().filter(|name| !TARGETS.iter().any(|row| is_part(name, row))) {
        return Err(CliError::NoTarget(name.clone()));
    }
    if args.json {
        out.json(&rows.iter().map(|row| json(row)).collect::<Vec<_>>())?;
    } else if let Some(row) = rows.iter().find(|row| Some(row.name()) == args.name) {
        write_one(row, out)?;
    } else {
        write_all(&rows, out)?;
    }
    Ok(Verdict::Good)
}

fn wanted(args: &TargetsArgs, row: &TargetRow) -> bool {
    args.framework.is_none_or(|framework| row.support(framework).is_some())
        && args.name.as_ref().is_none_or(|name| is_part(name, row))
        && args.region.as_ref().is_none_or(|region| row.regions.is_empty() || row.regions.contains(&region.as_str()))
        && !(args.current && row.successor.is_some())
}

fn is_part(name: &str, row: &TargetRow) -> bool {
    // A whole name is meant as such: `ml_c5` is not part of a list.
    let whole = TARGETS.iter().any(|row| row.name() == name);
    if whole { row.name() == name } else { row.name().to_lowercase().contains(&name.to_lowercase()) }
}

fn write_all(rows: &[&TargetRow], out: &mut Output) -> Result<(), CliError> {
    let mut table = Table::new(["target", "family", "frameworks", "needs", "note"]);
    for row in rows {
        let frameworks: Vec<_> = row.frameworks.iter().map(|support| support.framework.as_str()).collect();
        let options = row.option_names().unwrap_or_default();
        let needed: Vec<_> = options.iter().filter_map(|name| name.strip_suffix('*')).collect();
        table.row([
            row.name().into(),
            row.family.as_str().into(),
            frameworks.join(" ").into(),
            needed.join(" ").into(),
            note(row).map_or("".into(), |note| Cell::styled(note, WARNING)),
        ]);
    }
    table.write(out)?;
    out.line("")?;
    out.line(format_args!(
        "{} targets. `automation targets NAME` tells versions, options and sources of one.",
        rows.len()
    ))
}

fn note(row: &TargetRow) -> Option<String> {
    if let Some(successor) = row.successor {
        return Some(format!("retired: use {successor}"));
    }
    (!row.regions.is_empty()).then(|| format!("only in {}", row.regions.join(", ")))
}

fn write_one(row: &TargetRow, out: &mut Output) -> Result<(), CliError> {
    out.line(format_args!("{HEADER}{}{HEADER:#}  {}", row.name(), row.family.as_str()))?;
    if let Some(note) = note(row) {
        out.line(format_args!("{WARNING}{note}{WARNING:#}"))?;
    }
    out.line("")?;
    let mut table = Table::new(["framework", "versions", "framework_version"]).indented(2);
    for Support { framework, versions } in row.frameworks {
        let versions = if versions.is_empty() { "not documented".to_owned() } else { versions.join(", ") };
        let sent = if row.takes_framework_version(*framework) { "sent" } else { "not sent" };
        table.row([framework.as_str().into(), versions.into(), sent.into()]);
    }
    table.write(out)?;
    out.line("")?;
    match row.option_names() {
        Some(names) => out.line(format_args!("  compiler options  {}", names.join(", ")))?,
        None => out.line("  compiler options  flags of the Neuron compiler, as one text")?,
    }
    out.line(format_args!("  source            {}", row.source))
}

fn json(row: &TargetRow) -> Value {
    let frameworks: Vec<_> = row
        .frameworks
        .iter()
        .map(|Support { framework, versions }| {
            let sent = row.takes_framework_version(*framework);
            json!({ "framework": framework, "versions": versions, "takes_framework_version": sent })
        })
        .collect();
    json!({
        "name": row.name(),
        "target": row.target(),
        "family": row.family.as_str(),
        "frameworks": frameworks,
        "compiler_options": row.option_names(),
        "regions": row.regions,
        "successor": row.successor,
        "source": row.source,
    })
}
