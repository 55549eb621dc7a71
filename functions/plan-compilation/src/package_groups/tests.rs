use std::sync::atomic::{AtomicI64, Ordering};

use automation::event::Event;
use jiff::Timestamp;
use neo::CompilationRequest;
use support::{StoredObject, TestStack, config_event};
use worker::CallErrorKind;

use super::*;
use crate::tests::{self, TestPlanner};

/// When the tests start, in seconds.
const START: i64 = 1_790_000_000;

/// The simulated clock, in seconds since the start.
static TIME: AtomicI64 = AtomicI64::new(0);

/// The tests in this file share the simulated clock, which only advances.
fn now() -> Timestamp {
    Timestamp::from_second(START + TIME.fetch_add(1, Ordering::Relaxed)).unwrap()
}

/// Before every rule became active.
fn long_ago() -> Timestamp {
    Timestamp::from_second(START - 1_000_000).unwrap()
}

/// A planner with a configuration that has these rules.
fn create_planner(rules: &str) -> TestPlanner {
    let planner: TestPlanner = tests::create_planner(TestStack::new(now));
    planner.put_config("c1", rules);
    planner
}

fn rule(groups: &str) -> String {
    format!("{{ name: registry, model_package_group: '{groups}', targets: [ {{ device: ml_c5 }} ] }}")
}

impl TestPlanner {
    fn put_config(&self, version: &str, rules: &str) {
        let text = format!("version: 1\ncompilation: {{ rules: [ {rules} ] }}");
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            last_modified: Some(now()),
            bytes: text.into_bytes(),
            ..StoredObject::default()
        };
        self.archives.put_version("config", "automation.yaml", object);
    }

    /// Handles the event of the configuration.
    async fn apply(&self, version: &str) {
        self.handle_event(config_event(Some(version))).await.unwrap();
    }

    /// Approves a version that was registered before every rule became active, and handles the
    /// event.
    async fn approve(&self, group: &str, number: u32) {
        let arn = self.packages.put_version(group, number, "Approved", long_ago());
        self.send_event(group, arn.as_str()).await.unwrap();
    }

    async fn send_event(&self, group: &str, arn: &str) -> Result<(), Failure> {
        self.send_event_of(group, arn, now()).await
    }

    /// Handles an event about a version whose status changed at this time.
    async fn send_event_of(&self, group: &str, arn: &str, changed_at: Timestamp) -> Result<(), Failure> {
        let state = ModelPackageState { group: group.to_owned(), arn: arn.to_owned(), changed_at: Some(changed_at) };
        self.handle_event(Event::ModelPackageState(state)).await
    }

    /// The active configuration, as an invocation has it.
    async fn load_active(&self) -> Config {
        self.config.load_or_report(&self.notifier, now()).await.unwrap().unwrap()
    }

    /// The problems that were published: each with its code, what it is and how to fix it.
    fn problems(&self) -> Vec<[String; 3]> {
        let published = self.notifier.topic().published();
        let documents = published.iter().map(|one| serde_json::to_value(one).unwrap());
        let problems = documents.flat_map(|one| one["problems"].as_array().unwrap().clone());
        problems.map(|one| ["code", "problem", "remedy"].map(|name| one[name].as_str().unwrap().to_owned())).collect()
    }

    /// The requested versions, such as `resnet/3 for ml_c5`, in order.
    fn requested(&self) -> Vec<String> {
        let requests = self.requests.bodies.read();
        let requests = requests.iter().map(|body| serde_json::from_str::<CompilationRequest>(body).unwrap());
        requests.map(|request| format!("{} for {}", request.source.display_name(), request.target)).collect()
    }
}

