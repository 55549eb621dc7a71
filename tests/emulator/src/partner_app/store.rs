//! All apps, and when which of them changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::app::{App, Status};
use super::catalogue::Catalogue;
use crate::faults::Faults;

/// The apps of the account.
#[derive(Debug, Default)]
pub(crate) struct PartnerApps {
    pub catalogue: Catalogue,
    apps: BTreeMap<String, App>,
}

impl PartnerApps {
    pub fn get(&self, arn: &str) -> Option<&App> {
        self.apps.get(arn)
    }

    pub fn get_mut(&mut self, arn: &str) -> Option<&mut App> {
        self.apps.get_mut(arn)
    }

    pub fn all(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }

    pub fn insert(&mut self, app: App) {
        self.apps.insert(app.arn.clone(), app);
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.all().filter_map(|app| app.due).min()
    }

    /// Lets all changes happen that are due by `now`, each at its own time.
    pub fn settle(&mut self, now: Timestamp, faults: &mut Faults) {
        for app in self.apps.values_mut() {
            let Some(at) = app.due.filter(|at| *at <= now) else { continue };
            let failure = (app.status == Status::Updating).then(|| faults.update_failure(&app.name)).flatten();
            app.step(at, failure);
        }
    }
}
