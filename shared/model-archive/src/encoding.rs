//! Encodings that several frameworks use: bytes in, fields and values out.

pub(crate) mod flat_buffer;
pub(crate) mod head_and_tail;
pub(crate) mod json_stream;
pub(crate) mod protobuf;
pub(crate) mod protobuf_head;
pub(crate) mod protobuf_text;
