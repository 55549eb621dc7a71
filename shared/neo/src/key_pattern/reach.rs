//! Which keys of archives a pattern can match: for warnings about rules that never apply.

use document::ConfigFinding;

use super::KeyPattern;

/// What the key of an archive ends in.
const SUFFIX: &str = ".tar.gz";

/// More alternatives than a person writes: beyond it, nothing is claimed about a pattern.
const MAX_ALTERNATIVES: usize = 64;

/// A part of a pattern without alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`: any character of a name.
    AnyCharacter,
    /// `[…]`
    Class(String),
    /// `*`: any part of a name.
    AnyName,
    /// `**/`: any folders, or none.
    AnyFolders,
    /// `**` at the end: everything.
    Everything,
}

impl KeyPattern {
    /// Explains why no archive can match the pattern, and what to write instead; `None` if one can.
    pub(crate) fn explain_unreachable(&self) -> Option<ConfigFinding> {
        let pattern = self.as_str();
        if let Some(location) = pattern.strip_prefix("s3://") {
            let key = location.split_once('/').map_or("**/*.tar.gz", |(_, key)| key);
            let message = "expected a pattern for object keys, found an S3 URI, which matches no key";
            return Some(ConfigFinding::new(message, format!("write \"{key}\"")));
        }
        if let Some(key) = pattern.strip_prefix('/') {
            let message =
                format!("expected a pattern for object keys, which do not begin with a slash, found `{pattern}`");
            return Some(ConfigFinding::new(message, format!("write \"{key}\"")));
        }
        let alternatives = expand_alternatives(pattern)?;
        if alternatives.iter().any(|pattern| can_match_archive(&to_tokens(pattern))) {
            return None;
        }
        let folder = pattern.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let message =
            format!("expected a pattern for keys that end in {SUFFIX}, found `{pattern}`: what it matches is rejected");
        Some(ConfigFinding::new(message, format!("write, for example, \"{folder}*{SUFFIX}\"")))
    }

    /// Whether this pattern is known to match every archive that `other` matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (expand_alternatives(self.as_str()), expand_alternatives(other.as_str()))
        else {
            return self == other;
        };
        let own: Vec<_> = own.iter().map(|pattern| to_tokens(pattern)).collect();
        others.iter().all(|pattern| {
            let tokens = restrict_to_archives(to_tokens(pattern));
            own.iter().any(|own| is_covered(own, &tokens))
        })
    }
}

/// The patterns that `{a,b}` stands for; `None` if there are too many.
fn expand_alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut expanded = Vec::new();
    let mut pending = vec![pattern.to_owned()];
    while let Some(pattern) = pending.pop() {
        let Some((before, alternatives, after)) = split_alternatives(&pattern) else {
            expanded.push(pattern);
            continue;
        };
        pending.extend(alternatives.iter().map(|alternative| format!("{before}{alternative}{after}")));
        if pending.len() + expanded.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(expanded)
}

/// Splits a pattern at its first innermost `{…}`.
fn split_alternatives(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (mut open, mut commas) = (None, Vec::new());
    let mut in_class = false;
    let mut characters = pattern.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            ']' => in_class = false,
            _ if in_class => {}
            '[' => in_class = true,
            '{' => (open, commas) = (Some(index), Vec::new()),
            ',' if open.is_some() => commas.push(index),
            '}' => {
                let open = open?;
                let ends = commas.iter().copied().chain([index]);
                let starts = [open].into_iter().chain(commas.iter().copied());
                let alternatives = starts.zip(ends).map(|(start, end)| &pattern[start + 1..end]).collect();
                return Some((&pattern[..open], alternatives, &pattern[index + 1..]));
            }
            _ => {}
        }
    }
    None
}

