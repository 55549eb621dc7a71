//! `automation inspect`

use std::num::NonZeroU32;

use document::escape_line;
use model_archive::{Dim, InputLayout, InspectedModel, Inspection, Problem};
use neo::{DimensionSizes, ResolvedShapes};
use serde_json::json;

use crate::{
    archive::inspect_source,
    args::InspectArgs,
    error::CliError,
    output::{CliOutput, ERROR, FAINT, GOOD, HEADER, WARNING},
    problems::{print_problems, print_warnings},
    table::TextTable,
    verdict::Verdict,
};

/// Maximum number of files of the archive that are listed.
const MAX_FILES: usize = 20;

/// Code of the problem of a dimension that has no size.
const DYNAMIC_DIMENSION: &str = "input-dimension-open";

/// The input shapes, `None` if SageMaker needs none, or what has to be set for them.
type DerivedInputs = Result<Option<ResolvedShapes>, Vec<Problem>>;

pub(crate) fn inspect_model(args: &InspectArgs, out: &mut CliOutput) -> Result<Verdict, CliError> {
    let mut archive = inspect_source(&args.archive, &args.aws, &|_| None)?;
    if let Some(model) = &archive.inspection.model {
        let found =
            [neo::find_input_warnings(model), neo::find_version_warnings(model), neo::find_layout_warnings(model)];
        archive.inspection.warnings.extend(found.concat());
    }
    let inspection = &archive.inspection;
    let sizes = DimensionSizes {
        symbolic_dims: args.dims.iter().cloned().collect(),
        batch_size: args.batch_size.and_then(NonZeroU32::new),
    };
    let inputs = inspection.model.as_ref().map(|model| neo::derive_data_input_config(model, &sizes));
    let can_compile = inspection.model.is_some() && inspection.problems.is_empty();
    if args.output.json {
        let (config, open) = match &inputs {
            Some(Ok(inputs)) => (inputs.as_ref().map(|inputs| inputs.shapes.to_json()), Vec::new()),
            Some(Err(open)) => (None, open.clone()),
            None => (None, Vec::new()),
        };
        let mut json = serde_json::to_value(inspection)?;
        json["archive"] = json!({ "name": args.archive, "size": archive.size });
        json["data_input_config"] = config.into();
        json["open"] = serde_json::to_value(open)?;
        out.print_json(&json)?;
    } else {
        print_files(&args.archive, archive.size, inspection, out)?;
        if let Some(model) = &inspection.model {
            print_model(model, out)?;
        }
        print_result(inspection, inputs, out)?;
    }
    Ok(if can_compile { Verdict::Good } else { Verdict::Bad })
}

fn print_files(name: &str, size: u64, inspection: &Inspection, out: &mut CliOutput) -> Result<(), CliError> {
    let count = inspection.member_count;
    let noun = if count == 1 { "file" } else { "files" };
    out.print_line(format_args!("{HEADER}{name}{HEADER:#}  {}, {count} {noun}", format_size(size)))?;
    for member in inspection.members.iter().take(MAX_FILES) {
        let (size, path) = (format_size(member.size), escape_line(&member.path));
        out.print_line(format_args!("  {FAINT}{size:>10}{FAINT:#}  {path}"))?;
    }
    let more = count.saturating_sub(MAX_FILES as u64);
    if more > 0 {
        out.print_line(format_args!("  {:>10}  and {more} more", ""))?;
    }
    Ok(())
}

fn print_model(model: &InspectedModel, out: &mut CliOutput) -> Result<(), CliError> {
    let suffix = |prefix: &str, text: Option<&str>| text.map(|text| format!(", {prefix}{}", escape_line(text)));
    let version = suffix("", model.format_version.as_deref()).unwrap_or_default();
    let producer = suffix("produced by ", model.producer.as_deref()).unwrap_or_default();
    let path = escape_line(&model.path);
    out.print_line("")?;
    out.print_line(format_args!("{HEADER}{}{HEADER:#}  {path}{version}{producer}", model.framework))?;
    if !model.inputs.is_empty() {
        let shape_header = match model.layout {
            InputLayout::Nchw => "shape (images as NCHW)",
            InputLayout::Nhwc => "shape (images as NHWC)",
            InputLayout::None => "shape",
        };
        let mut table = TextTable::new(["input", "type", shape_header]).with_indent(2);
        for input in &model.inputs {
            let name = match &input.tensor {
                Some(tensor) => format!("{} ({})", escape_line(&input.name), escape_line(tensor)).into(),
                None => escape_line(&input.name),
            };
            let shape = input.dims.as_deref().map_or("unknown".to_owned(), format_shape);
            table.add_row([name.into(), escape_line(input.element_type.as_str()).into(), shape.into()]);
        }
        out.print_line("")?;
        table.print_to(out)?;
    }
    out.print_line("")
}

fn print_result(inspection: &Inspection, inputs: Option<DerivedInputs>, out: &mut CliOutput) -> Result<(), CliError> {
    let (mut open, mut warnings) = (Vec::new(), Vec::new());
    match inputs {
        Some(Ok(Some(inputs))) => {
            out.print_line(format_args!("DataInputConfig  {}", inputs.shapes))?;
            warnings = inputs.warnings;
        }
        Some(Ok(None)) => out.print_line("DataInputConfig  not required")?,
        Some(Err(problems)) => open = problems,
        None => {}
    }
    // The model can still be compiled: a rule can set what is missing. If it cannot, this does not
    // matter yet.
    if !inspection.problems.is_empty() {
        open.clear();
    }
    for Problem { code, problem, remedy, .. } in &open {
        out.print_line(format_args!("{WARNING}warning{WARNING:#}: {problem} [{code}]"))?;
        out.print_line(format_args!("  Fix: {remedy}"))?;
    }
    print_problems(out, "", &inspection.problems)?;
    print_warnings(out, "", inspection.warnings.iter().chain(&warnings))?;
    match &inspection.model {
        Some(_) if inspection.problems.is_empty() && !open.is_empty() => {
            let is_dynamic = open.iter().all(|problem| problem.code == DYNAMIC_DIMENSION);
            let missing = if is_dynamic { "dynamic dimensions" } else { "inputs" };
            out.print_line(format_args!("{WARNING}Set the {missing} above to compile it.{WARNING:#}"))
        }
        Some(model) if inspection.problems.is_empty() => {
            let far = if model.read { "" } else { " in the parts that were read" };
            out.print_line(format_args!(
                "{GOOD}No problems found{far}.{GOOD:#} Run `automation plan` to see the jobs for your targets."
            ))
        }
        _ => out.print_line(format_args!("{ERROR}The archive cannot be compiled.{ERROR:#}")),
    }
}

fn format_shape(dims: &[Dim]) -> String {
    let dims = dims.iter().map(|dim| match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Symbolic(name) => escape_line(name).into_owned(),
        Dim::Unknown => "?".to_owned(),
    });
    let dims: Vec<_> = dims.collect();
    if dims.is_empty() { "scalar".to_owned() } else { dims.join(" × ") }
}

/// Formats a number of bytes, such as `15.25 KiB`.
fn format_size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
