//! Work teams: parsing, planning, and that applying a plan leads to the desired state.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maintenance::{
    DeclaredResources, ResourcePlan, SettledUpdate, UpdateHistory,
    workteam::{
        DriftMode, MemberGroup, ObservedWorkteam, TeamNotifications, UnreadTags, WorkerAccess, Workteam,
        WorkteamAction, WorkteamCall, WorkteamHistories, WorkteamPart, hold_requests, plan_workteams,
    },
};
use model_archive::Problem;
use proptest::prelude::*;

const PROPERTIES: WorkteamPart = WorkteamPart::Properties;
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-workteams";

fn read(teams: &str) -> Result<Vec<Workteam>, String> {
    let text = format!("version: 1\nworkteams:\n{teams}");
    let read = document::read_document(&text, DeclaredResources::read_sections);
    read.map(|(declared, _)| declared.workteams).map_err(|error| error.to_string())
}

fn cognito(user_group: &str) -> MemberGroup {
    let text = |text: &str| text.to_owned();
    MemberGroup::Cognito { user_pool: text("eu-west-1_x"), user_group: text(user_group), client_id: text("abc") }
}

fn oidc(group: &str) -> MemberGroup {
    MemberGroup::Oidc { group: group.to_owned() }
}

fn team(name: &str, members: &[MemberGroup]) -> Workteam {
    Workteam {
        name: name.to_owned(),
        description: "People who label".to_owned(),
        members: members.iter().cloned().collect(),
        notifications: Some(TeamNotifications::StackTopic),
        worker_access: None,
        tags: BTreeMap::new(),
        time_zone: None,
        allow_shrink: false,
        mode: DriftMode::Apply,
    }
}

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The team as SageMaker returns it.
fn observed(name: &str, members: &[MemberGroup]) -> ObservedWorkteam {
    ObservedWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: "People who label".to_owned(),
        members: members.iter().cloned().collect(),
        topic: Some(TOPIC.to_owned()),
        worker_access: None,
        tags: Ok(BTreeMap::new()),
        portal: None,
        created_at: None,
    }
}

#[test]
fn user_pool_of_a_team_is_in_the_account_of_the_stack() {
    let arn = team("a", &[oidc("x"), cognito("b")]).user_pool_arn(TOPIC);
    assert_eq!(arn.as_deref(), Some("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_x"));
    assert_eq!(team("a", &[oidc("x")]).user_pool_arn(TOPIC), None);
}

/// An update has taken effect once none of the values that it changed differs; others may.
#[test]
fn update_is_complete_once_its_own_values_show() {
    let now: Timestamp = "2026-12-01T03:40:00Z".parse().unwrap();
    let declared = Workteam { description: "New".to_owned(), ..team("a", &[oidc("x")]) };
    let plan = |observed: ObservedWorkteam| {
        plan_workteams(std::slice::from_ref(&declared), &[observed], Some(TOPIC)).items.remove(0)
    };
    let before = plan(observed("a", &[oidc("x")]));
    let [WorkteamAction::Update(call)] = &before.actions[..] else { panic!("{before:?}") };
    let requested = UpdateHistory::default().with_request(&call.digest, &before.changes, None, now);
    let record = |item: &_| declared.record_observation(PROPERTIES, &requested, item, Some(TOPIC), Some("1"), now).1;
    assert!(record(&before).is_none(), "the description is not shown yet");
    let shown = ObservedWorkteam { description: "New".to_owned(), ..observed("a", &[oidc("x")]) };
    let drifted = plan(ObservedWorkteam { topic: None, ..shown.clone() });
    assert!(!drifted.changes.is_empty());
    assert!(matches!(record(&drifted), Some(SettledUpdate::Applied { .. })));
    let mut unreadable = plan(shown);
    unreadable.problem = Some(Problem::new("x", "it could not be read".to_owned(), "none"));
    assert!(record(&unreadable).is_none(), "nothing is known of it");
}