fn to_tokens(pattern: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let starts_name = matches!(tokens.last(), None | Some(Token::Literal('/') | Token::AnyFolders));
        let (token, length) = match first {
            '*' if starts_name && rest == "**" => (Token::Everything, 2),
            '*' if starts_name && rest.starts_with("**/") => (Token::AnyFolders, 3),
            '*' => (Token::AnyName, 1),
            '?' => (Token::AnyCharacter, 1),
            '[' => {
                // A bracket in the first place is part of the class.
                let end = rest.char_indices().skip(2).find(|(_, character)| *character == ']');
                let end = end.map_or(rest.len(), |(index, _)| index + 1);
                (Token::Class(rest[..end].to_owned()), end)
            }
            '\\' => {
                let escaped = rest.chars().nth(1).unwrap_or('\\');
                (Token::Literal(escaped), 1 + escaped.len_utf8())
            }
            other => (Token::Literal(other), other.len_utf8()),
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Whether a key that ends in the suffix can match.
fn can_match_archive(tokens: &[Token]) -> bool {
    let literal = |token: &Token| match token {
        Token::Literal(character) => Some(*character),
        _ => None,
    };
    let tail: String = {
        let reversed: Vec<_> = tokens.iter().rev().map_while(literal).collect();
        reversed.into_iter().rev().collect()
    };
    match tokens.iter().rev().nth(tail.chars().count()) {
        Some(Token::AnyFolders) if tail.is_empty() => false,
        Some(_) => tail.ends_with(SUFFIX) || SUFFIX.ends_with(tail.as_str()),
        None => tail.ends_with(SUFFIX),
    }
}

/// Adds the suffix to a pattern that ends in a whole `*` or `**`, which only archives need to
/// match.
fn restrict_to_archives(mut tokens: Vec<Token>) -> Vec<Token> {
    let whole_name = match tokens.as_slice() {
        [.., Token::Everything] => vec![Token::AnyFolders, Token::AnyName],
        [Token::AnyName] | [.., Token::Literal('/') | Token::AnyFolders, Token::AnyName] => vec![Token::AnyName],
        _ => return tokens,
    };
    tokens.pop();
    tokens.extend(whole_name);
    tokens.extend(SUFFIX.chars().map(Token::Literal));
    tokens
}

/// Whether every text that matches `tokens` is known to match `pattern`.
fn is_covered(pattern: &[Token], tokens: &[Token]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return tokens.is_empty() };
    let next = tokens.first();
    let is_in_name = |token: &Token| !matches!(token, Token::Literal('/') | Token::AnyFolders | Token::Everything);
    match first {
        Token::Everything => true,
        Token::AnyFolders => {
            let is_folder_end = |token: &Token| matches!(token, Token::Literal('/') | Token::AnyFolders);
            let mut ends = (0..tokens.len()).filter(|index| is_folder_end(&tokens[*index]));
            is_covered(rest, tokens) || ends.any(|end| is_covered(rest, &tokens[end + 1..]))
        }
        Token::AnyName => {
            is_covered(rest, tokens) || (next.is_some_and(is_in_name) && is_covered(pattern, &tokens[1..]))
        }
        Token::AnyCharacter => {
            let is_one = |token: &Token| is_in_name(token) && *token != Token::AnyName;
            next.is_some_and(is_one) && is_covered(rest, &tokens[1..])
        }
        Token::Literal(_) | Token::Class(_) => next == Some(first) && is_covered(rest, &tokens[1..]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> KeyPattern {
        KeyPattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn patterns_that_match_no_archive_are_explained() {
        for (text, fix) in [
            ("s3://my-bucket/vision/*.tar.gz", Some("write \"vision/*.tar.gz\"")),
            ("/vision/*.tar.gz", Some("write \"vision/*.tar.gz\"")),
            ("vision/*.zip", Some("\"vision/*.tar.gz\"")),
            ("vision/{a,b}.{zip,tgz}", Some("\"vision/*.tar.gz\"")),
            ("model.tar", Some("\"*.tar.gz\"")),
            ("vision/", Some("\"vision/*.tar.gz\"")),
            ("vision/**/", Some("\"vision/**/*.tar.gz\"")),
            ("vision/*.gz", None),
            ("vision/*", None),
            ("**", None),
            ("vision/{a.zip,b.tar.gz}", None),
            ("model.tar.gz", None),
            ("vision/*.tar.g[z]", None),
        ] {
            let explained = pattern(text).explain_unreachable();
            match fix {
                Some(fix) => assert!(explained.is_some_and(|finding| finding.fix.contains(fix)), "{text}"),
                None => assert_eq!(explained, None, "{text}"),
            }
        }
    }

    #[test]
    fn a_pattern_covers_narrower_ones() {
        for (wide, narrow, covers) in [
            ("**/*.tar.gz", "vision/**", true),
            ("**/*.tar.gz", "*.tar.gz", true),
            ("**/*.tar.gz", "vision/*", true),
            ("**/*", "a/b/c.tar.gz", true),
            ("**", "vision/{a,b}/*.tar.gz", true),
            ("vision/**", "vision/**/*.tar.gz", true),
            ("vision/*.tar.gz", "vision/resnet-*.tar.gz", true),
            ("vision/{a,b}*.tar.gz", "vision/a?.tar.gz", true),
            ("vision/{a,b}*.tar.gz", "vision/{a,c}.tar.gz", false),
            ("vision/*.tar.gz", "vision/**/*.tar.gz", false),
            ("*.tar.gz", "**/*.tar.gz", false),
            ("vision/?.tar.gz", "vision/*.tar.gz", false),
            ("vision/**/*.tar.gz", "audio/*.tar.gz", false),
            ("**/v1/*.tar.gz", "vision/**", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
    }

    proptest! {
        /// A key that the narrower pattern matches is matched by the wider one, too.
        #[test]
        fn claimed_cover_is_cover(wide in "(a|b|/|\\*|\\*\\*/|\\?|\\{a,b\\}){0,5}(\\*|\\.tar\\.gz|\\*\\*)",
                                  narrow in "(a|b|/|\\*|\\*\\*/|\\?|\\{a,b\\}){0,5}(\\*|\\.tar\\.gz|\\*\\*)",
                                  keys in proptest::collection::vec("[ab/]{0,6}", 20)) {
            let (wide, narrow) = (pattern(&wide), pattern(&narrow));
            if wide.covers(&narrow) {
                for key in keys {
                    let key = format!("{key}.tar.gz");
                    prop_assert!(!narrow.is_match(&key) || wide.is_match(&key), "{} {} {key}", wide.as_str(), narrow.as_str());
                }
            }
        }
    }
}
