//! One look at all declared images: what became of what was asked, what is to be asked now. Nothing is waited for.

use std::collections::BTreeMap;

use automation::{
    Clock,
    batch::Failure,
    call::CallError,
    config::{Config, ConfigSource},
    event::Event,
    images::{self, Images},
    ledger::{Ledger, Table},
    notification::Notification,
    objects::Objects,
    reconcile,
    topic::Topic,
};
use jiff::Timestamp;
use maintenance::image::{Image, ImageAction, ImageHistory, ObservedImage, plan};
use serde_json::{Value, json};
use tracing::info;

/// Problems that are told otherwise, or pass by themselves.
const UNTOLD: [&str; 2] = ["image-update-failed", "image-unreadable"];

/// Brings images to what is declared.
pub struct Maintainer<I, O, T, N> {
    /// SageMaker's images.
    pub images: I,
    /// The configuration in force.
    pub config: ConfigSource<O>,
    /// The ledger.
    pub ledger: Ledger<T>,
    /// The Notifications topic.
    pub topic: N,
    /// The time.
    pub clock: Clock,
}

impl<I: Images, O: Objects, T: Table, N: Topic> Maintainer<I, O, T, N> {
    /// The schedule's wake-up: all declared images.
    pub async fn scheduled(&self) -> Result<Value, Failure> {
        match self.load().await? {
            Some(config) => self.maintain(&config, |_| true).await,
            None => Ok(json!({ "idle": "no configuration" })),
        }
    }

    /// An event of the queue: the configuration changed, or an image changed its state.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        let Some(config) = self.load().await? else { return Ok(()) };
        match event {
            Event::ObjectsCreated(_) => self.maintain(&config, |_| true).await?,
            Event::ImageState(state) => self.maintain(&config, |image| image.name == state.image_name).await?,
            _ => return Err(Failure::terminal("this is no event of the configuration or of an image")),
        };
        Ok(())
    }

    async fn load(&self) -> Result<Option<Config>, Failure> {
        self.config.in_force(&self.ledger, &self.topic, (self.clock)()).await
    }

    async fn maintain(&self, config: &Config, wanted: impl Fn(&Image) -> bool) -> Result<Value, Failure> {
        let now = (self.clock)();
        let all = &config.document.declared.images;
        let declared: Vec<Image> = all.iter().filter(|image| wanted(image)).cloned().collect();
        if declared.is_empty() {
            return Ok(json!({ "idle": "no such image is declared" }));
        }
        let reading = images::read(&self.images, &declared).await;
        let names: Vec<_> = declared.iter().map(|image| image.name.as_str()).collect();
        let mut known = self.ledger.image_histories(&names).await?;
        for (image, observed) in declared.iter().zip(&reading.observed) {
            self.follow(image, observed, &mut known, now).await?;
        }
        let histories: Vec<_> = names.iter().map(|name| known.get(*name).cloned().unwrap_or_default()).collect();
        let plan = plan(&declared, &reading.observed, &histories);
        for item in &plan.items {
            if let Some(problem) = item.problem.as_ref().filter(|problem| !UNTOLD.contains(&problem.code.as_ref())) {
                self.tell(&Notification::image_blocked(&item.name, problem, config.version(), now)).await?;
            }
        }
        let known = &known;
        let applied = reconcile::apply(plan, |action| self.act(action, known, now)).await;
        reconcile::report("image", &applied, now);
        let mut summary = reconcile::summary(&applied);
        summary["read_calls"] = reading.calls.into();
        info!(read_calls = reading.calls, images = declared.len(), "looked at the declared images");
        Ok(summary)
    }

    /// What became of an image's update is told and then noted: whoever dies in between tells it again, under the same id.
    async fn follow(
        &self,
        image: &Image,
        observed: &ObservedImage,
        known: &mut BTreeMap<String, ImageHistory>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let ObservedImage::Read(standing) = observed else { return Ok(()) };
        let before = known.get(&image.name).cloned().unwrap_or_default();
        let (after, outcome) = before.observe(image, standing, now);
        if let (Some(outcome), Some(pending)) = (outcome, &before.pending) {
            self.tell(&Notification::image_outcome(&image.name, &outcome, pending.asked_at, now)).await?;
        }
        self.ledger.note_image(&image.name, &before, &after).await?;
        known.insert(image.name.clone(), after);
        Ok(())
    }

    async fn tell(&self, notification: &Notification) -> Result<(), Failure> {
        self.ledger.once(&notification.id, self.topic.publish(notification)).await.map(drop)
    }

    /// One call.
    async fn act(
        &self,
        action: ImageAction,
        known: &BTreeMap<String, ImageHistory>,
        now: Timestamp,
    ) -> Result<(), CallError> {
        match action {
            ImageAction::AddTags { arn, tags } => self.images.add_tags(&arn, &tags).await,
            ImageAction::Update(update) => {
                let before = known.get(&update.name).cloned().unwrap_or_default();
                self.ledger.ask_image(&update, &before, now, self.images.update(&update)).await
            }
        }
    }
}