/// SEMANTICS approved-once: A rule with `model_package_group` compiles the newest approved version
/// when it becomes active, and each version that is approved later, once per target.
#[tokio::test]
async fn newest_and_later_approved_versions_are_requested() {
    let planner = create_planner(&rule("resnet"));
    for (number, approval) in [(1, "Approved"), (2, "Approved"), (3, "PendingManualApproval"), (4, "Rejected")] {
        planner.packages.put_version("resnet", number, approval, long_ago());
    }
    planner.apply("c1").await;
    assert_eq!(planner.requested(), ["resnet/2 for ml_c5"], "the newest approved one");
    planner.approve("resnet", 3).await;
    planner.approve("resnet", 4).await;
    assert_eq!(planner.requested()[1..], ["resnet/3 for ml_c5", "resnet/4 for ml_c5"]);
    let approved = planner.requests.bodies.read().iter().all(|body| body.contains(r#""approved_only":true"#));
    assert!(approved, "start-compilation checks it again");
    assert!(planner.notifier.topic().types().is_empty(), "{:?}", planner.notifier.topic().types());
}

/// The versions of a group that was deleted and created again are not those that were planned
/// before, although they have the same numbers and ARNs.
#[tokio::test]
async fn versions_of_a_group_created_again_are_requested() {
    let planner = create_planner(&rule("resnet"));
    planner.apply("c1").await;
    for number in 1..=3 {
        planner.approve("resnet", number).await;
    }
    // The row of an earlier release, which is completed by the next list.
    let key = "package-group#resnet";
    let (_, mut row) = planner.ledger.table().rows.read()[key].clone();
    row["versions"].as_object_mut().unwrap().remove("created_at").unwrap();
    planner.ledger.table().put_json(key, 9, row);
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested().len(), 3);

    planner.packages.remove_group("resnet");
    let times = [now(), now(), now()];
    let approve = async |number: u32| {
        let arn = planner.packages.put_version("resnet", number, "Approved", times[number as usize - 1]);
        planner.send_event("resnet", arn.as_str()).await.unwrap();
    };
    for number in [2, 1, 3] {
        approve(number).await;
    }
    let expected = ["resnet/2 for ml_c5", "resnet/1 for ml_c5", "resnet/3 for ml_c5"];
    assert_eq!(planner.requested()[3..], expected);
    approve(1).await;
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested().len(), 6, "once each");
    let requests = planner.requests.bodies.read();
    let requests = requests.iter().map(|body| serde_json::from_str::<CompilationRequest>(body).unwrap());
    let (names, contents): (BTreeSet<_>, BTreeSet<_>) =
        requests.map(|request| (request.job_name, request.content.as_str().to_owned())).unzip();
    assert_eq!((names.len(), contents.len()), (6, 6), "no job of the group before is reused");
}

/// The jobs are claimed, and the requests are not sent. Then the version is rejected.
#[tokio::test]
async fn planning_that_has_begun_is_completed_without_approval() {
    let planner = create_planner(&rule("resnet"));
    planner.apply("c1").await;
    planner.requests.failures.push(Some(CallErrorKind::Unanswered));
    let arn = planner.packages.put_version("resnet", 1, "Approved", now());
    planner.send_event("resnet", arn.as_str()).await.unwrap_err();
    planner.packages.put_version("resnet", 1, "Rejected", now());
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.requested(), ["resnet/1 for ml_c5"], "start-compilation rejects it");
    }
}

/// SEMANTICS approved-once: A rule with `model_package_group` compiles the newest approved version
/// when it becomes active, and each version that is approved later, once per target.
#[tokio::test]
async fn repeated_events_and_new_approvals_request_nothing_new() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    planner.packages.put_version("resnet", 2, "Approved", long_ago());
    planner.apply("c1").await;
    for _ in 0..3 {
        planner.approve("resnet", 2).await;
    }
    for (number, newest) in [(2, "resnet/2"), (1, "resnet/1")] {
        for approval in ["Rejected", "Approved"] {
            let arn = planner.packages.put_version("resnet", number, approval, long_ago());
            planner.send_event("resnet", arn.as_str()).await.unwrap();
            planner.handle_schedule().await.unwrap();
            assert_eq!(planner.requested(), ["resnet/2 for ml_c5"], "{newest} is {approval}");
        }
    }
    // Written again, with a change that does not concern the rule.
    planner.put_config(
        "c2",
        &format!("{}, {{ name: all, keys: '**', targets: [ {{ device: ml_m5 }} ] }}", rule("resnet")),
    );
    planner.apply("c2").await;
    assert_eq!(planner.requested().len(), 1);
}

