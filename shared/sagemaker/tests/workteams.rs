//! Work teams and labeling jobs over HTTP: the emulator accepts the client's requests, and a team
//! that was applied is observed with the declared settings.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use maintenance::workteam::{ObservedWorkteam, WorkteamAction, plan_workteams};
use sagemaker::{
    READ_LIMIT, SageMakerClient,
    workteams::{Workteams, read_teams},
};
use sagemaker_emulator::{DropTiming, Emulator, LabelingJobScript, ScriptedFault};
use support::{
    ConfigDocument,
    sdk::{connect_client, with_retries},
};
use worker::CallErrorKind;

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:stack-WorkteamTopic";

const TEAMS: &str = "
version: 1
workteams:
  - name: radiology
    description: Radiologists
    members:
      cognito:
        - { user_pool: us-east-1_x, user_group: b, client_id: abc }
        - { user_pool: us-east-1_x, user_group: a, client_id: abc }
    notifications: stack
    worker_access: { source_ip: true }
    tags: { owner: ml, site: A }
  - name: audit
    description: Auditors
    members: { oidc: { groups: [second, first] } }
    worker_access: { vpc_source_ip: false }
";

async fn start_emulator() -> (Emulator, SageMakerClient) {
    let emulator = Emulator::builder().start().await.unwrap();
    emulator.pause_clock();
    // The rate of list calls is limited in real time.
    emulator.change_settings(|settings| settings.max_list_rps = None);
    let sagemaker = SageMakerClient::new(connect_client(&emulator.endpoint_url(), "us-east-1"));
    (emulator, sagemaker)
}

/// Reconciles the teams with a document; returns the number of calls.
async fn apply_document(sagemaker: &SageMakerClient, document: &str) -> usize {
    let declared = ConfigDocument::parse(document).unwrap().declared.workteams;
    let plan = plan_workteams(&declared, &read_teams(sagemaker, &declared, READ_LIMIT).await.unwrap(), Some(TOPIC));
    let actions: Vec<_> = plan.items.into_iter().flat_map(|item| item.actions).collect();
    for action in &actions {
        sagemaker.apply_action(action.clone()).await.unwrap();
    }
    actions.len()
}

async fn find_team(sagemaker: &SageMakerClient, name: &str) -> ObservedWorkteam {
    sagemaker.list_teams().await.unwrap().into_iter().find(|team| team.name == name).unwrap()
}

