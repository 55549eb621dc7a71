//! Reads the section `partner_apps`, collecting every error.

use std::{collections::BTreeMap, ops::RangeInclusive};

use document::{ConfigFinding, LocatedNode, MapFields, Reader, YamlValue, arn::is_arn};

use super::{AppRef, AppSettings, ApplicationConfig, ArgumentValue, DEFAULT_WINDOW_MINUTES, PartnerApp, WaitingPeriod};
use crate::{
    duplicate::report_duplicate,
    export::UNSET_ARGUMENT,
    upgrade::UpgradePolicy,
    window::{MaintenanceWindow, WEEK_MINUTES},
};

/// The keys of each map in the section. A test compares them with the schema.
const APP: [&str; 12] = [
    "app",
    "upgrade",
    "max_version",
    "window",
    "after",
    "force_before_eol_days",
    "maintenance_window_start",
    "auto_minor_upgrade",
    "tier",
    "iam_session_identity",
    "application",
    "tags",
];
const WINDOW: [&str; 2] = ["start", "minutes"];
const AFTER: [&str; 2] = ["app", "days"];
const APPLICATION: [&str; 4] = ["admin_users", "arguments", "assigned_group_patterns", "role_group_assignments"];

/// Longest name of an app (service model 2017-07-24, `PartnerAppName`).
const MAX_NAME: usize = 256;

/// Longest tier (service model 2017-07-24, `NonEmptyString64`).
const MAX_TIER: usize = 64;

/// Admin users and arguments of an app (service model 2017-07-24).
const MAX_ADMIN_USERS: usize = 5;
const MAX_ARGUMENTS: usize = 5;

/// Group patterns and roles of an app, and groups of a role (service model 2017-07-24).
const PATTERNS: RangeInclusive<usize> = 0..=10;
const MAX_ROLES: usize = 10;
const GROUPS_OF_ROLE: RangeInclusive<usize> = 1..=10;

/// Longest user, role or argument name, longest argument value, longest group pattern (service
/// model 2017-07-24).
const MAX_WORD: usize = 256;
const MAX_ARGUMENT: usize = 1024;
const MAX_PATTERN: usize = 128;

/// Range of `after.days` and `force_before_eol_days`.
const DAYS: RangeInclusive<u16> = 1..=365;

