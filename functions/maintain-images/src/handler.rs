//! Reconciles images with the configuration: checks requested updates, then requests updates of
//! images that differ. It does not wait for an update to finish; a later run checks it.

use std::collections::BTreeMap;

use automation::{
    config::{Config, ConfigSource},
    event::Event,
    objects::Objects,
    reconcile,
};
use jiff::Timestamp;
use ledger::{Ledger, LedgerTable};
use maintenance::image::{Image, ImageAction, ImageHistory, ImageObservation, plan_images};
use notifications::{Notification, notifier::Notifier, sns::Topic};
use sagemaker::images::{self, Images};
use serde_json::{Value, json};
use tracing::info;
use worker::{CallError, Clock, Failure};

/// Problems that another notification reports, or that disappear without a fix.
const NOT_NOTIFIED: [&str; 2] = ["image-update-failed", "image-unreadable"];

/// Keeps images in the desired state.
pub struct ImageMaintainer<I, O, T, N> {
    /// SageMaker's images.
    pub images: I,
    pub config: ConfigSource<O>,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, N>,
    pub clock: Clock,
}

impl<I: Images, O: Objects, T: LedgerTable, N: Topic> ImageMaintainer<I, O, T, N> {
    /// Handles the schedule: reconciles all declared images.
    pub async fn handle_schedule(&self) -> Result<Value, Failure> {
        match self.config.load_or_report(&self.notifier, (self.clock)()).await? {
            Some(config) => self.reconcile_images(&config, |_| true).await,
            None => Ok(json!({ "idle": "no configuration" })),
        }
    }

    /// Handles one event of the function's queue: the configuration has changed, or the status of
    /// an image.
    pub async fn handle_event(&self, event: Event) -> Result<(), Failure> {
        let Some(config) = self.config.load_or_report(&self.notifier, (self.clock)()).await? else { return Ok(()) };
        match event {
            Event::ObjectsCreated(_) => self.reconcile_images(&config, |_| true).await?,
            Event::ImageState(state) => self.reconcile_images(&config, |image| image.name == state.image_name).await?,
            _ => return Err(Failure::terminal("not a configuration change or an image event")),
        };
        Ok(())
    }

    async fn reconcile_images(&self, config: &Config, is_wanted: impl Fn(&Image) -> bool) -> Result<Value, Failure> {
        let now = (self.clock)();
        let all = &config.document.declared.images;
        let declared: Vec<Image> = all.iter().filter(|image| is_wanted(image)).cloned().collect();
        if declared.is_empty() {
            return Ok(json!({ "idle": "no such image is declared" }));
        }
        let reading = images::read_images(&self.images, &declared).await;
        let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
        let mut known = self.ledger.read_image_histories(&names).await?;
        for (image, observed) in declared.iter().zip(&reading.observed) {
            self.follow_update(image, observed, &mut known, now).await?;
        }
        let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
        let plan = plan_images(&declared, &reading.observed, &histories);
        for item in &plan.items {
            let is_notified = |code: &str| !NOT_NOTIFIED.contains(&code);
            if let Some(problem) = item.problem.as_ref().filter(|problem| is_notified(problem.code.as_ref())) {
                self.notifier
                    .publish_once(&Notification::image_blocked(&item.name, problem, config.version(), now))
                    .await?;
            }
        }
        let known = &known;
        let applied = reconcile::apply_plan(plan, |action| self.apply_action(action, known, now)).await;
        reconcile::report_outcomes("image", &applied, now);
        let mut summary = reconcile::summarize_outcomes(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, images = declared.len(), "Declared images reconciled");
        Ok(summary)
    }

    /// Publishes the outcome of an image's update before recording it: if the function crashes in
    /// between, the notification is republished with the same id.
    async fn follow_update(
        &self,
        image: &Image,
        observed: &ImageObservation,
        known: &mut BTreeMap<String, ImageHistory>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let ImageObservation::Described(current) = observed else { return Ok(()) };
        let before = known.get(&image.name).cloned().unwrap_or_default();
        let (after, outcome) = before.record_observation(image, current, now);
        if let (Some(outcome), Some(pending)) = (outcome, &before.pending) {
            self.notifier
                .publish_once(&Notification::image_outcome(&image.name, &outcome, pending.requested_at, now))
                .await?;
        }
        self.ledger.record_image_history(&image.name, &before, &after).await?;
        known.insert(image.name.clone(), after);
        Ok(())
    }

    /// Requests one change.
    async fn apply_action(
        &self,
        action: ImageAction,
        known: &BTreeMap<String, ImageHistory>,
        now: Timestamp,
    ) -> Result<(), CallError> {
        match action {
            ImageAction::AddTags { arn, tags } => self.images.add_tags(&arn, &tags).await,
            ImageAction::Update(update) => {
                let before = known.get(&update.name).cloned().unwrap_or_default();
                self.ledger.request_image_update(&update, &before, now, self.images.update_image(&update)).await
            }
        }
    }
}
