//! Formats of models, weights and tokenizers that SageMaker Neo does not take, each recognized by
//! marks of its own, so that an answer can say what a file is and what to archive instead.

mod checks;
mod table;

pub(crate) use self::checks::{is_error_response, pickled_package};

use self::table::UNSUPPORTED;
use crate::container::path::file_name;

/// One row of the table of unsupported formats.
#[derive(Debug)]
pub(crate) struct UnsupportedFormat {
    /// With its indefinite article.
    pub name: &'static str,
    pub kind: UnsupportedKind,
    /// Any one of them is enough.
    marks: &'static [Mark],
    /// What to do to compile the model.
    pub fix: &'static str,
}

/// What a file of an unsupported format contributes: the one that comes last decides what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UnsupportedKind {
    /// A file beside a model, such as a tokenizer.
    Companion,
    /// Weights without the model.
    Weights,
    /// A whole model.
    Model,
    /// Settings or an architecture, for the weights beside it.
    Snapshot,
}

/// How a format is recognized.
#[derive(Debug)]
enum Mark {
    /// These bytes at this offset.
    Bytes(usize, &'static [u8]),
    /// A text that starts with this.
    Text(&'static str),
    /// A text that contains all of these in its first bytes, and starts with the first.
    TextWith(&'static [&'static str]),
    /// JSON that has all of these keys in its first bytes.
    Json(&'static [&'static str]),
    /// XML whose root element has this name.
    Xml(&'static str),
    /// A pickle of an object whose class is in this Python package.
    Pickle(&'static str),
    /// A zip file whose first entry has this name, or is in this folder if the name ends in a
    /// slash.
    Zip(&'static str),
    /// Whatever else the bytes say.
    Check(fn(&[u8]) -> bool),
    /// The file's name, in lower case: counts only if nothing else is known about the file.
    Name(fn(&str) -> bool),
    /// The end of the file's name: counts only if nothing else is known about the file.
    Suffix(&'static str),
}

impl PartialEq for UnsupportedFormat {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for UnsupportedFormat {}

impl UnsupportedFormat {
    /// Recognizes a file by its first bytes.
    pub fn from_content(head: &[u8]) -> Option<&'static Self> {
        UNSUPPORTED.iter().find(|format| format.marks.iter().any(|mark| mark.matches_content(head)))
    }

    /// Recognizes a file by its name.
    pub fn from_name(path: &str) -> Option<&'static Self> {
        let name = file_name(path).to_ascii_lowercase();
        UNSUPPORTED.iter().find(|format| format.marks.iter().any(|mark| mark.matches_name(&name)))
    }
}

impl Mark {
    fn matches_content(&self, head: &[u8]) -> bool {
        match self {
            Self::Bytes(at, bytes) => head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)),
            Self::Text(start) => checks::text_start(head).starts_with(start.as_bytes()),
            Self::TextWith(all) => {
                let text = checks::text_start(head);
                all.first().is_some_and(|first| text.starts_with(first.as_bytes()))
                    && all.iter().all(|part| checks::contains(text, part.as_bytes()))
            }
            Self::Json(keys) => {
                let text = checks::text_start(head);
                text.starts_with(b"{") && keys.iter().all(|key| checks::has_json_key(text, key))
            }
            Self::Xml(element) => checks::is_xml_root(head, element),
            Self::Pickle(package) => checks::pickled_package(head) == Some(package.as_bytes()),
            Self::Zip(name) => checks::first_zip_entry(head).is_some_and(|entry| match name.strip_suffix('/') {
                Some(folder) => entry.split(|byte| *byte == b'/').any(|part| part == folder.as_bytes()),
                None => entry.ends_with(name.as_bytes()),
            }),
            Self::Check(check) => check(head),
            Self::Name(_) | Self::Suffix(_) => false,
        }
    }

    /// Whether a file name in lower case is one of this format.
    fn matches_name(&self, name: &str) -> bool {
        match self {
            Self::Name(check) => check(name),
            Self::Suffix(suffix) => name.ends_with(suffix),
            _ => false,
        }
    }
}
