//! Tables with columns as wide as their content.

use anstyle::Style;

use crate::{
    error::CliError,
    output::{CliOutput, HEADER},
};

/// Spaces between two columns.
const GAP: &str = "  ";

pub(crate) struct TextTable {
    indent: usize,
    header: Vec<String>,
    rows: Vec<Vec<TableCell>>,
}

pub(crate) struct TableCell {
    text: String,
    style: Style,
}

impl TableCell {
    pub fn with_style(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self::with_style(text, Style::new())
    }
}

impl TextTable {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { indent: 0, header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub fn with_indent(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    pub fn add_row<const N: usize>(&mut self, cells: [TableCell; N]) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints the rows under their header. The last column is not padded; empty columns are
    /// omitted.
    pub fn print_to(&self, out: &mut CliOutput) -> Result<(), CliError> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].text.chars().count());
            cells.max().filter(|width| *width > 0).map(|width| width.max(self.header[column].chars().count()))
        };
        let columns: Vec<_> = (0..self.header.len()).filter_map(|column| Some((column, width(column)?))).collect();
        let header = columns.iter().map(|(column, width)| (self.header[*column].as_str(), HEADER, *width));
        out.print_line(self.format_row(header))?;
        for row in &self.rows {
            let cells = columns.iter().map(|(column, width)| (row[*column].text.as_str(), row[*column].style, *width));
            out.print_line(self.format_row(cells))?;
        }
        Ok(())
    }

    fn format_row<'a>(&self, cells: impl Iterator<Item = (&'a str, Style, usize)>) -> String {
        let mut line = " ".repeat(self.indent);
        let mut padding = 0;
        for (text, style, width) in cells {
            // Padding is written before the next cell, so that no line ends with spaces.
            if !text.is_empty() {
                line.push_str(&" ".repeat(padding));
                line.extend([style.render().to_string().as_str(), text, style.render_reset().to_string().as_str()]);
                padding = 0;
            }
            padding += width.saturating_sub(text.chars().count()) + GAP.len();
        }
        line
    }
}
