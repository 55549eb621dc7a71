//! The rules for model package groups, and which versions of each group have been planned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use neo::{ModelPackage, ModelPackageArn};
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Ledger, LedgerRow, LedgerTable};

const RULES_KEY: &str = "package-rules";
const LIST_KEY: &str = "package-group-list";

/// Age from which the row of the rules is written again, so that it does not expire.
const RULES_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How long an invocation lasts at most (Lambda developer guide, "Quotas"). After that, nothing has
/// a configuration any more that was replaced.
const MAX_INVOCATION: SignedDuration = SignedDuration::from_mins(15);

/// Age from which the list of groups is read from its beginning.
const MAX_LIST_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Numbers of a group that are stored, the newest: ten times as many as the versions that are
/// listed. They need less than a tenth of the size of a row.
const MAX_HANDLED: usize = 10_000;

/// Versions of a group of which it is stored when they were registered, the newest: as many as are
/// listed.
const MAX_TIMES: usize = 1000;

/// The active rules for model package groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PackageRulesRow {
    /// In the order of the configuration: the first rule that matches a group applies to it.
    rules: Vec<PackageRule>,
    /// When S3 received the configuration that has these rules.
    configured_at: Option<Timestamp>,
    seen_at: Timestamp,
}

/// A rule for model package groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRule {
    pub name: String,
    /// What the rule names. With other groups, it is active from then on.
    pub groups: String,
    pub active_since: Timestamp,
    /// Since when it applies to the groups that it applies to now: what the rules before it name
    /// can change, and whether it applies to more groups than a rule may.
    pub unchanged_since: Timestamp,
    /// Whether it applies to more groups than a rule may: none of them is compiled.
    pub has_too_many_groups: bool,
}

/// A model package group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageGroupRow {
    /// Its name.
    pub group: String,
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
    /// The rule's [`PackageRule::active_since`]. A rule that was removed and added again is active
    /// from then on.
    pub active_since: Timestamp,
    /// When the rule saw the versions first.
    pub opened_at: Timestamp,
    /// Numbers of the approved versions that need nothing more: they were planned, or approved
    /// before the rule became active.
    pub handled: BTreeSet<u32>,
    /// The versions whose planning has begun, by number. It is completed even if a version is not
    /// approved any more: its jobs would otherwise remain requested.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<u32, ModelPackageArn>,
    /// The newest version when it was planned. Its [`ModelPackage::version`] shows whether the rule
    /// was changed since.
    pub planned: Option<ModelPackage>,
    /// When the approved versions were registered, by number: a group that was deleted and created
    /// again has other versions with the same numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub created_at: BTreeMap<u32, Timestamp>,
    /// Whether the group was deleted and created again: what is compiled of it has names and ids of
    /// its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_created_again: bool,
}

impl PackageVersions {
    /// Records when the approved versions were registered. Returns whether they show that the group
    /// was created again: what was known of its other versions is forgotten.
    pub fn record_creation(&mut self, approved: &BTreeMap<u32, Timestamp>) -> bool {
        let is_other = approved.iter().any(|(number, at)| self.created_at.get(number).is_some_and(|known| known < at));
        if is_other {
            self.is_created_again = true;
            let known = std::mem::take(&mut self.created_at);
            self.handled.retain(|number| known.contains_key(number) && known.get(number) == approved.get(number));
        }
        for (number, at) in approved {
            let known = self.created_at.entry(*number).or_insert(*at);
            *known = (*known).max(*at);
        }
        is_other
    }

    /// [`ModelPackage::created_again_at`] of a version.
    pub fn created_again_at(&self, number: u32) -> Option<Timestamp> {
        self.created_at.get(&number).copied().filter(|_| self.is_created_again)
    }

    /// Whether they are those of this rule, since it is active.
    pub fn are_of(&self, rule: &PackageRule) -> bool {
        self.rule == rule.name && self.active_since == rule.active_since
    }
}

/// The list of the model package groups of the account and Region, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageGroupList {
    pub started_at: Timestamp,
    /// Names of groups.
    pub groups: BTreeSet<String>,
    /// Token of the next page; `None` before the first page, and after the last one.
    pub next: Option<String>,
}

impl LedgerRow for PackageRulesRow {}
impl LedgerRow for PackageGroupList {}

impl LedgerRow for PackageGroupRow {
    fn limit_size(mut self) -> Self {
        if let Some(versions) = &mut self.versions {
            while versions.handled.len() > MAX_HANDLED {
                versions.handled.pop_first();
            }
            while versions.created_at.len() > MAX_TIMES {
                versions.created_at.pop_first();
            }
        }
        self
    }
}

