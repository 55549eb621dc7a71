//! TensorFlow: the signature of a `SavedModel`, or the placeholders of a frozen graph.

mod graph_def;
mod meta_graph;
mod placeholders;
mod saved_model;
mod schema;
mod text;
mod types;

pub(crate) use graph_def::{is_graph_def, read_graph_def};
pub(crate) use saved_model::{is_saved_model, read_saved_model};

use crate::container::path::file_name;

/// Files that Keras and TensorFlow write next to a `SavedModel`, which loads without them.
const COMPANIONS: [&str; 2] = ["keras_metadata.pb", "fingerprint.pb"];

/// The folder of a `SavedModel` that holds its weights.
pub(crate) const VARIABLES: &str = "variables";

/// Whether a file only accompanies a `SavedModel`.
pub(crate) fn is_companion(path: &str) -> bool {
    COMPANIONS.contains(&file_name(path).to_ascii_lowercase().as_str())
}
