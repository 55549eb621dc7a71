//! Explains why a text is not a YAML document, in terms of the text: the parser speaks of tokens
//! and of its own limits.

use serde_saphyr::{
    Error, ExternalMessageSource, Location,
    budget::BudgetBreach,
    granit_parser::{ErrorKind, ScanError},
};

use crate::{ConfigDiagnostic, ConfigFinding, Position, node::MAX_DEPTH};

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

/// The error of a document without a value.
pub(crate) fn describe_empty_file() -> ConfigFinding {
    ConfigFinding::new("expected a document, found an empty file", "start it with version: 1")
}

fn describe_error(error: &Error, source: &SourceText<'_>) -> ConfigFinding {
    match error {
        Error::ExternalMessage { source: parser, .. } => match parser.as_ref() {
            ExternalMessageSource::Parser(error) => describe_scan_error(error, source),
            _ => source.describe_unreadable(),
        },
        Error::AliasError { error, .. } => describe_error(error, source),
        Error::Eof { .. } => describe_empty_file(),
        Error::MultipleDocuments { .. } => ConfigFinding::new(
            "expected one YAML document, found two",
            "remove the second `---` and merge what follows it",
        ),
        Error::UnknownAnchor { .. } => source.describe_unknown_alias(),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            ConfigFinding::new("expected a map, or a list of maps, after `<<`", "refer to a map with *its-anchor")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => ConfigFinding::new(
            "expected an alias to a value defined before, found an alias inside its own value",
            "remove it",
        ),
        Error::UnsupportedTag { .. } | Error::NonFiniteFloat { .. } if source.is_secret() => describe_secret(),
        Error::UnsupportedTag { tag, .. } => {
            ConfigFinding::new(format!("expected a value without a YAML tag, found `{tag}`"), "remove the tag")
        }
        Error::NonFiniteFloat { value, .. } => {
            ConfigFinding::new(format!("expected a finite number, found `{value}`"), "put it in quotes if it is text")
        }
        Error::Budget { breach, .. } => describe_breach(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => describe_aliases(),
        _ => source.describe_unreadable(),
    }
}

/// The error of a value that can be a credential, which is not shown.
fn describe_secret() -> ConfigFinding {
    ConfigFinding::new("expected text for the arguments of the app, found something else", "put each value in quotes")
}

fn describe_breach(breach: &BudgetBreach) -> ConfigFinding {
    match breach {
        BudgetBreach::Depth { .. } => ConfigFinding::new(
            format!("the document is nested too deeply: expected at most {MAX_DEPTH} levels"),
            "check the brackets",
        ),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => describe_aliases(),
        _ => ConfigFinding::new(
            format!("the document is too large: expected at most {MAX_VALUES} keys and values"),
            "remove some",
        ),
    }
}

fn describe_aliases() -> ConfigFinding {
    ConfigFinding::new("the document uses too many anchors and aliases", "write the values out")
}

fn describe_scan_error(error: &ScanError, source: &SourceText<'_>) -> ConfigFinding {
    match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            ConfigFinding::new("expected spaces, found a tab", "indent with spaces")
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            let close = if *open == '[' { ']' } else { '}' };
            let message = format!("expected `{close}`, found the end of the document");
            ConfigFinding::new(message, format!("close this `{open}` with a `{close}`"))
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let expected = if *open == '[' { ']' } else { '}' };
            let message = format!("expected `{expected}`, found `{close}`: it closes a `{open}`");
            ConfigFinding::new(message, format!("write `{expected}`"))
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ConfigFinding::new("expected a closing quotation mark", "close the quotes of this text")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ConfigFinding::new(
                "expected nothing more, or a comma, after the closing quotation mark",
                "put the whole value in one pair of quotes, or add the comma",
            )
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => ConfigFinding::new(
            "expected an escape sequence such as \\n after the backslash",
            "use single quotes for text with backslashes",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => source
            .suggest_quotes()
            .unwrap_or_else(|| ConfigFinding::new("expected `,` or `}` in this map", "check its brackets")),
        ErrorKind::ExpectedFlowSequenceSeparator => source
            .suggest_quotes()
            .unwrap_or_else(|| ConfigFinding::new("expected `,` or `]` in this list", "check its brackets")),
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

    /// Whether the line of the error, or a line that it is nested in, is about the arguments of an
    /// app: their values can be credentials, and errors are published.
    fn is_secret(&self) -> bool {
        let last = self.position.and_then(|position| usize::try_from(position.line).ok()).unwrap_or_default();
        let lines: Vec<_> = self.text.lines().take(last).filter(|line| !line.trim().is_empty()).collect();
        let mut indentation = usize::MAX;
        lines.iter().rev().any(|line| {
            let own = line.len() - line.trim_start().len();
            // A line that is indented wrongly can be a sibling of the one that it belongs to.
            let is_outer = own <= indentation;
            indentation = indentation.min(own);
            is_outer && line.contains("arguments")
        })
    }

    fn describe_unknown_alias(&self) -> ConfigFinding {
        if let Some(quoted) = self.suggest_quotes() {
            return quoted;
        }
        let alias = self.line().and_then(|line| line.split_whitespace().find(|word| word.starts_with('*')));
        let alias = alias.unwrap_or("*").trim_end_matches([',', ']', '}']);
        let name = alias.trim_start_matches('*');
        ConfigFinding::new(
            format!("expected an anchor `&{name}` above this alias, found none"),
            format!("define it, or put \"{alias}\" in quotes"),
        )
    }

    /// What to write if the value of the line begins like something else than text.
    fn suggest_quotes(&self) -> Option<ConfigFinding> {
        if self.is_secret() {
            return Some(describe_secret());
        }
        let line = self.line()?;
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim().trim_start_matches("- ");
        let first = value.chars().next().filter(|first| INDICATORS.contains(first))?;
        let is_pattern = value.contains(['*', '/']) && !value.contains(['"', '\'']) && !value.contains(": ");
        if first == '*' {
            let is_alias = value.chars().skip(1).all(|c| c.is_alphanumeric() || "_-".contains(c));
            return (!is_alias || value.len() == 1).then(|| {
                ConfigFinding::new("an unquoted * is a YAML alias", format!("put the pattern in quotes: \"{value}\""))
            });
        }
        if is_pattern && !value.starts_with("[ ") && !value.starts_with("{ ") {
            let message = format!("an unquoted {first} is not text in YAML");
            return Some(ConfigFinding::new(message, format!("put the pattern in quotes: \"{value}\"")));
        }
        matches!(first, '@' | '`' | '%').then(|| {
            let message = format!("unquoted text cannot start with {first}");
            ConfigFinding::new(message, format!("put the text in quotes: \"{value}\""))
        })
    }

    /// The most frequent cause first: a line that is indented like none of the lines it belongs to.
    fn describe_unreadable(&self) -> ConfigFinding {
        if let Some((column, expected)) = self.find_indentation() {
            return ConfigFinding::new(
                format!("indentation: this line starts at column {column}, its siblings at column {expected}"),
                format!("start it at column {expected}"),
            );
        }
        if let Some(quoted) = self.suggest_quotes() {
            return quoted;
        }
        let is_word = |line: &str| !line.is_empty() && line.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        match self.line() {
            Some(line) if is_word(line.trim()) => {
                let word = line.trim();
                let message = format!("expected a key and its value, found `{word}`");
                ConfigFinding::new(message, format!("write {word}: and the value"))
            }
            Some(line) if line.matches(": ").count() > 1 && !line.contains('{') => {
                ConfigFinding::new("expected one `key: value` per line", "put a value that contains a colon in quotes")
            }
            _ => ConfigFinding::new(
                "expected a key, a value or a list item",
                "check the brackets, quotes and colons here",
            ),
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
