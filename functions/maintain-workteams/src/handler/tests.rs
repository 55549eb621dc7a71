use std::{cell::Cell, collections::BTreeMap, time::Duration};

use maintenance::workteam::WorkteamCall;
use serde_json::json;
use support::{MemoryObjects, MemoryTable, MemoryTopic, MemoryWorkteams, TestStack, observed_team};

use super::*;

type TestMaintainer = WorkteamMaintainer<MemoryObjects, MemoryWorkteams, MemoryTable, MemoryTopic>;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic";
const TEAMS: &str = "
workteams:
  - { name: radiology, description: Radiologists, members: { oidc: { groups: [radiologists] } }, notifications: stack }
  - { name: audit, description: Auditors, members: { oidc: { groups: [auditors] } } }
";

thread_local! {
    /// One clock per test, because tests run in parallel.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn current_time() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

fn advance_clock(hours: i64) {
    NOW.set(NOW.get() + hours * 3600);
}

fn create_maintainer(objects: &MemoryObjects) -> TestMaintainer {
    let stack = TestStack { objects: objects.clone(), ..TestStack::new(current_time) };
    WorkteamMaintainer {
        config: stack.config_source(),
        workteams: MemoryWorkteams::default(),
        notifier: stack.notifier,
        ledger: stack.ledger,
        stack_topic: TOPIC.to_owned(),
        read_limit: Duration::from_millis(50),
        clock: current_time,
    }
}

fn create_configured_maintainer(sections: &str) -> TestMaintainer {
    let objects = MemoryObjects::default();
    put_config(&objects, "1", sections);
    create_maintainer(&objects)
}

fn put_config(objects: &MemoryObjects, version: &str, sections: &str) {
    objects.put_config(version, &format!("version: 1\n{sections}"));
}

impl TestMaintainer {
    /// The next call for a team fails.
    fn fail_next_call(&self, team: &str, kind: CallErrorKind) {
        self.workteams.refused.push((team.to_owned(), kind));
    }

    async fn deliver_config_event(&self) -> Result<(), Failure> {
        self.handle_event(Event::ObjectsCreated(Vec::new())).await
    }
}

#[tokio::test]
async fn declared_teams_are_created_once() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.workteams.teams.push(observed_team("of-others", None));
    let counts = maintainer.handle_schedule().await.unwrap();
    assert_eq!(counts, json!({ "unchanged": 0, "planned": 0, "applied": 2, "later": 0, "failed": 0 }));
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created"; 2]);
    assert_eq!(maintainer.workteams.teams.read()[1].topic.as_deref(), Some(TOPIC));
    assert_eq!(maintainer.workteams.teams.read()[0], observed_team("of-others", None));

    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(maintainer.workteams.calls.read().len(), 2, "expected no calls in the second run");
}

#[tokio::test]
async fn manual_change_of_a_team_is_reverted() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.workteams.teams.push(observed_team("of-others", None));
    maintainer.handle_schedule().await.unwrap();
    maintainer.workteams.teams.update(|teams| teams[1].description = "Changed by hand".to_owned());
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.workteams.teams.read()[1].description, "Radiologists");
    assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.updated"]);
    let text = maintainer.notifier.topic().published()[2].text.clone();
    assert!(text.contains("description: Changed by hand → Radiologists"), "{text}");
    assert_eq!(maintainer.workteams.teams.read()[0], observed_team("of-others", None));
}

