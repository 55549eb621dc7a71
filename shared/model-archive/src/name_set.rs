//! A set of names that takes 8 bytes per name, and a map from such names.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

/// Stores a 64-bit hash of each name. A collision of two names in one archive is less likely than a
/// bit flip that no checksum detects; a constructed collision only affects the inspection of the
/// archive that contains it.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameSet(HashSet<u64, BuildHasherDefault<DefaultHasher>>);

impl NameSet {
    /// Returns whether the name is new.
    pub fn insert(&mut self, name: &[u8]) -> bool {
        let hash = self.0.hasher().hash_one(name);
        self.0.insert(hash)
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.contains(&self.0.hasher().hash_one(name))
    }

    pub fn remove(&mut self, name: &[u8]) {
        let hash = self.0.hasher().hash_one(name);
        self.0.remove(&hash);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Stores a 64-bit hash of each name, like [`NameSet`], and a value for it.
#[derive(Debug, Clone)]
pub(crate) struct NameMap<V>(HashMap<u64, V, BuildHasherDefault<DefaultHasher>>);

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<V> NameMap<V> {
    /// Replaces an earlier value of the same name.
    pub fn insert(&mut self, name: &[u8], value: V) {
        let hash = self.0.hasher().hash_one(name);
        self.0.insert(hash, value);
    }

    pub fn get(&self, name: &[u8]) -> Option<&V> {
        self.0.get(&self.0.hasher().hash_one(name))
    }
}
