//! `ListCompilationJobs`: filtering, sorting and pagination.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod common;

use std::time::Duration;

use aws_sdk_sagemaker::{
    Client,
    operation::list_compilation_jobs::builders::ListCompilationJobsFluentBuilder,
    primitives::DateTime,
    types::{CompilationJobStatus as Status, ListCompilationJobsSortBy as SortBy, SortOrder, TargetDevice},
};
use common::{STATUS_DURATION, create_client, create_job, describe_job, error_code_and_message, start_emulator};
use sagemaker_emulator::Emulator;

/// Creates jobs one second apart. Their order by name differs from their order of creation.
async fn create_some_jobs(emulator: &Emulator, client: &Client) {
    for name in ["c-1", "a-2", "d-3", "b-4"] {
        create_job(client, name).await;
        emulator.advance_clock(Duration::from_secs(1));
    }
    client.stop_compilation_job().compilation_job_name("d-3").send().await.unwrap();
}

async fn list_names(list: ListCompilationJobsFluentBuilder) -> Vec<String> {
    let found = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    found.into_iter().map(|summary| summary.compilation_job_name.unwrap()).collect()
}

#[tokio::test]
async fn sorts_as_requested_and_by_creation_time_by_default() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_some_jobs(&emulator, &client).await;
    let list = || client.list_compilation_jobs();
    for (query, expected) in [
        (list(), ["c-1", "a-2", "d-3", "b-4"]),
        (list().sort_order(SortOrder::Descending), ["b-4", "d-3", "a-2", "c-1"]),
        (list().sort_by(SortBy::Name), ["a-2", "b-4", "c-1", "d-3"]),
        (list().sort_by(SortBy::Name).sort_order(SortOrder::Descending).max_results(1), ["d-3", "c-1", "b-4", "a-2"]),
        (list().sort_by(SortBy::Status).max_results(2), ["c-1", "a-2", "b-4", "d-3"]),
        (list().sort_by(SortBy::CreationTime).max_results(3), ["c-1", "a-2", "d-3", "b-4"]),
    ] {
        let found = list_names(query.clone()).await;
        assert_eq!(found, expected, "{:?}", query.as_input());
    }
}

#[tokio::test]
async fn filters_by_name_status_and_time() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_some_jobs(&emulator, &client).await;
    let created = |name: &'static str| {
        let client = client.clone();
        async move { describe_job(&client, name).await.creation_time.unwrap() }
    };
    let (second, stopped) = (created("a-2").await, describe_job(&client, "d-3").await.last_modified_time.unwrap());
    let list = || client.list_compilation_jobs();
    let long_ago = DateTime::from_secs(0);
    for (query, expected) in [
        (list().name_contains("-"), vec!["c-1", "a-2", "d-3", "b-4"]),
        (list().name_contains("a-"), vec!["a-2"]),
        (list().status_equals(Status::Stopping), vec!["d-3"]),
        (list().status_equals(Status::Completed), vec![]),
        (list().creation_time_after(second), vec!["d-3", "b-4"]),
        (list().creation_time_before(second), vec!["c-1"]),
        (list().last_modified_time_before(stopped), vec!["c-1", "a-2", "b-4"]),
        (list().last_modified_time_after(long_ago).status_equals(Status::Starting), vec!["c-1", "a-2", "b-4"]),
    ] {
        let found = list_names(query.clone()).await;
        assert_eq!(found, expected, "{:?}", query.as_input());
    }
}

#[tokio::test]
async fn pages_list_each_job_once_despite_concurrent_changes() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    for job in 0..25 {
        create_job(&client, &format!("job-{job:02}")).await;
    }
    let first = client.list_compilation_jobs().sort_by(SortBy::Name).send().await.unwrap();
    assert_eq!(first.compilation_job_summaries().len(), 10, "the default page size");
    emulator.advance_clock(STATUS_DURATION * 2);
    client.delete_compilation_job().compilation_job_name("job-09").send().await.unwrap();
    create_job(&client, "job-00-late").await;
    let rest = client.list_compilation_jobs().sort_by(SortBy::Name).max_results(100).set_next_token(first.next_token);
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.next_token(), None);
    let names: Vec<&str> =
        rest.compilation_job_summaries().iter().filter_map(|job| job.compilation_job_name()).collect();
    assert_eq!(names.len(), 15);
    assert_eq!((names[0], names[14]), ("job-10", "job-24"));
}

#[tokio::test]
async fn next_token_is_valid_only_for_its_query() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_some_jobs(&emulator, &client).await;
    let page = client.list_compilation_jobs().max_results(1).send().await.unwrap();
    let token = page.next_token().unwrap();
    for query in [
        client.list_compilation_jobs().next_token(token).name_contains("a"),
        client.list_compilation_jobs().next_token(token).sort_by(SortBy::Name),
        client.list_compilation_jobs().next_token("nonsense"),
        client.list_compilation_jobs().next_token(""),
    ] {
        let (code, message) = error_code_and_message(query.send().await);
        assert_eq!(code, "ValidationException");
        assert!(message.contains("NextToken"), "{message}");
    }
}

#[tokio::test]
async fn summaries_have_the_members_of_the_service() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_some_jobs(&emulator, &client).await;
    let list = client.list_compilation_jobs().name_contains("d-3").send().await.unwrap();
    let (summary, job) = (&list.compilation_job_summaries()[0], describe_job(&client, "d-3").await);
    assert_eq!(summary.compilation_job_status(), Some(&Status::Stopping));
    assert_eq!(summary.compilation_job_arn(), job.compilation_job_arn());
    assert_eq!(summary.last_modified_time(), job.last_modified_time());
    assert_eq!(summary.compilation_target_device().map(TargetDevice::as_str), Some("ml_c5"));
    assert_eq!(summary.compilation_target_platform_os(), None);
}

#[tokio::test]
async fn page_is_cut_before_it_is_filtered() {
    let emulator = start_emulator().await;
    let client = create_client(&emulator);
    create_some_jobs(&emulator, &client).await;
    let list = client.list_compilation_jobs().status_equals(Status::Stopping).max_results(2);
    let first = list.clone().send().await.unwrap();
    assert_eq!(first.compilation_job_summaries(), [], "the oldest two jobs have another status");
    let second = list.next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!(second.compilation_job_summaries().len(), 1);
    assert_eq!(second.next_token(), None);
}

#[tokio::test]
async fn lists_accept_two_requests_a_second() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = create_client(&emulator);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(error_code_and_message(client.list_compilation_jobs().send().await).0);
    }
    assert_eq!(codes, ["accepted", "accepted", "ThrottlingException"]);
    assert_eq!(error_code_and_message(client.list_workteams().send().await).0, "accepted", "another operation");
}