#[test]
fn a_team_is_parsed_with_every_key() {
    let teams = read(
        "
- name: radiology
  description: Radiologists
  members: { cognito: [ { user_pool: eu-west-1_x, user_group: b, client_id: abc }, { user_pool: eu-west-1_x, user_group: a, client_id: abc } ] }
  notifications: stack
  worker_access: { source_ip: true }
  tags: { team: radiology }
  time_zone: europe/berlin
  allow_shrink: true
  mode: notify
- { name: audit, description: Auditors, members: { oidc: { groups: [auditors] } }, notifications: 'arn:aws-cn:sns:cn-north-1:123456789012:t' }
",
    );
    let teams = teams.unwrap();
    assert_eq!(
        teams[0],
        Workteam {
            description: "Radiologists".to_owned(),
            worker_access: Some(WorkerAccess::SourceIp(true)),
            tags: tags(&[("team", "radiology")]),
            time_zone: Some(jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap()),
            allow_shrink: true,
            mode: DriftMode::Notify,
            ..team("radiology", &[cognito("a"), cognito("b")])
        }
    );
    assert_eq!(teams[1].members, BTreeSet::from([oidc("auditors")]));
    assert!(matches!(&teams[1].notifications, Some(TeamNotifications::Topic(arn)) if arn.as_str().ends_with(":t")));
    assert_eq!((teams[1].mode, teams[1].allow_shrink), (DriftMode::Apply, false));
}

#[test]
fn every_error_is_reported_with_a_fix() {
    let oidc = "members: { oidc: { groups: [a] } }";
    let group = |pool: &str, client: &str| format!("{{ user_pool: {pool}, user_group: g, client_id: {client} }}");
    let (x, y, other) = (group("eu-west-1_x", "abc"), group("eu-west-1_y", "abc"), group("eu-west-1_x", "def"));
    let eleven: Vec<_> = (0..11).map(|number| format!("group-{number}")).collect();
    let many: Vec<_> = (0..26).map(|n| format!("- {{ name: t{n}, description: d, {oidc} }}")).collect();
    let of = |members: &str| format!("- {{ name: t, description: d, members: {members} }}");
    let with = |more: &str| format!("- {{ name: t, description: d, {oidc}, {more} }}");
    let cases = [
        ("both kinds", of(&format!("{{ cognito: [{x}], oidc: {{ groups: [a] }} }}"))),
        ("two pools", of(&format!("{{ cognito: [{x}, {y}] }}"))),
        ("two clients", of(&format!("{{ cognito: [{x}, {other}] }}"))),
        ("one group twice", of(&format!("{{ cognito: [{x}, {x}] }}"))),
        ("eleven groups", of(&format!("{{ oidc: {{ groups: [{}] }} }}", eleven.join(", ")))),
        ("no groups", of("{ cognito: [] }")),
        ("no kind", of("{}")),
        ("no members", "- { name: t, description: d }".to_owned()),
        ("no pool", of("{ cognito: [ { user_pool: radiology, user_group: a b, client_id: é } ] }")),
        ("two teams of one name", format!("{}\n{}", with("mode: apply"), with("mode: apply"))),
        ("an empty description", format!("- {{ name: t, description: ' ', {oidc} }}")),
        ("a long description", format!("- {{ name: t, description: {}, {oidc} }}", "d".repeat(201))),
        ("a name with an underscore", format!("- {{ name: a_b, description: d, {oidc} }}")),
        ("a name that ends with a dash", format!("- {{ name: ab-, description: d, {oidc} }}")),
        ("a topic of another partition", with("notifications: 'arn:aws:sns:cn-north-1:123456789012:t'")),
        ("an unknown partition", with("notifications: 'arn:azure:sns:eu-west-1:123456789012:t'")),
        ("a queue ARN", with("notifications: 'arn:aws:sqs:eu-west-1:123456789012:t'")),
        ("a text", with("notifications: none")),
        ("both accesses", with("worker_access: { source_ip: true, vpc_source_ip: true }")),
        ("a misspelt mode", with("mode: aply")),
        ("an unknown key", with("notification: stack")),
        ("26 teams", many.join("\n")),
        ("no list", "  { name: t }".to_owned()),
    ];
    let answers = cases.map(|(case, teams)| format!("{case}\n{}", read(&teams).unwrap_err()));
    insta::assert_snapshot!(answers.join("\n\n"));
}

