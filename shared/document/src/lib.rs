#![doc = include_str!("../README.md")]

pub mod arn;
mod error;
mod escape;
mod node;
mod reader;
pub mod spelling;
mod syntax;
pub mod tags;

pub use error::{ConfigDiagnostic, ConfigError, ConfigFinding};
pub use escape::escape_line;
pub use node::{DocumentText, Position, YamlKey, YamlNode, YamlValue};
use reader::join_alternatives;
pub use reader::{DocumentUse, LocatedNode, MapFields, Reader};

/// The document version this release reads.
const DOCUMENT_VERSION: u32 = 1;

/// The top-level keys of the document. A test checks that the schema has the same keys.
const KEYS: [&str; 5] = ["version", "compilation", "partner_apps", "images", "workteams"];

/// Decodes a document.
///
/// # Errors
///
/// The position of the first byte that is not UTF-8.
pub fn decode_text(bytes: &[u8]) -> Result<&str, ConfigError> {
    str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let (line, before) = (valid.matches('\n').count() + 1, valid.rsplit('\n').next().unwrap_or_default());
        let position = Position { line: line as u64, column: before.chars().count() as u64 + 1 };
        let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        let found = if is_utf16 { "what looks like UTF-16" } else { "a byte that is not UTF-8" };
        let finding = ConfigFinding::new(format!("expected UTF-8 text, found {found}"), "save the file as UTF-8");
        ConfigError::new(vec![ConfigDiagnostic::new("", Some(position), finding)])
    })
}

/// Reads a document that is being written. `read_sections` reads the values of the top-level keys
/// and reports errors to the reader.
///
/// Returns the result together with the warnings: what is valid but probably not intended.
///
/// # Errors
///
/// Every error in the document, if there is at least one.
pub fn read_document<T>(
    text: &str,
    read_sections: impl FnOnce(&mut Reader, &MapFields<'_>) -> Option<T>,
) -> Result<(T, Vec<ConfigDiagnostic>), ConfigError> {
    read_document_as(DocumentUse::New, text, read_sections)
}

/// Reads a document in this use, as [`read_document`] does.
///
/// # Errors
///
/// Every error in the document, if there is at least one.
pub fn read_document_as<T>(
    document_use: DocumentUse,
    text: &str,
    read_sections: impl FnOnce(&mut Reader, &MapFields<'_>) -> Option<T>,
) -> Result<(T, Vec<ConfigDiagnostic>), ConfigError> {
    let node: YamlNode =
        text.parse().map_err(|error| ConfigError::new(vec![syntax::diagnose_syntax_error(&error, text)]))?;
    let mut reader = Reader { document_use, text: text.into(), ..Reader::default() };
    let root = LocatedNode::from_root(&node);
    if let YamlValue::Null = node.value {
        reader.report_error(&root, syntax::describe_empty_file());
        return Err(ConfigError::new(reader.errors));
    }
    let read = reader.read_extensible_fields(&root, &KEYS).and_then(|fields| {
        if let Some(version) = reader.require_field(&fields, "version", "1") {
            reader.read_integer(&version, &(DOCUMENT_VERSION..=DOCUMENT_VERSION));
        }
        if KEYS[1..].iter().all(|section| fields.get(section).is_none()) && reader.errors.is_empty() {
            let sections = join_alternatives(&KEYS[1..]);
            reader
                .report_warning(&root, ConfigFinding::new("the document declares nothing", format!("add {sections}")));
        }
        read_sections(&mut reader, &fields)
    });
    match read {
        Some(value) if reader.errors.is_empty() => Ok((value, reader.warnings)),
        _ => Err(ConfigError::new(reader.errors)),
    }
}
