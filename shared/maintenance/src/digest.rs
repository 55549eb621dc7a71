//! Short names for what is too long to be one.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

/// 32 characters, a to z and 2 to 7, that stand for these parts in this order.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts run together to the same text.
        sha.update(part.len().to_string());
        sha.update(":");
        sha.update(part);
    }
    BASE32_NOPAD.encode(&sha.finalize()[..20]).to_ascii_lowercase()
}
