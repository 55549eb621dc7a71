//! The result of an inspection.

use serde::{Deserialize, Serialize};

use crate::{
    element_type::ElementType,
    framework_name::{Framework, InputLayout},
    problem::{Problem, Warning},
};

/// What an archive contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Inspection {
    /// The files and links of the archive in its order, at most
    /// [`Limits::kept_members`](crate::Limits::kept_members).
    pub members: Vec<ArchiveMember>,
    /// The number of files and links, including those that `members` does not list.
    pub member_count: u64,
    /// The model, if there is exactly one.
    pub model: Option<InspectedModel>,
    /// Findings that do not block compilation.
    pub warnings: Vec<Warning>,
    /// Problems that block compilation. Empty if `model` can be compiled.
    pub problems: Vec<Problem>,
}

/// A file or link in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ArchiveMember {
    /// The path from the root of the archive, without `.`; `..` remains only where the path leads
    /// out of the archive.
    pub path: String,
    /// The size in the archive, in bytes: 0 for a link, without the holes for a sparse file.
    pub size: u64,
}

/// A model that was recognized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct InspectedModel {
    pub framework: Framework,
    /// The version of the file's format, such as `IR 8, opset 17`, if the file has it.
    pub format_version: Option<String>,
    /// The program that wrote the file, if the file names it.
    pub producer: Option<String>,
    /// The earliest version of the framework's runtime that can run it, if the file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// The inputs in the model's order. Complete only if `read` is true.
    pub inputs: Vec<ModelInput>,
    /// The layout that Neo expects in `DataInputConfig` for this framework.
    pub layout: InputLayout,
    /// The member that holds the graph.
    pub path: String,
    /// Whether the inputs were read from the file. If not, a rule must specify them. There may be
    /// problems even if they were.
    pub read: bool,
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ModelInput {
    /// The name of the input in the graph.
    pub name: String,
    pub element_type: ElementType,
    /// The dimensions in the model's [`InputLayout`]; `None` if the rank is unknown.
    pub dims: Option<Vec<Dim>>,
    /// The tensor that the input feeds, if its name differs, such as `serving_default_x:0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
}

/// One dimension of an input. In JSON, a number, a name or null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// A fixed size, at least 1.
    Known(u64),
    /// A dynamic dimension with a name, such as `batch`.
    Symbolic(String),
    /// A dynamic dimension: missing, zero or negative in the file.
    Unknown,
}

impl From<i64> for Dim {
    /// Frameworks write a dynamic dimension as 0 or -1.
    fn from(size: i64) -> Self {
        u64::try_from(size).ok().filter(|size| *size > 0).map_or(Self::Unknown, Self::Known)
    }
}
