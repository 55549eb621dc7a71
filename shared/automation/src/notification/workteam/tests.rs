use maintenance::{Item, workteam::WorkteamCall};
use model_archive::Problem;
use serde_json::Value;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T10:00:00Z")
}

fn message(id: &str, text: &str) -> TeamMessage {
    TeamMessage {
        id: id.to_owned(),
        topic_arn: "arn:aws:sns:eu-west-1:123456789012:stack-WorkteamTopic".to_owned(),
        subject: Some("Work items".to_owned()),
        message: text.to_owned(),
        published_at: at("2026-11-22T09:59:58Z"),
    }
}

fn job(name: &str, labeled: u64, total: u64, created_at: &str) -> LabelingJob {
    let (name, created_at, pending) = (name.to_owned(), at(created_at), total - labeled);
    LabelingJob { name, created_at, labeled, pending, total, workers_per_object: Some(3) }
}

fn team(name: &str) -> StandingWorkteam {
    StandingWorkteam {
        name: name.to_owned(),
        arn: format!("arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/{name}"),
        description: "Radiologists".to_owned(),
        members: std::collections::BTreeSet::new(),
        topic: None,
        worker_access: None,
        portal: Some("abcdefghij.labeling.eu-west-1.sagemaker.aws".to_owned()),
    }
}

fn news(messages: Vec<TeamMessage>, workteams: Vec<TeamReport>, notes: &[&str]) -> Notification {
    let topic_arn = messages[0].topic_arn.clone();
    let notes = notes.iter().map(|note| (*note).to_owned()).collect();
    Notification::team_news("m-1", TeamNews { topic_arn, messages, workteams, notes }, now())
}

fn kept(
    changes: &[(&str, Option<&str>, Option<&str>)],
    outcome: Outcome,
    action: fn(WorkteamCall) -> WorkteamAction,
) -> Notification {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let changes = changes.iter().map(|(field, from, to)| Change {
        field: (*field).to_owned(),
        from: owned(*from),
        to: owned(*to),
    });
    let problem = matches!(outcome, Outcome::Failed(_)).then(|| {
        Problem::new("team-shrinks", "2 of the 3 groups would be removed", "set `allow_shrink: true` if that is meant")
    });
    let item = Item {
        changes: changes.collect(),
        actions: vec![action(WorkteamCall::default())],
        notes: Vec::new(),
        problem,
        ..Item::unchanged("radiology")
    };
    Notification::workteam_kept(&Reconciled { item, outcome }, now()).unwrap()
}

fn all() -> Vec<Notification> {
    let jobs = [job("chest-ct", 1_260, 2_000, "2026-11-20T08:00:00Z"), job("knees", 0, 40, "2026-11-22T09:20:00Z")];
    let many: Vec<_> = (0..22).map(|n| job(&format!("job-{n}"), 1, 3, "2026-11-01T08:00:00Z")).collect();
    let state = |status: &str| LabelingJobState {
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest-ct".to_owned(),
        status: status.to_owned(),
    };
    let described = |failure: Option<&str>| LabelingJobDescription {
        job: jobs[0].clone(),
        team_arn: team("radiology").arn,
        failure_reason: failure.map(str::to_owned),
    };
    let drift = [
        ("description", Some("People"), Some("Radiologists")),
        ("members.cognito", Some("interns (pool eu-west-1_x, client abc)"), None),
        ("members.cognito", None, Some("radiologists (pool eu-west-1_x, client abc)")),
    ];
    vec![
        news(
            vec![message("m-1", "2000 items are available 🩻")],
            vec![TeamReport::new(&team("radiology"), Some(&jobs))],
            &[],
        ),
        news(
            vec![message("m-1", "[1]"), message("m-2", "{\"items\":3,\"a\":null}"), message("m-3", "[1]")],
            vec![TeamReport::new(&team("radiology"), Some(&many)), TeamReport::new(&team("audit"), Some(&[]))],
            &[],
        ),
        news(
            vec![message("m-1", "hello")],
            vec![TeamReport::new(&team("radiology"), None)],
            &["ListLabelingJobsForWorkteam: Rate exceeded"],
        ),
        news(vec![message("m-1", "hello")], vec![], &["no work team uses this topic"]),
        Notification::labeling_job(
            &state("InProgress"),
            Some(described(None)),
            Some(&team("radiology")),
            Vec::new(),
            now(),
        ),
        Notification::labeling_job(
            &state("Failed"),
            Some(described(Some("ClientError: no manifest"))),
            None,
            Vec::new(),
            now(),
        ),
        Notification::labeling_job(&state("Stopped"), None, None, vec!["SageMaker did not answer".to_owned()], now()),
        kept(&drift[2..], Outcome::Applied, WorkteamAction::Create),
        kept(&drift, Outcome::Applied, WorkteamAction::Update),
        kept(&drift, Outcome::Planned, WorkteamAction::Update),
        kept(&drift[1..2], Outcome::Failed("2 of the 3 groups would be removed".to_owned()), WorkteamAction::Update),
    ]
}

#[test]
fn texts_are_worth_reading() {
    let texts = all().into_iter().map(|told| format!("Subject: {}\n\n{}", told.subject, told.text));
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n----------------------------------------\n"));
}

#[test]
fn documents_are_versioned_and_whole() {
    let all = all();
    insta::assert_json_snapshot!(all);
    let attributes = all[0].attributes();
    assert!(attributes.contains(&("workteam", "radiology")), "{attributes:?}");
}

#[test]
fn what_is_told_again_has_the_same_id_and_what_differs_another() {
    let change = [("description", Some("a"), Some("b"))];
    let other = [("description", Some("a"), Some("c"))];
    let id = |change: &[_]| kept(change, Outcome::Planned, WorkteamAction::Update).id;
    assert_eq!(id(&change), id(&change));
    assert_ne!(id(&change), id(&other));
}

#[test]
fn a_state_is_the_same_in_any_case() {
    let told = |status: &str| {
        let arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/chest-ct".to_owned();
        let state = LabelingJobState { arn, status: status.to_owned() };
        Notification::labeling_job(&state, None, None, Vec::new(), now())
    };
    assert_eq!(told("FAILED"), told("Failed"));
    assert_eq!(told("failed").severity, Severity::Error);
    assert_eq!(told("Paused").subject, "Labeling job chest-ct is Paused");
}

/// The longest message that SNS takes is relayed whole, as far as SNS takes it again.
#[test]
fn a_long_message_with_emoji_is_kept_whole_where_it_fits_and_cut_where_not() {
    for (text, whole) in [("🩻 work ".repeat(20_480), true), ("\"\u{1}\n".repeat(68_000), false)] {
        assert!(text.len() >= 200_000, "{}", text.len());
        let told = news(vec![message("m-1", &text)], vec![], &[]);
        let sent = told.message().unwrap();
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