/// SEMANTICS found-later: An upload, a configuration or an approved model package whose event never
/// arrived is found within an hour and processed as if it had; an upload only if it was modified
/// after the stack first saw the bucket, and less than 7 days ago.
#[tokio::test]
async fn approved_versions_without_an_event_are_found() {
    let planner = create_planner(&rule("vision-*"));
    planner.packages.page_size.set(2);
    for number in 1..=5 {
        planner.packages.put_version("vision-a", number, "PendingManualApproval", long_ago());
    }
    planner.packages.put_version("audio", 1, "Approved", long_ago());
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), [""; 0]);
    // An old version, behind pages without an approved one, and two of a new group.
    planner.packages.put_version("vision-a", 1, "Approved", long_ago());
    planner.packages.put_version("vision-b", 1, "Approved", now());
    planner.packages.put_version("vision-b", 2, "Approved", now());
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
    }
    let mut requested = planner.requested();
    requested.sort();
    assert_eq!(requested, ["vision-a/1 for ml_c5", "vision-b/1 for ml_c5", "vision-b/2 for ml_c5"]);
}

#[tokio::test]
async fn changed_rule_requests_the_newest_version_again() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    planner.apply("c1").await;
    planner.approve("resnet", 2).await;
    planner.put_config("c2", &rule("resnet").replace("ml_c5", "ml_m5"));
    planner.apply("c2").await;
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5", "resnet/2 for ml_c5", "resnet/2 for ml_m5"]);
}

#[tokio::test]
async fn changed_rule_requests_the_newest_version_after_a_failure() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.put_version("resnet", 5, "PendingManualApproval", long_ago());
    planner.packages.put_version("resnet", 6, "Approved", long_ago());
    planner.apply("c1").await;
    planner.put_config("c2", &rule("resnet").replace("ml_c5", "ml_m5"));
    let arn = planner.packages.put_version("resnet", 5, "Approved", long_ago());
    planner.requests.failures.set(vec![Some(CallErrorKind::Throttled), None]);
    planner.send_event("resnet", arn.as_str()).await.unwrap_err();
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), ["resnet/6 for ml_c5", "resnet/5 for ml_m5", "resnet/6 for ml_m5"]);
}

/// What was approved while there was no rule is not compiled, except the newest.
#[tokio::test]
async fn rule_that_is_added_again_begins_anew() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    planner.apply("c1").await;
    planner.put_config("c2", "");
    planner.apply("c2").await;
    for number in [2, 3] {
        planner.packages.put_version("resnet", number, "Approved", now());
    }
    planner.handle_schedule().await.unwrap();
    planner.put_config("c3", &rule("resnet"));
    planner.apply("c3").await;
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5", "resnet/3 for ml_c5"]);
}

#[tokio::test]
async fn first_rule_that_matches_a_group_applies() {
    let rules = format!(
        "{{ name: special, model_package_group: vision-a, targets: [ {{ device: ml_m5 }} ] }}, {}",
        rule("vision-*")
    );
    let planner = create_planner(&rules);
    for group in ["vision-a", "vision-b"] {
        planner.packages.put_version(group, 1, "Approved", long_ago());
    }
    planner.apply("c1").await;
    planner.approve("vision-a", 2).await;
    planner.approve("audio", 1).await;
    let requested = planner.requested();
    assert_eq!(requested, ["vision-a/1 for ml_m5", "vision-b/1 for ml_c5", "vision-a/2 for ml_m5"]);
}

