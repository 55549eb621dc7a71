//! The ledger under redeliveries, late observations and concurrent writers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use ledger::{
    Execution, JobOwner, Ledger, LedgerRow, LedgerTable, List, ListEntry, ListRange, MAX_PERMISSION_WAIT, MIN_REFUSALS,
    ModelRow, ModelState, PackageVersions, Reuse, SweepRow, UpdatedKind,
};
use maintenance::{PendingUpdate, UpdateCalls, UpdateHistory};
use model_archive::{Problem, Warning};
use neo::{CompilationRequest, JobDescription, JobName, JobStatus, Upload};
use serde::{Deserialize, Serialize};
use support::{
    MemoryTable, accept_request, compilation_request, job_description, model_row, model_upload, reject_request,
};
use worker::{CallError, CallErrorKind, Clock, Failure};

fn new_ledger() -> Ledger<MemoryTable> {
    Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH)
}

/// The request for a version of the upload, whose bytes are those of the other versions.
fn request_for(version: &str) -> CompilationRequest {
    let upload = Upload { version_id: Some(version.to_owned()), ..model_upload("resnet.tar.gz") };
    CompilationRequest {
        content: serde_json::from_value("same".into()).unwrap(),
        source: upload.into(),
        ..compilation_request(&format!("resnet-ml-c5-{version}"))
    }
}

fn described_job(job: &JobName, status: JobStatus) -> JobDescription {
    JobDescription { failure_reason: None, ..job_description(job.as_str(), status) }
}

/// SEMANTICS same-bytes-once: When the same bytes are uploaded again under the same key, they are
/// not compiled again with the same settings, unless the earlier job failed, was stopped or was
/// rejected.
#[tokio::test]
async fn same_bytes_are_compiled_again_only_after_a_failure() {
    let ledger = new_ledger();
    let (first, second, third) = (request_for("v1"), request_for("v2"), request_for("v3"));
    assert_eq!(ledger.claim_job(&first, Reuse::Running).await.unwrap(), first.job_name);
    assert_eq!(
        ledger.claim_job(&first, Reuse::Running).await.unwrap(),
        first.job_name,
        "a redelivered request finds its own job"
    );
    assert_eq!(
        ledger.claim_job(&second, Reuse::Running).await.unwrap(),
        first.job_name,
        "another upload finds the running job"
    );
    let row = ledger.find_job(&first.job_name).await.unwrap().unwrap();
    assert_eq!(row.models.len(), 2, "both models share the job");
    ledger.record_observation(&described_job(&first.job_name, JobStatus::Failed)).await.unwrap();
    assert_eq!(ledger.claim_job(&third, Reuse::Running).await.unwrap(), third.job_name);
}

/// A job that waits for an approval and one that does not are created for one reason each. Once
/// completed, either is an artifact that both can use.
#[tokio::test]
async fn jobs_that_need_an_approval_are_shared_once_completed() {
    for approved_only in [true, false] {
        let ledger = new_ledger();
        let first = CompilationRequest { approved_only, ..request_for("v1") };
        let second = CompilationRequest { approved_only: !approved_only, ..request_for("v2") };
        let third = CompilationRequest { approved_only: !approved_only, ..request_for("v3") };
        ledger.claim_job(&first, Reuse::Running).await.unwrap();
        assert_eq!(ledger.claim_job(&second, Reuse::Running).await.unwrap(), second.job_name, "{approved_only}");
        assert_eq!(ledger.claim_job(&third, Reuse::Running).await.unwrap(), second.job_name, "{approved_only}");
        let waiting = ledger.find_job(&first.job_name).await.unwrap().unwrap();
        assert_eq!(waiting.models, BTreeSet::from([first.model.clone()]), "{approved_only}");
        let completed = CompilationRequest { approved_only, ..request_for("v4") };
        ledger.record_observation(&described_job(&second.job_name, JobStatus::Completed)).await.unwrap();
        assert_eq!(ledger.claim_job(&completed, Reuse::Running).await.unwrap(), second.job_name, "{approved_only}");
    }
}

