//! Reads the section `partner_apps`, noting every mistake.

use std::{collections::BTreeMap, ops::RangeInclusive};

use document::{At, Fields, Reader, arn::is_arn, tags::MAX_TAGS};

use super::{AppRef, Application, DEFAULT_WINDOW_MINUTES, PartnerApp, Settings, Soak, settings::covers};
use crate::{
    upgrade::Policy,
    window::{WEEK_MINUTES, Window},
};

/// The keys of each mapping in the section. The schema has the same: a test holds one against the other.
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

/// Longest user, role or name of an argument, longest value of one, longest group pattern (service model 2017-07-24).
const MAX_WORD: usize = 256;
const MAX_ARGUMENT: usize = 1024;
const MAX_PATTERN: usize = 128;

/// Days that may be waited for, or looked ahead.
const DAYS: RangeInclusive<u16> = 1..=365;

/// Reads the section; none if there are mistakes in it.
pub(crate) fn read(reader: &mut Reader, at: &At<'_>) -> Option<Vec<PartnerApp>> {
    let items = reader.items(at, "a list of apps, such as [ { app: fiddler, upgrade: notify } ]")?;
    let mut apps: Vec<(PartnerApp, At<'_>)> = Vec::with_capacity(items.len());
    for item in items {
        let Some(read) = app(reader, &item) else { continue };
        if apps.iter().any(|(earlier, _)| earlier.app == read.app) {
            let message = format!("`{}` is declared above already; merge the two entries", read.app.as_str());
            reader.fault_in(&item, "app", message);
        }
        apps.push((read, item));
    }
    cycles(reader, &apps);
    Some(apps.into_iter().map(|(app, _)| app).collect())
}

/// An app that waits for itself, by way of others or at once, would wait for ever.
fn cycles(reader: &mut Reader, apps: &[(PartnerApp, At<'_>)]) {
    let after = |app: &AppRef| apps.iter().find(|(known, _)| known.app == *app).and_then(|(app, _)| app.after.as_ref());
    for (app, at) in apps {
        let mut path = vec![app.app.as_str()];
        let mut next = app.after.as_ref();
        while let Some(soak) = next.filter(|_| path.len() <= apps.len()) {
            path.push(soak.app.as_str());
            if soak.app == app.app {
                let message =
                    format!("{}: it would wait for itself for ever; break the circle", path.join(" waits for "));
                reader.fault_in(at, "after", message);
                break;
            }
            next = after(&soak.app);
        }
    }
}

fn app(reader: &mut Reader, at: &At<'_>) -> Option<PartnerApp> {
    let fields = reader.fields(at, &APP)?;
    let app = reader.required(&fields, "app", "fiddler-prod").and_then(|at| app_ref(reader, &at));
    let policies = [("auto", Policy::Auto), ("notify", Policy::Notify), ("off", Policy::Off)];
    // Never by surprise: without a word an app is not upgraded.
    let upgrade = match fields.get("upgrade") {
        None => Some(Policy::Notify),
        Some(at) => reader.choice(at, &policies),
    };
    let max_version = fields.get("max_version").and_then(|at| reader.parsed(at, "a version, such as \"1.4\""));
    let window = fields.get("window").and_then(|at| window(reader, at));
    let after = fields.get("after").and_then(|at| soak(reader, at));
    let force_before_eol_days = fields.get("force_before_eol_days").and_then(|at| reader.integer(at, &DAYS));
    let settings = settings(reader, &fields);
    let tags = fields.get("tags").and_then(|at| reader.tags(at)).unwrap_or_default();
    // Only now: every mistake has been told.
    let (app, upgrade) = (app?, upgrade?);
    let read = PartnerApp { app, upgrade, max_version, window, after, force_before_eol_days, settings, tags };
    if read.tags.len() > MAX_TAGS {
        reader.fault_in(at, "tags", format!("has {} tags; SageMaker takes {MAX_TAGS}", read.tags.len()));
    }
    if upgrade != Policy::Auto {
        for key in ["after", "force_before_eol_days", "max_version"].iter().filter(|key| fields.get(key).is_some()) {
            let message = format!("`{key}` has no effect without upgrade: auto");
            reader.warn(at, message);
        }
    } else if read.settings.auto_minor_upgrade == Some(true) && read.after.is_some() {
        let message = "with auto_minor_upgrade: true, SageMaker upgrades the app in its own window and does not wait for \
                       `after`; set it to false to keep the soak";
        reader.warn(at, message);
    }
    if read.force_before_eol_days.is_some() && read.after.is_none() {
        reader.warn(at, "`force_before_eol_days` overrides `after`, and there is none");
    }
    Some(read)
}

fn app_ref(reader: &mut Reader, at: &At<'_>) -> Option<AppRef> {
    let text = reader.text(at, "the name or ARN of an app")?;
    if text.starts_with("arn:") {
        let id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let named = |name: &str| {
            name.strip_prefix("partner-app/app-").is_some_and(|name| name.len() == 12 && name.chars().all(id))
        };
        if is_arn(text, "sagemaker", true, named) {
            return Some(AppRef::Arn(text.to_owned()));
        }
        let example = "arn:aws:sagemaker:eu-west-1:123456789012:partner-app/app-ABCDEFGHIJKL";
        reader.fault(at, format!("`{text}` is no ARN of a partner app, such as {example}"));
        return None;
    }
    // The service model has letters and digits only; a dash is let through, as no app of that name is found then.
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(fits) {
        reader.fault(
            at,
            format!("`{text}` is no name of an app; allowed: 1 to {MAX_NAME} letters and digits, or its ARN"),
        );
        return None;
    }
    Some(AppRef::Name(text.to_owned()))
}

fn window(reader: &mut Reader, at: &At<'_>) -> Option<Window> {
    let fields = reader.fields(at, &WINDOW)?;
    let start = reader.required(&fields, "start", "\"TUE:03:30\"");
    let start = start.and_then(|at| reader.parsed(&at, "a time of the week, such as \"TUE:03:30\""));
    let minutes = match fields.get("minutes") {
        None => Some(DEFAULT_WINDOW_MINUTES),
        Some(at) => reader.integer(at, &(1..=WEEK_MINUTES)),
    };
    Some(Window { start: start?, minutes: minutes? })
}

fn soak(reader: &mut Reader, at: &At<'_>) -> Option<Soak> {
    let fields = reader.fields(at, &AFTER)?;
    let app = reader.required(&fields, "app", "fiddler-staging").and_then(|at| app_ref(reader, &at));
    let days = reader.required(&fields, "days", "7").and_then(|at| reader.integer(&at, &DAYS));
    Some(Soak { app: app?, days: days? })
}

fn settings(reader: &mut Reader, fields: &Fields<'_>) -> Settings {
    let start = fields.get("maintenance_window_start");
    Settings {
        maintenance_window_start: start.and_then(|at| reader.parsed(at, "a time of the week, such as \"TUE:03:30\"")),
        tier: fields.get("tier").and_then(|at| word(reader, at, "a tier, such as small", MAX_TIER)),
        auto_minor_upgrade: fields.get("auto_minor_upgrade").and_then(|at| reader.boolean(at)),
        iam_session_identity: fields.get("iam_session_identity").and_then(|at| reader.boolean(at)),
        application: fields.get("application").and_then(|at| application(reader, at)).unwrap_or_default(),
    }
}

fn application(reader: &mut Reader, at: &At<'_>) -> Option<Application> {
    let fields = reader.fields(at, &APPLICATION)?;
    let users = fields.get("admin_users").and_then(|at| {
        words(reader, at, "users", &(0..=MAX_ADMIN_USERS), |reader, at| word(reader, at, "a user", MAX_WORD))
    });
    let assigned = fields.get("assigned_group_patterns");
    let assigned = assigned.and_then(|at| words(reader, at, "group patterns", &PATTERNS, pattern));
    let application = Application {
        admin_users: users,
        arguments: fields.get("arguments").and_then(|at| arguments(reader, at)),
        assigned_group_patterns: assigned,
        role_group_assignments: fields.get("role_group_assignments").and_then(|at| roles(reader, at)),
    };
    if let (Some(assigned), Some(roles)) = (&application.assigned_group_patterns, &application.role_group_assignments) {
        for (role, groups) in roles {
            for group in groups.iter().filter(|group| !assigned.iter().any(|pattern| covers(pattern, group))) {
                let message = format!(
                    "the group pattern `{group}` of the role {role} matches none of assigned_group_patterns; add it there"
                );
                reader.fault_in(at, "role_group_assignments", message);
            }
        }
    }
    Some(application)
}

fn arguments(reader: &mut Reader, at: &At<'_>) -> Option<BTreeMap<String, String>> {
    let entries = reader.entries(at, "texts by their names")?;
    if entries.len() > MAX_ARGUMENTS {
        reader.fault(at, format!("has {} arguments; SageMaker takes {MAX_ARGUMENTS}", entries.len()));
    }
    let mut arguments = BTreeMap::new();
    for (key, value_at) in entries {
        if let Some(message) = unfit(&key.name, "a name of an argument", MAX_WORD) {
            reader.fault_at(&value_at.path, key.place, message);
        }
        let Some(value) = reader.text(&value_at, "a text") else { continue };
        if value.chars().count() > MAX_ARGUMENT {
            let long = value.chars().count();
            reader.fault(&value_at, format!("has {long} characters; SageMaker takes {MAX_ARGUMENT}"));
        }
        arguments.insert(key.name.clone(), value.to_owned());
    }
    Some(arguments)
}

fn roles(reader: &mut Reader, at: &At<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    let entries = reader.entries(at, "group patterns by role, such as { ORG_ADMIN: [ml-admins] }")?;
    if entries.len() > MAX_ROLES {
        reader.fault(at, format!("has {} roles; SageMaker takes {MAX_ROLES}", entries.len()));
    }
    let mut roles = BTreeMap::new();
    for (key, groups_at) in entries {
        if let Some(message) = unfit(&key.name, "a role", MAX_WORD) {
            reader.fault_at(&groups_at.path, key.place, message);
        }
        let groups = words(reader, &groups_at, "group patterns", &GROUPS_OF_ROLE, pattern);
        roles.insert(key.name.clone(), groups.unwrap_or_default());
    }
    Some(roles)
}

fn words(
    reader: &mut Reader,
    at: &At<'_>,
    what: &str,
    count: &RangeInclusive<usize>,
    read: impl Fn(&mut Reader, &At<'_>) -> Option<String>,
) -> Option<Vec<String>> {
    let wanted = format!("a list of {} to {} {what}", count.start(), count.end());
    let items = reader.items(at, &wanted)?;
    if !count.contains(&items.len()) {
        reader.fault(at, format!("found {} of them; allowed: {wanted}", items.len()));
    }
    let mut words: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Some(word) = read(reader, &item) else { continue };
        if words.contains(&word) {
            reader.fault(&item, format!("`{word}` stands in this list already; remove one"));
        }
        words.push(word);
    }
    Some(words)
}

/// A text that is not blank (service model 2017-07-24, `NonEmptyString…`).
fn word(reader: &mut Reader, at: &At<'_>, wanted: &str, most: usize) -> Option<String> {
    let text = reader.text(at, wanted)?;
    if let Some(message) = unfit(text, wanted, most) {
        reader.fault(at, message);
        return None;
    }
    Some(text.to_owned())
}

fn unfit(text: &str, wanted: &str, most: usize) -> Option<String> {
    let long = text.chars().count();
    if text.trim().is_empty() || text.contains('\n') {
        return Some(format!("is blank or has more than one line; allowed: {wanted}"));
    }
    (long > most).then(|| format!("has {long} characters; allowed: {wanted}, of at most {most}"))
}

/// Service model 2017-07-24, `GroupNamePattern`.
fn pattern(reader: &mut Reader, at: &At<'_>) -> Option<String> {
    let text = reader.text(at, "a group or a pattern of groups, such as ml-*")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@*-".contains(c);
    if text.is_empty() || text.len() > MAX_PATTERN || !text.chars().all(fits) {
        let allowed = "letters, digits and _ + = , . @ * -";
        reader.fault(at, format!("`{text}` is no group pattern; allowed: 1 to {MAX_PATTERN} {allowed}"));
        return None;
    }
    Some(text.to_owned())
}
