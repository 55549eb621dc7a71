//! Reads the section `workteams`, collecting every error.

use std::collections::BTreeSet;

use document::{ConfigFinding, LocatedNode, MapFields, Reader};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{DriftMode, MemberGroup, TeamNotifications, TopicArnError, WorkerAccess, Workteam};
use crate::duplicate::report_duplicate;

/// The keys of each map. A test compares them with the schema.
const TEAM: [&str; 9] =
    ["name", "description", "members", "notifications", "worker_access", "tags", "time_zone", "allow_shrink", "mode"];
const MEMBERS: [&str; 2] = ["cognito", "oidc"];
const COGNITO: [&str; 3] = ["user_pool", "user_group", "client_id"];
const OIDC: [&str; 1] = ["groups"];
const WORKER_ACCESS: [&str; 2] = ["source_ip", "vpc_source_ip"];

/// Most teams per account and Region (`CreateWorkteam`).
const MAX_TEAMS: usize = 25;

/// Most groups per team, of either kind (service model 2017-07-24).
const MAX_GROUPS: usize = 10;

/// Longest texts, in characters (service model 2017-07-24).
const MAX_NAME: usize = 63;
const MAX_DESCRIPTION: usize = 200;
const MAX_USER_POOL: usize = 55;
const MAX_USER_GROUP: usize = 128;
const MAX_CLIENT_ID: usize = 1024;
const MAX_OIDC_GROUP: usize = 63;

const EXAMPLE: &str =
    "{ cognito: [ { user_pool: eu-west-1_a1B2c3D4e, user_group: radiologists, client_id: 4k1example } ] }";

pub(crate) fn read_workteams(reader: &mut Reader, sections: &MapFields<'_>) -> Option<Vec<Workteam>> {
    let Some(at) = sections.get("workteams") else { return Some(Vec::new()) };
    let items = reader.read_items(at, "a list of work teams")?;
    if items.len() > MAX_TEAMS {
        let expected = format!("at most {MAX_TEAMS} teams per account and Region");
        reader.report_error(at, ConfigFinding::unexpected(expected, items.len()));
    }
    let mut teams: Vec<Workteam> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(team) = read_team(reader, item) else { continue };
        let names = teams.iter().map(|earlier| earlier.name.as_str());
        report_duplicate(reader, item, "name", names, &team.name);
        teams.push(team);
    }
    Some(teams)
}