/// A newer configuration was deleted: the older one is active again, once no invocation can have it
/// from before.
#[tokio::test]
async fn older_configuration_is_refused_for_the_time_of_an_invocation() {
    let table = MemoryTable::default();
    let named = [("registry".to_owned(), "resnet".to_owned())];
    let (older, newer) = (Some(Timestamp::from_second(1).unwrap()), Some(Timestamp::from_second(2).unwrap()));
    let clocks: [(Clock, bool); 3] = [
        (|| Timestamp::from_second(100).unwrap(), false),
        (|| Timestamp::from_second(100 + 899).unwrap(), false),
        (|| Timestamp::from_second(100 + 900).unwrap(), true),
    ];
    let first = Ledger::new(table.clone(), clocks[0].0);
    assert_eq!(first.open_package_rules(&[], older).await.unwrap(), Some(Vec::new()));
    let opened = first.open_package_rules(&named, newer).await.unwrap().unwrap();
    for (clock, is_accepted) in clocks {
        let ledger = Ledger::new(table.clone(), clock);
        assert_eq!(ledger.open_package_rules(&[], older).await.unwrap(), is_accepted.then(Vec::new));
        if !is_accepted {
            assert_eq!(ledger.open_package_rules(&named, newer).await.unwrap(), Some(opened.clone()));
        }
    }
}

/// SEMANTICS never-backwards: The status of a job never moves backwards in the ledger, regardless
/// of the order in which it is observed.
#[tokio::test]
async fn late_observation_changes_nothing() {
    let ledger = new_ledger();
    let job = request_for("v1").job_name;
    for (status, expected) in [
        (JobStatus::InProgress, JobStatus::InProgress),
        (JobStatus::Starting, JobStatus::InProgress),
        (JobStatus::Completed, JobStatus::Completed),
        (JobStatus::Failed, JobStatus::Completed),
    ] {
        assert_eq!(ledger.record_observation(&described_job(&job, status)).await.unwrap().status, expected);
    }
}

#[tokio::test]
async fn rejected_request_stays_rejected() {
    let ledger = new_ledger();
    let request = request_for("v1");
    reject_request(&ledger, &request, "no such target").await;
    accept_request(&ledger, &request).await;
    let row = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert_eq!((row.status, row.failure_reason.as_deref()), (JobStatus::Rejected, Some("no such target")));
    assert_eq!(row.request, Some(request));
}

/// People wait from the upload on, not from the plan: between them, the message may have waited.
#[test]
fn seconds_to_the_answer_count_from_the_upload() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let request = compilation_request("v1");
    let planned = ModelRow {
        source: request.source,
        rule: None,
        state: ModelState::Requested,
        jobs: Vec::new(),
        unused_jobs: BTreeSet::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        planned_at: at(1_000),
        uploaded_at: Some(at(940)),
        sequencer: None,
        last_replay: None,
        stops_older: false,
    };
    assert_eq!(planned.seconds_to_answer(at(1_100)), 160);
    let unknown = ModelRow { uploaded_at: None, ..planned.clone() };
    assert_eq!(unknown.seconds_to_answer(at(1_100)), 100);
    assert_eq!(planned.seconds_to_answer(at(900)), 0, "the clock of S3 is ahead");
}

/// The table of the tests refuses items that DynamoDB refuses.
#[tokio::test]
async fn texts_of_any_length_fit_into_an_item() {
    let ledger = new_ledger();
    let request = request_for("v1");
    ledger.claim_job(&request, Reuse::Never).await.unwrap();
    reject_request(&ledger, &request, &"no ".repeat(200_000)).await;
    let row = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert!(row.failure_reason.is_some_and(|reason| reason.starts_with("no no") && reason.len() < 10_000));

    let long = "x".repeat(64 * 1024);
    let problems: Vec<_> = (0..2000).map(|n| Problem::new("open", format!("{n} {long}"), long.clone())).collect();
    let warnings = vec![Warning::new("layout-unusual", long.clone()); 2000];
    let row = model_row(request.source.clone(), Vec::new());
    let model = ModelRow { state: ModelState::Rejected, problems, warnings, ..row };
    let created = ledger.create_model(&request.model, model).await.unwrap();
    assert_eq!(created.warnings.last().unwrap().code, "more");
    assert_eq!(created.problems.last().unwrap().problem, "1980 more problems are not listed");
    assert_eq!(ledger.find_model(&request.model).await.unwrap(), Some(created), "the row is what is published");
}

/// A group can get a new version every few minutes, for years.
#[tokio::test]
async fn versions_of_a_group_fit_into_an_item() {
    let ledger = new_ledger();
    let named = [("registry".to_owned(), "resnet".to_owned())];
    let rule = ledger.open_package_rules(&named, None).await.unwrap().unwrap().remove(0);
    let versions = PackageVersions {
        rule: rule.name.clone(),
        active_since: rule.active_since,
        opened_at: Timestamp::UNIX_EPOCH,
        handled: (1..=500_000).collect(),
        begun: BTreeMap::new(),
        planned: None,
        created_at: (1..=500_000).map(|number| (number, Timestamp::UNIX_EPOCH)).collect(),
        is_created_again: false,
    };
    let opened = ledger.open_package_versions("resnet", &rule, None, &versions).await.unwrap().unwrap();
    assert!(opened.handled.contains(&500_000) && opened.handled.contains(&499_000), "1,000 versions are listed");
    let more = PackageVersions { handled: (500_001..=1_000_000).collect(), ..opened };
    ledger.record_package_versions("resnet", &more).await.unwrap();
    let groups = ledger.find_package_groups(&["resnet"].into()).await.unwrap();
    let handled = groups["resnet"].versions.clone().unwrap().handled;
    assert!((999_001..=1_000_000).all(|number| handled.contains(&number)));
}

