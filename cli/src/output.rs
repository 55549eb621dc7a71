//! The terminal's output streams, and the colors, which are used on a terminal only.

use std::{fmt, io, io::Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::CliError;

pub(crate) const HEADER: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What a plan adds.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
/// What a plan removes.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Formats a count with its noun, such as `1 rule` or `2 rules`.
pub(crate) fn format_count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub(crate) struct CliOutput {
    stream: Box<dyn Write>,
}

impl CliOutput {
    pub fn stdout() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stdout())) }
    }

    pub fn stderr() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stderr())) }
    }

    pub fn print_line(&mut self, line: impl fmt::Display) -> Result<(), CliError> {
        Ok(writeln!(self.stream, "{line}")?)
    }

    pub fn print_json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)?;
        self.print_line(text)
    }

    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        Ok(self.stream.write_all(bytes)?)
    }
}
