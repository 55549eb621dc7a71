//! Runs side effects: artifacts in S3, events for `EventBridge` rules, notices in SNS.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    artifact_store::ArtifactStore,
    event_bus::EventBus,
    shared_state::SharedState,
    side_effect::{SideEffect, StateChangeEvent},
    workteam::WorkteamNotice,
    workteam_topics::WorkteamTopics,
};

/// Connects the emulator to an AWS endpoint.
pub(crate) struct SideEffectRunner {
    pub store: ArtifactStore,
    pub topics: WorkteamTopics,
    /// `None` if events are off.
    pub bus: Option<EventBus>,
    /// Deliveries per event. AWS delivers SageMaker events on a best-effort basis and may deliver
    /// duplicates.
    pub copies: usize,
}

impl SideEffectRunner {
    /// Runs side effects until the channel is closed: events and messages sequentially,
    /// compilations concurrently.
    pub async fn run_effects(self, mut effects: UnboundedReceiver<SideEffect>, shared: Arc<SharedState>) {
        while let Some(effect) = effects.recv().await {
            match effect {
                SideEffect::Event(change) => self.deliver_state_change(&change, &shared).await,
                SideEffect::Publish(notice) => self.publish_notice(&notice, &shared).await,
                SideEffect::Compile(task) => {
                    let (store, shared) = (self.store.clone(), Arc::clone(&shared));
                    tokio::spawn(async move {
                        let result = store.run_compilation(&task).await;
                        shared.with_state(|state| state.finish_compilation(&task, result));
                    });
                }
            }
        }
    }

    async fn publish_notice(&self, notice: &WorkteamNotice, shared: &SharedState) {
        let published = self.topics.publish_notice(notice).await;
        if let Err(error) = &published {
            tracing::warn!(%error, topic = notice.topic, "Work team notice could not be published");
        }
        shared.with_state(|state| state.deliveries.record_delivery(published));
    }

    async fn deliver_state_change(&self, change: &StateChangeEvent, shared: &SharedState) {
        let Some(bus) = &self.bus else { return };
        for _ in 0..self.copies {
            for delivered in bus.deliver_event(change).await {
                if let Err(error) = &delivered {
                    tracing::warn!(%error, resource = change.resource, "State change event could not be delivered");
                }
                shared.with_state(|state| state.deliveries.record_delivery(delivered));
            }
        }
    }
}
