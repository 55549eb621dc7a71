use maintenance::{PlanItem, workteam::WorkteamCall};
use model_archive::Problem;
use serde_json::Value;

use super::*;
use crate::hostile_text::{HOSTILE, assert_harmless};

fn parse_time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn test_time() -> Timestamp {
    parse_time("2026-11-22T10:00:00Z")
}

fn team_message(id: &str, text: &str) -> TeamMessage {
    TeamMessage {
        id: id.to_owned(),
        topic_arn: "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic".to_owned(),
        subject: Some("Work items".to_owned()),
        message: text.to_owned(),
        published_at: parse_time("2026-11-22T09:59:58Z"),
    }
}

fn labeling_job(name: &str, labeled: u64, total: u64, created_at: &str) -> LabelingJob {
    let (name, created_at, pending) = (name.to_owned(), parse_time(created_at), total - labeled);
    LabelingJob { name, created_at, labeled, pending, total, workers_per_object: Some(3) }
}

fn observed_team(name: &str) -> ObservedWorkteam {
    ObservedWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: "Radiologists".to_owned(),
        members: std::collections::BTreeSet::new(),
        topic: None,
        worker_access: None,
        tags: Ok(std::collections::BTreeMap::new()),
        portal: Some("abcdefghij.labeling.eu-west-1.sagemaker.aws".to_owned()),
        created_at: None,
    }
}

fn team_messages(messages: Vec<TeamMessage>, workteams: Vec<TeamReport>, notes: &[&str]) -> Notification {
    let topic_arn = messages[0].topic_arn.clone();
    let notes = notes.iter().map(|note| (*note).to_owned()).collect();
    Notification::team_messages("m-1", TeamMessages { topic_arn, messages, workteams, notes }, test_time())
}

fn reconciled(
    changes: &[(&str, Option<&str>, Option<&str>)],
    outcome: ApplyOutcome,
    action: fn(WorkteamCall) -> WorkteamAction,
) -> Notification {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let changes = changes.iter().map(|(field, from, to)| Change {
        field: (*field).to_owned(),
        from: owned(*from),
        to: owned(*to),
    });
    let problem = matches!(outcome, ApplyOutcome::Failed(_)).then(|| {
        Problem::new(
            "team-shrinks",
            "2 of the 3 groups of radiology would be removed, more than half",
            "set `allow_shrink: true` for radiology if this is intended; otherwise list the groups again",
        )
    });
    let item = PlanItem {
        changes: changes.collect(),
        actions: vec![action(WorkteamCall::default())],
        notes: Vec::new(),
        problem,
        ..PlanItem::unchanged("radiology")
    };
    Notification::workteam_reconciled(&Reconciled::new(item, outcome), test_time()).unwrap()
}

fn sample_notifications() -> Vec<Notification> {
    let jobs = [
        labeling_job("chest-ct", 1_260, 2_000, "2026-11-20T08:00:00Z"),
        labeling_job("knees", 0, 40, "2026-11-22T09:20:00Z"),
    ];
    let berlin = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    let many: Vec<_> = (0..22).map(|n| labeling_job(&format!("job-{n}"), 1, 3, "2026-11-01T08:00:00Z")).collect();
    let state = |status: &str| LabelingJobState {
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest-ct".to_owned(),
        status: status.to_owned(),
    };
    let described = |failure: Option<&str>| LabelingJobDescription {
        job: jobs[0].clone(),
        team_arn: observed_team("radiology").arn,
        failure_reason: failure.map(str::to_owned),
    };
    let drift = [
        ("description", Some("People"), Some("Radiologists")),
        ("members.cognito", Some("interns (pool eu-west-1_x, client abc)"), None),
        ("members.cognito", None, Some("radiologists (pool eu-west-1_x, client abc)")),
    ];
    vec![
        team_messages(
            vec![team_message("m-1", "2000 items are available 🩻")],
            vec![TeamReport::new(&observed_team("radiology"), Some(&jobs)).in_time_zone(Some(&berlin))],
            &[],
        ),
        team_messages(
            vec![
                team_message("m-1", "[1]"),
                team_message("m-2", "{\"items\":3,\"a\":null}"),
                team_message("m-3", "[1]"),
            ],
            vec![
                TeamReport::new(&observed_team("radiology"), Some(&many)),
                TeamReport::new(&observed_team("audit"), Some(&[])),
            ],
            &[],
        ),
        team_messages(
            vec![team_message("m-1", "hello")],
            vec![TeamReport::new(&observed_team("radiology"), None)],
            &["the labeling jobs of radiology could not be queried: ListLabelingJobsForWorkteam: Rate exceeded"],
        ),
        team_messages(vec![team_message("m-1", "hello")], vec![], &["no work team uses this topic now"]),
        Notification::labeling_job(
            &state("InProgress"),
            Some(described(None)),
            Some(TeamReport::new(&observed_team("radiology"), None)),
            Vec::new(),
            test_time(),
        ),
        Notification::labeling_job(
            &state("Completed"),
            Some(LabelingJobDescription {
                job: LabelingJob { pending: 0, ..labeling_job("chest-ct", 1_998, 2_000, "2026-11-20T08:00:00Z") },
                ..described(None)
            }),
            Some(TeamReport::new(&observed_team("radiology"), None).in_time_zone(Some(&berlin))),
            Vec::new(),
            test_time(),
        ),
        Notification::labeling_job(
            &state("Failed"),
            Some(described(Some("ClientError: no manifest"))),
            None,
            Vec::new(),
            test_time(),
        ),
        Notification::labeling_job(
            &state("Stopped"),
            None,
            None,
            vec!["the labeling job could not be queried: SageMaker did not respond in time".to_owned()],
            test_time(),
        ),
        reconciled(&drift[2..], ApplyOutcome::Applied, WorkteamAction::Create),
        reconciled(&drift, ApplyOutcome::Applied, WorkteamAction::Update),
        reconciled(&drift, ApplyOutcome::Planned, WorkteamAction::Update),
        reconciled(
            &drift[1..2],
            ApplyOutcome::Failed("2 of the 3 groups of radiology would be removed, more than half".to_owned()),
            WorkteamAction::Update,
        ),
    ]
}

