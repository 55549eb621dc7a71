//! State that a double shares with the test that uses it.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A value that is shared between a double and the test that inspects or sets it.
#[derive(Debug)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Shared<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self) -> impl Deref<Target = T> {
        self.lock()
    }

    pub fn set(&self, value: T) {
        *self.lock() = value;
    }

    /// Changes the value in place.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.lock())
    }
}

impl<T: Clone> Shared<T> {
    pub fn get(&self) -> T {
        self.lock().clone()
    }

    /// A copy that is not shared with this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.get())))
    }
}

impl<T: Default> Shared<T> {
    /// Replaces the value with an empty one.
    pub fn take(&self) -> T {
        std::mem::take(&mut self.lock())
    }
}

impl<T> Shared<Vec<T>> {
    pub fn push(&self, item: T) {
        self.lock().push(item);
    }
}