#[test]
fn plans_say_what_is_done_and_what_is_not() {
    let abc = [cognito("a"), cognito("b"), cognito("c")];
    let foreign = ObservedWorkteam {
        arn: "arn:aws:sagemaker:eu-west-1:394669845002:workteam/public-crowd/default".to_owned(),
        ..observed("public", &abc)
    };
    let current = [
        observed("same", &abc),
        ObservedWorkteam { topic: None, description: "Old".to_owned(), ..observed("changed", &abc) },
        observed("notified", &abc),
        observed("half", &[cognito("a"), cognito("b")]),
        observed("shrinks", &abc),
        observed("may-shrink", &abc),
        ObservedWorkteam { topic: None, ..observed("left-alone", &abc) },
        foreign,
        observed("not-declared", &abc),
    ];
    let declared = [
        team("same", &[cognito("c"), cognito("b"), cognito("a")]),
        Workteam {
            worker_access: Some(WorkerAccess::VpcSourceIp(false)),
            ..team("changed", &[cognito("a"), cognito("b"), cognito("d")])
        },
        Workteam { mode: DriftMode::Notify, ..team("notified", &[cognito("a"), cognito("b")]) },
        team("half", &[cognito("a")]),
        team("shrinks", &[cognito("a")]),
        Workteam { allow_shrink: true, ..team("may-shrink", &[oidc("a")]) },
        Workteam { notifications: None, ..team("left-alone", &abc) },
        team("public", &abc),
        team("new", &[oidc("auditors")]),
    ];
    let plan = plan_workteams(&declared, &current, Some(TOPIC));
    insta::assert_json_snapshot!(plan);
    let without_topic = plan_workteams(&declared[..1], &current, None);
    assert_eq!(without_topic.items[0].problem.as_ref().unwrap().code, "no-stack-topic");
}

/// Values that the service normalises do not cause an update.
#[test]
fn trimmed_description_and_absent_restriction_are_no_difference() {
    let text = "- { name: t, description: ' People who label ', members: { oidc: { groups: [a] } }, \
                worker_access: { source_ip: false } }";
    let declared = read(text).unwrap();
    for description in ["People who label", " People who label "] {
        let current = ObservedWorkteam { description: description.to_owned(), ..observed("t", &[oidc("a")]) };
        let [item] = &plan_workteams(&declared, &[current], None).items[..] else { panic!("one team") };
        assert!(item.changes.is_empty() && item.actions.is_empty(), "{item:?}");
    }
    // Switching a restriction off is a change.
    let restricted = Some(WorkerAccess::SourceIp(true));
    let current = ObservedWorkteam { worker_access: restricted, ..observed("t", &[oidc("a")]) };
    assert_eq!(plan_workteams(&declared, &[current], None).items[0].changes.len(), 1);
}

#[test]
fn in_mode_notify_a_shrinking_team_is_drift_and_no_problem() {
    let declared = [Workteam { mode: DriftMode::Notify, ..team("a", &[cognito("a")]) }];
    let current = [observed("a", &[cognito("a"), cognito("b"), cognito("c")])];
    let [item] = &plan_workteams(&declared, &current, Some(TOPIC)).items[..] else { panic!("one team") };
    assert_eq!((item.changes.len(), item.actions.len(), &item.problem), (2, 0, &None));
    assert_eq!(item.notes[1..], ["2 of the 3 groups of a would be removed, more than half"]);
}

