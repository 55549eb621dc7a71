//! The messages of `onnx.proto` that describe an input, with only the fields that are read.

use prost::{Message, Oneof};

/// An input of a graph (`ValueInfoProto`).
#[derive(Debug, Default)]
pub(super) struct ValueInfo {
    pub name: String,
    pub value_type: Option<ValueType>,
}

/// The type of an input (`TypeProto`).
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(oneof = "OnnxType", tags = "1, 4, 5, 7, 8, 9")]
    pub kind: Option<OnnxType>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum OnnxType {
    #[prost(message, tag = "1")]
    Tensor(OnnxTensorType),
    #[prost(message, tag = "4")]
    Sequence(Unread),
    #[prost(message, tag = "5")]
    Map(Unread),
    #[prost(message, tag = "7")]
    Opaque(Unread),
    #[prost(message, tag = "8")]
    SparseTensor(Unread),
    #[prost(message, tag = "9")]
    Optional(Unread),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Unread {}

/// `TypeProto.Tensor`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxTensorType {
    #[prost(int32, tag = "1")]
    pub element_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<OnnxShape>,
}

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxShape {
    #[prost(message, repeated, tag = "1")]
    pub dims: Vec<OnnxDimension>,
}

/// `TensorShapeProto.Dimension`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxDimension {
    #[prost(oneof = "DimensionSize", tags = "1, 2")]
    pub size: Option<DimensionSize>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum DimensionSize {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Parameter(String),
}

/// `OperatorSetIdProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// `StringStringEntryProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct StringEntry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}
