//! How much of an archive is looked at before it is refused.

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bounds of one inspection. Together they keep it under 32 MiB of memory and a bounded time, whatever it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that are inflated, and most that are read: 10 GiB. On one core weights are passed over at 400 MB/s or
    /// more, 25 s; files made of nothing but tiny values, or of nothing compressed, go at 60 MB/s, 3 minutes. Protobuf
    /// itself stops ONNX and TensorFlow files at 2 GiB.
    pub inflated_bytes: u64,
    /// Most inflated bytes for one compressed byte: 100. Trained weights deflate to between a half and all of their
    /// size, deflate's own bound is 1032:1, and only filler comes near it.
    pub ratio: u64,
    /// Inflated bytes that are allowed at any ratio: 256 MiB, five seconds of work at most. Small models with constant
    /// weights, as test suites have them, stay below.
    pub ratio_free_bytes: u64,
    /// Most tar headers: 100 000. A `SavedModel` with all its shards and assets has a few hundred.
    pub members: u64,
    /// Most members that are listed in the result: 1000; the rest is counted.
    pub kept_members: usize,
    /// Longest member path, in bytes: 4096, Linux's `PATH_MAX`.
    pub path_bytes: u64,
    /// Longest PAX header, in bytes: 256 KiB. macOS puts extended attributes there, which stay far below.
    pub pax_bytes: u64,
    /// Longest description of a single input (ONNX `ValueInfoProto`), in bytes: 64 KiB. Real ones have about 100.
    pub input_bytes: u64,
    /// Most memory for the inputs of a model, in bytes: 8 MiB. Before IR version 4 every weight was also an input, so
    /// that a file may list 10 000 of them with 300 bytes each.
    pub inputs_bytes: usize,
    /// Bytes kept of the beginning of a file whose format needs them out of order (HDF5, TensorFlow Lite, zip): 4 MiB.
    pub head_bytes: usize,
    /// Bytes kept of its end: 4 MiB. A zip directory takes about 100 bytes a tensor.
    pub tail_bytes: usize,
    /// Most weights of a graph: 250 000, each remembered by an 8-byte hash of its name. The largest published models
    /// have a few thousand.
    pub initializers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflated_bytes: 10 * GIB,
            ratio: 100,
            ratio_free_bytes: 256 * MIB,
            members: 100_000,
            kept_members: 1000,
            path_bytes: 4096,
            pax_bytes: MIB / 4,
            input_bytes: MIB / 16,
            inputs_bytes: 8 << 20,
            head_bytes: 4 << 20,
            tail_bytes: 4 << 20,
            initializers: 250_000,
        }
    }
}
