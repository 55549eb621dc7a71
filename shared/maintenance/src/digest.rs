//! Short hashes for values that are too long to be part of a name.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

/// Hashes the parts, in their order, to 32 characters from a to z and 2 to 7.
pub(crate) fn hash_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        // The length prefix keeps different lists of parts from concatenating to the same text.
        sha.update(part.len().to_string());
        sha.update(":");
        sha.update(part);
    }
    BASE32_NOPAD.encode(&sha.finalize()[..20]).to_ascii_lowercase()
}