/// A rule that did not apply to a group begins with its newest version, like a new rule.
#[tokio::test]
async fn rule_that_takes_over_a_group_begins_with_the_newest() {
    let special = "{ name: special, model_package_group: vision-a, targets: [ { device: ml_m5 } ] }";
    let both = format!("{special}, {}", rule("vision-*"));
    let planner = create_planner(&both);
    for group in ["vision-a", "vision-b"] {
        planner.packages.put_version(group, 1, "Approved", long_ago());
    }
    planner.apply("c1").await;
    for number in [2, 3] {
        planner.packages.put_version("vision-a", number, "Approved", now());
    }
    planner.handle_schedule().await.unwrap();
    // The rule handled this group before, so all of its versions count.
    for number in [2, 3] {
        planner.packages.put_version("vision-b", number, "Approved", long_ago());
    }
    planner.put_config("c2", &rule("vision-*"));
    planner.apply("c2").await;
    let mut requested = planner.requested().split_off(4);
    requested.sort();
    assert_eq!(requested, ["vision-a/3 for ml_c5", "vision-b/2 for ml_c5", "vision-b/3 for ml_c5"]);
    // There and back again.
    planner.put_config("c3", &both);
    planner.apply("c3").await;
    for number in [4, 5] {
        planner.packages.put_version("vision-a", number, "Approved", now());
    }
    planner.handle_schedule().await.unwrap();
    planner.put_config("c4", &rule("vision-*"));
    planner.apply("c4").await;
    assert_eq!(planner.requested()[7..], ["vision-a/4 for ml_m5", "vision-a/5 for ml_m5", "vision-a/5 for ml_c5"]);
}

#[tokio::test]
async fn glob_that_matches_fewer_groups_begins_with_the_newest() {
    let planner = create_planner(&rule("*"));
    for number in 0..=MAX_RULE_GROUPS {
        planner.packages.add_group(&format!("g-{number}"));
    }
    planner.apply("c1").await;
    for number in [1, 2] {
        planner.packages.put_version("g-0", number, "Approved", now());
    }
    planner.packages.remove_group("g-50");
    for _ in 0..6 {
        planner.handle_schedule().await.unwrap();
    }
    assert_eq!(planner.requested(), ["g-0/2 for ml_c5"]);
}

/// The list does not say when a version was approved, and both were registered before.
#[tokio::test]
async fn approvals_before_the_first_list_of_a_group_count() {
    let planner = create_planner(&rule("vision-*"));
    planner.apply("c1").await;
    let approve = |number| (planner.packages.put_version("vision-a", number, "Approved", long_ago()), now());
    let approved = [approve(3), approve(4)];
    for (arn, changed_at) in approved.iter().rev() {
        planner.send_event_of("vision-a", arn.as_str(), *changed_at).await.unwrap();
    }
    assert_eq!(planner.requested(), ["vision-a/4 for ml_c5", "vision-a/3 for ml_c5"]);
}

#[tokio::test]
async fn many_versions_are_planned_in_several_runs() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.add_group("resnet");
    planner.apply("c1").await;
    for number in 1..=250 {
        planner.packages.put_version("resnet", number, "Approved", now());
    }
    for expected in [100, 200, 250, 250] {
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.requested().len(), expected);
    }
}

#[tokio::test]
async fn throttled_list_of_groups_does_not_keep_back_names() {
    let planner = create_planner(&format!("{}, {}", rule("g-*").replace("registry", "globs"), rule("resnet")));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    planner.packages.failures.set(vec![CallErrorKind::Throttled]);
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5"]);
}

#[tokio::test]
async fn glob_that_matches_too_many_groups_is_reported() {
    let planner = create_planner(&rule("*"));
    for number in 0..=MAX_RULE_GROUPS {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    planner.apply("c1").await;
    planner.handle_schedule().await.unwrap();
    planner.approve("g-7", 2).await;
    assert_eq!(planner.requested(), [""; 0]);
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"], "once per configuration");
    let text = planner.notifier.topic().published()[0].text.clone();
    assert!(text.contains("`*` matches 51 model package groups, more than 50"), "{text}");
    let (mut search, config) = (PackageSearch::default(), planner.load_active().await);
    planner.plan_approved_packages(&config, &mut search).await.unwrap();
    assert_eq!(search, PackageSearch { groups: 0, planned: 0, problems: 1 });
}

#[tokio::test]
async fn missing_group_is_reported_until_it_exists() {
    let planner = create_planner(&rule("arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/resnet"));
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
    }
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"]);
    let text = planner.notifier.topic().published()[0].text.clone();
    assert!(text.contains("there is no model package group"), "{text}");
    planner.packages.put_version("resnet", 1, "Approved", now());
    planner.handle_schedule().await.unwrap();
    planner.packages.put_version("resnet", 2, "Approved", now());
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5", "resnet/2 for ml_c5"]);
}

