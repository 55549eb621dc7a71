//! `XGBoost`: the number of features, from JSON, UBJSON or the old binary format.

mod binary;
mod text;
mod ubjson;

use crate::{Dim, ElementType, Input, content::Content, fault::Halt, reading::Reading};

/// What the only input is called here: `XGBoost` gives it no name, and Neo needs none.
const INPUT: &str = "data";

/// Bytes in which `learner`, the first key of a model, must occur.
const FIRST_KEY: usize = 64;

/// What a model tells of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Learner {
    features: Option<u64>,
    version: Option<String>,
}

/// Whether a file not called `.model` is one: its first key is `learner`, or it says so.
pub(crate) fn recognise(head: &[u8]) -> bool {
    let start = &head[..head.len().min(FIRST_KEY)];
    // In JSON between quotes, in UBJSON after its length.
    let key = |window: &[u8]| matches!(window, b"\"learner\"" | [b'\x07', b'l', b'e', b'a', b'r', b'n', b'e', b'r', _]);
    head.starts_with(binary::MAGIC) || head.starts_with(b"{") && start.windows(9).any(key)
}

/// Reads a `.model` file.
pub(crate) fn read(content: &mut Content<'_, '_>) -> Result<Reading, Halt> {
    let head = content.peek(FIRST_KEY)?;
    let learner = match head {
        [b'{', b'L' | b'l' | b'I' | b'i' | b'U' | b'$' | b'#', ..] => ubjson::read(content)?,
        [b'{', ..] => text::read(content)?,
        _ => binary::read(content)?,
    };
    let features = learner.features.filter(|features| *features > 0).map_or(Dim::Unknown, Dim::Known);
    let dims = Some(vec![Dim::Unknown, features]);
    let inputs = vec![Input { name: INPUT.to_owned(), element_type: ElementType::Float32, dims, tensor: None }];
    let format_version = learner.version.map(|version| format!("XGBoost {version}"));
    Ok(Reading { format_version, inputs, read: true, ..Reading::default() })
}
