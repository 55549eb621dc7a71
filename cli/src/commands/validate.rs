//! `automation validate`

use std::{fs, io, path::Path};

use automation::config::Document;
use document::Fault;
use serde_json::json;

use crate::{
    Verdict,
    args::ValidateArgs,
    error::CliError,
    output::{ERROR, FAINT, GOOD, Output, WARNING},
};

/// Longest line of a document that is shown, in characters.
const SHOWN: usize = 160;

pub(crate) fn run(args: &ValidateArgs, out: &mut Output) -> Result<Verdict, CliError> {
    let text = read(&args.config)?;
    let (errors, warnings, document) = match Document::parse(&text) {
        Ok(document) => (Vec::new(), document.warnings.clone(), Some(document)),
        Err(error) => (error.faults, Vec::new(), None),
    };
    if args.json {
        out.json(&json!({
            "valid": errors.is_empty(),
            "errors": errors,
            "warnings": warnings,
        }))?;
    } else {
        write(args, &text, &errors, &warnings, document.as_ref(), out)?;
    }
    Ok(if errors.is_empty() { Verdict::Good } else { Verdict::Bad })
}

/// Reads a configuration.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    let read = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    read.map_err(|source| CliError::Read { path: path.to_owned(), source })
}

fn write(
    args: &ValidateArgs,
    text: &str,
    errors: &[Fault],
    warnings: &[Fault],
    document: Option<&Document>,
    out: &mut Output,
) -> Result<(), CliError> {
    faults(&args.config, text, errors, warnings, out)?;
    let name = args.config.display();
    let Some(document) = document else {
        return out.line(format_args!("{ERROR}{name} is not valid:{ERROR:#} {}", counted(errors.len(), "mistake")));
    };
    let rules = &document.compilation.rules;
    let targets: usize = rules.iter().map(|rule| rule.targets.len()).sum();
    let rules = counted(rules.len(), "rule");
    out.line(format_args!("{GOOD}{name} is valid:{GOOD:#} {rules}, {}", counted(targets, "target")))?;
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Every mistake under the line it is in.
pub(super) fn faults(
    path: &Path,
    text: &str,
    errors: &[Fault],
    warnings: &[Fault],
    out: &mut Output,
) -> Result<(), CliError> {
    let errors = errors.iter().map(|fault| (fault, "error", ERROR));
    for (fault, kind, style) in errors.chain(warnings.iter().map(|fault| (fault, "warning", WARNING))) {
        out.line(format_args!("{style}{kind}{style:#}: {}", fault.message))?;
        let Some(place) = fault.place else {
            out.line(format_args!("  {FAINT}-->{FAINT:#} {}: {}", path.display(), fault.path))?;
            out.line("")?;
            continue;
        };
        let (line, column) = (place.line, place.column);
        out.line(format_args!("  {FAINT}-->{FAINT:#} {}:{line}:{column} {}", path.display(), fault.path))?;
        let number = usize::try_from(line).unwrap_or(usize::MAX);
        if let Some(shown) = text.lines().nth(number.saturating_sub(1)).filter(|shown| shown.chars().count() <= SHOWN) {
            let gutter = line.to_string();
            let before = " ".repeat(usize::try_from(column).unwrap_or(1).saturating_sub(1));
            out.line(format_args!("{FAINT}{gutter:>5} |{FAINT:#} {shown}"))?;
            out.line(format_args!("{FAINT}      |{FAINT:#} {before}{style}^{style:#}"))?;
        }
        out.line("")?;
    }
    Ok(())
}