/// Groups that do not exist are checked in turn, too.
#[tokio::test]
async fn missing_groups_do_not_keep_back_the_others() {
    let missing =
        (0..MAX_GROUPS_PER_RUN).map(|number| rule(&format!("no-{number}")).replace("registry", &format!("r-{number}")));
    let planner = create_planner(&missing.chain([rule("resnet")]).collect::<Vec<_>>().join(", "));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
    }
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5"]);
}

#[tokio::test]
async fn groups_are_checked_in_turn() {
    let planner = create_planner(&rule("g-*"));
    planner.ledger.record_applied_config("c1").await.unwrap();
    for number in 0..25 {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    for expected in [10, 20, 25, 25] {
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.requested().len(), expected);
    }
    let lists = planner.packages.calls.read().iter().filter(|call| call.starts_with("ListModelPackages ")).count();
    assert_eq!(lists, 4 * MAX_GROUPS_PER_RUN);
}

#[tokio::test]
async fn throttled_search_is_continued_by_the_next_run() {
    let planner = create_planner(&rule("g-*"));
    planner.ledger.record_applied_config("c1").await.unwrap();
    for number in 0..3 {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    for calls in 1..=2 {
        planner.packages.failures.set(vec![CallErrorKind::Throttled]);
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.requested(), [""; 0], "{calls}");
    }
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested().len(), 3);
}

/// SEMANTICS items-alone: A failure of one work team, partner app, image, model package or target
/// does not prevent the others from being processed, nor the other calls for the same one.
#[tokio::test]
async fn refused_groups_do_not_keep_back_anything() {
    let names = (0..MAX_GROUPS_PER_RUN).map(|number| format!("no-{number}"));
    let denied = names.clone().map(|name| rule(&name).replace("registry", &format!("r-{name}")));
    let planner = create_planner(&denied.chain([rule("resnet")]).collect::<Vec<_>>().join(", "));
    planner.packages.denied.set(names.collect());
    for name in ["no-1", "resnet"] {
        for number in [1, 2] {
            planner.packages.put_version(name, number, "Approved", long_ago());
        }
    }
    planner.apply("c1").await;
    assert_eq!(planner.ledger.find_applied_config().await.unwrap().as_deref(), Some("c1"));
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
    }
    assert_eq!(planner.requested(), ["resnet/2 for ml_c5"]);
    assert_eq!(planner.notifier.topic().types(), ["compilation.rejected"; MAX_GROUPS_PER_RUN]);
    let text = planner.notifier.topic().published()[0].text.clone();
    assert!(text.contains("SageMaker does not list the versions of the model package group `no-0`: "), "{text}");
    // As soon as it is listed, the rule begins with the newest version.
    planner.packages.denied.take();
    for _ in 0..2 {
        planner.handle_schedule().await.unwrap();
    }
    assert_eq!(planner.requested(), ["resnet/2 for ml_c5", "no-1/2 for ml_c5"]);
}

#[tokio::test]
async fn refused_list_of_groups_is_reported_and_names_apply() {
    let planner = create_planner(&format!("{}, {}", rule("g-*").replace("registry", "globs"), rule("resnet")));
    planner.packages.put_version("resnet", 1, "Approved", long_ago());
    planner.packages.failures.set(vec![CallErrorKind::Denied]);
    planner.apply("c1").await;
    assert_eq!(planner.requested(), ["resnet/1 for ml_c5"]);
    let published = planner.notifier.topic().published();
    assert_eq!(published.len(), 1);
    for part in ["SageMaker does not list the model package groups: ", "Rule         globs"] {
        assert!(published[0].text.contains(part), "{}", published[0].text);
    }
}