/// Tags are set with the team, added when they are missing, and read only for teams that declare
/// some.
#[tokio::test]
async fn declared_tags_are_kept() {
    let tagged = TEAMS.replace("description: Radiologists,", "description: Radiologists, tags: { owner: ml },");
    assert_ne!(tagged, TEAMS);
    let maintainer = create_configured_maintainer(&tagged);
    maintainer.handle_schedule().await.unwrap();
    let arn = maintainer.workteams.teams.read()[0].arn.clone();
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let expected: BTreeMap<String, String> = tags(&[("owner", "ml")]);
    assert_eq!(maintainer.workteams.tags.read()[&arn], expected);
    maintainer.workteams.tags.update(|all| all.insert(arn.clone(), tags(&[("owner", "other"), ("site", "A")])));
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.workteams.tags.read()[&arn], tags(&[("owner", "ml"), ("site", "A")]));
    assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.updated"]);
    let calls = maintainer.workteams.calls.read().len();
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.workteams.calls.read().len(), calls, "expected no call for a team that matches");
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn team_whose_tags_cannot_be_read_does_not_block_the_others() {
    let tagged = TEAMS.replace("description: Radiologists,", "description: Radiologists, tags: { owner: ml },");
    let maintainer = create_configured_maintainer(&tagged);
    maintainer.handle_schedule().await.unwrap();
    let changed = "Changed by hand";
    maintainer.workteams.teams.update(|teams| {
        for team in teams {
            changed.clone_into(&mut team.description);
        }
    });
    let arn = maintainer.workteams.teams.read()[0].arn.clone();
    maintainer.workteams.hanging_tags.update(|arns| arns.insert(arn));
    let deferred = maintainer.deliver_config_event().await.unwrap_err();
    assert!(matches!(&deferred, Failure::Deferred { cause, .. } if cause.contains("radiology")), "{deferred:?}");
    let descriptions =
        || -> Vec<_> { maintainer.workteams.teams.read().iter().map(|team| team.description == changed).collect() };
    assert_eq!(descriptions(), [true, false], "expected the other team to be reconciled");
    assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.updated"], "the team is read again soon");
    maintainer.workteams.hanging_tags.take();
    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(descriptions(), [false, false]);
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn failed_team_is_reported_once_and_does_not_block_the_others() {
    let maintainer = create_configured_maintainer(TEAMS);
    for _ in 0..2 {
        // The list succeeds; the first call that changes a team does not.
        maintainer.fail_next_call("radiology", CallErrorKind::Invalid);
        maintainer.handle_schedule().await.unwrap();
    }
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.failed", "workteam.created"]);

    // Nor does a notice that cannot be published.
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.notifier.topic().refuses.set(true);
    maintainer.fail_next_call("radiology", CallErrorKind::Denied);
    let failure = maintainer.handle_schedule().await.unwrap_err();
    assert!(matches!(failure, Failure::Terminal(_)), "{failure:?}");
    assert_eq!(maintainer.workteams.teams.read().len(), 1, "the other team is created");
    maintainer.notifier.topic().refuses.set(false);
    advance_clock(24);
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created", "workteam.created"]);
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn calls_for_one_team_fail_independently() {
    use CallErrorKind::{Denied, Throttled};
    let changed = TEAMS.replace("description: Radiologists,", "description: All radiologists, tags: { owner: ml },");
    for is_tagging_refused in [true, false] {
        let objects = MemoryObjects::default();
        put_config(&objects, "1", TEAMS);
        let maintainer = create_maintainer(&objects);
        maintainer.handle_schedule().await.unwrap();
        put_config(&objects, "2", &changed);
        let arn = maintainer.workteams.teams.read()[0].arn.clone();
        let (tagging, update) = if is_tagging_refused { (Denied, Throttled) } else { (Throttled, Denied) };
        // The errors are answered in reverse order; tags are added first.
        maintainer.fail_next_call("radiology", update);
        maintainer.fail_next_call(&arn, tagging);
        let waits = maintainer.deliver_config_event().await;
        assert!(matches!(&waits, Err(Failure::Deferred { .. })), "the throttled call is repeated soon: {waits:?}");
        let types = || maintainer.notifier.topic().types()[2..].to_vec();
        assert_eq!(types(), ["workteam.failed"], "the refusal is reported at once");
        maintainer.deliver_config_event().await.unwrap();
        assert_eq!(types(), ["workteam.failed", "workteam.updated"], "the refused call is not made again now");
        let is_tagged = || maintainer.workteams.tags.read().get(&arn).is_some_and(|tags| !tags.is_empty());
        assert_eq!(is_tagged(), !is_tagging_refused);
        advance_clock(24);
        maintainer.handle_schedule().await.unwrap();
        assert_eq!(types(), ["workteam.failed", "workteam.updated", "workteam.updated"]);
        assert_eq!(maintainer.workteams.teams.read()[0].description, "All radiologists");
        assert!(is_tagged());
    }
}

#[tokio::test]
async fn refused_team_is_tried_three_times_and_after_a_config_change() {
    let objects = MemoryObjects::default();
    put_config(&objects, "1", TEAMS);
    let maintainer = create_maintainer(&objects);
    let count_calls = || {
        let calls = maintainer.workteams.calls.read();
        calls.iter().filter(|action| action.call().name == "radiology").count()
    };
    for _ in 0..6 {
        maintainer.fail_next_call("radiology", CallErrorKind::Denied);
        maintainer.handle_schedule().await.unwrap();
        advance_clock(24);
    }
    assert_eq!(count_calls(), 3);
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.failed", "workteam.created"], "once per cause");
    let text = maintainer.notifier.topic().published()[0].text.clone();
    assert!(text.contains("radiology was not created: SageMaker rejects radiology"), "{text}");
    maintainer.workteams.refused.take();
    put_config(&objects, "2", TEAMS);
    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.created"]);
}

/// The failures of a team concern neither the creation of another one of its name, nor that team.
#[tokio::test]
async fn team_that_is_created_again_starts_fresh() {
    for is_created_by_hand in [true, false] {
        let maintainer = create_configured_maintainer(TEAMS);
        maintainer.handle_schedule().await.unwrap();
        let set_creation = |second| {
            let at = Timestamp::from_second(second).ok();
            maintainer
                .workteams
                .teams
                .update(|teams| (teams[0].created_at, teams[0].description) = (at, String::new()));
        };
        let count_calls = || {
            let calls = maintainer.workteams.calls.read();
            calls.iter().filter(|action| action.call().name == "radiology").count()
        };
        set_creation(1);
        for _ in 0..5 {
            maintainer.fail_next_call("radiology", CallErrorKind::Denied);
            maintainer.handle_schedule().await.unwrap();
            advance_clock(24);
        }
        assert_eq!(count_calls(), 1 + 3, "it is not tried any more");
        maintainer.workteams.refused.take();
        if is_created_by_hand {
            set_creation(2);
        } else {
            maintainer.workteams.teams.update(|teams| teams.retain(|team| team.name != "radiology"));
        }
        maintainer.handle_schedule().await.unwrap();
        assert_eq!(count_calls(), 1 + 3 + 1, "created by hand: {is_created_by_hand}");
        let expected = if is_created_by_hand { "workteam.updated" } else { "workteam.created" };
        assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.failed", expected]);
    }
}

#[tokio::test]
async fn missing_permission_for_a_user_pool_names_the_parameter() {
    let cognito = "cognito: [ { user_pool: eu-west-1_Abc, user_group: radiologists, client_id: c1 } ]";
    let maintainer = create_configured_maintainer(&TEAMS.replacen("oidc: { groups: [radiologists] }", cognito, 1));
    maintainer.fail_next_call("radiology", CallErrorKind::Denied);
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.failed", "workteam.created"]);
    let text = maintainer.notifier.topic().published()[0].text.clone();
    let fix = "add arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Abc to the template parameter \
               WorkteamUserPoolArns";
    assert!(text.contains(fix), "{text}");
}

/// SageMaker does not respond: the event is retried until the team is observed, and nothing is
/// announced before.
#[tokio::test]
async fn lost_call_for_a_team_is_repeated_after_a_config_change() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.workteams.lost.set(2);
    let deferred = maintainer.deliver_config_event().await;
    assert!(matches!(deferred, Err(Failure::Deferred { .. })), "{deferred:?}");
    assert_eq!(maintainer.notifier.topic().types(), [""; 0]);
    advance_clock(1);
    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created"; 2]);

    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.workteams.lost.set(6);
    for _ in 0..4 {
        let _ = maintainer.deliver_config_event().await;
        advance_clock(1);
    }
    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.failed"; 2], "after three calls");
}

/// SageMaker accepts an update, and keeps showing another value.
#[tokio::test]
async fn normalised_team_is_updated_three_times_and_reported_once() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.handle_schedule().await.unwrap();
    for _ in 0..10 {
        maintainer.workteams.teams.update(|teams| teams[0].description = "radiologists".to_owned());
        maintainer.workteams.normalises.update(|names| names.insert("radiology".to_owned()));
        maintainer.handle_schedule().await.unwrap();
        advance_clock(25);
    }
    assert_eq!(maintainer.notifier.topic().types()[2..], ["workteam.failed"]);
    assert_eq!(maintainer.workteams.calls.read().len(), 2 + 3);
}

