//! Compares declared with observed settings, and builds what is sent.

use std::{collections::BTreeMap, fmt};

use model_archive::Problem;

use super::{AppSettings, ApplicationConfig, ArgumentValue, ObservedApp};
use crate::{
    change::{EMPTY_LIST, compare_field, format_list, is_same_set},
    digest::hash_parts,
    plan::Change,
    window::WeekTime,
};

impl AppSettings {
    /// The settings that differ, in display order.
    pub(super) fn list_changes(&self, app: &ObservedApp) -> Vec<Change> {
        let format_flag = |on: &bool| on.to_string();
        let simple = [
            compare_field(
                "maintenance_window_start",
                app.maintenance_window_start.as_ref(),
                self.maintenance_window_start.as_ref(),
                WeekTime::to_string,
            ),
            compare_field("tier", app.tier.as_ref(), self.tier.as_ref(), String::clone),
            compare_field(
                "auto_minor_upgrade",
                Some(&app.auto_minor_upgrade),
                self.auto_minor_upgrade.as_ref(),
                format_flag,
            ),
            compare_field(
                "iam_session_identity",
                Some(&app.iam_session_identity),
                self.iam_session_identity.as_ref(),
                format_flag,
            ),
        ];
        simple.into_iter().flatten().chain(self.application.list_changes(&app.application)).collect()
    }

    /// Identifies these settings. The digest is stored in the ledger and is part of client tokens.
    pub(super) fn compute_digest(&self) -> String {
        hash_parts([format!("{:?}", DigestText(self)).as_str()])
    }
}

/// The text that a digest is computed of.
///
/// It is the `Debug` text of the settings under the names that their types had at first. A changed
/// text would change every stored digest: settings that failed too often would be sent again.
struct DigestText<'a, T>(&'a T);

impl fmt::Debug for DigestText<'_, AppSettings> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AppSettings { maintenance_window_start, tier, auto_minor_upgrade, iam_session_identity, application } =
            self.0;
        f.debug_struct("Settings")
            .field("maintenance_window_start", maintenance_window_start)
            .field("tier", tier)
            .field("auto_minor_upgrade", auto_minor_upgrade)
            .field("iam_session_identity", iam_session_identity)
            .field("application", &DigestText(application))
            .finish()
    }
}

impl<'a> fmt::Debug for DigestText<'a, ApplicationConfig> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApplicationConfig { admin_users, arguments, assigned_group_patterns, role_group_assignments } = self.0;
        // The digest is of the values: a new value has to be sent.
        let expose = |(name, value): (&'a String, &'a ArgumentValue)| (name, value.expose_value());
        let arguments: Option<BTreeMap<_, _>> = arguments.as_ref().map(|known| known.iter().map(expose).collect());
        f.debug_struct("Application")
            .field("admin_users", admin_users)
            .field("arguments", &arguments)
            .field("assigned_group_patterns", assigned_group_patterns)
            .field("role_group_assignments", role_group_assignments)
            .finish()
    }
}

impl ApplicationConfig {
    fn list_changes(&self, observed: &Self) -> Vec<Change> {
        let users = |config: &Self| config.admin_users.clone().map(UnorderedList);
        let patterns = |config: &Self| config.assigned_group_patterns.clone().map(UnorderedList);
        let roles = |config: &Self| config.role_group_assignments.clone().map(RoleGroups);
        let changes = [
            compare_field(
                "application.admin_users",
                users(observed).as_ref(),
                users(self).as_ref(),
                UnorderedList::to_string,
            ),
            self.compare_arguments(observed),
            compare_field(
                "application.assigned_group_patterns",
                patterns(observed).as_ref(),
                patterns(self).as_ref(),
                UnorderedList::to_string,
            ),
            compare_field(
                "application.role_group_assignments",
                roles(observed).as_ref(),
                roles(self).as_ref(),
                RoleGroups::to_string,
            ),
        ];
        // A missing list is equal to an empty one.
        let is_equal = |change: &Change| change.from.is_none() && change.to.as_deref() == Some(EMPTY_LIST);
        changes.into_iter().flatten().filter(|change| !is_equal(change)).collect()
    }

    /// The change of the arguments, by name: a value can be a credential, and changes are
    /// published, logged and stored.
    fn compare_arguments(&self, observed: &Self) -> Option<Change> {
        let observed = observed.arguments.as_ref();
        let declared = self.arguments.as_ref().filter(|declared| observed != Some(*declared))?;
        let describe = |(name, value): (&String, &ArgumentValue)| match observed.and_then(|observed| observed.get(name))
        {
            Some(current) if current == value => name.clone(),
            Some(_) => format!("{name} (new value)"),
            None => format!("{name} (new)"),
        };
        let names =
            |observed: &BTreeMap<String, ArgumentValue>| format_list(&observed.keys().cloned().collect::<Vec<_>>());
        Some(Change {
            field: "application.arguments".to_owned(),
            from: observed.map(names),
            to: Some(format_list(&declared.iter().map(describe).collect::<Vec<_>>())),
        })
    }

