//! `automation inspect`

use model_archive::{Dim, Inspection, Layout, Problem};
use neo::SymbolicDims;
use serde_json::json;

use super::told;
use crate::{
    Verdict, archive,
    args::InspectArgs,
    error::CliError,
    output::{ERROR, FAINT, GOOD, HEADER, Output, WARNING, printable},
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
        out.line(format_args!("  {FAINT}{:>10}{FAINT:#}  {}", bytes(member.size), printable(&member.path)))?;
    }
    let more = files.saturating_sub(LISTED as u64);
    if more > 0 {
        out.line(format_args!("  {:>10}  and {more} more", ""))?;
    }
    if let Some(model) = &inspection.model {
        out.line("")?;
        let told = |before: &str, what: Option<&str>| what.map(|what| format!(", {before}{}", printable(what)));
        let version = told("", model.format_version.as_deref()).unwrap_or_default();
        let producer = told("by ", model.producer.as_deref()).unwrap_or_default();
        let path = printable(&model.path);
        out.line(format_args!("{HEADER}{}{HEADER:#}  {path}{version}{producer}", model.framework))?;
        if !model.inputs.is_empty() {
            out.line("")?;
            let layout = match model.layout {
                Layout::Nchw => "shape (images as NCHW)",
                Layout::Nhwc => "shape (images as NHWC)",
                Layout::None => "shape",
            };
            let mut table = Table::new(["input", "type", layout]).indented(2);
            for input in &model.inputs {
                let name = match &input.tensor {
                    Some(tensor) => format!("{} ({})", printable(&input.name), printable(tensor)).into(),
                    None => printable(&input.name),
                };
                let shape = input.dims.as_deref().map_or("?".to_owned(), shape);
                table.row([name.into(), printable(input.element_type.as_str()).into(), shape.into()]);
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
    let is_open = !open.is_empty();
    for Problem { problem, remedy, .. } in open {
        out.line(format_args!("{WARNING}open{WARNING:#}    {problem}"))?;
        out.line(format_args!("        {remedy}"))?;
    }
    told(out, "", &inspection.problems, &inspection.warnings)?;
    match &inspection.model {
        Some(_) if inspection.problems.is_empty() && is_open => {
            out.line(format_args!("{WARNING}It can be compiled once what is open is set.{WARNING:#}"))
        }
        Some(model) if inspection.problems.is_empty() => {
            let far = if model.read { "" } else { " as far as it was read" };
            out.line(format_args!(
                "{GOOD}Nothing stands against compiling it{far}.{GOOD:#} `automation plan` tells for which targets."
            ))
        }
        _ => out.line(format_args!("{ERROR}It cannot be compiled.{ERROR:#}")),
    }
}

fn shape(dims: &[Dim]) -> String {
    let dims = dims.iter().map(|dim| match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Symbolic(name) => printable(name).into_owned(),
        Dim::Unknown => "?".to_owned(),
    });
    let dims: Vec<_> = dims.collect();
    if dims.is_empty() { "scalar".to_owned() } else { dims.join(" × ") }
}

/// As people say it.
fn bytes(size: u64) -> String {
    indicatif::HumanBytes(size).to_string()
}
