//! The terminal's output streams, and the colors, which are used on a terminal only.

use std::{env, fmt, io, io::Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use console::Term;
use serde::Serialize;

use crate::{args::ColorWhen, error::CliError};

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

/// Sets for both streams whether colors are printed.
pub(crate) fn choose_colors(when: ColorWhen) {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let choice = match when {
        ColorWhen::Always => ColorChoice::Always,
        ColorWhen::Never => ColorChoice::Never,
        ColorWhen::Auto if is_set("FORCE_COLOR") && !is_set("NO_COLOR") => ColorChoice::Always,
        ColorWhen::Auto => ColorChoice::Auto,
    };
    choice.write_global();
}

/// The width of the terminal, or the one that the environment sets; `None` if the output goes
/// elsewhere.
fn find_width() -> Option<usize> {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    columns.or_else(|| Term::stdout().size_checked().map(|(_, columns)| columns.into()))
}

pub(crate) struct CliOutput {
    stream: Box<dyn Write>,
    width: Option<usize>,
}

impl CliOutput {
    pub fn stdout() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stdout())), width: find_width() }
    }

    pub fn stderr() -> Self {
        Self { stream: Box::new(AutoStream::auto(io::stderr())), width: None }
    }

    /// The number of characters that fit in a line; `None` for any number.
    pub fn width(&self) -> Option<usize> {
        self.width
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
