//! Which settings of an app differ, and what is sent.

use std::collections::BTreeMap;

use model_archive::Problem;

use super::{AppStanding, Application, Settings};
use crate::{
    change::{changed, list, map, same_set},
    digest::digest,
    plan::Change,
    window::WeekTime,
};

impl Settings {
    /// What differs, in the order in which people read it.
    pub(super) fn changes(&self, standing: &AppStanding) -> Vec<Change> {
        let flag = |on: &bool| on.to_string();
        let simple = [
            changed(
                "maintenance_window_start",
                standing.maintenance_window_start.as_ref(),
                self.maintenance_window_start.as_ref(),
                WeekTime::to_string,
            ),
            changed("tier", standing.tier.as_ref(), self.tier.as_ref(), String::clone),
            changed("auto_minor_upgrade", Some(&standing.auto_minor_upgrade), self.auto_minor_upgrade.as_ref(), flag),
            changed(
                "iam_session_identity",
                Some(&standing.iam_session_identity),
                self.iam_session_identity.as_ref(),
                flag,
            ),
        ];
        simple.into_iter().flatten().chain(self.application.changes(&standing.application)).collect()
    }

    /// Tells these settings from others.
    pub(super) fn digest(&self) -> String {
        digest([format!("{self:?}").as_str()])
    }
}

impl Application {
    fn changes(&self, standing: &Self) -> Vec<Change> {
        let users = |at: &Self| at.admin_users.clone().map(AnyOrder);
        let patterns = |at: &Self| at.assigned_group_patterns.clone().map(AnyOrder);
        let roles = |at: &Self| at.role_group_assignments.clone().map(Roles);
        let changes = [
            changed("application.admin_users", users(standing).as_ref(), users(self).as_ref(), AnyOrder::show),
            changed("application.arguments", standing.arguments.as_ref(), self.arguments.as_ref(), map),
            changed(
                "application.assigned_group_patterns",
                patterns(standing).as_ref(),
                patterns(self).as_ref(),
                AnyOrder::show,
            ),
            changed("application.role_group_assignments", roles(standing).as_ref(), roles(self).as_ref(), Roles::show),
        ];
        // Nothing there is as good as an empty one.
        let same = |change: &Change| change.from.is_none() && change.to.as_deref() == Some("none");
        changes.into_iter().flatten().filter(|change| !same(change)).collect()
    }

    /// The whole configuration, or none if nothing of it differs: whether parts of it would be merged or replaced is not documented.
    pub(super) fn to_send(&self, standing: &Self) -> Option<Self> {
        let whole = self.over(standing);
        (!self.changes(standing).is_empty()).then_some(whole)
    }

    /// This over what stands.
    fn over(&self, standing: &Self) -> Self {
        fn over<T: Clone>(declared: Option<&T>, standing: Option<&T>) -> Option<T> {
            declared.or(standing).cloned()
        }
        Self {
            admin_users: over(self.admin_users.as_ref(), standing.admin_users.as_ref()),
            arguments: over(self.arguments.as_ref(), standing.arguments.as_ref()),
            assigned_group_patterns: over(
                self.assigned_group_patterns.as_ref(),
                standing.assigned_group_patterns.as_ref(),
            ),
            role_group_assignments: over(
                self.role_group_assignments.as_ref(),
                standing.role_group_assignments.as_ref(),
            ),
        }
    }

    /// The groups of roles that no assigned pattern covers: the API reference wants each to match one.
    pub(super) fn uncovered(&self) -> Vec<(&str, &str)> {
        let assigned = self.assigned_group_patterns.as_deref().unwrap_or_default();
        let groups = self.role_group_assignments.iter().flatten();
        let groups = groups.flat_map(|(role, groups)| groups.iter().map(move |group| (role.as_str(), group.as_str())));
        groups.filter(|(_, group)| !assigned.iter().any(|pattern| covers(pattern, group))).collect()
    }

    /// What would be inconsistent if this were sent over what stands.
    pub(super) fn inconsistent(&self, standing: &Self) -> Option<Problem> {
        let whole = self.to_send(standing)?;
        let (role, group) = *whole.uncovered().first()?;
        Some(Problem::new(
            "group-not-assigned",
            format!("the group pattern `{group}` of the role {role} matches none of the app's assigned_group_patterns"),
            format!("add `{group}` to application.assigned_group_patterns"),
        ))
    }
}

/// Whether a pattern covers all groups that another one, or a name, stands for.
pub(super) fn covers(pattern: &str, group: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| group.strip_prefix(first)) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// A list that is the same in any order.
struct AnyOrder(Vec<String>);

impl AnyOrder {
    fn show(&self) -> String {
        list(&self.0)
    }
}

impl PartialEq for AnyOrder {
    fn eq(&self, other: &Self) -> bool {
        same_set(&self.0, &other.0)
    }
}

/// Groups by role, each list the same in any order.
struct Roles(BTreeMap<String, Vec<String>>);

impl Roles {
    fn show(&self) -> String {
        list(&self.0.iter().map(|(role, groups)| format!("{role}: {}", groups.join(" "))).collect::<Vec<_>>())
    }
}

impl PartialEq for Roles {
    fn eq(&self, other: &Self) -> bool {
        let same = |(role, groups): (&String, &Vec<String>)| other.0.get(role).is_some_and(|of| same_set(of, groups));
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_stands_for_and_no_more() {
        for (pattern, group, covered) in [
            ("ml-*", "ml-admins", true),
            ("ml-*", "ml-*", true),
            ("ml-*", "ml-a*-admins", true),
            ("ml-admins", "ml-admins", true),
            ("ml-admins", "ml-*", false),
            ("ml-*-admins", "ml-eu-admins", true),
            ("ml-*-admins", "ml-admins", false),
            ("*", "anything*", true),
            ("*admins", "ml-admins", true),
            ("*admins", "ml-admins-eu", false),
            ("a*a", "a", false),
            ("", "a", false),
        ] {
            assert_eq!(covers(pattern, group), covered, "{pattern} covers {group}");
        }
    }
}