impl<T: LedgerTable> Ledger<T> {
    /// The rules that are active now; `named` has the name of each, and which groups it names. A
    /// rule that was not active at the last check, or named other groups, is active from now on.
    ///
    /// `configured_at` is when S3 received the configuration. Returns `None` if a newer one is
    /// active: an invocation that still has the older one would end its rules, and later start them
    /// again. An older one is active again if the newer one was deleted, which shows when no
    /// invocation can have it from before.
    pub async fn open_package_rules(
        &self,
        named: &[(String, String)],
        configured_at: Option<Timestamp>,
    ) -> Result<Option<Vec<PackageRule>>, CallError> {
        let now = (self.clock)();
        let is_replaced = |current: &PackageRulesRow| {
            current.configured_at > configured_at && now.duration_since(current.seen_at) < MAX_INVOCATION
        };
        let open = |row: Option<PackageRulesRow>| {
            let is_unused = row.is_none() && named.is_empty();
            let current = row.unwrap_or_default();
            if is_unused || is_replaced(&current) {
                return None;
            }
            let rules: Vec<_> = (0..named.len()).map(|index| open_rule(&current.rules, named, index, now)).collect();
            let is_recorded = rules == current.rules && configured_at == current.configured_at;
            let is_fresh = rules.is_empty() || now.duration_since(current.seen_at) < RULES_AGE;
            (!is_recorded || !is_fresh).then_some(PackageRulesRow { rules, configured_at, seen_at: now })
        };
        let row = self.update_row(RULES_KEY, open).await?.row.unwrap_or_default();
        Ok((!is_replaced(&row)).then_some(row.rules))
    }

    /// Records which of these rules apply to too many groups. Returns all rules.
    pub async fn mark_package_rules(
        &self,
        rules: &[PackageRule],
        too_many: &BTreeSet<String>,
    ) -> Result<Vec<PackageRule>, CallError> {
        let now = (self.clock)();
        let mark = |row: Option<PackageRulesRow>| {
            let current = row?;
            let mut marked = current.clone();
            // Another invocation may have replaced the others.
            for rule in marked.rules.iter_mut().filter(|rule| rules.iter().any(|known| known.is_same_as(rule))) {
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

    /// The rows of the groups with these names, by name. A group that no rule has seen has no row.
    pub async fn find_package_groups(
        &self,
        names: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, PackageGroupRow>, CallError> {
        let keys: Vec<_> = names.iter().map(|name| group_key(name)).collect();
        let rows = self.table.get_rows::<PackageGroupRow>(&keys).await?;
        Ok(rows.into_iter().map(|row| (row.group.clone(), row)).collect())
    }

    /// Records that SageMaker was requested to list the versions of a group.
    pub async fn record_group_check(&self, group: &str, checked_at: Timestamp) -> Result<(), CallError> {
        let check = |current: Option<PackageGroupRow>| {
            let current = current.unwrap_or_default();
            Some(PackageGroupRow { group: group.to_owned(), checked_at, ..current })
        };
        self.update_row(&group_key(group), check).await.map(drop)
    }

    /// Records which versions of a group need nothing, when its rule begins with it; `known` is
    /// what was recorded before. Returns what is recorded now: `None` if the rule was replaced
    /// meanwhile, so that this invocation has an older configuration.
    pub async fn open_package_versions(
        &self,
        group: &str,
        rule: &PackageRule,
        known: Option<&PackageVersions>,
        versions: &PackageVersions,
    ) -> Result<Option<PackageVersions>, CallError> {
        // A newer configuration replaces the rules first, and then what its rules apply to.
        let rules = self.read_row::<PackageRulesRow>(RULES_KEY).await?.unwrap_or_default().rules;
        if !rules.iter().any(|current| current.is_same_as(rule)) {
            return Ok(None);
        }
        let open = |current: Option<PackageGroupRow>| {
            let current = current.unwrap_or_default();
            let is_unchanged = current.versions.as_ref() == known;
            is_unchanged.then(|| PackageGroupRow {
                group: group.to_owned(),
                versions: Some(versions.clone()),
                ..current
            })
        };
        let row = self.update_row(&group_key(group), open).await?.row;
        Ok(row.and_then(|row| row.versions).filter(|versions| versions.are_of(rule)))
    }

    /// Records what was planned for a group. What another invocation recorded as planned meanwhile
    /// is kept, and so is what is recorded for another rule.
    pub async fn record_package_versions(&self, group: &str, versions: &PackageVersions) -> Result<(), CallError> {
        let merge = |current: Option<PackageGroupRow>| {
            let current = current?;
            let mut same = current
                .versions
                .clone()
                .filter(|known| known.rule == versions.rule && known.active_since == versions.active_since)?;
            let mut versions = versions.clone();
            // One of the two may have seen the group before it was deleted and created again.
            same.record_creation(&versions.created_at);
            versions.record_creation(&same.created_at);
            versions.is_created_again |= same.is_created_again;
            let handled = same.handled.union(&versions.handled).copied().collect();
            let begun = same.begun.iter().chain(&versions.begun);
            let begun = begun.filter(|(number, _)| !versions.handled.contains(number));
            let begun = begun.map(|(number, arn)| (*number, arn.clone())).collect();
            Some(PackageGroupRow { versions: Some(PackageVersions { handled, begun, ..versions }), ..current })
        };
        self.update_row(&group_key(group), merge).await.map(drop)
    }

    /// The list of groups that an earlier run did not read to its end.
    pub async fn find_group_list(&self) -> Result<Option<PackageGroupList>, CallError> {
        let now = (self.clock)();
        let list: Option<PackageGroupList> = self.read_row(LIST_KEY).await?;
        Ok(list.filter(|list| list.next.is_some() && now.duration_since(list.started_at) < MAX_LIST_AGE))
    }

    /// Records how far the list of groups was read.
    pub async fn record_group_list(&self, list: &PackageGroupList) -> Result<(), CallError> {
        self.update_row(LIST_KEY, |_| Some(list.clone())).await.map(drop)
    }
}

impl PackageRule {
    /// Whether it is this rule, since it is active.
    fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.groups == other.groups && self.active_since == other.active_since
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
