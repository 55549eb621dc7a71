//! Updates of images: what is requested, repeated and reported, and when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{RunFault, any_run_fault, at};
use jiff::{SignedDuration, Timestamp};
use maintenance::{
    DeclaredResources, SettledUpdate, UpdateHistory,
    image::{Image, ImageAction, ImageObservation, ImageStatus, ObservedImage, plan_images},
};
use proptest::prelude::*;

const NEW_NAME: &str = "{ name: base, display_name: New }";

fn start() -> Timestamp {
    at("2026-12-01T03:40:00Z")
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn parse_image(entry: &str) -> Image {
    let text = format!("version: 1\nimages: [ {entry} ]");
    document::read_document(&text, DeclaredResources::read_sections).unwrap().0.images.remove(0)
}

fn observed(display_name: &str, status: ImageStatus, modified_at: Timestamp) -> ObservedImage {
    ObservedImage {
        name: "base".to_owned(),
        arn: "arn:aws:sagemaker:eu-west-1:123456789012:image/base".to_owned(),
        status,
        status_text: format!("{status:?}"),
        failure_reason: (status == ImageStatus::UpdateFailed).then(|| "the image is locked".to_owned()),
        display_name: Some(display_name.to_owned()),
        description: None,
        role_arn: None,
        created_at: None,
        modified_at: Some(modified_at),
        tags: None,
    }
}

/// The runs of the function for one image, without AWS.
struct ImageRuns {
    image: Image,
    history: UpdateHistory,
    config: &'static str,
    /// The result of each run that reported one.
    results: Vec<String>,
    calls: usize,
}

impl ImageRuns {
    fn new(entry: &str) -> Self {
        Self {
            image: parse_image(entry),
            history: UpdateHistory::default(),
            config: "1",
            results: Vec::new(),
            calls: 0,
        }
    }

    /// Runs once. `response` is what SageMaker answers to a call.
    fn run(&mut self, observed: &ObservedImage, response: Result<(), Option<&str>>, now: Timestamp) {
        let calls = self.calls;
        self.run_until_the_call(observed, now);
        if self.calls > calls {
            self.history = self.history.with_response(response);
        }
    }

    /// Runs once, and records the request of a call that is made.
    fn run_until_the_call(&mut self, observed: &ObservedImage, now: Timestamp) {
        let (history, result) = self.image.record_observation(&self.history, observed, Some(self.config), now);
        self.history = history;
        self.results.extend(result.map(|result| match result {
            SettledUpdate::Applied { .. } => "applied".to_owned(),
            SettledUpdate::Failed { reason, .. } => reason,
        }));
        let observed = [ImageObservation::Described(Box::new(observed.clone()))];
        let histories = [self.history.clone()];
        let plan = plan_images(std::slice::from_ref(&self.image), &observed, &histories, now);
        for action in &plan.items[0].actions {
            let ImageAction::Update(update) = action else { panic!("{action:?}") };
            self.calls += 1;
            self.history = self.history.with_request(&update.digest, &update.changes, update.modified_at, now);
        }
    }
}

/// SageMaker still shows the failure of an earlier update right after it accepted this one, and
/// never shows another time of its last change until it has begun.
#[test]
fn earlier_failure_that_is_still_shown_is_not_ours() {
    let earlier = observed("Base", ImageStatus::UpdateFailed, start() - minutes(7 * 24 * 60));
    let mut runs = ImageRuns::new(NEW_NAME);
    for minute in [0, 1, 5, 30] {
        runs.run(&earlier, Ok(()), start() + minutes(minute));
    }
    assert_eq!((runs.calls, runs.results.len()), (1, 0), "{:?}", runs.results);
    runs.run(&observed("New", ImageStatus::Created, start() + minutes(31)), Ok(()), start() + minutes(32));
    assert_eq!(runs.results, ["applied"]);
    // A failure after the request is ours.
    let mut runs = ImageRuns::new(NEW_NAME);
    runs.run(&earlier, Ok(()), start());
    runs.run(&observed("Base", ImageStatus::UpdateFailed, start()), Ok(()), start() + minutes(1));
    assert_eq!(runs.results, ["the image is locked"]);
}

/// SageMaker accepts the update and keeps showing another value.
#[test]
fn normalised_value_is_requested_three_times_and_reported_once() {
    let mut runs = ImageRuns::new(NEW_NAME);
    let shown = observed("new", ImageStatus::Created, start() - minutes(60));
    for quarter_hour in 0..20 * 24 * 4 {
        runs.run(&shown, Ok(()), start() + minutes(15 * quarter_hour));
    }
    assert_eq!(runs.calls, 3);
    assert_eq!(runs.results, ["SageMaker accepted the update, but a day later still showed other values"]);
}

/// The update is refused three times, someone sets the declared value by hand, and a month later
/// another one: that is corrected like any drift, and its refusal is reported.
#[test]
fn drift_after_failures_and_a_fix_by_hand_is_corrected() {
    let day = minutes(24 * 60);
    let mut runs = ImageRuns::new(NEW_NAME);
    let (mut shown, mut now) = ("Base".to_owned(), start());
    for _ in 0..4 {
        run_with_fault(&mut runs, &mut shown, RunFault::Refused, now);
        now += day;
    }
    assert_eq!((runs.calls, runs.results.len()), (3, 1));
    runs.run(&observed("New", ImageStatus::Created, now), Ok(()), now);
    let mut shown = "Drifted".to_owned();
    run_with_fault(&mut runs, &mut shown, RunFault::Refused, now + day * 30);
    assert_eq!((runs.calls, runs.results.len()), (4, 2), "{:?}", runs.results);
    run_with_fault(&mut runs, &mut shown, RunFault::NoFault, now + day * 31);
    assert_eq!(shown, "New");
}

#[test]
fn corrected_configuration_replaces_an_update_without_effect() {
    let mut runs = ImageRuns::new(NEW_NAME);
    let shown = observed("new", ImageStatus::Created, start() - minutes(60));
    runs.run(&shown, Ok(()), start());
    runs.image = parse_image("{ name: base, display_name: Newer }");
    runs.config = "2";
    runs.run(&shown, Ok(()), start() + minutes(1));
    assert_eq!(runs.calls, 1, "the first update may still take effect");
    runs.run(&shown, Ok(()), start() + minutes(3));
    assert_eq!((runs.calls, runs.results.len()), (2, 0));
    runs.run(&observed("Newer", ImageStatus::Created, start()), Ok(()), start() + minutes(4));
    assert_eq!(runs.results, ["applied"]);
}

/// The clock of a run is an hour ahead of, or behind, that of the run before.
#[test]
fn clocks_that_differ_by_an_hour_only_delay_an_update() {
    for skew in [minutes(60), minutes(-60)] {
        for response in [Ok(()), Err(None)] {
            let mut runs = ImageRuns::new(NEW_NAME);
            let before = observed("Base", ImageStatus::Created, start() - minutes(60));
            runs.run(&before, response, start() + skew);
            for minute in [1, 2, 3] {
                runs.run(&before, Ok(()), start() + minutes(minute));
            }
            runs.run(&observed("Base", ImageStatus::Busy, start()), Ok(()), start() + minutes(4));
            runs.run(&observed("New", ImageStatus::Created, start()), Ok(()), start() + minutes(5));
            assert_eq!(runs.results, ["applied"], "{skew} {response:?}");
            assert!(runs.calls <= 2, "{skew} {response:?}: {} calls", runs.calls);
        }
    }
}

/// One step of a history: a run, how much later the next one is, and what people change before it.
#[derive(Debug, Clone, Copy)]
struct HistoryStep {
    fault: RunFault,
    minutes_later: i64,
    /// Someone sets another value in the console.
    drifts: bool,
}

fn any_step() -> impl Strategy<Value = HistoryStep> {
    let later = prop_oneof![Just(1), Just(3), Just(15), Just(6 * 60), Just(25 * 60)];
    (any_run_fault(), later, prop::bool::weighted(0.1)).prop_map(|(fault, minutes_later, drifts)| HistoryStep {
        fault,
        minutes_later,
        drifts,
    })
}

/// Runs once against a model of SageMaker that shows `shown`. Returns whether a call was made.
fn run_with_fault(runs: &mut ImageRuns, shown: &mut String, fault: RunFault, now: Timestamp) -> bool {
    let calls = runs.calls;
    let observed = observed(shown, ImageStatus::Created, start());
    match fault {
        RunFault::NoFault | RunFault::Normalised => runs.run(&observed, Ok(()), now),
        RunFault::Lost { .. } => runs.run(&observed, Err(None), now),
        RunFault::Crashed { .. } | RunFault::Refused => runs.run_until_the_call(&observed, now),
    }
    let is_called = runs.calls > calls;
    let takes_effect = match fault {
        RunFault::NoFault => true,
        RunFault::Lost { took_effect } | RunFault::Crashed { took_effect } => took_effect,
        RunFault::Refused | RunFault::Normalised => false,
    };
    if is_called && takes_effect {
        "New".clone_into(shown);
    }
    if is_called && matches!(fault, RunFault::Refused) {
        let (history, result) = runs.history.record_failure("refused", Some(runs.config), now);
        runs.history = history;
        runs.results.extend(result.map(|_| "refused".to_owned()));
    }
    is_called
}

proptest! {
    /// In every history, a success is reported only of an image that shows it, a cause is reported
    /// once, and once the faults have passed, a new version of the configuration is applied.
    #[test]
    fn every_history_ends_with_the_declared_value(steps in prop::collection::vec(any_step(), 0..40)) {
        let mut runs = ImageRuns::new(NEW_NAME);
        let (mut now, mut shown) = (start(), "Base".to_owned());
        let (mut reported, mut calls_in_a_row) = (0, 0);
        for HistoryStep { fault, minutes_later, drifts } in steps {
            let before = shown.clone();
            calls_in_a_row += u32::from(run_with_fault(&mut runs, &mut shown, fault, now));
            if runs.results[reported..].iter().any(|result| result == "applied") {
                prop_assert_eq!(&before, "New");
            }
            reported = runs.results.len();
            // Three attempts of three calls each, until the value is observed.
            calls_in_a_row = if before == "New" { 0 } else { calls_in_a_row };
            prop_assert!(calls_in_a_row <= 9, "{} calls", calls_in_a_row);
            if drifts {
                "By hand".clone_into(&mut shown);
                calls_in_a_row = 0;
            }
            now += minutes(minutes_later);
        }
        prop_assert!(runs.results.windows(2).all(|pair| pair[0] != pair[1] || pair[0] == "applied"), "{:?}", runs.results);
        runs.config = "2";
        for _ in 0..4 {
            now += minutes(25 * 60);
            run_with_fault(&mut runs, &mut shown, RunFault::NoFault, now);
        }
        prop_assert_eq!(shown, "New");
        prop_assert!(runs.history == UpdateHistory::default());
    }
}

/// A refusal is reported at once and asked again a day later, three times in all.
#[test]
fn refused_update_is_asked_again_daily() {
    let mut runs = ImageRuns::new(NEW_NAME);
    let shown = observed("Base", ImageStatus::Created, start() - minutes(60));
    let mut called_at = Vec::new();
    for hour in 0..24 * 6 {
        let (calls, now) = (runs.calls, start() + minutes(60 * hour));
        runs.run_until_the_call(&shown, now);
        if runs.calls > calls {
            called_at.push(hour);
            let (history, result) = runs.history.record_failure("refused", Some(runs.config), now);
            runs.history = history;
            runs.results.extend(result.map(|_| "refused".to_owned()));
        }
    }
    assert_eq!(called_at, [0, 23, 46]);
    assert_eq!(runs.results, ["refused"]);
}

/// A lost call is known from an accepted one.
#[test]
fn call_is_unanswered_until_it_is_accepted() {
    let mut runs = ImageRuns::new(NEW_NAME);
    assert!(!runs.history.is_unanswered());
    let before = observed("Base", ImageStatus::Created, start() - minutes(60));
    runs.run(&before, Err(None), start());
    assert!(runs.history.is_unanswered());
    runs.run(&before, Ok(()), start() + minutes(3));
    assert_eq!((runs.calls, runs.history.is_unanswered()), (2, false));
}

/// What SageMaker said of the last call is what people read, not that it did not respond.
#[test]
fn reason_of_the_last_call_is_reported() {
    let mut runs = ImageRuns::new(NEW_NAME);
    let before = observed("Base", ImageStatus::Created, start() - minutes(60));
    for minute in [0, 3, 6, 9] {
        runs.run(&before, Err(Some("the role cannot be assumed")), start() + minutes(minute));
    }
    assert_eq!((runs.calls, &runs.results[..]), (3, &["the role cannot be assumed".to_owned()][..]));
}

#[test]
fn update_sets_each_property_to_its_own_value() {
    let image = parse_image("{ name: base, display_name: New, description: Tools }");
    let shown = observed("Base", ImageStatus::Created, start());
    let observed = [ImageObservation::Described(Box::new(shown))];
    let plan = plan_images(&[image], &observed, &[], start());
    let [ImageAction::Update(update)] = &plan.items[0].actions[..] else { panic!("{:?}", plan.items[0]) };
    assert_eq!((update.display_name.as_deref(), update.description.as_deref()), (Some("New"), Some("Tools")));
    assert!(update.role_arn.is_none() && update.delete.is_empty(), "{update:?}");
}

#[test]
fn image_that_cannot_be_planned_says_why() {
    let unreadable = |refused| ImageObservation::Unreadable { cause: "no".to_owned(), refused };
    let broken = observed("Base", ImageStatus::Broken, start());
    for (observed, code) in [
        (ImageObservation::Missing, "unknown-image"),
        (unreadable(true), "image-not-readable"),
        (unreadable(false), "image-unreadable"),
        (ImageObservation::Described(Box::new(broken)), "image-broken"),
    ] {
        let item = plan_images(&[parse_image(NEW_NAME)], &[observed], &[], start()).items.remove(0);
        assert_eq!(item.problem.unwrap().code, code);
        assert!(item.actions.is_empty());
    }
}

#[test]
fn description_that_the_service_trims_is_no_difference() {
    let mut runs = ImageRuns::new("{ name: base, description: \"of all sites \" }");
    let mut shown = observed("Base", ImageStatus::Created, start());
    runs.run(&shown, Ok(()), start());
    assert_eq!(runs.calls, 1);
    for description in ["of all sites", "of all sites "] {
        shown.description = Some(description.to_owned());
        runs.run(&shown, Ok(()), start() + minutes(60));
    }
    assert_eq!((runs.calls, runs.results.len()), (1, 1));
}
