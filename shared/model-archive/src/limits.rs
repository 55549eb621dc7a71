//! How much of an archive is read before it is rejected.

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bytes at the start of a file that are enough to recognize its format.
pub(crate) const RECOGNITION_BYTES: usize = 4096;

/// Limits of one inspection. Together they keep it under 32 MiB of memory and within a bounded
/// time, whatever the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of bytes that are decompressed, and that are read: 10 GiB. On one core,
    /// weights are skipped at 400 MB/s or more (25 s); files that consist of tiny values only, or
    /// of uncompressed data, are read at 60 MB/s (3 minutes). Protobuf itself limits ONNX and
    /// TensorFlow files to 2 GiB.
    pub inflated_bytes: u64,
    /// Maximum number of decompressed bytes per compressed byte: 100. Trained weights compress to
    /// between half and all of their size, the maximum of deflate is 1032:1, and only filler comes
    /// close to it.
    pub ratio: u64,
    /// Decompressed bytes that are allowed at any ratio: 256 MiB, at most five seconds of work.
    /// Small models with constant weights, as in test suites, stay below it.
    pub ratio_free_bytes: u64,
    /// Maximum number of tar headers: 100 000. A `SavedModel` with all its shards and assets has a
    /// few hundred.
    pub members: u64,
    /// Maximum number of members that are listed in the result: 1000. The rest are only counted.
    pub kept_members: usize,
    /// Maximum length of a member's path, in bytes: 4096, `PATH_MAX` on Linux.
    pub path_bytes: u64,
    /// Maximum length of a PAX header, in bytes: 256 KiB. macOS stores extended attributes there,
    /// which are far shorter.
    pub pax_bytes: u64,
    /// Maximum length of the description of one input (ONNX `ValueInfoProto`), in bytes: 64 KiB.
    /// Real ones have about 100.
    pub input_bytes: u64,
    /// Maximum memory for the inputs of a model, in bytes: 8 MiB. Before IR version 4, every weight
    /// was also an input, so a file may list 10 000 of them with 300 bytes each.
    pub inputs_bytes: usize,
    /// Bytes kept from the start of a file whose format needs random access (HDF5, TensorFlow
    /// Lite, zip): 4 MiB.
    pub head_bytes: usize,
    /// Bytes kept from the end of such a file: 4 MiB. A zip directory takes about 100 bytes per
    /// tensor.
    pub tail_bytes: usize,
    /// Maximum number of weights in a graph: 250 000; an 8-byte hash of each name is kept. The
    /// largest published models have a few thousand.
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