#[tokio::test]
async fn work_runs_once_and_a_failure_releases_the_claim() {
    let ledger = new_ledger();
    let fails = async { Err(CallError::new("Publish", CallErrorKind::Unanswered, "no")) };
    assert!(matches!(ledger.run_once("a", fails).await, Err(Failure::Transient(_))));
    assert_eq!(ledger.run_once("a", async { Ok(()) }).await.unwrap(), Execution::Ran);
    let never = async { panic!("the work ran twice") };
    assert_eq!(ledger.run_once("a", never).await.unwrap(), Execution::AlreadyDone);
}

#[tokio::test]
async fn work_is_deferred_while_another_call_runs_it() {
    let ledger = new_ledger();
    let inner = async {
        let never = async { panic!("the work ran twice") };
        assert!(matches!(ledger.run_once("a", never).await, Err(Failure::Deferred { .. })));
        Ok(())
    };
    assert_eq!(ledger.run_once("a", inner).await.unwrap(), Execution::Ran);
}

#[tokio::test]
async fn sweep_position_never_moves_backwards() {
    let ledger = new_ledger();
    assert_eq!(ledger.read_sweep_position().await.unwrap(), None);
    let ledger = ledger_at(&ledger, || Timestamp::from_second(200).unwrap());
    let later = SweepRow::new(Timestamp::from_second(100).unwrap());
    ledger.record_sweep_position(later.clone()).await.unwrap();
    ledger.record_sweep_position(SweepRow::new(Timestamp::UNIX_EPOCH)).await.unwrap();
    assert_eq!(ledger.read_sweep_position().await.unwrap(), Some(later));
}

/// Rows that earlier releases wrote must stay readable.
#[tokio::test]
async fn stored_field_names_are_those_of_earlier_releases() {
    let ledger = new_ledger();
    ledger.claim_job(&request_for("v1"), Reuse::Running).await.unwrap();
    ledger.record_sweep_position(SweepRow::new(Timestamp::UNIX_EPOCH)).await.unwrap();
    let calls = UpdateCalls::default();
    let pending =
        PendingUpdate { digest: "d".to_owned(), changes: Vec::new(), requested_at: Timestamp::UNIX_EPOCH, calls };
    let history = UpdateHistory { pending: Some(pending), ..UpdateHistory::default() };
    ledger.record_update_history(UpdatedKind::Image, "base", &UpdateHistory::default(), &history).await.unwrap();
    let rows = ledger.table().rows.read();
    for (key, field) in
        [("job#resnet-ml-c5-v1", "states"), ("sweep#compilation-jobs", "asked_until"), ("image#base", "of")]
    {
        assert!(rows[key].1.get(field).is_some(), "{key}: {}", rows[key].1);
    }
}

#[tokio::test]
async fn row_of_a_shared_job_stops_growing() {
    let ledger = new_ledger();
    let first = request_for("v0");
    ledger.claim_job(&first, Reuse::Running).await.unwrap();
    for version in 1..100 {
        let job = ledger.claim_job(&request_for(&format!("v{version}")), Reuse::Running).await.unwrap();
        assert_eq!(job, first.job_name, "{version}");
    }
    let next = request_for("v100");
    assert_eq!(ledger.claim_job(&next, Reuse::Running).await.unwrap(), next.job_name, "expected a job of its own");
    ledger.record_observation(&described_job(&next.job_name, JobStatus::Completed)).await.unwrap();
    for version in 101..103 {
        let request = request_for(&format!("v{version}"));
        assert_eq!(ledger.claim_job(&request, Reuse::Running).await.unwrap(), next.job_name);
    }
    let row = ledger.find_job(&next.job_name).await.unwrap().unwrap();
    assert_eq!(row.models.len(), 1, "expected uploads that reuse a completed job not to be added");
}

