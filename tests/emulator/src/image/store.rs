//! All images, and when which of them changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::{Image, Status};
use crate::effects::Effect;
use crate::faults::Faults;

/// The images of the account.
#[derive(Debug, Default)]
pub(crate) struct Images(BTreeMap<String, Image>);

impl Images {
    pub fn get(&self, name: &str) -> Option<&Image> {
        self.0.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Image> {
        self.0.get_mut(name)
    }

    pub fn all(&self) -> impl Iterator<Item = &Image> {
        self.0.values()
    }

    pub fn insert(&mut self, image: Image) {
        self.0.insert(image.name.clone(), image);
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.all().filter_map(|image| image.due).min()
    }

    /// Lets all changes happen that are due by `now`, each at its own time.
    pub fn settle(&mut self, now: Timestamp, faults: &mut Faults, effects: &mut Vec<Effect>) {
        for image in self.0.values_mut() {
            let Some(at) = image.due.filter(|at| *at <= now) else { continue };
            let failure = (image.status == Status::Updating).then(|| faults.update_failure(&image.name)).flatten();
            image.step(at, failure, effects);
        }
    }
}
