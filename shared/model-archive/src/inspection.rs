//! What an inspection finds.

use std::io;

use serde::{Deserialize, Serialize};

use crate::{ElementType, Framework, Problem, Warning};

/// We could not look: the reader failed. Everything wrong with the archive itself is a [`Problem`].
#[derive(Debug, thiserror::Error)]
#[error("the archive could not be read after {offset} bytes")]
pub struct InspectError {
    /// Bytes of the archive that had been read.
    pub offset: u64,
    /// The reader's own error.
    #[source]
    pub source: io::Error,
}

/// What is in an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Inspection {
    /// The archive's files and links in its order, at most [`Limits::kept_members`](crate::Limits::kept_members).
    pub members: Vec<Member>,
    /// How many files and links there are, those not kept included.
    pub member_count: u64,
    /// The model, if there is exactly one.
    pub model: Option<Model>,
    /// What does not stop a compilation by itself.
    pub warnings: Vec<Warning>,
    /// What stops a compilation. Empty if `model` is fit to be sent.
    pub problems: Vec<Problem>,
}

/// A file or link in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Member {
    /// Its path from the archive's root, without `.` and with `..` only where it leads out.
    pub path: String,
    /// Its size in the archive, in bytes: 0 of a link, without the holes of a sparse file.
    pub size: u64,
}

/// A model that was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Model {
    /// The framework, as Neo's API names it.
    pub framework: Framework,
    /// The file's own format version, such as `IR 8, opset 17`, where it tells.
    pub format_version: Option<String>,
    /// The program that wrote the file, where it tells.
    pub producer: Option<String>,
    /// The inputs in the model's order. To be trusted only if `read`.
    pub inputs: Vec<Input>,
    /// The layout Neo expects of this framework's `DataInputConfig`.
    pub layout: Layout,
    /// The member that holds the graph.
    pub path: String,
    /// Whether the inputs were read from the file: if not, a rule must name them. Problems may stand against it all the
    /// same.
    pub read: bool,
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Input {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements.
    pub element_type: ElementType,
    /// Its dimensions in the model's [`Layout`]; none if the model does not even tell how many.
    pub dims: Option<Vec<Dim>>,
    /// The tensor behind it, where that has another name, such as `serving_default_x:0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
}

/// One dimension of an input. In JSON a number, a name or null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// A fixed size, at least 1.
    Known(u64),
    /// Left open under a name, such as `batch`.
    Symbolic(String),
    /// Left open: missing, zero or negative in the file.
    Unknown,
}

/// The order of an image input's dimensions in `DataInputConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
    /// The framework takes no shapes.
    None,
}
