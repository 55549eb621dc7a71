//! What a person reads who writes a wrong document.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use configuration::ConfigDocument;
use document::{ConfigDiagnostic, decode_text};

/// Words of the YAML and glob libraries, which a reader does not know.
const FOREIGN: [&str; 9] =
    ["parser", "parsing", "mapping", "block collection", "indicator", "scalar", "token", "from_str", "budget"];

/// The titles and documents of the file.
fn read_cases() -> Vec<(&'static str, &'static str)> {
    let (_, cases) = include_str!("wrong-documents.txt").split_once("\n== ").unwrap();
    let cases = cases.split("\n== ").map(|case| case.split_once('\n').unwrap_or((case, "")));
    cases.map(|(title, document)| (title.trim_end_matches(" [schema accepts]"), document)).collect()
}

fn format_diagnostics(label: &str, diagnostics: &[ConfigDiagnostic]) -> Vec<String> {
    diagnostics.iter().map(|diagnostic| format!("  {label}: {diagnostic}")).collect()
}

fn answer(document: &str) -> String {
    let lines = match ConfigDocument::parse(document) {
        Ok(document) => format_diagnostics("warning", &document.warnings),
        Err(error) => format_diagnostics("error", &error.errors),
    };
    lines.join("\n")
}

#[test]
fn wrong_documents_are_answered_in_the_readers_terms() {
    let cases = read_cases();
    assert!(cases.len() >= 100, "{}", cases.len());
    let answers: Vec<_> = cases.iter().map(|(title, document)| (*title, answer(document))).collect();
    for (title, answer) in &answers {
        assert!(!answer.is_empty(), "{title} is accepted without a warning");
        let leaked = FOREIGN.iter().find(|word| answer.contains(*word));
        assert_eq!(leaked, None, "{title}: {answer}");
    }
    let answers: Vec<_> = answers.iter().map(|(title, answer)| format!("{title}\n{answer}")).collect();
    insta::assert_snapshot!(answers.join("\n\n"));
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
