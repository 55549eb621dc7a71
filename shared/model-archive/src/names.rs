//! A set of names that takes 8 bytes a name.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

/// Remembers names by a 64-bit hash: that two names of one archive have the same is less likely than a bit flip that
/// no checksum sees, and whoever contrives it deceives only himself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashSet<u64, BuildHasherDefault<DefaultHasher>>);

impl Names {
    /// Whether the name is new.
    pub fn insert(&mut self, name: &[u8]) -> bool {
        let hash = self.0.hasher().hash_one(name);
        self.0.insert(hash)
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.contains(&self.0.hasher().hash_one(name))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
