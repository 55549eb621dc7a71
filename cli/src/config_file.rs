//! Reads configuration files, and prints their errors and warnings below the lines they are in.

use std::{fs, io, path::Path};

use configuration::ConfigDocument;
use document::ConfigDiagnostic;
use serde_json::json;

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, FAINT, WARNING},
};

/// Longest line of a document that is printed, in characters.
const MAX_SOURCE_LINE: usize = 160;

/// Reads a configuration; `-` is standard input.
pub(crate) fn read_config_text(path: &Path) -> Result<String, CliError> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    text.map_err(|source| CliError::Read { path: path.to_owned(), source })
}

/// Reads a valid configuration; `None` if it is not valid, after printing its errors.
pub(crate) fn load_config(path: &Path, json: bool, out: &mut CliOutput) -> Result<Option<ConfigDocument>, CliError> {
    let text = read_config_text(path)?;
    match ConfigDocument::parse(&text) {
        Ok(document) => Ok(Some(document)),
        Err(error) => {
            if json {
                out.print_json(&json!({ "errors": error.errors }))?;
            } else {
                print_diagnostics(path, &text, &error.errors, &[], out)?;
            }
            Ok(None)
        }
    }
}

pub(crate) fn print_diagnostics(
    path: &Path,
    text: &str,
    errors: &[ConfigDiagnostic],
    warnings: &[ConfigDiagnostic],
    out: &mut CliOutput,
) -> Result<(), CliError> {
    let errors = errors.iter().map(|diagnostic| (diagnostic, "error", ERROR));
    let warnings = warnings.iter().map(|diagnostic| (diagnostic, "warning", WARNING));
    for (diagnostic, label, style) in errors.chain(warnings) {
        let (file, value) = (path.display(), &diagnostic.path);
        out.print_line(format_args!("{style}{label}{style:#}: {}", diagnostic.message))?;
        let Some(position) = diagnostic.position else {
            out.print_line(format_args!("  {FAINT}-->{FAINT:#} {file}: {value}"))?;
            out.print_line("")?;
            continue;
        };
        let (line, column) = (position.line, position.column);
        out.print_line(format_args!("  {FAINT}-->{FAINT:#} {file}:{line}:{column} {value}"))?;
        let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let source_line = text.lines().nth(index).filter(|source| source.chars().count() <= MAX_SOURCE_LINE);
        if let Some(source_line) = source_line {
            let gutter = line.to_string();
            let before = " ".repeat(usize::try_from(column).unwrap_or(1).saturating_sub(1));
            out.print_line(format_args!("{FAINT}{gutter:>5} |{FAINT:#} {source_line}"))?;
            out.print_line(format_args!("{FAINT}      |{FAINT:#} {before}{style}^{style:#}"))?;
        }
        out.print_line("")?;
    }
    Ok(())
}