#[tokio::test]
async fn throttled_team_is_deferred_without_a_notification() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.fail_next_call("radiology", CallErrorKind::Throttled);
    let counts = maintainer.handle_schedule().await.unwrap();
    assert_eq!((&counts["later"], &counts["applied"]), (&json!(1), &json!(1)));
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created"], "expected the next run to retry");
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created"; 2]);
}

#[tokio::test]
async fn config_event_is_deferred_until_every_team_is_reconciled() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.fail_next_call("radiology", CallErrorKind::Throttled);
    let deferred = maintainer.deliver_config_event().await;
    assert!(matches!(deferred, Err(Failure::Deferred { .. })), "{deferred:?}");
    maintainer.deliver_config_event().await.unwrap();
    assert_eq!(maintainer.workteams.teams.read().len(), 2);
}

#[tokio::test]
async fn conflict_is_a_failure_if_the_team_is_not_listed() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.fail_next_call("radiology", CallErrorKind::Conflict);
    let counts = maintainer.handle_schedule().await.unwrap();
    assert_eq!((&counts["failed"], &counts["later"]), (&json!(1), &json!(0)));
}

/// The team was created by someone else between the list and the call: the next run compares it.
#[tokio::test]
async fn conflict_is_transient_if_the_team_is_listed() {
    let maintainer = create_configured_maintainer(TEAMS);
    maintainer.workteams.teams.push(observed_team("radiology", None));
    let action = WorkteamAction::Create(WorkteamCall { name: "radiology".to_owned(), ..WorkteamCall::default() });
    maintainer.fail_next_call("radiology", CallErrorKind::Conflict);
    assert_eq!(maintainer.apply_action(action).await.unwrap_err().kind, CallErrorKind::Conflict);
}

