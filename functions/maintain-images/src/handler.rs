//! Reconciles images with the configuration: checks requested updates, then requests updates of
//! images that differ. It does not wait for an update to finish; a later run checks it.

use std::{collections::BTreeMap, time::Duration};

use automation::{
    config::{Config, ConfigSource},
    event::{Event, ImageState},
    objects::Objects,
    reconcile::{self, APPLY_LIMIT, ItemFailures},
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable, RequestAnswer, UpdatedKind};
use maintenance::{
    ApplyOutcome, PlanItem, Reconciled, UpdateHistory,
    image::{Image, ImageAction, ImageObservation, ImageUpdate, plan_images},
    tags_refused_problem,
};
use notifications::{Channel, Notification, notifier::Notifier};
use sagemaker::images::{self, Images};
use serde_json::{Value, json};
use tracing::info;
use worker::{CallError, Clock, Failure, queue::Sender};

/// Problems that another notification reports, or that disappear without a fix.
const NOT_NOTIFIED: [&str; 2] = ["image-update-failed", UNREADABLE];

/// The code of the problem of an image that could not be read, for a reason that passes.
const UNREADABLE: &str = "image-unreadable";

/// Keeps images in the desired state.
pub struct ImageMaintainer<I, O, T, N, Q> {
    /// SageMaker's images.
    pub images: I,
    pub config: ConfigSource<O>,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    /// The function's own queue.
    pub queue: Q,
    /// How long a run may read resources: [`sagemaker::READ_LIMIT`].
    pub read_limit: Duration,
    pub clock: Clock,
}

/// The result of a run.
struct ImageRun {
    summary: Value,
    /// An image for which a later run has to do more soon.
    unsettled: Option<String>,
    /// The images that could not be read, for a reason that passes.
    unread: Vec<String>,
    /// An image of which an update is not seen to have ended.
    pending: Option<String>,
    failures: ItemFailures,
}