/// Every page is throttled once: no run reads the whole list.
#[tokio::test]
async fn throttled_list_of_groups_is_continued_by_the_next_run() {
    let planner = create_planner(&rule("g-*"));
    for number in 0..3 {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    planner.packages.page_size.set(1);
    let call = |page: &str| format!("ListModelPackageGroups {page}");
    planner.packages.throttled.set(["", "1", "2"].map(call).into());
    for _ in 0..3 {
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.requested(), [""; 0]);
    }
    planner.handle_schedule().await.unwrap();
    let pages = ["", "", "1", "1", "2", "2"].map(call);
    assert_eq!(planner.packages.calls.read()[..6], pages);
    assert_eq!(planner.requested(), ["g-0/1 for ml_c5", "g-1/1 for ml_c5", "g-2/1 for ml_c5"]);
    // The next list begins with the first page.
    planner.packages.calls.take();
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.packages.calls.read()[..3], ["", "1", "2"].map(call));
}

#[tokio::test]
async fn list_of_groups_begins_anew_if_its_page_is_refused() {
    let planner = create_planner(&rule("g-*"));
    for number in 0..2 {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    planner.packages.page_size.set(1);
    planner.packages.throttled.set(["ListModelPackageGroups 1".to_owned()].into());
    planner.handle_schedule().await.unwrap();
    planner.packages.failures.set(vec![CallErrorKind::Invalid]);
    planner.handle_schedule().await.unwrap();
    assert_eq!(planner.requested(), ["g-0/1 for ml_c5", "g-1/1 for ml_c5"]);
    assert_eq!(planner.problems(), [[""; 3]; 0]);
}

/// A run reads the configuration once, and the rows of the groups in one request.
#[tokio::test]
async fn a_run_reads_the_configuration_once() {
    let planner = create_planner(&rule("g-*"));
    for number in 0..3 {
        planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
    }
    for expected in 1..=2 {
        planner.handle_schedule().await.unwrap();
        assert_eq!(*planner.archives.opened.read(), expected);
    }
}

/// An invocation that has an older configuration neither ends the rules of the newer one, nor takes
/// over its groups.
#[tokio::test]
async fn replaced_configuration_changes_no_rule() {
    let special = rule("vgg").replace("registry", "special").replace("ml_c5", "ml_m5");
    let planner = create_planner(&format!("{special}, {}", rule("v*")));
    planner.packages.put_version("vgg", 1, "Approved", long_ago());
    planner.apply("c1").await;
    let replaced = planner.load_active().await;
    planner.put_config("c2", &rule("v*"));
    planner.apply("c2").await;
    let (rules, search) = (planner.open_rules(&replaced).await, &mut PackageSearch::default());
    assert!(matches!(rules, Err(Failure::Deferred { .. })), "{rules:?}");
    let result = planner.plan_approved_packages(&replaced, search).await;
    assert!(matches!(result, Err(Failure::Deferred { .. })), "{result:?}");
    for number in [2, 3] {
        planner.packages.put_version("vgg", number, "Approved", now());
    }
    planner.handle_schedule().await.unwrap();
    let requested = planner.requested();
    assert_eq!(requested, ["vgg/1 for ml_m5", "vgg/1 for ml_c5", "vgg/2 for ml_c5", "vgg/3 for ml_c5"]);
}

/// The rule was opened before the newer configuration was applied, its group after that.
#[tokio::test]
async fn replaced_rule_takes_over_no_group() {
    let special = rule("vgg").replace("registry", "special");
    let planner = create_planner(&special);
    planner.packages.put_version("vgg", 1, "Approved", long_ago());
    let replaced = planner.load_active().await;
    let known = planner.open_rules(&replaced).await.unwrap().remove(0);
    planner.put_config("c2", &rule("vgg").replace("ml_c5", "ml_m5"));
    planner.apply("c2").await;
    let compilation = &replaced.document.compilation;
    let matched = RuleGroup { rule: &compilation.rules[0], group: "vgg".to_owned(), known };
    let result = planner.plan_group(compilation, &matched, None, None).await;
    assert!(matches!(result, Err(Failure::Deferred { .. })), "{result:?}");
    assert_eq!(planner.requested(), ["vgg/1 for ml_m5"]);
}

/// A rule that names a version needs no approval, a rule for its group does: neither shares the job
/// of the other before it has completed.
#[tokio::test]
async fn rules_with_and_without_approval_share_no_waiting_job() {
    let arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/resnet/1";
    let named = format!("{{ name: named, model_package_version: '{arn}', targets: [ {{ device: ml_c5 }} ] }}");
    for rules in [[&named, &rule("resnet")], [&rule("resnet"), &named]] {
        let planner = create_planner(&rules.map(String::as_str).join(", "));
        planner.packages.put_version("resnet", 1, "Approved", long_ago());
        planner.apply("c1").await;
        let bodies = planner.requests.bodies.get();
        let requests = bodies.iter().map(|body| serde_json::from_str::<CompilationRequest>(body).unwrap());
        let requests: Vec<_> = requests.map(|request| (request.rule, request.approved_only)).collect();
        assert_eq!(requests, [("named".to_owned(), false), ("registry".to_owned(), true)]);
    }
}

#[tokio::test]
async fn group_deleted_since_it_was_listed_is_no_problem() {
    let planner = create_planner(&rule("g-*"));
    let config = planner.load_active().await;
    let known = planner.open_rules(&config).await.unwrap().remove(0);
    let compilation = &config.document.compilation;
    let matched = RuleGroup { rule: &compilation.rules[0], group: "g-1".to_owned(), known };
    let count = planner.plan_group(compilation, &matched, None, None).await.unwrap().unwrap();
    assert_eq!((count, planner.requested()), (0, Vec::new()));
}

/// What people read about a rule that applies to no group, or to too many.
#[tokio::test]
async fn groups_that_cannot_be_compiled_are_answered() {
    let missing = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/vgg";
    for (groups, count, code, problem, fix) in [
        (
            "g-*",
            51,
            "package-groups-too-many",
            "`g-*` matches 51 model package groups, more than 50",
            "write a narrower glob in model_package_group, or several rules",
        ),
        (
            "g-*",
            500,
            "package-groups-too-many",
            "`g-*` matches 500 model package groups, more than 50",
            "write a narrower glob in model_package_group, or several rules",
        ),
        (
            "vgg",
            1,
            "package-group-missing",
            "there is no model package group `vgg` in the account and Region of the stack",
            "create the group, or correct model_package_group in rule `registry`",
        ),
        (
            missing,
            1,
            "package-group-missing",
            &format!("there is no model package group `{missing}` in the account and Region of the stack"),
            "create the group, or correct model_package_group in rule `registry`",
        ),
    ] {
        let planner = create_planner(&rule(groups));
        planner.packages.page_size.set(100);
        for number in 0..count {
            planner.packages.put_version(&format!("g-{number}"), 1, "Approved", long_ago());
        }
        planner.apply("c1").await;
        planner.handle_schedule().await.unwrap();
        assert_eq!(planner.problems(), [[code, problem, fix]], "once");
        assert_eq!(planner.requested(), [""; 0]);
    }
}

#[tokio::test]
async fn throttled_registry_does_not_keep_back_the_configuration() {
    let planner = create_planner(&rule("resnet"));
    planner.packages.failures.set(vec![CallErrorKind::Throttled]);
    TIME.fetch_add(60, Ordering::Relaxed);
    planner.reconcile_config().await.unwrap();
    assert_eq!(planner.ledger.find_applied_config().await.unwrap().as_deref(), Some("c1"));
}

#[tokio::test]
async fn event_without_a_matching_rule_calls_nothing() {
    for rules in [rule("other"), "{ name: a, keys: 'a/**', targets: [ { device: ml_c5 } ] }".to_owned()] {
        let planner = create_planner(&rules);
        planner.approve("resnet", 1).await;
        assert_eq!(planner.requested(), [""; 0]);
        assert_eq!(*planner.packages.calls.read(), [""; 0]);
    }
}
