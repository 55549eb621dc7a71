//! The messages of TensorFlow's protobuf files that describe an input, with only the fields that are read.

use std::collections::BTreeMap;

use prost::Message;

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub dims: Vec<Dimension>,
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

/// `TensorShapeProto.Dim`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, tag = "1")]
    pub size: i64,
    #[prost(string, tag = "2")]
    pub name: String,
}

/// `SignatureDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Signature {
    #[prost(btree_map = "string, message", tag = "1")]
    pub inputs: BTreeMap<String, TensorInfo>,
    #[prost(string, tag = "3")]
    pub method_name: String,
}

/// `TensorInfo`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub element_type: i32,
    #[prost(message, optional, tag = "3")]
    pub shape: Option<Shape>,
}

/// An entry of `MetaGraphDef.signature_def`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SignatureEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<Signature>,
}

/// `AttrValue`, as far as it describes a placeholder.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Attribute {
    #[prost(int32, tag = "6")]
    pub element_type: i32,
    #[prost(message, optional, tag = "7")]
    pub shape: Option<Shape>,
}

/// `VersionDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Versions {
    #[prost(int32, tag = "1")]
    pub producer: i32,
}
