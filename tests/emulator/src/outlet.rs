//! Carries effects out: artifacts to S3, state changes to `EventBridge`'s rules, notices to SNS.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::bus::Bus;
use crate::effects::{Effect, StateChange};
use crate::shared::Shared;
use crate::store::Store;
use crate::topics::Topics;
use crate::workteam::Notice;

/// The AWS (or its emulator) that the jobs read from and write to.
pub(crate) struct Outlet {
    pub store: Store,
    pub topics: Topics,
    /// None unless events were asked for.
    pub bus: Option<Bus>,
    /// How often each event is delivered: the service promises no more than best effort, and may repeat itself.
    pub copies: usize,
}

impl Outlet {
    /// Carries out effects for ever: events and messages one after the other, compilations beside each other.
    pub async fn run(self, mut effects: UnboundedReceiver<Effect>, shared: Arc<Shared>) {
        while let Some(effect) = effects.recv().await {
            match effect {
                Effect::Event(change) => self.tell(&change, &shared).await,
                Effect::Publish(notice) => self.publish(&notice, &shared).await,
                Effect::Compile(work) => {
                    let (store, shared) = (self.store.clone(), Arc::clone(&shared));
                    tokio::spawn(async move {
                        let result = store.compile(&work).await;
                        shared.with(|world| world.compiled(&work, result));
                    });
                }
            }
        }
    }

    async fn publish(&self, notice: &Notice, shared: &Shared) {
        let published = self.topics.publish(notice).await;
        if let Err(error) = &published {
            tracing::warn!(%error, topic = notice.topic, "a message was not published");
        }
        shared.with(|world| world.deliveries.note(published));
    }

    async fn tell(&self, change: &StateChange, shared: &Shared) {
        let Some(bus) = &self.bus else { return };
        for _ in 0..self.copies {
            for delivered in bus.deliver(change).await {
                if let Err(error) = &delivered {
                    tracing::warn!(%error, resource = change.resource, "an event was not delivered");
                }
                shared.with(|world| world.deliveries.note(delivered));
            }
        }
    }
}
