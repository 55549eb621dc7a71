//! The world, shared between the server, the clock's driver and the outside.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::effects::Effect;
use crate::model::ServiceModel;
use crate::world::World;

pub(crate) struct Shared {
    world: Mutex<World>,
    pub model: std::sync::Arc<ServiceModel>,
    /// Where effects go; none if there is no outside.
    outlet: Option<UnboundedSender<Effect>>,
    changed: Notify,
}

impl Shared {
    pub fn new(world: World, model: std::sync::Arc<ServiceModel>, outlet: Option<UnboundedSender<Effect>>) -> Self {
        Self { world: Mutex::new(world), model, outlet, changed: Notify::new() }
    }

    /// Acts on the world as it is now, and lets what follows at once happen at once.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        world.settle();
        let result = act(&mut world);
        world.settle();
        self.send_effects(&mut world);
        drop(world);
        self.changed.notify_one();
        result
    }

    /// Lets things happen when they are due, for ever.
    pub async fn drive(&self) {
        loop {
            let wait = {
                let mut world = self.lock();
                world.settle();
                self.send_effects(&mut world);
                world.next_due().and_then(|due| world.clock.wait_until(due))
            };
            match wait {
                Some(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A handler that panicked has failed its own request; the others go on.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock, so that effects leave in the order in which they arose.
    fn send_effects(&self, world: &mut World) {
        for effect in world.effects.drain(..) {
            if let Some(outlet) = &self.outlet {
                // The receiver lives as long as the emulator; after that nobody waits for the effect.
                let _ = outlet.send(effect);
            }
        }
    }
}