    /// The whole configuration to send; `None` if nothing differs. It is sent whole because the API
    /// reference does not say whether parts are merged or replaced.
    pub(super) fn merge_for_update(&self, observed: &Self) -> Option<Self> {
        (!self.list_changes(observed).is_empty()).then(|| self.merge_over(observed))
    }

    /// This configuration, with the observed value for each field that is not declared.
    fn merge_over(&self, observed: &Self) -> Self {
        fn declared_or<T: Clone>(declared: Option<&T>, observed: Option<&T>) -> Option<T> {
            declared.or(observed).cloned()
        }
        Self {
            admin_users: declared_or(self.admin_users.as_ref(), observed.admin_users.as_ref()),
            arguments: declared_or(self.arguments.as_ref(), observed.arguments.as_ref()),
            assigned_group_patterns: declared_or(
                self.assigned_group_patterns.as_ref(),
                observed.assigned_group_patterns.as_ref(),
            ),
            role_group_assignments: declared_or(
                self.role_group_assignments.as_ref(),
                observed.role_group_assignments.as_ref(),
            ),
        }
    }

    /// Pairs of a role and a group of it that no assigned pattern covers. The API reference
    /// requires that each group matches one.
    pub(super) fn uncovered_groups(&self) -> Vec<(&str, &str)> {
        let assigned = self.assigned_group_patterns.as_deref().unwrap_or_default();
        let groups = self.role_group_assignments.iter().flatten();
        let groups = groups.flat_map(|(role, groups)| groups.iter().map(move |group| (role.as_str(), group.as_str())));
        groups.filter(|(_, group)| !assigned.iter().any(|pattern| covers_group(pattern, group))).collect()
    }

    /// The problem of the configuration that would result from an update, if one of its groups is
    /// not covered.
    pub(super) fn find_uncovered_group(&self, observed: &Self) -> Option<Problem> {
        let merged = self.merge_for_update(observed)?;
        let (role, group) = *merged.uncovered_groups().first()?;
        Some(Problem::new(
            "group-not-assigned",
            format!("the group pattern `{group}` of the role {role} matches none of the app's assigned_group_patterns"),
            format!("add `{group}` to application.assigned_group_patterns"),
        ))
    }
}

/// Whether a pattern covers every group that `group`, a name or a pattern itself, can match.
pub(super) fn covers_group(pattern: &str, group: &str) -> bool {
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

/// A list whose order does not matter.
struct UnorderedList(Vec<String>);

impl fmt::Display for UnorderedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_list(&self.0))
    }
}

impl PartialEq for UnorderedList {
    fn eq(&self, other: &Self) -> bool {
        is_same_set(&self.0, &other.0)
    }
}

/// Groups by role; the order of the groups does not matter.
struct RoleGroups(BTreeMap<String, Vec<String>>);

impl fmt::Display for RoleGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = self.0.iter().map(|(role, groups)| format!("{role}: {}", groups.join(" ")));
        f.write_str(&format_list(&roles.collect::<Vec<_>>()))
    }
}

impl PartialEq for RoleGroups {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(role, groups): (&String, &Vec<String>)| {
            other.0.get(role).is_some_and(|others| is_same_set(others, groups))
        };
        self.0.len() == other.0.len() && self.0.iter().all(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_arguments(arguments: &[(&str, &str)]) -> ApplicationConfig {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()));
        ApplicationConfig { arguments: Some(arguments.collect()), ..ApplicationConfig::default() }
    }

    #[test]
    fn values_of_arguments_are_not_in_changes() {
        let observed = with_arguments(&[("key", "old-secret"), ("kept", "same-secret"), ("gone", "gone-secret")]);
        let declared = with_arguments(&[("key", "new-secret"), ("kept", "same-secret"), ("more", "more-secret")]);
        let changes = declared.list_changes(&observed);
        assert!(!format!("{changes:?}").contains("secret"), "{changes:?}");
        assert_eq!(changes[0].from.as_deref(), Some("gone, kept, key"));
        assert_eq!(changes[0].to.as_deref(), Some("kept, key (new value), more (new)"));
        assert_eq!(declared.list_changes(&declared.clone()), []);
    }

    #[test]
    fn values_of_arguments_are_not_in_debug_or_json() {
        let config = with_arguments(&[("key", "secret")]);
        let texts = [format!("{config:?}"), serde_json::to_string(&config).unwrap()];
        assert!(texts.iter().all(|text| text.contains("key") && !text.contains("secret")), "{texts:?}");
    }

    #[test]
    fn a_pattern_covers_only_groups_that_it_matches() {
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
            assert_eq!(covers_group(pattern, group), covered, "{pattern} covers {group}");
        }
    }
}
