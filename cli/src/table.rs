//! Columns as wide as what is in them.

use anstyle::Style;

use crate::{
    error::CliError,
    output::{HEADER, Output},
};

/// Between two columns.
const GAP: &str = "  ";

pub(crate) struct Table {
    indent: usize,
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

impl Table {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { indent: 0, header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes the rows under their header. The last column runs on; empty columns are left out.
    pub fn write(&self, out: &mut Output) -> Result<(), CliError> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].text.chars().count());
            cells.max().filter(|width| *width > 0).map(|width| width.max(self.header[column].chars().count()))
        };
        let columns: Vec<_> = (0..self.header.len()).filter_map(|column| Some((column, width(column)?))).collect();
        let header = columns.iter().map(|(column, width)| (self.header[*column].as_str(), HEADER, *width));
        out.line(self.joined(header))?;
        for row in &self.rows {
            let cells = columns.iter().map(|(column, width)| (row[*column].text.as_str(), row[*column].style, *width));
            out.line(self.joined(cells))?;
        }
        Ok(())
    }

    fn joined<'a>(&self, cells: impl Iterator<Item = (&'a str, Style, usize)>) -> String {
        let mut line = " ".repeat(self.indent);
        let mut owed = 0;
        for (text, style, width) in cells {
            // Blanks are written before the next cell, so that no line ends with them.
            if !text.is_empty() {
                line.push_str(&" ".repeat(owed));
                line.extend([style.render().to_string().as_str(), text, style.render_reset().to_string().as_str()]);
                owed = 0;
            }
            owed += width.saturating_sub(text.chars().count()) + GAP.len();
        }
        line
    }
}
