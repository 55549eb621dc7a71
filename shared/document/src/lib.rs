//! `automation.yaml`, read whole or refused with every mistake in it.
//!
//! [`read`] parses the text and checks its version; each section is read by the crate that it is for, through [`Reader`].
//! Pure: no AWS SDK, no I/O.

pub mod arn;
mod error;
mod node;
mod read;
pub mod spelling;
pub mod tags;

pub use error::{ConfigError, Fault};
pub use node::{Key, Node, Place, Value};
pub use read::{At, Fields, Reader};

/// The document version this release reads.
const DOCUMENT_VERSION: u32 = 1;

/// The keys of the document. The schema has the same: a test holds one against the other.
const KEYS: [&str; 5] = ["version", "compilation", "partner_apps", "images", "workteams"];

/// Reads a document: `sections` reads what is under its keys and notes mistakes in the reader. Returned beside what was read: what is
/// valid and yet worth a look.
pub fn read<T>(
    text: &str,
    sections: impl FnOnce(&mut Reader, &Fields<'_>) -> Option<T>,
) -> Result<(T, Vec<Fault>), ConfigError> {
    let node = Node::parse(text).map_err(|error| ConfigError::syntax(&error))?;
    let mut reader = Reader::default();
    let read = reader.fields(&At::root(&node), &KEYS).and_then(|fields| {
        if let Some(version) = reader.required(&fields, "version", "1") {
            reader.integer(&version, &(DOCUMENT_VERSION..=DOCUMENT_VERSION));
        }
        sections(&mut reader, &fields)
    });
    match read {
        Some(value) if reader.faults.is_empty() => Ok((value, reader.warnings)),
        _ => Err(ConfigError::new(reader.faults)),
    }
}
