//! Reads the section `workteams`, noting every mistake.

use std::collections::BTreeSet;

use document::{At, Fields, Reader};

use super::{Member, Mode, Notifications, WorkerAccess, Workteam};

/// The keys of each mapping. The schema has the same: a test holds one against the other.
const TEAM: [&str; 7] = ["name", "description", "members", "notifications", "worker_access", "allow_shrink", "mode"];
const MEMBERS: [&str; 2] = ["cognito", "oidc"];
const COGNITO: [&str; 3] = ["user_pool", "user_group", "client_id"];
const OIDC: [&str; 1] = ["groups"];
const WORKER_ACCESS: [&str; 2] = ["source_ip", "vpc_source_ip"];

/// Teams of an account and Region (`CreateWorkteam`).
const MAX_TEAMS: usize = 25;

/// Groups of a team, of either kind (service model 2017-07-24).
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

pub(crate) fn workteams(reader: &mut Reader, sections: &Fields<'_>) -> Option<Vec<Workteam>> {
    let Some(at) = sections.get("workteams") else { return Some(Vec::new()) };
    let items = reader.items(at, "a list of work teams")?;
    if items.len() > MAX_TEAMS {
        reader.fault(at, format!("has {} teams; SageMaker takes {MAX_TEAMS} in an account and Region", items.len()));
    }
    let mut teams: Vec<Workteam> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(team) = team(reader, item) else { continue };
        if teams.iter().any(|earlier| earlier.name == team.name) {
            let message = format!("`{}` names an earlier team already; join the two, or rename one", team.name);
            reader.fault_in(item, "name", message);
        }
        teams.push(team);
    }
    Some(teams)
}

fn team(reader: &mut Reader, at: &At<'_>) -> Option<Workteam> {
    let fields = reader.fields(at, &TEAM)?;
    let name = reader.required(&fields, "name", "radiology").and_then(|at| name(reader, &at));
    let description = reader.required(&fields, "description", "Radiologists").and_then(|at| {
        let one_line = |c: char| c != '\n' && c != '\r';
        bounded(reader, &at, "a text on one line", MAX_DESCRIPTION, one_line)
    });
    let members = reader.required(&fields, "members", EXAMPLE).and_then(|at| members(reader, &at));
    let notifications = fields.get("notifications").and_then(|at| notifications(reader, at));
    let worker_access = fields.get("worker_access").and_then(|at| worker_access(reader, at));
    let allow_shrink = fields.get("allow_shrink").and_then(|at| reader.boolean(at));
    let modes = [("apply", Mode::Apply), ("notify", Mode::Notify)];
    let mode = fields.get("mode").and_then(|at| reader.choice(at, &modes));
    Some(Workteam {
        name: name?,
        description: description?,
        members: members?,
        notifications,
        worker_access,
        allow_shrink: allow_shrink.unwrap_or(false),
        mode: mode.unwrap_or(Mode::Apply),
    })
}

/// The pattern of `WorkteamName`.
fn name(reader: &mut Reader, at: &At<'_>) -> Option<String> {
    let wanted = "letters, digits and dashes";
    let name = bounded(reader, at, wanted, MAX_NAME, |c| c.is_ascii_alphanumeric() || c == '-')?;
    if name.starts_with('-') || name.ends_with('-') {
        reader.fault(at, format!("`{name}` begins or ends with a dash; SageMaker takes dashes only inside a name"));
        return None;
    }
    Some(name)
}

fn members(reader: &mut Reader, at: &At<'_>) -> Option<BTreeSet<Member>> {
    let fields = reader.fields(at, &MEMBERS)?;
    match (fields.get("cognito"), fields.get("oidc")) {
        (Some(at), None) => cognito(reader, at),
        (None, Some(at)) => oidc(reader, at),
        (Some(cognito_at), Some(oidc_at)) => {
            reader.fault(at, "names groups of Cognito and of OIDC; SageMaker takes one kind in a team, so remove one");
            // Their own mistakes are told as well.
            cognito(reader, cognito_at);
            oidc(reader, oidc_at);
            None
        }
        (None, None) => {
            reader.fault(at, format!("names nobody; write either `cognito` or `oidc`, such as members: {EXAMPLE}"));
            None
        }
    }
}