#[tokio::test]
async fn later_job_of_a_name_gets_a_new_row() {
    let ledger = new_ledger();
    let name = JobName::from("nightly".to_owned());
    let job = |night: i64, status| JobDescription {
        created_at: Some(Timestamp::from_second(night * 86400).unwrap()),
        ..described_job(&name, status)
    };
    ledger.record_observation(&job(1, JobStatus::Completed)).await.unwrap();
    let later = ledger.record_observation(&job(2, JobStatus::Starting)).await.unwrap();
    assert_eq!((later.status, later.publication_name().as_str()), (JobStatus::Starting, "nightly#2"));
    let kept = ledger.record_observation(&job(1, JobStatus::Completed)).await.unwrap();
    assert_eq!(kept.status, JobStatus::Starting, "expected a late observation of the first job to change nothing");
    assert!(kept.is_outdated_by(JobStatus::Starting, job(3, JobStatus::Starting).created_at));
    assert!(!kept.is_outdated_by(JobStatus::Starting, job(2, JobStatus::Starting).created_at));
    // The name of a job of this stack is derived from its content.
    let request = request_for("v1");
    reject_request(&ledger, &request, "no").await;
    let own = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert!(!own.is_outdated_by(JobStatus::Starting, job(9, JobStatus::Starting).created_at));
}

/// The plan of the older version may be dispatched at the moment in which the newer one arrives.
#[tokio::test]
async fn failed_job_of_a_superseded_plan_is_not_retried() {
    let ledger = new_ledger();
    let request = CompilationRequest { retries: 1, ..request_for("v1") };
    let job = ledger.claim_job(&request, Reuse::Never).await.unwrap();
    let row = model_row(request.source.clone(), vec![job.clone()]);
    let row = ModelRow { state: ModelState::Planned, stops_older: true, ..row };
    ledger.create_model(&request.model, row).await.unwrap();
    ledger.mark_model_superseded(&request.model).await.unwrap();
    ledger.mark_planned_as(&request.model, ModelState::Requested).await.unwrap();
    assert_eq!(ledger.find_model(&request.model).await.unwrap().unwrap().state, ModelState::Superseded);
    ledger.record_observation(&described_job(&job, JobStatus::Failed)).await.unwrap();
    let failed = ledger.find_job(&job).await.unwrap().unwrap();
    let next = CompilationRequest { job_name: "next".to_owned().into(), ..request };
    assert!(!ledger.replace_failed_job(&failed, &next).await.unwrap(), "expected no further attempt");
}

/// Two deliveries of one request: SageMaker accepts the first and refuses the second, and does not
/// show the job yet.
#[tokio::test]
async fn refusal_does_not_overwrite_an_accepted_job() {
    let ledger = new_ledger();
    let request = request_for("v1");
    accept_request(&ledger, &request).await;
    assert_eq!(reject_request(&ledger, &request, "no such role").await, JobStatus::Starting);
    let row = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert_eq!((row.status, row.failure_reason), (JobStatus::Starting, None));
}

/// Two deliveries of one request: SageMaker refuses the first, and creates a job for the second
/// that it does not show yet.
#[tokio::test]
async fn refusal_is_not_recorded_after_another_call() {
    let ledger = new_ledger();
    let request = request_for("v1");
    let refused = ledger.record_create_call(&request).await.unwrap();
    let created = ledger.record_create_call(&request).await.unwrap();
    assert_eq!(ledger.mark_job_rejected(&refused, "no such role").await.unwrap(), JobStatus::Requested);
    assert_eq!(ledger.mark_job_accepted(&created).await.unwrap(), JobStatus::Starting);
    let row = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    assert_eq!((row.status, row.failure_reason, row.unseen), (JobStatus::Starting, None, 0));
}

/// However a job ends before SageMaker reports an end, its row says when and why.
#[tokio::test]
async fn each_end_of_a_job_has_its_time_and_reason() {
    let ledger = new_ledger();
    for name in ["withdrawn", "cancelled", "unseen", "lost", "rejected"] {
        let request = request_for(name);
        ledger.claim_job(&request, Reuse::Never).await.unwrap();
        let job = &request.job_name;
        match name {
            "withdrawn" => ledger.withdraw_job(job, &request.model).await.unwrap(),
            "cancelled" => ledger.cancel_job_before_calls(job).await.unwrap(),
            "unseen" => assert_eq!(ledger.cancel_job_after_calls(job).await.unwrap(), Some(JobStatus::Stopped)),
            "lost" => ledger.mark_job_lost(job).await.unwrap(),
            _ => drop(reject_request(&ledger, &request, "no such role").await),
        }
        let row = ledger.find_job(job).await.unwrap().unwrap();
        assert_eq!(row.ended_at, Some(Timestamp::UNIX_EPOCH), "{name}");
        let has_reason = row.failure_reason.is_some();
        assert_eq!(has_reason, ["lost", "rejected"].contains(&name), "{name}: {:?}", row.failure_reason);
    }
}

