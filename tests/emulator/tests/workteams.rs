//! Work teams and their labeling jobs, tested through the SDK.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::{
    Client,
    operation::create_workteam::builders::CreateWorkteamFluentBuilder,
    types::{
        CognitoMemberDefinition, EnabledOrDisabled, IamPolicyConstraints, LabelingJobStatus as Status,
        ListWorkteamsSortByOptions as SortBy, MemberDefinition, NotificationConfiguration, OidcMemberDefinition,
        S3Presign, SortOrder, WorkerAccessConfiguration, Workteam,
    },
};
use common::{create_client, error_code_and_message, start_emulator};
use sagemaker_emulator::LabelingJobScript;

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:workteams";

fn cognito_member(pool: &str, group: &str, id: &str) -> MemberDefinition {
    let member = CognitoMemberDefinition::builder().user_pool(pool).user_group(group).client_id(id).build();
    MemberDefinition::builder().cognito_member_definition(member).build()
}

fn oidc_member(group: &str) -> MemberDefinition {
    let member = OidcMemberDefinition::builder().groups(group).build();
    MemberDefinition::builder().oidc_member_definition(member).build()
}

fn create_workteam_request(client: &Client, name: &str) -> CreateWorkteamFluentBuilder {
    client
        .create_workteam()
        .workteam_name(name)
        .description("People who label")
        .member_definitions(cognito_member("us-east-1_pool", "first", "client"))
        .notification_configuration(NotificationConfiguration::builder().notification_topic_arn(TOPIC).build())
}

async fn describe_workteam(client: &Client, name: &str) -> Workteam {
    client.describe_workteam().workteam_name(name).send().await.unwrap().workteam.unwrap()
}

fn user_groups(team: &Workteam) -> Vec<&str> {
    let members = team.member_definitions().iter().filter_map(|member| member.cognito_member_definition());
    members.map(|member| member.user_group().unwrap()).collect()
}

fn radiology_job(name: &str, objects: u64) -> LabelingJobScript {
    LabelingJobScript::new(name, "radiology", objects)
}

#[tokio::test]
async fn update_replaces_members_and_keeps_other_properties() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let created = create_workteam_request(&client, "radiology").send().await.unwrap();
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/radiology";
    assert_eq!(created.workteam_arn(), Some(arn));
    emulator.advance_clock(Duration::from_secs(5));
    let member = |group| cognito_member("us-east-1_pool", group, "client");
    let update = client.update_workteam().workteam_name("radiology");
    let update = update.member_definitions(member("second")).member_definitions(member("third"));
    let updated = update.send().await.unwrap().workteam.unwrap();
    assert_eq!(updated, describe_workteam(&client, "radiology").await);
    assert_eq!(user_groups(&updated), ["second", "third"]);
    assert_eq!(updated.description(), Some("People who label"));
    assert_eq!(updated.notification_configuration().unwrap().notification_topic_arn(), Some(TOPIC));
    assert!(updated.sub_domain().unwrap().ends_with(".labeling.us-east-1.sagemaker.aws"));
    assert_eq!(updated.last_updated_date().unwrap().secs() - updated.create_date().unwrap().secs(), 5);
    let nothing = NotificationConfiguration::builder().build();
    client.update_workteam().workteam_name("radiology").notification_configuration(nothing).send().await.unwrap();
    let cleared = describe_workteam(&client, "radiology").await;
    assert_eq!(cleared.notification_configuration().unwrap().notification_topic_arn(), None);
    client.delete_workteam().workteam_name("radiology").send().await.unwrap();
    assert!(client.list_workteams().send().await.unwrap().workteams().is_empty());
}

#[tokio::test]
async fn rejects_invalid_workteam_requests_like_sagemaker() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    let empty = || create_workteam_request(&client, "radiology").set_member_definitions(None);
    let in_pool = |pool| cognito_member(pool, "second", "client");
    let both =
        IamPolicyConstraints::builder().source_ip(EnabledOrDisabled::Enabled).vpc_source_ip(EnabledOrDisabled::Enabled);
    let both = S3Presign::builder().iam_policy_constraints(both.build()).build();
    let both = WorkerAccessConfiguration::builder().s3_presign(both).build();
    for (case, request, expected) in [
        (
            "two pools",
            create_workteam_request(&client, "radiology").member_definitions(in_pool("us-east-1_other")),
            "same UserPool",
        ),
        (
            "two clients",
            create_workteam_request(&client, "radiology")
                .member_definitions(cognito_member("us-east-1_pool", "b", "other")),
            "ClientId",
        ),
        (
            "both kinds",
            create_workteam_request(&client, "radiology").member_definitions(oidc_member("first")),
            "exactly one",
        ),
        ("no kind", empty().member_definitions(MemberDefinition::builder().build()), "exactly one"),
        (
            "both constraints",
            create_workteam_request(&client, "radiology").worker_access_configuration(both),
            "Only one",
        ),
        ("no description", create_workteam_request(&client, "radiology").description(""), "description"),
    ] {
        let (code, message) = error_code_and_message(request.send().await);
        assert_eq!((code.as_str(), message.contains(expected)), ("ValidationException", true), "{case}: {message}");
    }
    let missing = error_code_and_message(client.describe_workteam().workteam_name("nobody").send().await);
    assert_eq!((missing.0.as_str(), missing.1.starts_with("The work team")), ("ValidationException", true));
    assert_eq!(error_code_and_message(client.update_workteam().workteam_name("nobody").send().await), missing);
    assert_eq!(error_code_and_message(client.delete_workteam().workteam_name("nobody").send().await), missing);
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/nobody";
    let jobs = client.list_labeling_jobs_for_workteam().workteam_arn(arn).send().await;
    assert!(jobs.unwrap_err().into_service_error().is_resource_not_found());
    for number in 0..25 {
        create_workteam_request(&client, &format!("team-{number}")).send().await.unwrap();
    }
    let again = create_workteam_request(&client, "team-7").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_in_use(), "{again:?}");
    let more = create_workteam_request(&client, "team-25").send().await.unwrap_err().into_service_error();
    assert!(more.is_resource_limit_exceeded(), "{more:?}");
}

