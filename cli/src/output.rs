//! Where commands write, and in which colours: none unless it is a terminal.

use std::{borrow::Cow, fmt, io, io::Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::CliError;

pub(crate) const HEADER: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What a plan adds and removes.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// A name from elsewhere on one line: it may hold line ends, or what a terminal takes for commands.
pub(crate) fn printable(name: &str) -> Cow<'_, str> {
    if name.contains(char::is_control) { name.escape_debug().to_string().into() } else { name.into() }
}

pub(crate) struct Output {
    stream: Box<dyn Write>,
}

impl Output {
    pub fn stdout() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stdout())) }
    }

    pub fn stderr() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stderr())) }
    }

    pub fn line(&mut self, line: impl fmt::Display) -> Result<(), CliError> {
        Ok(writeln!(self.stream, "{line}")?)
    }

    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(text)
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        Ok(self.stream.write_all(bytes)?)
    }
}