fn cognito(reader: &mut Reader, at: &At<'_>) -> Option<BTreeSet<Member>> {
    let items = groups(reader, at, "a list of groups, each { user_pool: …, user_group: …, client_id: … }")?;
    let mut members = BTreeSet::new();
    let mut first: Option<(String, String)> = None;
    for item in items {
        let Some(fields) = reader.fields(&item, &COGNITO) else { continue };
        let user_pool = reader.required(&fields, "user_pool", "eu-west-1_a1B2c3D4e").and_then(|at| pool(reader, &at));
        let user_group = reader.required(&fields, "user_group", "radiologists");
        let user_group = user_group.and_then(|at| bounded(reader, &at, GROUP, MAX_USER_GROUP, is_group_character));
        let client_id = reader.required(&fields, "client_id", "4k1example").and_then(|at| {
            let printable = |c: char| (' '..='~').contains(&c);
            bounded(reader, &at, "printable ASCII characters", MAX_CLIENT_ID, printable)
        });
        let (Some(user_pool), Some(user_group), Some(client_id)) = (user_pool, user_group, client_id) else { continue };
        let (pool, client) = first.get_or_insert_with(|| (user_pool.clone(), client_id.clone()));
        for (key, found, expected) in [("user_pool", &user_pool, &*pool), ("client_id", &client_id, &*client)] {
            if found != expected {
                let message = format!(
                    "`{found}` is not that of the first group, `{expected}`; SageMaker takes one {key} for all groups of a team"
                );
                reader.fault_in(&item, key, message);
            }
        }
        insert(reader, &item, &mut members, Member::Cognito { user_pool, user_group, client_id });
    }
    Some(members)
}

fn oidc(reader: &mut Reader, at: &At<'_>) -> Option<BTreeSet<Member>> {
    let fields = reader.fields(at, &OIDC)?;
    let at = reader.required(&fields, "groups", "[radiologists]")?;
    let items = groups(reader, &at, "a list of groups, such as [radiologists]")?;
    let mut members = BTreeSet::new();
    for item in items {
        if let Some(group) = bounded(reader, &item, GROUP, MAX_OIDC_GROUP, is_group_character) {
            insert(reader, &item, &mut members, Member::Oidc { group });
        }
    }
    Some(members)
}

fn groups<'n>(reader: &mut Reader, at: &At<'n>, wanted: &str) -> Option<Vec<At<'n>>> {
    let items = reader.items(at, wanted)?;
    if !(1..=MAX_GROUPS).contains(&items.len()) {
        reader.fault(at, format!("has {} groups; SageMaker takes 1 to {MAX_GROUPS} in a team", items.len()));
    }
    Some(items)
}

fn insert(reader: &mut Reader, at: &At<'_>, members: &mut BTreeSet<Member>, member: Member) {
    if members.contains(&member) {
        reader.fault(at, format!("{member} stands here twice; remove one"));
    }
    members.insert(member);
}

/// The pattern of `CognitoUserPool`.
fn pool(reader: &mut Reader, at: &At<'_>) -> Option<String> {
    let wanted = "the id of a user pool, such as eu-west-1_a1B2c3D4e";
    let pool = bounded(reader, at, wanted, MAX_USER_POOL, |c| c.is_ascii_alphanumeric() || "_-".contains(c))?;
    let fits = pool.rsplit_once('_').is_some_and(|(region, id)| {
        !region.is_empty() && !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric())
    });
    if !fits {
        reader.fault(at, format!("found `{pool}`; allowed: {wanted}"));
        return None;
    }
    Some(pool)
}

fn notifications(reader: &mut Reader, at: &At<'_>) -> Option<Notifications> {
    let text = reader.text(at, "stack, or the ARN of an SNS topic")?;
    if text == "stack" {
        return Some(Notifications::Stack);
    }
    text.parse().map(Notifications::Topic).map_err(|error| reader.fault(at, format!("{error}"))).ok()
}

fn worker_access(reader: &mut Reader, at: &At<'_>) -> Option<WorkerAccess> {
    let fields = reader.fields(at, &WORKER_ACCESS)?;
    match (fields.get("source_ip"), fields.get("vpc_source_ip")) {
        (Some(at), None) => reader.boolean(at).map(WorkerAccess::SourceIp),
        (None, Some(at)) => reader.boolean(at).map(WorkerAccess::VpcSourceIp),
        _ => {
            reader.fault(at, "says one of `source_ip` and `vpc_source_ip`, such as { source_ip: true }");
            None
        }
    }
}

const GROUP: &str = "the name of a group, without spaces";

/// The patterns of `CognitoUserGroup` and `Group`: letters, marks, symbols, numbers and punctuation.
fn is_group_character(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

/// A text of 1 to `most` characters that all fit.
fn bounded(reader: &mut Reader, at: &At<'_>, wanted: &str, most: usize, fits: impl Fn(char) -> bool) -> Option<String> {
    let text = reader.nonempty(at, wanted)?;
    let length = text.chars().count();
    if length > most {
        reader.fault(at, format!("has {length} characters; SageMaker takes {most}"));
        return None;
    }
    if !text.chars().all(fits) {
        reader.fault(at, format!("found `{text}`; allowed: {wanted}"));
        return None;
    }
    Some(text)
}
