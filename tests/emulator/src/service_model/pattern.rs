//! A pattern of the service model: a Java regular expression that must match the whole string.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Size limit for the largest patterns of the model, which repeat Unicode classes a thousand times.
/// The default of the `regex` crate is 10 MB.
const COMPILED_LIMIT: usize = 256 << 20;

/// Java's `.` excludes all of Java's line terminators; Rust's excludes only `\n`.
const ANY: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";

/// Patterns with look-around, which the `regex` crate does not support, and equivalents without it.
const LOOKING_AROUND: [(&str, &str); 3] = [
    (r"(?!\s*$).+", r".*[^\s\u0085\u2028\u2029].*"),
    (
        r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)",
        r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?",
    ),
    (
        r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?",
        r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\/[0-9]{1,9})?",
    ),
];

/// A pattern that is compiled on first use.
#[derive(Debug)]
pub(super) struct ModelPattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl ModelPattern {
    pub fn new(source: String) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    pub fn as_str(&self) -> &str {
        &self.source
    }

    pub fn is_supported(&self) -> bool {
        self.compiled_regex().is_some()
    }

    /// Whether the whole text matches. An unsupported pattern matches every text; a test lists
    /// these patterns.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled_regex().is_none_or(|regex| regex.is_match(text))
    }

    fn compiled_regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| {
                let known = LOOKING_AROUND.iter().find(|(java, _)| *java == self.source);
                let java = known.map_or(self.source.as_str(), |(_, same)| same);
                let whole = format!(r"\A(?:{})\z", translate_pattern(java));
                RegexBuilder::new(&whole).size_limit(COMPILED_LIMIT).build().ok()
            })
            .as_ref()
    }
}

/// Translates Java's syntax to Rust's: ASCII classes, `\uXXXX` and `.`. Syntax that means the same
/// in both is unchanged.
fn translate_pattern(java: &str) -> String {
    let mut translated = String::with_capacity(java.len() + 16);
    let mut rest = java;
    let mut in_class = false;
    while let Some(next) = rest.chars().next() {
        let (written, length) = match next {
            '\\' => translate_escape(rest),
            '.' if !in_class => (ANY.to_owned(), 1),
            _ => (next.to_string(), next.len_utf8()),
        };
        match next {
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        translated.push_str(&written);
        rest = &rest[length..];
    }
    translated
}

/// Translates the escape at the start of `rest`. Also returns the length of Java's escape.
fn translate_escape(rest: &str) -> (String, usize) {
    const SPACES: &str = r" \t\n\x0B\f\r";
    let ascii = |class: &str| (class.to_owned(), 2);
    // Java writes a character outside the basic multilingual plane as two surrogates.
    if let Some(high @ 0xD800..0xDC00) = parse_code_unit(rest)
        && let Some(low @ 0xDC00..0xE000) = rest.get(6..).and_then(parse_code_unit)
    {
        let character = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return (format!(r"\x{{{character:X}}}"), 12);
    }
    match rest.as_bytes().get(1) {
        Some(b'u') if parse_code_unit(rest).is_some() => (format!(r"\x{{{}}}", &rest[2..6]), 6),
        Some(b'w') => ascii("[0-9A-Za-z_]"),
        Some(b'W') => ascii("[^0-9A-Za-z_]"),
        Some(b'd') => ascii("[0-9]"),
        Some(b'D') => ascii("[^0-9]"),
        Some(b's') => (format!("[{SPACES}]"), 2),
        Some(b'S') => (format!("[^{SPACES}]"), 2),
        Some(b'p') if rest.starts_with(r"\p{Alnum}") => ("[0-9A-Za-z]".to_owned(), r"\p{Alnum}".len()),
        _ => {
            let length = rest.chars().take(2).map(char::len_utf8).sum();
            (rest[..length].to_owned(), length)
        }
    }
}

/// Parses a `\uXXXX` at the start of `rest`.
fn parse_code_unit(rest: &str) -> Option<u32> {
    u32::from_str_radix(rest.strip_prefix(r"\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_strings_with_java_semantics() {
        for (pattern, text, expected) in [
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc ", false),
            ("[a-z]+", "abc\n", false),
            ("a|bc", "ac", false),
            (".*", "a b", true),
            (".*", "a\nb", false),
            (".*", "a\rb", false),
            ("[.]", "x", false),
            (r"[\S\s]+", "a\n b", true),
            (r"\w+", "é", false),
            (r"[\w:]+", "a:1", true),
            (r"[-\w+]+", "a-+", true),
            (r"\d{2}", "٣٤", false),
            (r"[\S]{1,3}", "a b", false),
            (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1", true),
            (r"[\p{Alnum}\-]+", "a-1", true),
            (r"[\u0020-\uD7FF\uE000-\uFFFD]*", "a\tb", false),
            (r"[\uD800\uDC00-\uDBFF\uDFFF]", "😀", true),
            (r"a\/b\.c", "a/b.c", true),
            (r"(?!\s*$).+", " \t", false),
            (r"(?!\s*$).+", " a ", true),
            (r"(?!\s*$).+", "a\nb", false),
            (LOOKING_AROUND[1].0, "a-1", true),
            (LOOKING_AROUND[1].0, "a-", false),
            (LOOKING_AROUND[1].0, "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/a", true),
            (LOOKING_AROUND[2].0, "a-/7", false),
            (LOOKING_AROUND[2].0, "arn:aws:sagemaker:eu-west-1:123456789012:model-package/a/7", true),
        ] {
            let compiled = ModelPattern::new(pattern.to_owned());
            assert!(compiled.is_supported(), "{pattern} became {}", translate_pattern(pattern));
            assert_eq!(compiled.is_match(text), expected, "{pattern} on {text:?}");
        }
    }
}