/// Every model that shared the failed job shares its next attempt.
#[tokio::test]
async fn next_attempt_belongs_to_all_models_of_the_job() {
    let ledger = new_ledger();
    let request = request_for("v1");
    ledger.claim_job(&request, Reuse::Running).await.unwrap();
    let other = CompilationRequest { content: request.content.clone(), ..request_for("v2") };
    assert_eq!(ledger.claim_job(&other, Reuse::Running).await.unwrap(), request.job_name);
    let failed = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    let next = CompilationRequest { job_name: "next".to_owned().into(), ..request.clone() };
    assert!(ledger.replace_failed_job(&failed, &next).await.unwrap());
    let row = ledger.find_job(&next.job_name).await.unwrap().unwrap();
    assert_eq!(row.models, BTreeSet::from([request.model, other.model]));
}

/// A job that runs or has ended is not created again.
#[tokio::test]
async fn call_of_an_accepted_job_changes_nothing() {
    let ledger = new_ledger();
    let request = request_for("v1");
    accept_request(&ledger, &request).await;
    let accepted = ledger.find_job(&request.job_name).await.unwrap().unwrap();
    let call = ledger.record_create_call(&request).await.unwrap();
    assert_eq!(call.row(), &accepted);
    assert_eq!(ledger.find_job(&request.job_name).await.unwrap().unwrap(), accepted);
}

/// A ledger in the same table, on a machine whose clock shows this time.
fn ledger_at(ledger: &Ledger<MemoryTable>, clock: Clock) -> Ledger<MemoryTable> {
    Ledger::new(ledger.table().clone(), clock)
}

#[tokio::test]
async fn refusals_last_ten_minutes_by_any_clock() {
    let ledger = new_ledger();
    let ahead = ledger_at(&ledger, || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
    for _ in 0..MIN_REFUSALS / 2 {
        assert!(!ahead.record_refusal("job").await.unwrap(), "the clock of the first machine is ahead");
    }
    for _ in 0..MIN_REFUSALS {
        assert!(!ledger.record_refusal("job").await.unwrap(), "no time has passed by this clock");
    }
    let later = ledger_at(&ledger, || Timestamp::UNIX_EPOCH + MAX_PERMISSION_WAIT);
    assert!(later.record_refusal("job").await.unwrap());
    let next_day = ledger_at(&ledger, || Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24));
    assert!(!next_day.record_refusal("job").await.unwrap(), "a new series begins");
}

#[tokio::test]
async fn position_later_than_now_is_corrected() {
    let ledger = new_ledger();
    let ahead = SweepRow::new(Timestamp::from_second(3_600).unwrap());
    ledger.record_sweep_position(ahead).await.unwrap();
    let now = SweepRow::new(Timestamp::UNIX_EPOCH);
    ledger.record_sweep_position(now.clone()).await.unwrap();
    assert_eq!(ledger.read_sweep_position().await.unwrap(), Some(now));
}

/// The row of a requested job as earlier releases listed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OldJobRow(serde_json::Value);

impl LedgerRow for OldJobRow {
    fn list_entry(&self) -> Option<ListEntry> {
        Some(ListEntry { list: List::RunningJobs, position: 1 })
    }
}

#[tokio::test]
async fn requested_jobs_of_an_earlier_release_hide_no_running_job() {
    let ledger = ledger_at(&new_ledger(), || Timestamp::from_second(100).unwrap());
    for number in 0..30 {
        let request = request_for(&format!("old{number}"));
        ledger.claim_job(&request, Reuse::Never).await.unwrap();
        let key = format!("job#{}", request.job_name);
        let (revision, row) = ledger.table().rows.read()[&key].clone();
        ledger.table().put_row(&key, Some(revision), &OldJobRow(row), Timestamp::MAX).await.unwrap();
    }
    let running = request_for("running");
    accept_request(&ledger, &running).await;
    for _ in 0..2 {
        let found = ledger.next_running_jobs(JobOwner::Stack, None, 20).await.unwrap();
        let names: Vec<_> = found.into_iter().map(|job| job.name).collect();
        assert_eq!(names, std::slice::from_ref(&running.job_name));
    }
    let listed: Vec<OldJobRow> =
        ledger.table().list_rows(List::RunningJobs, ListRange::After(Timestamp::UNIX_EPOCH), 99).await.unwrap();
    assert_eq!(listed.len(), 1, "the requested ones are in their own list by now");
}