#[test]
fn missing_tags_are_added_and_others_kept() {
    let tagged = |name: &str| Workteam { tags: tags(&[("owner", "ml"), ("site", "A")]), ..team(name, &[oidc("a")]) };
    let declared = ["new", "other-value", "complete", "refused", "slow"].map(tagged);
    let unread = |refused| Err(UnreadTags { cause: "ListTags failed".to_owned(), refused });
    let observed_with = |name: &str, tags| ObservedWorkteam { tags, ..observed(name, &[oidc("a")]) };
    let current = [
        observed_with("other-value", Ok(tags(&[("owner", "ml"), ("site", "B"), ("more", "c")]))),
        observed_with("complete", Ok(tags(&[("owner", "ml"), ("site", "A"), ("more", "c")]))),
        observed_with("refused", unread(true)),
        observed_with("slow", unread(false)),
    ];
    let plan = plan_workteams(&declared, &current, Some(TOPIC));
    let [new, other_value, complete, refused, slow] = &plan.items[..] else { panic!("five teams") };
    assert_eq!(new.actions[0].call().tags, Some(declared[0].tags.clone()));
    let [WorkteamAction::AddTags(call)] = &other_value.actions[..] else { panic!("{:?}", other_value.actions) };
    assert_eq!(call.tags, Some(tags(&[("site", "A")])));
    assert_eq!(call.arn.as_ref(), Some(&current[0].arn));
    let [change] = &other_value.changes[..] else { panic!("{:?}", other_value.changes) };
    assert_eq!(
        (change.field.as_str(), change.from.as_deref(), change.to.as_deref()),
        ("tags.site", Some("B"), Some("A"))
    );
    assert!(complete.changes.is_empty());
    assert_eq!(refused.problem.as_ref().unwrap().code, "tags-not-readable");
    assert_eq!(slow.problem.as_ref().unwrap().code, "workteam-unreadable");
    assert!(refused.actions.is_empty() && slow.actions.is_empty());
}

/// Applies the calls of a plan as SageMaker does.
fn apply(plan: ResourcePlan<WorkteamAction>, teams: &mut Vec<ObservedWorkteam>) {
    for action in plan.items.into_iter().flat_map(|item| item.actions) {
        let call = action.call().clone();
        let WorkteamCall { name, description, members, topic, worker_access, tags, .. } = call;
        let found = teams.iter().position(|team| team.name == name);
        let index = found.unwrap_or_else(|| {
            teams.push(ObservedWorkteam { topic: None, ..observed(&name, &[]) });
            teams.len() - 1
        });
        let team = &mut teams[index];
        team.description = description.unwrap_or_else(|| team.description.clone());
        team.members = members.unwrap_or_else(|| team.members.clone());
        team.topic = topic.or_else(|| team.topic.clone());
        team.worker_access = worker_access.or(team.worker_access);
        team.tags.as_mut().unwrap().extend(tags.unwrap_or_default());
    }
}

fn groups() -> impl Strategy<Value = Vec<MemberGroup>> {
    prop::collection::vec("[a-d]".prop_map(|name| cognito(&name)), 1..5)
}

fn access() -> impl Strategy<Value = Option<WorkerAccess>> {
    prop::option::of(prop_oneof![
        any::<bool>().prop_map(WorkerAccess::SourceIp),
        any::<bool>().prop_map(WorkerAccess::VpcSourceIp)
    ])
}

fn any_team(name: &'static str) -> impl Strategy<Value = Workteam> {
    (groups(), "[a-c]", any::<bool>(), access(), any::<bool>(), any::<bool>()).prop_map(
        move |(members, description, notified, worker_access, allow_shrink, tagged)| Workteam {
            description,
            worker_access,
            tags: if tagged { tags(&[("owner", name)]) } else { BTreeMap::new() },
            allow_shrink,
            notifications: notified.then_some(TeamNotifications::StackTopic),
            ..team(name, &members)
        },
    )
}