#[test]
fn texts_are_readable() {
    let texts = sample_notifications()
        .into_iter()
        .map(|notification| format!("Subject: {}\n\n{}", notification.subject, notification.text));
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n----------------------------------------\n"));
}

#[test]
fn documents_are_versioned_and_complete() {
    let notifications = sample_notifications();
    insta::assert_json_snapshot!(notifications);
    let attributes = notifications[0].message_attributes();
    assert!(attributes.contains(&("workteam", "radiology".into())), "{attributes:?}");
    let left: Vec<_> = notifications.iter().map(Notification::objects_left).collect();
    // Two teams, of which one has no job; jobs that are not known; no team; a job in progress.
    assert_eq!(left[..5], [Some(780), Some(44), None, None, Some(740)]);
    assert!(left[5..].iter().all(Option::is_none), "expected none for jobs that have ended: {left:?}");
}

#[test]
fn only_the_same_drift_is_published_under_the_same_id() {
    let change = [("description", Some("a"), Some("b"))];
    let other = [("description", Some("a"), Some("c"))];
    let id = |change: &[_]| reconciled(change, ApplyOutcome::Planned, WorkteamAction::Update).id;
    assert_eq!(id(&change), id(&change));
    assert_ne!(id(&change), id(&other));
}

#[test]
fn hostile_messages_forge_neither_lines_nor_mentions() {
    let state = LabelingJobState {
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest-ct".to_owned(),
        status: "Failed".to_owned(),
    };
    let failed = LabelingJobDescription {
        job: labeling_job("chest-ct", 0, 10, "2026-11-20T08:00:00Z"),
        team_arn: observed_team("radiology").arn,
        failure_reason: Some(HOSTILE.to_owned()),
    };
    let actions = vec![WorkteamAction::Update(WorkteamCall::default())];
    let item = PlanItem { actions, ..PlanItem::unchanged("radiology") };
    let refused = Reconciled::new(item, ApplyOutcome::Failed(HOSTILE.to_owned()));
    let subject = TeamMessage { subject: Some(HOSTILE.to_owned()), ..team_message("m-1", "hello") };
    for notification in [
        team_messages(vec![team_message("m-1", HOSTILE)], Vec::new(), &[]),
        team_messages(vec![subject], Vec::new(), &[]),
        team_messages(vec![team_message("m-1", "hello")], Vec::new(), &[HOSTILE]),
        Notification::labeling_job(&state, Some(failed), None, Vec::new(), test_time()),
        reconciled(&[("description", Some(HOSTILE), None)], ApplyOutcome::Applied, WorkteamAction::Update),
        Notification::workteam_reconciled(&refused, test_time()).unwrap(),
    ] {
        assert_harmless(&notification);
    }
}

#[test]
fn labeling_statuses_ignore_case() {
    let notify = |status: &str| {
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest-ct".to_owned();
        let state = LabelingJobState { arn, status: status.to_owned() };
        Notification::labeling_job(&state, None, None, Vec::new(), test_time())
    };
    assert_eq!(notify("FAILED"), notify("Failed"));
    assert_eq!(notify("failed").severity, Severity::Error);
    assert_eq!(notify("Paused").subject, "Labeling job chest-ct is Paused");
}

/// A message may be as long as SNS allows. The notification contains it completely unless that
/// would exceed the same limit.
#[test]
fn long_messages_are_truncated_only_if_they_do_not_fit() {
    for (text, whole) in [("🩻 work ".repeat(20_480), true), ("\"\u{1}\n".repeat(68_000), false)] {
        assert!(text.len() >= 200_000, "{}", text.len());
        let notification = team_messages(vec![team_message("m-1", &text)], vec![], &[]);
        let sent = notification.sns_message().unwrap();
        assert!(sent.len() <= 256 * 1024, "{}", sent.len());
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let document: Value = serde_json::from_str(sent["default"].as_str().unwrap()).unwrap();
        let kept = document["messages"][0]["message"].as_str().unwrap();
        assert_eq!(kept == text, whole);
        assert!(text.starts_with(&kept[..1_000]));
        assert!(whole || kept.ends_with("the log of the function that published this"));
        assert!(sent["email"].as_str().unwrap().chars().count() < 4_000);
    }
}