fn read_team(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<Workteam> {
    let fields = reader.read_fields(at, &TEAM)?;
    let name = reader.require_field(&fields, "name", "radiology").and_then(|at| read_name(reader, &at));
    let description = reader.require_field(&fields, "description", "Radiologists").and_then(|at| {
        let one_line = |c: char| c != '\n' && c != '\r';
        read_text(reader, &at, "one line of text", MAX_DESCRIPTION, one_line)
    });
    let members = reader.require_field(&fields, "members", EXAMPLE).and_then(|at| read_members(reader, &at));
    let notifications = fields.get("notifications").and_then(|at| read_notifications(reader, at));
    if let (None, Some(name)) = (fields.get("notifications"), &name) {
        let message = format!(
            "`notifications` is not set: no one is notified about work for {name} unless the team has a topic already"
        );
        reader.report_warning(at, ConfigFinding::new(message, "add notifications: stack"));
    }
    let worker_access = fields.get("worker_access").and_then(|at| read_worker_access(reader, at));
    let tags = fields.get("tags").and_then(|at| reader.read_tags(at)).unwrap_or_default();
    reader.check_tag_count(at, &tags);
    let time_zone = fields.get("time_zone").and_then(|at| read_time_zone(reader, at));
    let allow_shrink = fields.get("allow_shrink").and_then(|at| reader.read_boolean(at));
    let modes = [("apply", DriftMode::Apply), ("notify", DriftMode::Notify)];
    let mode = fields.get("mode").and_then(|at| reader.read_choice(at, &modes));
    Some(Workteam {
        name: name?,
        // SageMaker may remove spaces around it.
        description: description?.trim().to_owned(),
        members: members?,
        notifications,
        worker_access,
        tags,
        time_zone,
        allow_shrink: allow_shrink.unwrap_or(false),
        mode: mode.unwrap_or(DriftMode::Apply),
    })
}

/// The pattern of `WorkteamName`.
fn read_name(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<String> {
    let expected = "letters, digits and hyphens";
    let name = read_text(reader, at, expected, MAX_NAME, |c| c.is_ascii_alphanumeric() || c == '-')?;
    if name.starts_with('-') || name.ends_with('-') {
        let expected = "a name with hyphens only inside it";
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{name}`")));
        return None;
    }
    Some(name)
}

fn read_members(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<BTreeSet<MemberGroup>> {
    let fields = reader.read_fields(at, &MEMBERS)?;
    match (fields.get("cognito"), fields.get("oidc")) {
        (Some(at), None) => read_cognito_groups(reader, at),
        (None, Some(at)) => read_oidc_groups(reader, at),
        (Some(cognito_at), Some(oidc_at)) => {
            let message =
                "expected either `cognito` or `oidc`, found both: SageMaker allows one kind of group per team";
            reader.report_error(at, ConfigFinding::new(message, "remove one"));
            // Report the errors inside both, too.
            read_cognito_groups(reader, cognito_at);
            read_oidc_groups(reader, oidc_at);
            None
        }
        (None, None) => {
            let message = "expected either `cognito` or `oidc`, found neither";
            reader.report_error(at, ConfigFinding::new(message, format!("add, for example, members: {EXAMPLE}")));
            None
        }
    }
}

fn read_cognito_groups(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<BTreeSet<MemberGroup>> {
    let items = read_groups(reader, at, "a list of groups, each { user_pool: …, user_group: …, client_id: … }")?;
    let mut members = BTreeSet::new();
    let mut first: Option<(String, String)> = None;
    for item in items {
        let Some(fields) = reader.read_fields(&item, &COGNITO) else { continue };
        let user_pool = reader
            .require_field(&fields, "user_pool", "eu-west-1_a1B2c3D4e")
            .and_then(|at| read_user_pool(reader, &at));
        let user_group = reader.require_field(&fields, "user_group", "radiologists");
        let user_group = user_group.and_then(|at| read_text(reader, &at, GROUP, MAX_USER_GROUP, is_group_character));
        let client_id = reader.require_field(&fields, "client_id", "4k1example").and_then(|at| {
            let printable = |c: char| (' '..='~').contains(&c);
            read_text(reader, &at, "printable ASCII characters", MAX_CLIENT_ID, printable)
        });
        let (Some(user_pool), Some(user_group), Some(client_id)) = (user_pool, user_group, client_id) else { continue };
        let (pool, client) = first.get_or_insert_with(|| (user_pool.clone(), client_id.clone()));
        for (key, found, expected) in [("user_pool", &user_pool, &*pool), ("client_id", &client_id, &*client)] {
            if found != expected {
                let message = format!(
                    "`{found}` differs from `{expected}` of the first group: SageMaker allows one {key} per team"
                );
                let finding = ConfigFinding::new(message, format!("write {expected}, or declare another team"));
                reader.report_error_in_key(&item, key, finding);
            }
        }
        add_group(reader, &item, &mut members, MemberGroup::Cognito { user_pool, user_group, client_id });
    }
    Some(members)
}

fn read_oidc_groups(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<BTreeSet<MemberGroup>> {
    let fields = reader.read_fields(at, &OIDC)?;
    let at = reader.require_field(&fields, "groups", "[radiologists]")?;
    let items = read_groups(reader, &at, "a list of groups, such as [radiologists]")?;
    let mut members = BTreeSet::new();
    for item in items {
        if let Some(group) = read_text(reader, &item, GROUP, MAX_OIDC_GROUP, is_group_character) {
            add_group(reader, &item, &mut members, MemberGroup::Oidc { group });
        }
    }
    Some(members)
}

fn read_groups<'n>(reader: &mut Reader, at: &LocatedNode<'n>, expected: &str) -> Option<Vec<LocatedNode<'n>>> {
    let items = reader.read_items(at, expected)?;
    if !(1..=MAX_GROUPS).contains(&items.len()) {
        let expected = format!("1 to {MAX_GROUPS} groups per team");
        reader.report_error(at, ConfigFinding::unexpected(expected, items.len()));
    }
    Some(items)
}

fn add_group(reader: &mut Reader, at: &LocatedNode<'_>, members: &mut BTreeSet<MemberGroup>, group: MemberGroup) {
    if members.contains(&group) {
        reader.report_error(at, ConfigFinding::new(format!("{group} is listed twice"), "remove one"));
    }
    members.insert(group);
}

/// The pattern of `CognitoUserPool`.
fn read_user_pool(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<String> {
    let expected = "a user pool ID, such as eu-west-1_a1B2c3D4e";
    let pool = read_text(reader, at, expected, MAX_USER_POOL, |c| c.is_ascii_alphanumeric() || "_-".contains(c))?;
    let fits = pool.rsplit_once('_').is_some_and(|(region, id)| {
        !region.is_empty() && !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric())
    });
    if !fits {
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{pool}`")));
        return None;
    }
    Some(pool)
}

fn read_notifications(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<TeamNotifications> {
    let text = reader.read_text(at, "`stack` or an SNS topic ARN")?;
    if text == "stack" {
        return Some(TeamNotifications::StackTopic);
    }
    text.parse()
        .map(TeamNotifications::Topic)
        .map_err(|error: TopicArnError| reader.report_error(at, error.into()))
        .ok()
}

/// A name of the IANA time zone database, in the version that is compiled in.
fn read_time_zone(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<TimeZone> {
    let expected = "the name of a time zone, such as Europe/Berlin";
    let name = reader.read_text(at, expected)?;
    let zone = TimeZoneDatabase::bundled().get(name).ok();
    if zone.is_none() {
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{name}`")));
    }
    zone
}

fn read_worker_access(reader: &mut Reader, at: &LocatedNode<'_>) -> Option<WorkerAccess> {
    let fields = reader.read_fields(at, &WORKER_ACCESS)?;
    match (fields.get("source_ip"), fields.get("vpc_source_ip")) {
        (Some(at), None) => reader.read_boolean(at).map(WorkerAccess::SourceIp),
        (None, Some(at)) => reader.read_boolean(at).map(WorkerAccess::VpcSourceIp),
        _ => {
            let message = "expected exactly one of `source_ip` and `vpc_source_ip`";
            reader.report_error(at, ConfigFinding::new(message, "write, for example, { source_ip: true }"));
            None
        }
    }
}

/// What a group name is described as in errors.
const GROUP: &str = "a group name without spaces";

/// The patterns of `CognitoUserGroup` and `Group`: letters, marks, symbols, numbers and
/// punctuation.
fn is_group_character(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

/// Reads a text of 1 to `max_length` characters that all fit.
fn read_text(
    reader: &mut Reader,
    at: &LocatedNode<'_>,
    expected: &str,
    max_length: usize,
    fits: impl Fn(char) -> bool,
) -> Option<String> {
    let text = reader.read_nonblank_text(at, expected)?;
    let length = text.chars().count();
    if length > max_length {
        let expected = format!("at most {max_length} characters");
        reader.report_error(at, ConfigFinding::unexpected(expected, length));
        return None;
    }
    if !text.chars().all(fits) {
        reader.report_error(at, ConfigFinding::unexpected(expected, format_args!("`{text}`")));
        return None;
    }
    Some(text)
}
