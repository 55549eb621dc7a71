//! Problems that block compilation, and warnings that do not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One reason why a model cannot be compiled, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Problem {
    /// A stable identifier for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What is wrong, with the offending value.
    pub problem: String,
    /// How to fix it.
    pub remedy: String,
}

impl Problem {
    pub fn new(code: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Something worth knowing that does not block compilation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Warning {
    /// A stable identifier for programs, in kebab case.
    pub code: Cow<'static, str>,
    /// What was found and what it may cause.
    pub warning: String,
}

impl Warning {
    pub fn new(code: &'static str, warning: impl Into<String>) -> Self {
        Self { code: code.into(), warning: warning.into() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.warning)
    }
}

/// Problems that are stored and published; the rest are only counted. With texts of at most
/// [`MAX_PROBLEM_TEXT`] characters, they fit into a ledger row (400 KB) and a notification
/// (256 KiB).
const MAX_PROBLEMS: usize = 20;

/// Longest text of a problem that is stored or published, in characters.
const MAX_PROBLEM_TEXT: usize = 1000;

/// The code of the entry that counts the problems that are not listed.
const MORE: &str = "more";

/// Keeps the first problems, shortens their texts, and counts the others in a last entry. A list
/// that was limited before is unchanged.
pub fn limit_problems(problems: &[Problem]) -> Vec<Problem> {
    let is_limited = problems.len() == MAX_PROBLEMS + 1 && problems.last().is_some_and(|last| last.code == MORE);
    let most = if is_limited { MAX_PROBLEMS + 1 } else { MAX_PROBLEMS };
    let mut kept: Vec<_> = problems
        .iter()
        .take(most)
        .map(|problem| Problem {
            code: problem.code.clone(),
            problem: shorten_text(&problem.problem, MAX_PROBLEM_TEXT),
            remedy: shorten_text(&problem.remedy, MAX_PROBLEM_TEXT),
        })
        .collect();
    if problems.len() > most {
        let more = format!("{} more problems are not listed", problems.len() - most);
        kept.push(Problem::new(MORE, more, "fix these first and upload the archive again"));
    }
    kept
}

/// Warnings that are stored and published; the rest are only counted.
const MAX_WARNINGS: usize = 10;

/// Total length of the texts of warnings that are stored and published, in bytes: ten requests,
/// each with its warnings, fit into one `SendMessageBatch` (256 KiB).
const MAX_WARNING_BYTES: usize = 6 * 1024;

/// Keeps the first warnings, shortens their texts, and counts the others in a last entry. A list
/// that was limited before is unchanged.
pub fn limit_warnings(warnings: &[Warning]) -> Vec<Warning> {
    let (listed, counted) = match warnings {
        [listed @ .., last] if last.code == MORE => (listed, Some(last)),
        all => (all, None),
    };
    let mut bytes = 0;
    let fitting = listed.iter().take(MAX_WARNINGS).map(|warning| Warning {
        code: warning.code.clone(),
        warning: shorten_text(&warning.warning, MAX_PROBLEM_TEXT),
    });
    let mut kept: Vec<_> = fitting
        .take_while(|warning| {
            bytes += warning.warning.len();
            bytes <= MAX_WARNING_BYTES
        })
        .collect();
    let more = listed.len() - kept.len();
    if more > 0 {
        kept.push(Warning::new(MORE, format!("{more} more warnings are shown by `automation plan`")));
    } else {
        kept.extend(counted.cloned());
    }
    kept
}

/// Cuts the middle out of a text that is longer than this many characters: its end often says what
/// to do.
pub fn shorten_text(text: &str, max_characters: usize) -> String {
    let Some(kept) = max_characters.checked_sub(1).filter(|_| text.chars().nth(max_characters).is_some()) else {
        return text.to_owned();
    };
    let start = text.chars().take(kept - kept / 2);
    let end: Vec<_> = text.chars().rev().take(kept / 2).collect();
    start.chain(['…']).chain(end.into_iter().rev()).collect()
}

/// Longest name that is shown in full, in characters.
const MAX_SHOWN: usize = 200;

/// Formats a name from a file for use in a sentence: in backticks, on one line.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", shorten_name(name))
}

/// Whether a character ends a line, or changes the direction of those after it.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name from a file on one line, without the end of a long one.
pub fn shorten_name(name: &str) -> Cow<'_, str> {
    let cut = name.char_indices().nth(MAX_SHOWN).map(|(end, _)| &name[..end]);
    match (cut, cut.unwrap_or(name).contains(breaks_line)) {
        (None, false) => name.into(),
        (None, true) => name.escape_debug().to_string().into(),
        (Some(cut), false) => format!("{cut}…").into(),
        (Some(cut), true) => format!("{}…", cut.escape_debug()).into(),
    }
}