#[tokio::test]
async fn applied_teams_are_observed_and_not_sent_again() {
    let (_emulator, sagemaker) = start_emulator().await;
    assert_eq!(apply_document(&sagemaker, TEAMS).await, 2);
    assert_eq!(apply_document(&sagemaker, TEAMS).await, 0);
    let changed = TEAMS.replace("user_group: b", "user_group: c").replace("source_ip: true", "source_ip: false");
    assert_eq!(apply_document(&sagemaker, &changed).await, 1);
    let changed = changed.replace("site: A", "site: B");
    assert_eq!(apply_document(&sagemaker, &changed).await, 1, "expected the tag to be changed");
    assert_eq!(apply_document(&sagemaker, &changed).await, 0);
    let team = find_team(&sagemaker, "radiology").await;
    assert_eq!(team.topic.as_deref(), Some(TOPIC));
    let tags = sagemaker.list_tags(&team.arn).await.unwrap();
    assert_eq!(
        tags.into_iter().collect::<Vec<_>>(),
        [("owner", "ml"), ("site", "B")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    assert!(find_team(&sagemaker, "audit").await.portal.unwrap().ends_with("sagemaker.aws"));
}

#[tokio::test]
async fn tags_and_properties_are_changed_by_separate_calls() {
    let (emulator, sagemaker) = start_emulator().await;
    apply_document(&sagemaker, TEAMS).await;
    let changed = TEAMS.replace("Radiologists", "All radiologists").replace("site: A", "site: B");
    let declared = ConfigDocument::parse(&changed).unwrap().declared.workteams;
    let observed = read_teams(&sagemaker, &declared, READ_LIMIT).await.unwrap();
    let [tagging, update] = &plan_workteams(&declared, &observed, Some(TOPIC)).items[0].actions[..] else {
        panic!("two calls")
    };
    emulator.add_fault(ScriptedFault::answer_with_error("AddTags", 1, "AccessDeniedException", "no"));
    assert_eq!(sagemaker.apply_action(tagging.clone()).await.unwrap_err().kind, CallErrorKind::Denied);
    sagemaker.apply_action(update.clone()).await.unwrap();
    let team = find_team(&sagemaker, "radiology").await;
    assert_eq!(team.description, "All radiologists");
    sagemaker.apply_action(tagging.clone()).await.unwrap();
    assert_eq!(sagemaker.list_tags(&team.arn).await.unwrap()["site"], "B");
}

#[tokio::test]
async fn twenty_five_teams_are_listed_and_one_more_is_rejected() {
    let (_emulator, sagemaker) = start_emulator().await;
    let teams = (0..25)
        .map(|number| format!("  - {{ name: t{number}, description: d, members: {{ oidc: {{ groups: [g] }} }} }}"));
    let teams = teams.collect::<Vec<_>>().join("\n");
    assert_eq!(apply_document(&sagemaker, &format!("version: 1\nworkteams:\n{teams}")).await, 25);
    assert_eq!(sagemaker.list_teams().await.unwrap().len(), 25);
    let declared = ConfigDocument::parse(TEAMS).unwrap().declared.workteams;
    let plan = plan_workteams(&declared, &[], Some(TOPIC));
    let error = sagemaker.apply_action(plan.items[0].actions[0].clone()).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Quota);
}

#[tokio::test]
async fn open_jobs_are_found_over_all_pages_newest_first() {
    let (emulator, sagemaker) = start_emulator().await;
    apply_document(&sagemaker, TEAMS).await;
    for number in 0..120 {
        let done = if number % 10 == 0 { 5 } else { 2 };
        emulator
            .start_labeling_job(&LabelingJobScript {
                labeled: done,
                ..LabelingJobScript::new(&format!("job-{number}"), "radiology", 5)
            })
            .unwrap();
        emulator.advance_clock(Duration::from_mins(1));
    }
    let arn = find_team(&sagemaker, "radiology").await.arn;
    let first = sagemaker.list_open_jobs(&arn, None).await.unwrap();
    let second = sagemaker.list_open_jobs(&arn, first.next.clone()).await.unwrap();
    assert_eq!((first.jobs.len(), second.jobs.len(), second.next), (90, 18, None));
    let jobs = [first.jobs, second.jobs].concat();
    assert_eq!(jobs.len(), 108, "jobs without objects left to label are omitted");
    assert_eq!((jobs[0].name.as_str(), jobs[107].name.as_str()), ("job-119", "job-1"));
    assert!(jobs.windows(2).all(|pair| pair[0].created_at > pair[1].created_at));
    assert_eq!((jobs[0].labeled, jobs[0].pending, jobs[0].total, jobs[0].workers_per_object), (2, 3, 5, Some(1)));

    let described = sagemaker.describe_labeling_job("job-119").await.unwrap().unwrap();
    assert_eq!((described.job, described.team_arn), (jobs[0].clone(), arn));
    assert!(sagemaker.describe_labeling_job("nothing").await.unwrap().is_none());
    let gone = "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/gone";
    assert_eq!(sagemaker.list_open_jobs(gone, None).await.unwrap_err().kind, CallErrorKind::NotFound);
    emulator.add_fault(ScriptedFault::answer_with_error("ListWorkteams", 1, "ThrottlingException", "Rate exceeded"));
    assert_eq!(sagemaker.list_teams().await.unwrap_err().kind, CallErrorKind::Throttled);
}

/// SageMaker refuses a repeated `CreateWorkteam`: a request whose response was lost must not be
/// repeated by the SDK, which would take its success for a refusal.
#[tokio::test]
async fn change_without_a_response_is_not_repeated() {
    let (emulator, _) = start_emulator().await;
    let client = connect_client(&emulator.endpoint_url(), "us-east-1");
    let sagemaker = SageMakerClient::new(with_retries(&client));
    let declared = ConfigDocument::parse(TEAMS).unwrap().declared.workteams;
    let create = plan_workteams(&declared, &[], Some(TOPIC)).items.remove(0).actions.remove(0);
    let update = WorkteamAction::Update(create.call().clone());
    for (operation, action) in [("CreateWorkteam", create), ("UpdateWorkteam", update)] {
        emulator.add_fault(ScriptedFault::drop_connection(operation, 1, DropTiming::After));
        assert_eq!(sagemaker.apply_action(action).await.unwrap_err().kind, CallErrorKind::Unanswered, "{operation}");
        let sent = emulator.logged_requests().iter().filter(|request| request.operation == operation).count();
        assert_eq!(sent, 1, "{operation}");
    }
}
