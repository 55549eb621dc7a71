//! What a person reads who writes a wrong document.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use configuration::ConfigDocument;
use document::{ConfigDiagnostic, decode_text};

/// Words of the YAML and glob libraries, which a reader does not know.
const FOREIGN: [&str; 9] =
    ["parser", "parsing", "mapping", "block collection", "indicator", "scalar", "token", "from_str", "budget"];

/// A wrong document, and the edits that apply the fixes of its answer.
struct WrongDocument {
    title: &'static str,
    document: String,
    edits: Vec<(String, String)>,
}

fn read_cases() -> Vec<WrongDocument> {
    let (_, cases) = include_str!("wrong-documents.txt").split_once("\n== ").unwrap();
    let cases = cases.split("\n== ").map(|case| {
        let (title, text) = case.split_once('\n').unwrap_or((case, ""));
        let (edits, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("=> "));
        let edits = edits.into_iter().map(|line| {
            let (wrong, right) = line["=> ".len()..].split_once(" => ").unwrap();
            (wrong.replace('⏎', "\n"), right.replace('⏎', "\n"))
        });
        let document = lines.iter().flat_map(|line| [line, "\n"]).collect();
        WrongDocument { title: title.trim_end_matches(" [schema accepts]"), document, edits: edits.collect() }
    });
    cases.collect()
}

fn format_diagnostics(label: &str, diagnostics: &[ConfigDiagnostic]) -> Vec<String> {
    diagnostics.iter().map(|diagnostic| format!("  {label}: {diagnostic}")).collect()
}

/// The errors of a document, or else its warnings.
fn diagnose(document: &str) -> Result<Vec<ConfigDiagnostic>, Vec<ConfigDiagnostic>> {
    ConfigDocument::parse(document).map(|document| document.warnings).map_err(|error| error.errors)
}

fn answer(document: &str) -> String {
    let lines = match diagnose(document) {
        Ok(warnings) => format_diagnostics("warning", &warnings),
        Err(errors) => format_diagnostics("error", &errors),
    };
    lines.join("\n")
}

/// The text to write in a fix such as `write "x"`; `None` if it leaves a choice.
fn find_replacement(fix: &str) -> Option<&str> {
    let text = fix.strip_prefix("write ").or_else(|| fix.split_once("in quotes: ").map(|(_, text)| text))?;
    let quote = text.chars().next().filter(|first| ['"', '`'].contains(first))?;
    text[1..].split(quote).next()
}

#[test]
fn wrong_documents_are_answered_in_the_readers_terms() {
    let cases = read_cases();
    assert!(cases.len() >= 100, "{}", cases.len());
    let answers: Vec<_> = cases.iter().map(|case| (case.title, answer(&case.document))).collect();
    for (title, answer) in &answers {
        assert!(!answer.is_empty(), "{title} is accepted without a warning");
        let leaked = FOREIGN.iter().find(|word| answer.contains(*word));
        assert_eq!(leaked, None, "{title}: {answer}");
    }
    let answers: Vec<_> = answers.iter().map(|(title, answer)| format!("{title}\n{answer}")).collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

/// Applies the fixes: nothing of the answer is left, and nothing else is wrong.
#[test]
fn applied_fixes_make_wrong_documents_valid() {
    for WrongDocument { title, document, edits } in read_cases() {
        let fixed = edits.iter().fold(document.clone(), |text, (wrong, right)| {
            assert!(text.contains(wrong.as_str()), "{title}: {wrong}");
            text.replacen(wrong, right, 1)
        });
        let found = diagnose(&document).unwrap_or_else(|errors| errors);
        let left = diagnose(&fixed).unwrap_or_else(|errors| panic!("{title}: {errors:#?}\n{fixed}"));
        for ConfigDiagnostic { message, fix, .. } in &found {
            assert!(!fix.is_empty() && !message.ends_with(fix.as_str()), "{title}: {message}: {fix}");
            assert!(left.iter().all(|left| left.message != *message), "{title}: {message}\n{fixed}");
            if let Some(replacement) = find_replacement(fix) {
                assert!(fixed.contains(replacement), "{title}: {fix}\n{fixed}");
            }
        }
    }
}

#[test]
fn a_document_that_is_too_large_is_answered() {
    let rules = "    - { name: a, keys: a, targets: [ { device: ml_c5 } ] }\n".repeat(30_000);
    let answer = answer(&format!("version: 1\ncompilation:\n  rules:\n{rules}"));
    assert!(answer.contains("the document is too large: expected at most 250,000 keys and values"), "{answer}");
    let answer =
        self::answer(&format!("version: 1\nimages: {}", format_args!("{}{}", "[".repeat(100), "]".repeat(100))));
    assert!(answer.contains("nested too deeply: expected at most 32 levels"), "{answer}");
}

#[test]
fn a_file_that_is_not_utf_8_is_answered_with_its_line() {
    let utf_16: Vec<u8> = "\u{feff}version: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let answers: Vec<_> = [&utf_16, &b"version: 1\nimages: [ { name: \xe4 } ]"[..]]
        .iter()
        .map(|bytes| decode_text(bytes).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(answers.join("\n"), @r"
    the document (line 1, column 1): expected UTF-8 text, found what looks like UTF-16; save the file as UTF-8
    the document (line 2, column 19): expected UTF-8 text, found a byte that is not UTF-8; save the file as UTF-8
    ");
}

#[test]
fn keys_that_begin_with_x_hold_anchors() {
    let document = "version: 1
x-edge: &edge [ { device: jetson_nano }, { device: rasp4b } ]
compilation:
  rules:
    - { name: vision, keys: 'vision/*.tar.gz', targets: *edge }
";
    let document = ConfigDocument::parse(document).unwrap();
    assert_eq!((document.compilation.rules[0].targets.len(), document.warnings.len()), (2, 0));
}
