//! Tables whose columns are as wide as their content, or as the terminal allows.

use anstyle::Style;
use document::escape_line;

use crate::{
    error::CliError,
    output::{CliOutput, FAINT, HEADER},
};

/// Spaces between two columns.
const GAP: usize = 2;

/// The narrowest column that text is wrapped in, in characters.
const MIN_WIDTH: usize = 12;

pub(crate) struct TextTable {
    indent: usize,
    /// Number of the last columns that are printed below their row if the terminal is too narrow.
    details: usize,
    has_header: bool,
    header: Vec<String>,
    rows: Vec<Vec<TableCell>>,
}

pub(crate) struct TableCell {
    text: String,
    style: Style,
}

impl TableCell {
    /// Object keys and reasons of failures come from others: they are shown on one line.
    pub fn with_style(text: impl Into<String>, style: Style) -> Self {
        Self { text: escape_line(&text.into()).into_owned(), style }
    }
}

impl<T: Into<String>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self::with_style(text, Style::new())
    }
}

/// A column that is printed: its index and its width.
type Column = (usize, usize);

impl TextTable {
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { indent: 0, details: 0, has_header: true, header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// A table of labels and texts.
    pub fn with_labels() -> Self {
        Self { has_header: false, ..Self::new(["", ""]) }
    }

    pub fn with_indent(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// Prints the last columns below their row, each with its header, if the table is wider than
    /// the terminal: long names and URIs stay in one piece.
    pub fn with_details(self, details: usize) -> Self {
        Self { details, ..self }
    }

    pub fn add_row<const N: usize>(&mut self, cells: [TableCell; N]) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints the rows under their header. The last column is not padded; empty columns are
    /// omitted. If the terminal is narrower, text continues in the next line: nothing is cut.
    pub fn print_to(&self, out: &mut CliOutput) -> Result<(), CliError> {
        for line in self.format_lines(out.width()) {
            out.print_line(line)?;
        }
        Ok(())
    }

    fn format_lines(&self, width: Option<usize>) -> Vec<String> {
        let mut columns = self.find_columns();
        let mut first_detail = self.header.len();
        if let Some(width) = width.filter(|width| self.measure_line(&columns) > *width) {
            first_detail -= self.details;
            columns.retain(|(column, _)| *column < first_detail);
            self.narrow_columns(&mut columns, width);
        }
        let header: Vec<_> = self.header.iter().map(|text| TableCell::with_style(text.as_str(), HEADER)).collect();
        let mut lines = if self.has_header { self.format_row(&header, &columns) } else { Vec::new() };
        for row in &self.rows {
            lines.extend(self.format_row(row, &columns));
            lines.extend(self.format_details(row, first_detail, width.unwrap_or(usize::MAX)));
        }
        lines
    }

    /// The columns with content, as wide as it.
    fn find_columns(&self) -> Vec<Column> {
        let natural = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].text.chars().count());
            cells.max().filter(|width| *width > 0).map(|width| width.max(self.header[column].chars().count()))
        };
        (0..self.header.len()).filter_map(|column| Some((column, natural(column)?))).collect()
    }

    fn measure_line(&self, columns: &[Column]) -> usize {
        let text: usize = columns.iter().map(|(_, width)| width).sum();
        self.indent + text + GAP * columns.len().saturating_sub(1)
    }

    /// Narrows the widest columns until a line fits.
    fn narrow_columns(&self, columns: &mut [Column], width: usize) {
        while self.measure_line(columns) > width {
            let Some((_, widest)) = columns.iter_mut().max_by_key(|(_, width)| *width).filter(|(_, w)| *w > MIN_WIDTH)
            else {
                break;
            };
            *widest -= 1;
        }
    }

    /// The lines below a row: words are never broken, so that they can be copied.
    fn format_details(&self, row: &[TableCell], first: usize, width: usize) -> Vec<String> {
        let details = || self.header.iter().zip(row).skip(first).filter(|(_, cell)| !cell.text.is_empty());
        let label = details().map(|(header, _)| header.chars().count()).max().unwrap_or_default();
        let indent = self.indent + GAP + label + GAP;
        let mut lines = Vec::new();
        for (header, cell) in details() {
            let longest = cell.text.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
            for (index, text) in wrap_text(&cell.text, longest.max(width.saturating_sub(indent))).iter().enumerate() {
                let header = if index == 0 { header.as_str() } else { "" };
                let (before, after) = (" ".repeat(self.indent + GAP), " ".repeat(GAP));
                let (start, end) = (cell.style.render(), cell.style.render_reset());
                lines.push(format!("{before}{FAINT}{header:<label$}{FAINT:#}{after}{start}{text}{end}"));
            }
        }
        lines
    }

    /// The lines of one row.
    fn format_row(&self, row: &[TableCell], columns: &[Column]) -> Vec<String> {
        let cells: Vec<_> = columns
            .iter()
            .map(|(column, width)| (&row[*column], wrap_text(&row[*column].text, *width), *width))
            .collect();
        let height = cells.iter().map(|(_, lines, _)| lines.len()).max().unwrap_or_default();
        (0..height)
            .map(|index| {
                let mut line = " ".repeat(self.indent);
                let mut padding = 0;
                for (cell, lines, width) in &cells {
                    let text = lines.get(index).map_or("", String::as_str);
                    // Padding is written before the next cell, so that no line ends with spaces.
                    if !text.is_empty() {
                        line.push_str(&" ".repeat(padding));
                        let (start, end) = (cell.style.render().to_string(), cell.style.render_reset().to_string());
                        line.extend([start.as_str(), text, end.as_str()]);
                        padding = 0;
                    }
                    padding += width.saturating_sub(text.chars().count()) + GAP;
                }
                line
            })
            .collect()
    }
}

