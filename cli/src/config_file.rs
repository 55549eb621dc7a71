//! Reads configuration files, and prints their errors and warnings below the lines they are in.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use configuration::ConfigDocument;
use document::{ConfigDiagnostic, ConfigError, decode_text};
use serde_json::json;

use crate::{
    error::CliError,
    output::{CliOutput, ERROR, FAINT, WARNING},
};

/// Longest line of a document that is printed, in characters.
const MAX_SOURCE_LINE: usize = 160;

/// A configuration file and what is in it.
pub(crate) struct ConfigFile {
    /// To show the lines of errors; empty unless it is UTF-8.
    pub text: String,
    pub document: Result<ConfigDocument, ConfigError>,
}

impl ConfigFile {
    /// Reads a configuration; `-` is standard input.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            io::stdin().read_to_end(&mut bytes)
        } else {
            File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
        };
        read.map_err(|source| CliError::Read { path: path.to_owned(), source })?;
        let document = decode_text(&bytes).and_then(ConfigDocument::parse);
        Ok(Self { text: String::from_utf8(bytes).unwrap_or_default(), document })
    }
}

/// Reads a valid configuration; `None` if it is not valid, after printing its errors.
pub(crate) fn load_config(path: &Path, json: bool, out: &mut CliOutput) -> Result<Option<ConfigDocument>, CliError> {
    let ConfigFile { text, document } = ConfigFile::read(path)?;
    match document {
        Ok(document) => Ok(Some(document)),
        Err(error) => {
            report_errors(path, &text, &error.errors, json, out)?;
            Ok(None)
        }
    }
}

/// Prints the errors for which a command does not use a configuration.
pub(crate) fn report_errors(
    path: &Path,
    text: &str,
    errors: &[ConfigDiagnostic],
    json: bool,
    out: &mut CliOutput,
) -> Result<(), CliError> {
    if json { out.print_json(&json!({ "errors": errors })) } else { print_diagnostics(path, text, errors, &[], out) }
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
        let fix = format_args!("  Fix: {}", diagnostic.fix);
        let Some(position) = diagnostic.position else {
            out.print_line(format_args!("  {FAINT}-->{FAINT:#} {file}: {value}"))?;
            out.print_line(fix)?;
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
        out.print_line(fix)?;
        out.print_line("")?;
    }
    Ok(())
}
