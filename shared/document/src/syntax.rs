//! Explains why a text is not a YAML document, in terms of the text: the parser speaks of tokens
//! and of its own limits.

use serde_saphyr::{
    Error, ExternalMessageSource, Location,
    budget::BudgetBreach,
    granit_parser::{ErrorKind, ScanError},
};

use crate::{ConfigDiagnostic, Position, node::MAX_DEPTH};

/// Characters that begin something else than plain text, so that a value which starts with one
/// needs quotes.
const INDICATORS: [char; 11] = ['*', '&', '!', '%', '@', '`', '[', ']', '{', '}', '|'];

/// The most values that a document may have: the default of the parser.
const MAX_VALUES: &str = "250,000";

/// Describes a parser error.
pub(crate) fn diagnose_syntax_error(error: &Error, text: &str) -> ConfigDiagnostic {
    let error = error.without_snippet();
    let position = error.location().map(|at| to_position(&at));
    let source = SourceText { text, position };
    ConfigDiagnostic::new("", position, describe_error(error, &source))
}

fn to_position(at: &Location) -> Position {
    Position { line: at.line(), column: at.column() }
}

fn describe_error(error: &Error, source: &SourceText<'_>) -> String {
    match error {
        Error::ExternalMessage { source: parser, .. } => match parser.as_ref() {
            ExternalMessageSource::Parser(error) => describe_scan_error(error, source),
            _ => source.describe_unreadable(),
        },
        Error::AliasError { error, .. } => describe_error(error, source),
        Error::Eof { .. } => "expected a document, found an empty file; start it with version: 1".to_owned(),
        Error::MultipleDocuments { .. } => {
            "expected one YAML document, found two; remove the second `---` and merge what follows it".to_owned()
        }
        Error::UnknownAnchor { .. } => source.describe_unknown_alias(),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "expected a map, or a list of maps, after `<<`; refer to a map with *its-anchor".to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "expected an alias to a value defined before, found an alias inside its own value; remove it".to_owned()
        }
        Error::UnsupportedTag { tag, .. } => {
            format!("expected a value without a YAML tag, found `{tag}`; remove the tag")
        }
        Error::NonFiniteFloat { value, .. } => {
            format!("expected a finite number, found `{value}`; put it in quotes if it is text")
        }
        Error::Budget { breach, .. } => describe_breach(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => describe_aliases(),
        _ => source.describe_unreadable(),
    }
}

fn describe_breach(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => {
            format!("the document is nested too deeply: expected at most {MAX_DEPTH} levels; check the brackets")
        }
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => describe_aliases(),
        _ => format!("the document is too large: expected at most {MAX_VALUES} keys and values; remove some"),
    }
}

fn describe_aliases() -> String {
    "the document uses too many anchors and aliases; write the values out".to_owned()
}

fn describe_scan_error(error: &ScanError, source: &SourceText<'_>) -> String {
    match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            "expected spaces, found a tab; indent with spaces".to_owned()
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            let close = if *open == '[' { ']' } else { '}' };
            format!("expected `{close}`, found the end of the document; close this `{open}`")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let expected = if *open == '[' { ']' } else { '}' };
            format!("expected `{expected}`, found `{close}`; it closes a `{open}`")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            "expected a closing quotation mark; close the quotes of this text".to_owned()
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "expected nothing more, or a comma, after the closing quotation mark; put the whole value in one pair of quotes, or add the comma".to_owned()
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => {
            "expected an escape sequence such as \\n after the backslash; use single quotes for text with backslashes"
                .to_owned()
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            source.suggest_quotes().unwrap_or_else(|| "expected `,` or `}` in this map; check its brackets".to_owned())
        }
        ErrorKind::ExpectedFlowSequenceSeparator => {
            source.suggest_quotes().unwrap_or_else(|| "expected `,` or `]` in this list; check its brackets".to_owned())
        }
        ErrorKind::MissingAnchorOrAliasName | ErrorKind::UnexpectedCharacter { .. } => {
            source.suggest_quotes().unwrap_or_else(|| source.describe_unreadable())
        }
        ErrorKind::RecursionLimitExceeded => describe_breach(&BudgetBreach::Depth { depth: 0 }),
        _ => source.describe_unreadable(),
    }
}