#[tokio::test]
async fn notify_mode_reports_drift_and_changes_nothing() {
    let maintainer = create_configured_maintainer(&TEAMS.replace("notifications: stack", "mode: notify"));
    for _ in 0..2 {
        maintainer.handle_schedule().await.unwrap();
    }
    assert_eq!(maintainer.notifier.topic().types(), ["workteam.created", "workteam.drift"]);
    assert!(!maintainer.workteams.teams.read().iter().any(|team| team.name == "radiology"));
}

#[tokio::test]
async fn invalid_configuration_is_reported_and_changes_nothing() {
    let objects = MemoryObjects::default();
    let maintainer = create_maintainer(&objects);
    maintainer.handle_schedule().await.unwrap();
    put_config(&objects, "1", "workteams: [ { name: a_b } ]");
    maintainer.handle_schedule().await.unwrap();
    put_config(&objects, "2", "");
    maintainer.handle_schedule().await.unwrap();
    assert_eq!(maintainer.notifier.topic().types(), ["config.rejected"]);
    assert_eq!(*maintainer.workteams.listed.read(), 0, "expected no calls to SageMaker");
}

#[tokio::test]
async fn other_events_are_terminal_failures() {
    let maintainer = create_maintainer(&MemoryObjects::default());
    let error = maintainer.handle_event(Event::FailedCall("x".to_owned())).await.unwrap_err();
    assert!(matches!(error, Failure::Terminal(_)), "{error:?}");
}
