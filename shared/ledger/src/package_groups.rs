//! The rules for model package groups, and which versions of each group have been planned.

use std::collections::BTreeSet;

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
    /// In the order of the configuration: the first rule that matches a group applies to it.
    rules: Vec<PackageRule>,
    seen_at: Timestamp,
}

/// A rule for model package groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRule {
    pub name: String,
    /// What the rule names. With other groups, it is active from then on.
    pub groups: String,
    pub active_since: Timestamp,
    /// Since when it applies to the groups that it applies to now: what the rules before it name can
    /// change, and whether it applies to more groups than a rule may.
    pub unchanged_since: Timestamp,
    /// Whether it applies to more groups than a rule may: none of them is compiled.
    pub has_too_many_groups: bool,
}

/// A model package group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageGroupRow {
    /// When SageMaker was last requested to list the versions.
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
    /// When the rule saw the versions first.
    pub opened_at: Timestamp,
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
    /// The rules that are active now; `named` has the name of each, and which groups it names. A rule
    /// that was not active at the last check, or named other groups, is active from now on.
    pub async fn open_package_rules(&self, named: &[(String, String)]) -> Result<Vec<PackageRule>, CallError> {
        let now = (self.clock)();
        let open = |row: Option<PackageRulesRow>| {
            let current = row.unwrap_or_default();
            let rules: Vec<_> = (0..named.len()).map(|index| open_rule(&current.rules, named, index, now)).collect();
            let is_recorded = rules == current.rules;
            let is_fresh = rules.is_empty() || now.duration_since(current.seen_at) < RULES_AGE;
            (!is_recorded || !is_fresh).then_some(PackageRulesRow { rules, seen_at: now })
        };
        Ok(self.update_row(RULES_KEY, open).await?.row.unwrap_or_default().rules)
    }

    /// Records which rules apply to too many groups. Returns all rules.
    pub async fn mark_package_rules(&self, too_many: &BTreeSet<String>) -> Result<Vec<PackageRule>, CallError> {
        let now = (self.clock)();
        let mark = |row: Option<PackageRulesRow>| {
            let current = row?;
            let mut marked = current.clone();
            for rule in &mut marked.rules {
                let has_too_many_groups = too_many.contains(&rule.name);
                if rule.has_too_many_groups && !has_too_many_groups {
                    rule.unchanged_since = now;
                }
                rule.has_too_many_groups = has_too_many_groups;
            }
            (marked != current).then_some(marked)
        };
        Ok(self.update_row(RULES_KEY, mark).await?.row.unwrap_or_default().rules)
    }

    /// The row of the group with this name; `None` if no rule has seen the group.
    pub async fn find_package_group(&self, group: &str) -> Result<Option<PackageGroupRow>, CallError> {
        self.read_row(&group_key(group)).await
    }

    /// Records that SageMaker was requested to list the versions of a group.
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
            let is_same =
                |known: &&PackageVersions| known.rule == versions.rule && known.active_since == versions.active_since;
            let same = current.versions.as_ref().filter(is_same);
            // This invocation has an older configuration.
            if same.is_none() && current.versions.as_ref().is_some_and(|known| known.opened_at > versions.opened_at) {
                return None;
            }
            let handled = same.into_iter().flat_map(|same| &same.handled).chain(&versions.handled).copied().collect();
            Some(PackageGroupRow { versions: Some(PackageVersions { handled, ..versions.clone() }), ..current })
        };
        self.update_row(&group_key(group), merge).await.map(drop)
    }
}

/// The rule at this index of `named`, which is active now.
fn open_rule(current: &[PackageRule], named: &[(String, String)], index: usize, now: Timestamp) -> PackageRule {
    let (name, groups) = &named[index];
    let new = PackageRule {
        name: name.clone(),
        groups: groups.clone(),
        active_since: now,
        unchanged_since: now,
        has_too_many_groups: false,
    };
    let is_same = |known: &PackageRule| known.name == *name && known.groups == *groups;
    let Some(position) = current.iter().position(is_same) else { return new };
    let known = &current[position];
    let before = current[..position].iter().map(|rule| &rule.groups);
    if before.eq(named[..index].iter().map(|(_, groups)| groups)) {
        return known.clone();
    }
    PackageRule { unchanged_since: now, ..known.clone() }
}

fn group_key(group: &str) -> String {
    format!("package-group#{group}")
}