/// The text of a document and the position of an error in it.
struct SourceText<'a> {
    text: &'a str,
    position: Option<Position>,
}

impl SourceText<'_> {
    /// The line of the error, without its comment.
    fn line(&self) -> Option<&str> {
        let index = usize::try_from(self.position?.line).ok()?.checked_sub(1)?;
        self.text.lines().nth(index).map(strip_comment)
    }

    fn describe_unknown_alias(&self) -> String {
        if let Some(quoted) = self.suggest_quotes() {
            return quoted;
        }
        let alias = self.line().and_then(|line| line.split_whitespace().find(|word| word.starts_with('*')));
        let alias = alias.unwrap_or("*").trim_end_matches([',', ']', '}']);
        let name = alias.trim_start_matches('*');
        format!("expected an anchor `&{name}` above this alias, found none; define it, or put \"{alias}\" in quotes")
    }

    /// What to write if the value of the line begins like something else than text.
    fn suggest_quotes(&self) -> Option<String> {
        let line = self.line()?;
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim().trim_start_matches("- ");
        let first = value.chars().next().filter(|first| INDICATORS.contains(first))?;
        let is_pattern = value.contains(['*', '/']) && !value.contains(['"', '\'']) && !value.contains(": ");
        if first == '*' {
            let is_alias = value.chars().skip(1).all(|c| c.is_alphanumeric() || "_-".contains(c));
            return (!is_alias || value.len() == 1)
                .then(|| format!("put the pattern in quotes: \"{value}\" (an unquoted * is a YAML alias)"));
        }
        if is_pattern && !value.starts_with("[ ") && !value.starts_with("{ ") {
            return Some(format!("put the pattern in quotes: \"{value}\" (an unquoted {first} is not text in YAML)"));
        }
        matches!(first, '@' | '`' | '%')
            .then(|| format!("put the text in quotes: \"{value}\" (text cannot start with {first})"))
    }

    /// The most frequent cause first: a line that is indented like none of the lines it belongs to.
    fn describe_unreadable(&self) -> String {
        if let Some((column, expected)) = self.find_indentation() {
            return format!("indentation: this line starts at column {column}, its siblings at column {expected}");
        }
        if let Some(quoted) = self.suggest_quotes() {
            return quoted;
        }
        let is_word = |line: &str| !line.is_empty() && line.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        match self.line() {
            Some(line) if is_word(line.trim()) => {
                let word = line.trim();
                format!("expected a key and its value, found `{word}`; write {word}: and the value")
            }
            Some(line) if line.matches(": ").count() > 1 && !line.contains('{') => {
                "expected one `key: value` per line; put a value that contains a colon in quotes".to_owned()
            }
            _ => "expected a key, a value or a list item; check the brackets, quotes and colons here".to_owned(),
        }
    }

    /// The column at which the line of the error starts and the one at which it should; `None` if
    /// its indentation is that of an open map or list.
    fn find_indentation(&self) -> Option<(usize, usize)> {
        let last = usize::try_from(self.position?.line).ok()?;
        let mut open: Vec<usize> = Vec::new();
        for (index, line) in self.text.lines().enumerate().take(last) {
            let line = strip_comment(line);
            let content = line.trim_start();
            let column = line.len() - content.len() + 1;
            if content.is_empty() {
                continue;
            }
            if index + 1 == last {
                // Of two that are equally near, the inner one.
                let nearest = open.iter().rev().copied().min_by_key(|known| known.abs_diff(column));
                return nearest.filter(|known| *known != column).map(|known| (column, known));
            }
            open.retain(|known| *known <= column);
            for nested in nested_columns(content, column) {
                if !open.contains(&nested) {
                    open.push(nested);
                }
            }
        }
        None
    }
}

/// The columns at which the list items and the key of a line start.
fn nested_columns(content: &str, column: usize) -> Vec<usize> {
    let mut columns = vec![column];
    let (mut rest, mut at) = (content, column);
    while let Some(item) = rest.strip_prefix("- ") {
        let content = item.trim_start();
        at += rest.len() - content.len();
        columns.push(at);
        rest = content;
    }
    columns
}

fn strip_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(before, _)| before).trim_end()
}