impl<I: Images, O: Objects, T: LedgerTable, N: Channel, Q: Sender> ImageMaintainer<I, O, T, N, Q> {
    /// Handles the schedule: reconciles all declared images.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        reconcile::finish_scheduled_run(self.reconcile_all().await)
    }

    async fn reconcile_all(&self) -> Result<Value, Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else {
            return Ok(json!({ "idle": "no configuration" }));
        };
        let run = self.reconcile_images(&config, |_| true).await?;
        // The next scheduled run is hours away.
        let events = run.unread.into_iter().map(|image_name| ImageState { image_name }.to_body());
        self.queue.send_bodies(events.collect()).await?;
        run.failures.into_result().map(|()| run.summary)
    }

    /// Handles one event of the function's queue: the configuration has changed, or the status of
    /// an image. The event is retried until no image waits for a call: the schedule runs every few
    /// hours only.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else { return Ok(()) };
        // The event of an end may arrive before SageMaker shows it, and no other event follows.
        let awaits_end = matches!(event, Event::ImageState(_));
        let run = match event {
            Event::ObjectsCreated(_) => self.reconcile_images(&config, |_| true).await?,
            Event::ImageState(state) => self.reconcile_images(&config, |image| image.name == state.image_name).await?,
            _ => return Err(Failure::terminal("not a configuration change or an image event")),
        };
        run.failures.into_result()?;
        match run.unsettled.or(run.pending.filter(|_| awaits_end)) {
            Some(image) => Err(Failure::busy(format!("image {image} is not updated yet"))),
            None => Ok(()),
        }
    }

    async fn reconcile_images(&self, config: &Config, is_wanted: impl Fn(&Image) -> bool) -> Result<ImageRun, Failure> {
        let now = (self.clock)();
        let all = &config.document.declared.images;
        let declared: Vec<Image> = all.iter().filter(|image| is_wanted(image)).cloned().collect();
        let failures = ItemFailures::default();
        if declared.is_empty() {
            info!("Images not reconciled: no such image is declared");
            let summary = json!({ "idle": "no such image is declared" });
            return Ok(ImageRun { summary, unsettled: None, unread: Vec::new(), pending: None, failures });
        }
        let reading = images::read_images(&self.images, &declared, self.read_limit).await;
        let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
        let mut known = self.ledger.read_update_histories(UpdatedKind::Image, &names).await?;
        for (image, observed) in declared.iter().zip(&reading.observed) {
            let followed = self.follow_update(image, observed, &mut known, config, now).await;
            failures.record_result(&image.name, followed);
        }
        let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
        let plan = plan_images(&declared, &reading.observed, &histories, now);
        for item in &plan.items {
            let created_at = find_creation(&known, &item.name);
            failures.record_result(&item.name, self.report_problem(item, created_at, config, now).await);
        }
        let known = &known;
        let applied = reconcile::apply_plan(plan, APPLY_LIMIT, |action| {
            Box::pin(self.apply_action(action, known, config, &failures))
        })
        .await;
        reconcile::report_outcomes("image", &applied, now);
        let mut summary = reconcile::summarize_outcomes(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, images = declared.len(), "Declared images reconciled");
        let unread = applied.iter().filter(|done| is_unreadable(&done.item)).map(|done| done.item.name.clone());
        let pending = names.iter().find(|name| known.get(**name).is_some_and(|history| history.pending.is_some()));
        Ok(ImageRun {
            summary,
            unsettled: find_unsettled(&applied, known),
            unread: unread.collect(),
            pending: pending.map(ToString::to_string),
            failures,
        })
    }

    /// Publishes the outcome of an image's update before recording it: if the function crashes in
    /// between, the notification is republished with the same id.
    async fn follow_update(
        &self,
        image: &Image,
        observed: &ImageObservation,
        known: &mut BTreeMap<String, UpdateHistory>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let ImageObservation::Described(current) = observed else { return Ok(()) };
        let before = known.get(&image.name).cloned().unwrap_or_default();
        let (after, outcome) = image.record_observation(&before, current, config.version(), now);
        if let (Some(outcome), Some(pending)) = (outcome, &before.pending) {
            self.notifier
                .publish_once(&Notification::image_outcome(&image.name, &outcome, pending.requested_at, now))
                .await?;
        }
        self.ledger.record_update_history(UpdatedKind::Image, &image.name, &before, &after).await?;
        known.insert(image.name.clone(), after);
        Ok(())
    }

    async fn report_problem(
        &self,
        item: &PlanItem<ImageAction>,
        created_at: Option<Timestamp>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let problem = item.problem.as_ref().filter(|problem| !NOT_NOTIFIED.contains(&problem.code.as_ref()));
        let Some(problem) = problem else { return Ok(()) };
        let notification = Notification::image_blocked(&item.name, problem, config.version(), created_at, now);
        self.notifier.publish_once(&notification).await
    }

    /// Requests one change. `failures` gets the refusals that cannot be published.
    async fn apply_action(
        &self,
        action: ImageAction,
        known: &BTreeMap<String, UpdateHistory>,
        config: &Config,
        failures: &ItemFailures,
    ) -> Result<(), CallError> {
        let (arn, tags) = match action {
            ImageAction::AddTags { arn, tags } => (arn, tags),
            ImageAction::Update(update) => return self.request_update(&update, known, config, failures).await,
        };
        let added = self.images.add_tags(&arn, &tags).await;
        if let Err(error) = &added
            && error.kind.is_refusal()
        {
            let name = arn.rsplit('/').next().unwrap_or(&arn);
            let problem = tags_refused_problem(name, &error.message);
            let (created_at, now) = (find_creation(known, name), (self.clock)());
            let notification = Notification::image_blocked(name, &problem, config.version(), created_at, now);
            failures.record_result(name, self.notifier.publish_once(&notification).await);
        }
        added
    }

    /// Requests an update. A refusal is reported before it is recorded: if the function crashes in
    /// between, the next run repeats the request, and the refusal has the same id.
    async fn request_update(
        &self,
        update: &ImageUpdate,
        known: &BTreeMap<String, UpdateHistory>,
        config: &Config,
        failures: &ItemFailures,
    ) -> Result<(), CallError> {
        let (name, now) = (&update.name, (self.clock)());
        let read = known.get(name).cloned().unwrap_or_default();
        let requested = read.with_request(&update.digest, &update.changes, update.modified_at, now);
        let call = Box::pin(self.images.update_image(update));
        let answer = self.ledger.request_resource_update(UpdatedKind::Image, name, &read, requested, call).await?;
        let RequestAnswer::Refused { requested, error } = answer else { return Ok(()) };
        let (after, outcome) = requested.record_failure(&error.message, config.version(), now);
        if let (Some(outcome), Some(pending)) = (outcome, &requested.pending) {
            let notification = Notification::image_outcome(name, &outcome, pending.requested_at, now);
            if failures.record_result(name, self.notifier.publish_once(&notification).await).is_none() {
                return Err(error);
            }
        }
        self.ledger.record_update_history(UpdatedKind::Image, name, &requested, &after).await?;
        Err(error)
    }
}

/// When the image of this name was created that was seen last.
fn find_creation(known: &BTreeMap<String, UpdateHistory>, name: &str) -> Option<Timestamp> {
    known.get(name).and_then(|history| history.created_at)
}

fn is_unreadable(item: &PlanItem<ImageAction>) -> bool {
    item.problem.as_ref().is_some_and(|problem| problem.code == UNREADABLE)
}

/// The first image that a later run has to check soon.
fn find_unsettled(applied: &[Reconciled<ImageAction>], known: &BTreeMap<String, UpdateHistory>) -> Option<String> {
    let requests_update =
        |item: &PlanItem<_>| item.actions.iter().any(|action| matches!(action, ImageAction::Update(_)));
    let is_unsettled = |done: &&Reconciled<ImageAction>| {
        let item = &done.item;
        match done.outcome {
            _ if done.is_deferred() => true,
            ApplyOutcome::Planned | ApplyOutcome::Applied => {
                !requests_update(item) && known.get(&item.name).is_some_and(UpdateHistory::is_unanswered)
            }
            ApplyOutcome::Failed(_) => is_unreadable(item),
            ApplyOutcome::Unchanged | ApplyOutcome::Deferred(_) => false,
        }
    };
    applied.iter().find(is_unsettled).map(|done| done.item.name.clone())
}