#[tokio::test]
async fn sorts_as_requested_and_by_creation_time_by_default() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    for name in ["b-1", "a-2", "c-3"] {
        create_workteam_request(&client, name).send().await.unwrap();
        emulator.advance_clock(Duration::from_secs(1));
    }
    let list = || client.list_workteams();
    for (query, expected) in [
        (list().max_results(2), vec!["b-1", "a-2", "c-3"]),
        (list().sort_by(SortBy::Name).max_results(1), vec!["a-2", "b-1", "c-3"]),
        (list().sort_by(SortBy::CreateDate).sort_order(SortOrder::Descending), vec!["c-3", "a-2", "b-1"]),
        (list().name_contains("a-2"), vec!["a-2"]),
    ] {
        let pages = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        let names: Vec<_> = pages.into_iter().map(|team| team.workteam_name.unwrap()).collect();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn labeling_job_progresses_and_notifies_its_workteam() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_workteam_request(&client, "radiology").send().await.unwrap();
    let script = LabelingJobScript {
        labeled: 10,
        workers_per_object: 3,
        initializing_ms: 5_000,
        per_object_ms: 1_000,
        ..radiology_job("chest", 100)
    };
    emulator.start_labeling_job(&script).unwrap();
    let described = || async { client.describe_labeling_job().labeling_job_name("chest").send().await.unwrap() };
    let listed = || async {
        let arn = describe_workteam(&client, "radiology").await.workteam_arn.unwrap();
        let jobs = client.list_labeling_jobs_for_workteam().workteam_arn(arn).send().await.unwrap();
        let [job] = jobs.labeling_job_summary_list() else { panic!("one job") };
        let counters = job.label_counters().unwrap();
        assert_eq!(job.number_of_human_workers_per_data_object(), Some(3));
        [counters.human_labeled(), counters.pending_human(), counters.total()].map(Option::unwrap)
    };
    assert_eq!(described().await.labeling_job_status(), Some(&Status::Initializing));
    assert!(emulator.published_notices().is_empty());
    emulator.advance_clock(Duration::from_secs(5));
    assert_eq!(described().await.labeling_job_status(), Some(&Status::InProgress));
    assert_eq!(listed().await, [10, 90, 100]);
    assert_eq!(
        emulator.published_notices(),
        [(TOPIC.to_owned(), "90 work items are available to radiology.".to_owned())]
    );
    emulator.advance_clock(Duration::from_secs(30));
    assert_eq!(listed().await, [40, 60, 100]);
    emulator.start_labeling_job(&radiology_job("chest", 20)).unwrap();
    assert_eq!(listed().await, [40, 80, 120]);
    assert_eq!(emulator.published_notices().len(), 2, "added objects cause another notice");
    emulator.advance_clock(Duration::from_secs(80));
    let ended = described().await;
    assert_eq!(ended.labeling_job_status(), Some(&Status::Completed));
    assert_eq!(ended.label_counters().unwrap().human_labeled(), Some(120));
    assert!(emulator.start_labeling_job(&radiology_job("chest", 1)).unwrap_err().contains("has ended"));
    assert!(
        emulator.start_labeling_job(&LabelingJobScript::new("x", "nobody", 1)).unwrap_err().contains("does not exist")
    );
}

#[tokio::test]
async fn unlabeled_objects_expire_after_a_notice() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_workteam_request(&client, "radiology").send().await.unwrap();
    emulator.start_labeling_job(&LabelingJobScript { available_ms: 10_000, ..radiology_job("chest", 7) }).unwrap();
    emulator.advance_clock(Duration::from_secs(5));
    let messages: Vec<_> = emulator.published_notices().into_iter().map(|(_, message)| message).collect();
    assert_eq!(
        messages,
        ["7 work items are available to radiology.", "7 work items of radiology are about to expire."]
    );
    emulator.advance_clock(Duration::from_secs(5));
    let ended = client.describe_labeling_job().labeling_job_name("chest").send().await.unwrap();
    assert_eq!(ended.labeling_job_status(), Some(&Status::Completed));
    let counters = ended.label_counters().unwrap();
    assert_eq!((counters.human_labeled(), counters.failed_non_retryable_error()), (Some(0), Some(7)));
}
