//! Untrusted text, such as object keys and failure reasons, made safe to show on one line.

use std::borrow::Cow;

/// Replaces control characters, and those that change the direction of text or are invisible, by
/// their escapes, such as `\n` and `\u{202e}`: they could forge lines or reverse what a person
/// reads.
pub fn escape_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_deceptive(c) {
            escaped.push(c);
        } else if c.is_control() {
            escaped.extend(c.escape_debug());
        } else {
            escaped.extend(c.escape_unicode());
        }
    }
    escaped.into()
}

/// Control characters, line and paragraph separators, and the marks of Unicode's bidirectional
/// algorithm (UAX #9) with the zero-width characters beside them.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_escaped() {
        for (text, escaped) in [
            ("resnet/v1 (größe).tar.gz", "resnet/v1 (größe).tar.gz"),
            ("a\nFix: run this", r"a\nFix: run this"),
            ("a\tb\u{1b}[31m", r"a\tb\u{1b}[31m"),
            ("a\u{202e}zg.rat", r"a\u{202e}zg.rat"),
            ("a\u{2028}b\u{feff}", r"a\u{2028}b\u{feff}"),
            (r"it's a \ backslash", r"it's a \ backslash"),
        ] {
            assert_eq!(escape_line(text), escaped);
        }
    }
}
