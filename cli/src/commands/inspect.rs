//! `automation inspect`

use model_archive::{Dim, Inspection, Problem};
use neo::SymbolicDims;
use serde_json::json;

use super::told;
use crate::{
    Verdict, archive,
    args::InspectArgs,
    error::CliError,
    output::{ERROR, FAINT, GOOD, HEADER, Output, WARNING},
    table::Table,
};

/// Members of the archive that are listed.
const LISTED: usize = 20;

pub(crate) fn run(args: &InspectArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let archive = archive::read(&args.archive)?;
    let inspection = &archive.inspection;
    let dims: SymbolicDims = args.dims.iter().cloned().collect();
    let config = inspection.model.as_ref().map(|model| neo::data_input_config(model, &dims));
    let fit = inspection.model.is_some() && inspection.problems.is_empty();
    if args.json {
        let (text, open) = match &config {
            Some(Ok(inputs)) => (inputs.as_ref().map(neo::Inputs::to_json), Vec::new()),
            Some(Err(open)) => (None, open.clone()),
            None => (None, Vec::new()),
        };
        let mut json = serde_json::to_value(inspection)?;
        json["archive"] = json!({ "name": args.archive, "size": archive.size });
        json["data_input_config"] = text.into();
        json["open"] = serde_json::to_value(open)?;
        out.json(&json)?;
    } else {
        write(args, archive.size, inspection, config, out)?;
    }
    Ok(if fit { Verdict::Good } else { Verdict::Bad })
}

fn write(
    args: &InspectArgs,
    size: u64,
    inspection: &Inspection,
    config: Option<Result<Option<neo::Inputs>, Vec<Problem>>>,
    out: &mut Output,
) -> Result<(), CliError> {
    let files = inspection.member_count;
    let plural = if files == 1 { "file" } else { "files" };
    out.line(format_args!("{HEADER}{}{HEADER:#}  {}, {files} {plural}", args.archive, bytes(size)))?;
    for member in inspection.members.iter().take(LISTED) {
        out.line(format_args!("  {FAINT}{:>10}{FAINT:#}  {}", bytes(member.size), member.path))?;
    }
    if inspection.members.len() > LISTED {
        out.line(format_args!("  {:>10}  and {} more", "", inspection.members.len() - LISTED))?;
    }
    if let Some(model) = &inspection.model {
        out.line("")?;
        let version = model.format_version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
        let producer = model.producer.as_ref().map(|producer| format!(", by {producer}")).unwrap_or_default();
        out.line(format_args!("{HEADER}{}{HEADER:#}  {}{version}{producer}", model.framework, model.path))?;
        if !model.inputs.is_empty() {
            out.line("")?;
            let mut table = Table::new(["input", "type", "shape"]).indented(2);
            for input in &model.inputs {
                let shape = input.dims.as_deref().map_or("?".to_owned(), shape);
                table.row([input.name.as_str().into(), input.element_type.as_str().into(), shape.into()]);
            }
            table.write(out)?;
        }
        out.line("")?;
    }
    let mut open = Vec::new();
    match config {
        Some(Ok(Some(inputs))) => out.line(format_args!("DataInputConfig  {inputs}"))?,
        Some(Ok(None)) => out.line("DataInputConfig  none is needed")?,
        Some(Err(problems)) => open = problems,
        None => {}
    }
    for Problem { problem, remedy, .. } in open {
        out.line(format_args!("{WARNING}open{WARNING:#}    {problem}"))?;
        out.line(format_args!("        {remedy}"))?;
    }
    told(out, "", &inspection.problems, &inspection.warnings)?;
    if inspection.problems.is_empty() && inspection.model.is_some() {
        out.line(format_args!(
            "{GOOD}Nothing stands against compiling it.{GOOD:#} `automation plan` tells for which targets."
        ))
    } else {
        out.line(format_args!("{ERROR}It cannot be compiled.{ERROR:#}"))
    }
}

fn shape(dims: &[Dim]) -> String {
    let dims = dims.iter().map(|dim| match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Symbolic(name) => name.clone(),
        Dim::Unknown => "?".to_owned(),
    });
    let dims: Vec<_> = dims.collect();
    if dims.is_empty() { "scalar".to_owned() } else { dims.join(" × ") }
}

/// As people say it.
fn bytes(size: u64) -> String {
    indicatif::HumanBytes(size).to_string()
}
