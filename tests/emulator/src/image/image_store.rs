//! All images, with the times of their next status changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::emulated_image::{EmulatedImage, EmulatedImageStatus};
use crate::{faults::PendingFaults, side_effect::SideEffect};

#[derive(Debug, Default)]
pub(crate) struct ImageStore(BTreeMap<String, EmulatedImage>);

impl ImageStore {
    pub fn get(&self, name: &str) -> Option<&EmulatedImage> {
        self.0.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut EmulatedImage> {
        self.0.get_mut(name)
    }

    pub fn remove(&mut self, name: &str) -> Option<EmulatedImage> {
        self.0.remove(name)
    }

    pub fn iter_images(&self) -> impl Iterator<Item = &EmulatedImage> {
        self.0.values()
    }

    pub fn insert(&mut self, image: EmulatedImage) {
        self.0.insert(image.name.clone(), image);
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.iter_images().filter_map(|image| image.due).min()
    }

    /// Applies all changes that are due by `now`, each with its own time.
    pub fn apply_due_changes(&mut self, now: Timestamp, faults: &mut PendingFaults, effects: &mut Vec<SideEffect>) {
        for image in self.0.values_mut() {
            let Some(at) = image.due.filter(|at| *at <= now) else { continue };
            let failure = (image.status == EmulatedImageStatus::Updating)
                .then(|| faults.take_update_failure(&image.name))
                .flatten();
            image.apply_due_change(at, failure, effects);
        }
    }
}
