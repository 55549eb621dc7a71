#![doc = include_str!("../README.md")]

pub mod arn;
mod error;
mod escape;
mod node;
mod reader;
pub mod spelling;
pub mod tags;

pub use error::{ConfigDiagnostic, ConfigError};
pub use escape::escape_line;
pub use node::{Position, YamlKey, YamlNode, YamlValue};
pub use reader::{DocumentUse, LocatedNode, MapFields, Reader};

/// The document version this release reads.
const DOCUMENT_VERSION: u32 = 1;

/// The top-level keys of the document. A test checks that the schema has the same keys.
const KEYS: [&str; 5] = ["version", "compilation", "partner_apps", "images", "workteams"];

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
    let node: YamlNode = text.parse().map_err(|error| ConfigError::from_syntax_error(&error))?;
    let mut reader = Reader { document_use, ..Reader::default() };
    let read = reader.read_fields(&LocatedNode::from_root(&node), &KEYS).and_then(|fields| {
        if let Some(version) = reader.require_field(&fields, "version", "1") {
            reader.read_integer(&version, &(DOCUMENT_VERSION..=DOCUMENT_VERSION));
        }
        read_sections(&mut reader, &fields)
    });
    match read {
        Some(value) if reader.errors.is_empty() => Ok((value, reader.warnings)),
        _ => Err(ConfigError::new(reader.errors)),
    }
}