/// `None` if the section is not a list; errors in its entries are in `reader`.
pub(crate) fn read_apps(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<Vec<PartnerApp>> {
    let items = reader.read_items(at, "a list of apps, such as [ { app: fiddler, upgrade: notify } ]")?;
    let mut apps: Vec<(PartnerApp, LocatedNode<'_>)> = Vec::with_capacity(items.len());
    for item in items {
        let Some(read) = read_app(reader, &item) else { continue };
        let names = apps.iter().map(|(earlier, _)| earlier.app.as_str());
        report_duplicate(reader, &item, "app", names, read.app.as_str());
        apps.push((read, item));
    }
    check_cycles(reader, &apps);
    Some(apps.into_iter().map(|(app, _)| app).collect())
}

/// An app that waits for itself, directly or through other apps, would never be upgraded.
fn check_cycles(reader: &mut Reader, apps: &[(PartnerApp, LocatedNode<'_>)]) {
    let after = |app: &AppRef| apps.iter().find(|(known, _)| known.app == *app).and_then(|(app, _)| app.after.as_ref());
    for (app, at) in apps {
        let mut path = vec![app.app.as_str()];
        let mut next = app.after.as_ref();
        while let Some(period) = next.filter(|_| path.len() <= apps.len()) {
            path.push(period.app.as_str());
            if period.app == app.app {
                let message = format!("circular `after` ({})", path.join(" waits for "));
                reader.report_error_in_key(at, "after", ConfigFinding::new(message, "remove one of them"));
                break;
            }
            next = after(&period.app);
        }
    }
}

fn read_app(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<PartnerApp> {
    let fields = reader.read_fields(at, &APP)?;
    let app = reader.require_field(&fields, "app", "fiddler-prod").and_then(|at| read_app_ref(reader, &at));
    let policies = [("auto", UpgradePolicy::Auto), ("notify", UpgradePolicy::Notify), ("off", UpgradePolicy::Off)];
    // Upgrades are opt-in.
    let upgrade = match fields.get("upgrade") {
        None => Some(UpgradePolicy::Notify),
        Some(at) => reader.read_choice(at, &policies),
    };
    let max_version = fields.get("max_version").and_then(|at| reader.parse_text(at, "a version, such as \"1.4\""));
    let window = fields.get("window").and_then(|at| read_window(reader, at));
    let after = fields.get("after").and_then(|at| read_waiting_period(reader, at));
    let force_before_eol_days = fields.get("force_before_eol_days").and_then(|at| reader.read_integer(at, &DAYS));
    let settings = read_settings(reader, &fields);
    let tags = fields.get("tags").and_then(|at| reader.read_tags(at)).unwrap_or_default();
    // Return only now, so that every error is reported.
    let (app, upgrade) = (app?, upgrade?);
    let entry = PartnerApp { app, upgrade, max_version, window, after, force_before_eol_days, settings, tags };
    reader.check_tag_count(at, &entry.tags);
    if upgrade != UpgradePolicy::Auto {
        for key in ["after", "force_before_eol_days", "max_version"].iter().filter(|key| fields.get(key).is_some()) {
            let message = format!("`{key}` has no effect without upgrade: auto");
            reader.report_warning(at, ConfigFinding::new(message, format!("set upgrade: auto, or remove `{key}`")));
        }
    } else if entry.settings.auto_minor_upgrade == Some(true) && entry.after.is_some() {
        let message = "with auto_minor_upgrade: true, SageMaker upgrades the app in its own window and does not wait for \
                       `after`";
        let fix = "set auto_minor_upgrade: false to keep the waiting period";
        reader.report_warning(at, ConfigFinding::new(message, fix));
    }
    if entry.force_before_eol_days.is_some() && entry.after.is_none() {
        let message = "`force_before_eol_days` has no effect without `after`";
        reader.report_warning(at, ConfigFinding::new(message, "add `after`, or remove `force_before_eol_days`"));
    }
    Some(entry)
}

fn read_app_ref(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<AppRef> {
    let text = reader.read_text(at, "the name or ARN of an app")?;
    if text.starts_with("arn:") {
        let id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let named = |name: &str| {
            name.strip_prefix("partner-app/app-").is_some_and(|name| name.len() == 12 && name.chars().all(id))
        };
        if is_arn(text, "sagemaker", true, named) {
            return Some(AppRef::Arn(text.to_owned()));
        }
        let example = "arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-ABCDEFGHIJKL";
        let expected = format!("a partner app ARN, such as {example}");
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
        return None;
    }
    // The service model allows letters and digits only. A dash is accepted because a wrong name is
    // reported anyway, as an unknown app.
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(fits) {
        let expected = format!("an app name of 1 to {MAX_NAME} letters and digits, or the app's ARN");
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
        return None;
    }
    Some(AppRef::Name(text.to_owned()))
}

fn read_window(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<MaintenanceWindow> {
    let fields = reader.read_fields(at, &WINDOW)?;
    let start = reader.require_field(&fields, "start", "\"TUE:03:30\"");
    let start = start.and_then(|at| reader.parse_text(&at, "a time of the week, such as \"TUE:03:30\""));
    let minutes = match fields.get("minutes") {
        None => Some(DEFAULT_WINDOW_MINUTES),
        Some(at) => reader.read_integer(at, &(1..=WEEK_MINUTES)),
    };
    Some(MaintenanceWindow { start: start?, minutes: minutes? })
}

fn read_waiting_period(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<WaitingPeriod> {
    let fields = reader.read_fields(at, &AFTER)?;
    let app = reader.require_field(&fields, "app", "fiddler-staging").and_then(|at| read_app_ref(reader, &at));
    let days = reader.require_field(&fields, "days", "7").and_then(|at| reader.read_integer(&at, &DAYS));
    Some(WaitingPeriod { app: app?, days: days? })
}

fn read_settings(reader: &mut Reader, fields: &MapFields<'_>) -> AppSettings {
    let start = fields.get("maintenance_window_start");
    AppSettings {
        maintenance_window_start: start
            .and_then(|at| reader.parse_text(at, "a time of the week, such as \"TUE:03:30\"")),
        tier: fields.get("tier").and_then(|at| read_word(reader, at, "a tier, such as small", MAX_TIER)),
        auto_minor_upgrade: fields.get("auto_minor_upgrade").and_then(|at| reader.read_boolean(at)),
        iam_session_identity: fields.get("iam_session_identity").and_then(|at| reader.read_boolean(at)),
        application: fields.get("application").and_then(|at| read_application(reader, at)).unwrap_or_default(),
    }
}

fn read_application(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<ApplicationConfig> {
    let fields = reader.read_fields(at, &APPLICATION)?;
    let users = fields.get("admin_users").and_then(|at| {
        read_words(reader, at, "admin users", &(0..=MAX_ADMIN_USERS), |reader, at| {
            read_word(reader, at, "an admin user", MAX_WORD)
        })
    });
    let assigned = fields.get("assigned_group_patterns");
    let assigned = assigned.and_then(|at| read_words(reader, at, "group patterns", &PATTERNS, read_pattern));
    let application = ApplicationConfig {
        admin_users: users,
        arguments: fields.get("arguments").and_then(|at| read_arguments(reader, at)),
        assigned_group_patterns: assigned,
        role_group_assignments: fields.get("role_group_assignments").and_then(|at| read_roles(reader, at)),
    };
    // Without assigned_group_patterns here, the app's own apply: the plan checks those.
    if application.assigned_group_patterns.is_some() {
        for (role, group) in application.uncovered_groups() {
            let message =
                format!("the group pattern `{group}` of the role {role} matches none of assigned_group_patterns");
            let finding = ConfigFinding::new(message, format!("add `{group}` to assigned_group_patterns"));
            reader.report_error_in_key(at, "role_group_assignments", finding);
        }
    }
    Some(application)
}

fn read_arguments(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<BTreeMap<String, ArgumentValue>> {
    // No error shows a value: it can be a credential, and errors are published.
    let expected = "a map of argument names to text, such as { region: eu }";
    if !matches!(at.node.value, YamlValue::Map(_)) {
        reader.report_error(at, ConfigFinding::unexpected(expected, "something else"));
        return None;
    }
    let entries = reader.read_entries(at, expected)?;
    if entries.len() > MAX_ARGUMENTS {
        let expected = format!("at most {MAX_ARGUMENTS} arguments");
        reader.report_error(at, ConfigFinding::unexpected(expected, entries.len()));
    }
    let mut arguments = BTreeMap::new();
    for (key, value_at) in entries {
        if let Some(finding) = check_word(&key.name, "an argument name", MAX_WORD) {
            reader.report_error_at(&value_at.path, key.position, finding);
        }
        let YamlValue::Text(value) = &value_at.node.value else {
            reader.report_error(&value_at, ConfigFinding::new("expected text", "put the value in quotes"));
            continue;
        };
        if value == UNSET_ARGUMENT {
            let message = format!("expected the value of the argument, found `{value}`");
            reader.report_error(&value_at, ConfigFinding::new(message, "write its value"));
        }
        let length = value.chars().count();
        if length > MAX_ARGUMENT {
            let expected = format!("at most {MAX_ARGUMENT} characters");
            reader.report_error(&value_at, ConfigFinding::unexpected(expected, length));
        }
        arguments.insert(key.name.clone(), value.clone().into());
    }
    Some(arguments)
}

fn read_roles(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    let entries = reader.read_entries(at, "a map of roles to group patterns, such as { ORG_ADMIN: [ml-admins] }")?;
    if entries.len() > MAX_ROLES {
        reader.report_error(at, ConfigFinding::unexpected(format!("at most {MAX_ROLES} roles"), entries.len()));
    }
    let mut roles = BTreeMap::new();
    for (key, groups_at) in entries {
        if let Some(finding) = check_word(&key.name, "a role", MAX_WORD) {
            reader.report_error_at(&groups_at.path, key.position, finding);
        }
        let groups = read_words(reader, &groups_at, "group patterns", &GROUPS_OF_ROLE, read_pattern);
        roles.insert(key.name.clone(), groups.unwrap_or_default());
    }
    Some(roles)
}

fn read_words(
    reader: &mut Reader,
    at: &LocatedNode<'_>,
    what: &str,
    count: &RangeInclusive<usize>,
    read_item: impl Fn(&mut Reader, &LocatedNode<'_>) -> Option<String>,
) -> Option<Vec<String>> {
    let expected = format!("a list of {} to {} {what}", count.start(), count.end());
    let items = reader.read_items(at, &expected)?;
    if !count.contains(&items.len()) {
        reader.report_error(at, ConfigFinding::unexpected(&expected, items.len()));
    }
    let mut words: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Some(word) = read_item(reader, &item) else { continue };
        if words.contains(&word) {
            reader.report_error(&item, ConfigFinding::new(format!("`{word}` is listed twice"), "remove one"));
        }
        words.push(word);
    }
    Some(words)
}

/// Reads a text that is not blank (service model 2017-07-24, `NonEmptyString…`).
fn read_word(reader: &mut Reader, at: &LocatedNode<'_>, expected: &str, max_length: usize) -> Option<String> {
    let text = reader.read_text(at, expected)?;
    if let Some(finding) = check_word(text, expected, max_length) {
        reader.report_error(at, finding);
        return None;
    }
    // The service may remove spaces around it.
    Some(text.trim().to_owned())
}

/// Returns the error of a text that is blank, too long, or has more than one line.
fn check_word(text: &str, expected: &str, max_length: usize) -> Option<ConfigFinding> {
    if text.trim().is_empty() {
        return Some(ConfigFinding::unexpected(expected, "blank text"));
    }
    if text.contains('\n') {
        return Some(ConfigFinding::unexpected(expected, "more than one line"));
    }
    let length = text.chars().count();
    (length > max_length).then(|| {
        let message = format!("expected {expected}, of at most {max_length} characters, found {length}");
        ConfigFinding::new(message, format!("shorten it to {max_length} characters"))
    })
}

/// Service model 2017-07-24, `GroupNamePattern`.
fn read_pattern(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<String> {
    let text = reader.read_text(at, "a group or a pattern of groups, such as ml-*")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@*-".contains(c);
    if text.is_empty() || text.len() > MAX_PATTERN || !text.chars().all(fits) {
        let expected = format!("a group pattern of 1 to {MAX_PATTERN} letters, digits and _ + = , . @ * -");
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
        return None;
    }
    Some(text.to_owned())
}