/// Breaks a text into lines of at most this many characters: between words, and inside a word only
/// if it is longer than a line.
pub(crate) fn wrap_text(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let space = usize::from(used > 0);
        if used + space + length > width && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        let mut rest: Vec<char> = word.chars().collect();
        while used == 0 && rest.len() > width {
            let tail = rest.split_off(width);
            lines.push(String::new());
            let last = lines.len() - 2;
            lines[last].extend(rest);
            rest = tail;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            used += rest.len();
            line.extend(rest);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable {
        let mut table = TextTable::new(["job", "state", "cause", "note"]);
        table.add_row([
            "resnet-ml-c5-lxbs4xnt6bqcgpq6".into(),
            "FAILED".into(),
            "AccessDenied: arn:aws:sts::123456789012:assumed-role/neo is not authorized to perform kms:Decrypt".into(),
            "".into(),
        ]);
        table
    }

    #[test]
    fn tables_are_as_wide_as_their_content() {
        let lines = table().format_lines(None);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("kms:Decrypt") && !lines[0].contains("note"), "{lines:?}");
    }

    #[test]
    fn a_narrow_terminal_wraps_and_cuts_nothing() {
        for width in [40, 60, 80] {
            let table = table();
            let lines: Vec<_> = table
                .format_lines(Some(width))
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string())
                .collect();
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            let shown: String = lines.concat().split_whitespace().collect();
            for word in table.rows[0][2].text.split_whitespace().filter(|word| word.len() < MIN_WIDTH) {
                assert!(shown.contains(word), "{word} {lines:?}");
            }
        }
    }

    #[test]
    fn details_are_below_their_row_and_in_one_piece() {
        let format = |width| {
            let lines = table().with_details(3).format_lines(Some(width));
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(format(60), @r"
        job
        resnet-ml-c5-lxbs4xnt6bqcgpq6
          state  FAILED
          cause  AccessDenied:
                 arn:aws:sts::123456789012:assumed-role/neo is not
                 authorized to perform kms:Decrypt
        ");
        assert_eq!(format(200).lines().count(), 2, "a wide terminal has room for all columns");
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap_text("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_text("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap_text("a abcdefgh", 4), ["a", "abcd", "efgh"]);
        assert_eq!(wrap_text("", 4), [""]);
    }
}