proptest! {
    /// A second run finds nothing to do, other teams are unchanged, and a blocked team is
    /// unchanged, too.
    #[test]
    fn applying_a_plan_leads_to_the_desired_state(
        declared in (any_team("a"), any_team("b")).prop_map(|(a, b)| [a, b]),
        current in prop::option::of(groups()),
        other in groups(),
    ) {
        let other = observed("other", &other);
        let mut teams: Vec<_> = current.map(|members| observed("a", &members)).into_iter().collect();
        let before = teams.clone();
        teams.push(other.clone());
        let plan = plan_workteams(&declared, &teams, Some(TOPIC));
        let blocked: Vec<_> = plan.items.iter().filter(|item| item.problem.is_some()).map(|item| item.name.clone()).collect();
        apply(plan, &mut teams);
        let again = plan_workteams(&declared, &teams, Some(TOPIC));
        for (item, team) in again.items.iter().zip(&declared) {
            if blocked.contains(&team.name) {
                prop_assert!(item.actions.is_empty());
                prop_assert_eq!(teams.iter().find(|current| current.name == team.name), before.first());
            } else {
                prop_assert!(item.changes.is_empty(), "{:?}", item);
                let current = teams.iter().find(|current| current.name == team.name).unwrap();
                prop_assert_eq!(&current.members, &team.members);
            }
        }
        prop_assert!(teams.contains(&other));
    }
}

/// Failures of one part do not keep back the other; what is held is explained.
#[test]
fn tags_and_properties_of_a_team_are_held_apart() {
    let now = Timestamp::UNIX_EPOCH;
    let declared =
        [Workteam { description: "New".to_owned(), tags: tags(&[("owner", "ml")]), ..team("a", &[oidc("a")]) }];
    let plan = || plan_workteams(&declared, &[observed("a", &[oidc("a")])], Some(TOPIC));
    let [tagging, update] = &plan().items[0].actions[..] else { panic!("{:?}", plan()) };
    let refuse = |action: &WorkteamAction, histories: &mut WorkteamHistories| {
        let call = action.call();
        let requested = UpdateHistory::default().with_request(&call.digest, &call.changes, None, now);
        histories.insert_history(action.part(), "a", requested.record_failure("refused", Some("1"), now).0);
    };
    for (refused, made) in [(tagging, update), (update, tagging)] {
        let mut histories = WorkteamHistories::default();
        refuse(refused, &mut histories);
        let held = hold_requests(plan(), &histories, now).items.remove(0);
        assert_eq!((held.actions, held.problem), (vec![made.clone()], None));
        assert!(held.notes[0].contains("the update of a failed: refused"), "{:?}", held.notes);
        refuse(made, &mut histories);
        let held = hold_requests(plan(), &histories, now).items.remove(0);
        assert_eq!((held.actions, held.notes.len()), (Vec::new(), 1));
        assert_eq!(held.problem.unwrap().code, "workteam-update-failed");
    }
}

/// The update of a team failed three times, and someone made it by hand: what differs later is
/// requested again.
#[test]
fn failures_before_a_fix_by_hand_do_not_count() {
    let declared = [team("a", &[oidc("a"), oidc("b")])];
    let drifted = || plan_workteams(&declared, &[observed("a", &[oidc("b")])], Some(TOPIC));
    let now = Timestamp::UNIX_EPOCH;
    let mut failed = UpdateHistory::default();
    for _ in 0..3 {
        let call = drifted().items[0].actions[0].call().clone();
        failed = failed.with_request(&call.digest, &call.changes, None, now);
        failed = failed.record_failure("refused", Some("1"), now).0;
    }
    let later: Timestamp = "2026-12-01T03:40:00Z".parse().unwrap();
    for (is_fixed, expected) in [(false, 0), (true, 1)] {
        let fixed = plan_workteams(&declared, &[observed("a", &[oidc("a"), oidc("b")])], Some(TOPIC));
        let shown = if is_fixed { fixed } else { drifted() };
        let history =
            declared[0].record_observation(PROPERTIES, &failed, &shown.items[0], Some(TOPIC), Some("1"), later).0;
        let mut histories = WorkteamHistories::default();
        histories.insert_history(PROPERTIES, "a", history);
        let plan = hold_requests(drifted(), &histories, later);
        assert_eq!(plan.items[0].actions.len(), expected, "fixed by hand: {is_fixed}");
    }
}
