//! Work teams over the wire: what the client sends is what SageMaker takes, and what it answers is what stands.
#![cfg(feature = "sagemaker")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use automation::{call::Kind, compilation_jobs::SageMaker, config::Document, workteams::Workteams};
use aws_sdk_sagemaker::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use maintenance::workteam::{StandingWorkteam, plan_workteams};
use sagemaker_emulator::{Emulator, Fault, LabelingJob};

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
  - name: audit
    description: Auditors
    members: { oidc: { groups: [second, first] } }
    worker_access: { vpc_source_ip: false }
";

async fn start() -> (Emulator, SageMaker) {
    let emulator = Emulator::builder().start().await.unwrap();
    emulator.pause();
    let config = aws_sdk_sagemaker::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(emulator.url())
        .retry_config(RetryConfig::disabled())
        .build();
    let sagemaker = SageMaker::new(Client::from_conf(config));
    (emulator, sagemaker)
}

/// Brings the teams to what is declared; how many calls that took.
async fn maintain(sagemaker: &SageMaker, document: &str) -> usize {
    let declared = Document::parse(document).unwrap().declared.workteams;
    let plan = plan_workteams(&declared, &sagemaker.teams().await.unwrap(), Some(TOPIC));
    let actions: Vec<_> = plan.items.into_iter().flat_map(|item| item.actions).collect();
    for action in &actions {
        sagemaker.act(action.clone()).await.unwrap();
    }
    actions.len()
}

async fn team(sagemaker: &SageMaker, name: &str) -> StandingWorkteam {
    sagemaker.teams().await.unwrap().into_iter().find(|team| team.name == name).unwrap()
}

#[tokio::test]
async fn what_was_sent_stands_and_nothing_more_is_sent() {
    let (_emulator, sagemaker) = start().await;
    assert_eq!(maintain(&sagemaker, TEAMS).await, 2);
    assert_eq!(maintain(&sagemaker, TEAMS).await, 0);
    let changed = TEAMS.replace("user_group: b", "user_group: c").replace("source_ip: true", "source_ip: false");
    assert_eq!(maintain(&sagemaker, &changed).await, 1);
    assert_eq!(maintain(&sagemaker, &changed).await, 0);
    assert_eq!(team(&sagemaker, "radiology").await.topic.as_deref(), Some(TOPIC));
    assert!(team(&sagemaker, "audit").await.portal.unwrap().ends_with("sagemaker.aws"));
}

#[tokio::test]
async fn twenty_five_teams_are_listed_and_one_more_is_refused() {
    let (_emulator, sagemaker) = start().await;
    let many = (0..25)
        .map(|number| format!("  - {{ name: t{number}, description: d, members: {{ oidc: {{ groups: [g] }} }} }}"));
    let many = many.collect::<Vec<_>>().join("\n");
    assert_eq!(maintain(&sagemaker, &format!("version: 1\nworkteams:\n{many}")).await, 25);
    assert_eq!(sagemaker.teams().await.unwrap().len(), 25);
    let declared = Document::parse(TEAMS).unwrap().declared.workteams;
    let plan = plan_workteams(&declared, &[], Some(TOPIC));
    let refused = sagemaker.act(plan.items[0].actions[0].clone()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Quota);
}

#[tokio::test]
async fn open_jobs_are_found_over_all_pages_newest_first() {
    let (emulator, sagemaker) = start().await;
    maintain(&sagemaker, TEAMS).await;
    for number in 0..120 {
        let done = if number % 10 == 0 { 5 } else { 2 };
        emulator
            .label(&LabelingJob { labeled: done, ..LabelingJob::new(&format!("job-{number}"), "radiology", 5) })
            .unwrap();
        emulator.advance(Duration::from_mins(1));
    }
    let arn = team(&sagemaker, "radiology").await.arn;
    let jobs = sagemaker.open_jobs(&arn).await.unwrap();
    assert_eq!(jobs.len(), 108, "those with nothing to do are left out");
    assert_eq!((jobs[0].name.as_str(), jobs[107].name.as_str()), ("job-119", "job-1"));
    assert!(jobs.windows(2).all(|pair| pair[0].created_at > pair[1].created_at));
    assert_eq!((jobs[0].labeled, jobs[0].pending, jobs[0].total, jobs[0].workers_per_object), (2, 3, 5, Some(1)));
    let lists = emulator.requests().into_iter().filter(|request| request.operation == "ListLabelingJobsForWorkteam");
    assert_eq!(lists.count(), 2);

    let described = sagemaker.labeling_job("job-119").await.unwrap().unwrap();
    assert_eq!((described.job, described.team_arn), (jobs[0].clone(), arn));
    assert!(sagemaker.labeling_job("nothing").await.unwrap().is_none());
    let gone = "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/gone";
    assert_eq!(sagemaker.open_jobs(gone).await.unwrap_err().kind, Kind::NotFound);
    emulator.script(Fault::next("ListWorkteams", 1, "ThrottlingException", "Rate exceeded"));
    assert_eq!(sagemaker.teams().await.unwrap_err().kind, Kind::Throttled);
}
