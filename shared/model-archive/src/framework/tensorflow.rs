//! TensorFlow: the signature of a `SavedModel`, or the placeholders of a frozen graph.

mod graph_def;
mod meta_graph;
mod placeholders;
mod saved_model;
mod schema;
mod text;
mod types;
mod variables_index;

pub(crate) use graph_def::{read_graph_def, starts_with_graph_text, starts_with_node};
pub(crate) use saved_model::{is_saved_model, read_saved_model};
pub(crate) use variables_index::{MAX_SHARDS, ShardSizes, read_variables_index};

use crate::container::path::{file_name, parent_folder};

/// Files that Keras and TensorFlow write next to a `SavedModel`, which loads without them.
const COMPANIONS: [&str; 2] = ["keras_metadata.pb", "fingerprint.pb"];

/// The folder of a `SavedModel` that holds its weights.
pub(crate) const VARIABLES: &str = "variables";

/// The file in that folder that lists the weights.
pub(crate) const VARIABLES_INDEX: &str = "variables.index";

/// Whether a path is that of a `SavedModel`'s list of weights.
pub(crate) fn is_variables_index(path: &str) -> bool {
    file_name(path) == VARIABLES_INDEX && file_name(parent_folder(path)) == VARIABLES
}

/// The name of a file in that folder that holds weights: shard `number` of `count`.
pub(crate) fn shard_name(number: u32, count: u32) -> String {
    format!("variables.data-{number:05}-of-{count:05}")
}

/// The number of shards, from the name of one.
pub(crate) fn shard_count(name: &str) -> Option<u32> {
    let (number, count) = name.strip_prefix("variables.data-")?.split_once("-of-")?;
    let (number, count): (u32, u32) = (number.parse().ok()?, count.parse().ok()?);
    (number < count).then_some(count)
}

/// Whether a file only accompanies a `SavedModel`.
pub(crate) fn is_companion(path: &str) -> bool {
    COMPANIONS.contains(&file_name(path).to_ascii_lowercase().as_str())
}

/// Whether a path is that of a `SavedModel`.
pub(crate) fn is_saved_model_path(path: &str) -> bool {
    matches!(file_name(path), "saved_model.pb" | "saved_model.pbtxt")
}
