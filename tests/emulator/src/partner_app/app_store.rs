//! All partner apps, with the times of their next status changes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    emulated_app::{EmulatedAppStatus, EmulatedPartnerApp},
    release_catalogue::ReleaseCatalogue,
};
use crate::faults::PendingFaults;

#[derive(Debug, Default)]
pub(crate) struct PartnerAppStore {
    pub catalogue: ReleaseCatalogue,
    apps: BTreeMap<String, EmulatedPartnerApp>,
}

impl PartnerAppStore {
    pub fn get(&self, arn: &str) -> Option<&EmulatedPartnerApp> {
        self.apps.get(arn)
    }

    pub fn get_mut(&mut self, arn: &str) -> Option<&mut EmulatedPartnerApp> {
        self.apps.get_mut(arn)
    }

    pub fn iter_apps(&self) -> impl Iterator<Item = &EmulatedPartnerApp> {
        self.apps.values()
    }

    pub fn insert(&mut self, app: EmulatedPartnerApp) {
        self.apps.insert(app.arn.clone(), app);
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.iter_apps().filter_map(|app| app.due).min()
    }

    /// Applies all changes that are due by `now`, each with its own time.
    pub fn apply_due_changes(&mut self, now: Timestamp, faults: &mut PendingFaults) {
        for app in self.apps.values_mut() {
            let Some(at) = app.due.filter(|at| *at <= now) else { continue };
            let failure =
                (app.status == EmulatedAppStatus::Updating).then(|| faults.take_update_failure(&app.name)).flatten();
            app.apply_due_change(at, failure);
        }
    }
}
