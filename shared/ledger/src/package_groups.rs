//! The rules for model package groups, and which versions of each group have been planned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use neo::ModelPackage;
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

const RULES_KEY: &str = "package-rules";

/// Age from which the row of the rules is written again, so that it does not expire.
const RULES_AGE: SignedDuration = SignedDuration::from_hours(24);

/// The active rules for model package groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PackageRulesRow {
    /// By name.
    rules: BTreeMap<String, PackageRule>,
    seen_at: Timestamp,
}

/// A rule for model package groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRule {
    /// What the rule names. With other groups, it is active from then on.
    pub groups: String,
    pub active_since: Timestamp,
    /// Whether it applies to more groups than a rule may: none of them is compiled.
    #[serde(default)]
    pub has_too_many_groups: bool,
}

/// A model package group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageGroupRow {
    /// When SageMaker was last asked for the versions.
    pub checked_at: Timestamp,
    /// `None` if it has never listed them.
    pub versions: Option<PackageVersions>,
}

/// The versions of a model package group, as the rule compiles them that applies to the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageVersions {
    /// The name of the rule.
    pub rule: String,
    /// The rule's [`PackageRule::active_since`]. A rule that was removed and added again is active from
    /// then on.
    pub active_since: Timestamp,
    /// Numbers of the approved versions that need nothing more: they were planned, or approved
    /// before the rule became active.
    pub handled: BTreeSet<u32>,
    /// The newest version when it was planned. Its [`ModelPackage::version`] shows whether the rule was
    /// changed since.
    pub planned: Option<ModelPackage>,
}

impl LedgerRow for PackageRulesRow {}
impl LedgerRow for PackageGroupRow {}

impl<T: LedgerTable> Ledger<T> {
    /// The rules that are active now, by name; `named` says which groups each of them names. A rule
    /// that was not active at the last check, or named other groups, is active from now on.
    pub async fn open_package_rules(
        &self,
        named: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, PackageRule>, CallError> {
        let now = (self.clock)();
        let open = |row: Option<PackageRulesRow>| {
            let current = row.unwrap_or_default();
            let rules: BTreeMap<_, _> = named
                .iter()
                .map(|(name, groups)| {
                    let known = current.rules.get(name).filter(|known| known.groups == *groups).cloned();
                    let new = PackageRule { groups: groups.clone(), active_since: now, has_too_many_groups: false };
                    (name.clone(), known.unwrap_or(new))
                })
                .collect();
            let is_recorded = rules == current.rules;
            let is_fresh = rules.is_empty() || now.duration_since(current.seen_at) < RULES_AGE;
            (!is_recorded || !is_fresh).then_some(PackageRulesRow { rules, seen_at: now })
        };
        Ok(self.update_row(RULES_KEY, open).await?.row.unwrap_or_default().rules)
    }

    /// Records which rules apply to too many groups.
    pub async fn mark_package_rules(&self, too_many: &BTreeSet<String>) -> Result<(), CallError> {
        let mark = |row: Option<PackageRulesRow>| {
            let current = row?;
            let mut marked = current.clone();
            for (name, rule) in &mut marked.rules {
                rule.has_too_many_groups = too_many.contains(name);
            }
            (marked != current).then_some(marked)
        };
        self.update_row(RULES_KEY, mark).await.map(drop)
    }

    /// The row of the group with this name; `None` if no rule has seen the group.
    pub async fn find_package_group(&self, group: &str) -> Result<Option<PackageGroupRow>, CallError> {
        self.read_row(&group_key(group)).await
    }

    /// Records that SageMaker was asked for the versions of a group.
    pub async fn record_group_check(&self, group: &str, checked_at: Timestamp) -> Result<(), CallError> {
        let check =
            |current: Option<PackageGroupRow>| Some(PackageGroupRow { checked_at, ..current.unwrap_or_default() });
        self.update_row(&group_key(group), check).await.map(drop)
    }

    /// Records what was planned for a group. What another invocation recorded as planned meanwhile is
    /// kept.
    pub async fn record_package_versions(&self, group: &str, versions: &PackageVersions) -> Result<(), CallError> {
        let merge = |current: Option<PackageGroupRow>| {
            let current = current.unwrap_or_default();
            let same = current
                .versions
                .filter(|current| current.rule == versions.rule && current.active_since == versions.active_since);
            let handled = same.iter().flat_map(|same| &same.handled).chain(&versions.handled).copied().collect();
            Some(PackageGroupRow { versions: Some(PackageVersions { handled, ..versions.clone() }), ..current })
        };
        self.update_row(&group_key(group), merge).await.map(drop)
    }
}

fn group_key(group: &str) -> String {
    format!("package-group#{group}")
}