/// Names that a sentence lists; the rest are only counted.
pub(crate) const MAX_LISTED: usize = 5;

/// Names for a sentence, of which only the first are kept.
#[derive(Debug, Default)]
pub(crate) struct QuotedNames {
    names: Vec<String>,
    len: u64,
}

impl QuotedNames {
    pub fn push(&mut self, name: &str) {
        self.len += 1;
        if self.names.len() < MAX_LISTED {
            self.names.push(quote_name(name));
        }
    }

    /// The first of `total` names.
    pub fn with_total<'n>(first: impl IntoIterator<Item = &'n str>, total: u64) -> Self {
        let mut names = Self::default();
        first.into_iter().for_each(|name| names.push(name));
        names.len = total;
        names
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl std::fmt::Display for QuotedNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match self.len - self.names.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_limited_once() {
        let long = format!("dimension 0 of `{}` is dynamic", "é".repeat(64 * 1024));
        let problems: Vec<_> = (0..2000).map(|n| Problem::new("open", format!("{n} {long}"), long.clone())).collect();
        let limited = limit_problems(&problems);
        assert_eq!(limited.len(), MAX_PROBLEMS + 1);
        assert_eq!(limited[MAX_PROBLEMS].problem, "1980 more problems are not listed");
        assert!(limited[19].problem.starts_with("19 dimension 0") && limited[19].problem.ends_with("is dynamic"));
        assert!(limited.iter().all(|problem| problem.problem.chars().count() <= MAX_PROBLEM_TEXT));
        assert_eq!(limit_problems(&limited), limited);
        assert_eq!(limit_problems(&problems[..1])[0].code, "open");
    }

    #[test]
    fn warnings_are_limited_in_number_and_size() {
        let warnings = |count: usize, text: &str| vec![Warning::new("w", text); count];
        assert_eq!(limit_warnings(&warnings(10, "short")), warnings(10, "short"));
        for (all, kept) in [(warnings(1000, "short"), 10), (warnings(1000, &"é".repeat(64 * 1024)), 3)] {
            let limited = limit_warnings(&all);
            assert_eq!(limited.len(), kept + 1);
            assert_eq!(limited[kept].code, "more");
            assert_eq!(limited[kept].warning, format!("{} more warnings are shown by `automation plan`", 1000 - kept));
            assert!(limited.iter().map(|warning| warning.warning.len()).sum::<usize>() < MAX_WARNING_BYTES + 100);
            assert_eq!(limit_warnings(&limited), limited);
        }
    }

    #[test]
    fn names_stay_on_one_line() {
        for (name, quoted) in [
            ("a b", "`a b`"),
            ("a\nb", "`a\\nb`"),
            ("a\u{2028}b\u{2029}c", "`a\\u{2028}b\\u{2029}c`"),
            ("xnno.\u{202e}b", "`xnno.\\u{202e}b`"),
        ] {
            assert_eq!(quote_name(name), quoted);
        }
    }

    #[test]
    fn texts_keep_their_start_and_end() {
        for (max, shortened) in [(0, "abcdefg"), (1, "…"), (2, "a…"), (5, "ab…fg"), (6, "abc…fg"), (7, "abcdefg")]
        {
            assert_eq!(shorten_text("abcdefg", max), shortened, "{max}");
        }
    }
}
