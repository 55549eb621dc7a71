//! The messages of TensorFlow's protobuf files that describe an input, with only the fields that
//! are read.

use prost::Message;

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub dims: Vec<TensorDimension>,
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

/// `TensorShapeProto.Dim`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorDimension {
    #[prost(int64, tag = "1")]
    pub size: i64,
    #[prost(string, tag = "2")]
    pub name: String,
}

/// `TensorInfo`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub element_type: i32,
    #[prost(message, optional, tag = "3")]
    pub shape: Option<TensorShape>,
    /// Instead of the name, for an input that consists of several tensors.
    #[prost(message, optional, tag = "4")]
    pub sparse: Option<CompositeTensor>,
    #[prost(message, optional, tag = "5")]
    pub composite: Option<CompositeTensor>,
}

/// `TensorInfo.CooSparse` or `TensorInfo.CompositeTensor`, without their tensors.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CompositeTensor {}

/// An entry of `SignatureDef.inputs`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InputEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<TensorInfo>,
}

/// `AttrValue`, with the fields that describe a placeholder.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeAttribute {
    #[prost(int32, tag = "6")]
    pub element_type: i32,
    #[prost(message, optional, tag = "7")]
    pub shape: Option<TensorShape>,
}

/// `VersionDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphVersions {
    #[prost(int32, tag = "1")]
    pub producer: i32,
}
