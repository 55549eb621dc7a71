//! The emulator state, shared by the HTTP server, the timer task and the side effect runner.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc::UnboundedSender};

use crate::{emulator_state::EmulatorState, service_model::ServiceModel, side_effect::SideEffect};

pub(crate) struct SharedState {
    state: Mutex<EmulatorState>,
    pub service_model: std::sync::Arc<ServiceModel>,
    /// `None` if the emulator has no AWS endpoint; side effects are then discarded.
    side_effects: Option<UnboundedSender<SideEffect>>,
    changed: Notify,
}

impl SharedState {
    pub fn new(
        state: EmulatorState,
        service_model: std::sync::Arc<ServiceModel>,
        side_effects: Option<UnboundedSender<SideEffect>>,
    ) -> Self {
        Self { state: Mutex::new(state), service_model, side_effects, changed: Notify::new() }
    }

    /// Applies all due changes, runs `act`, and applies the changes that `act` made due.
    pub fn with_state<T>(&self, act: impl FnOnce(&mut EmulatorState) -> T) -> T {
        let mut state = self.lock_state();
        state.apply_due_changes();
        let result = act(&mut state);
        state.apply_due_changes();
        self.send_effects(&mut state);
        drop(state);
        self.changed.notify_one();
        result
    }

    /// Applies changes when they become due. Never returns.
    pub async fn run_due_changes(&self) {
        loop {
            let wait = {
                let mut state = self.lock_state();
                state.apply_due_changes();
                self.send_effects(&mut state);
                state.next_due().and_then(|due| state.clock.duration_until(due))
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

    fn lock_state(&self) -> MutexGuard<'_, EmulatorState> {
        // A handler that panicked fails only its own request.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs under the lock, so that side effects are sent in the order in which they arose.
    fn send_effects(&self, state: &mut EmulatorState) {
        for effect in state.effects.drain(..) {
            if let Some(side_effects) = &self.side_effects {
                // Fails only after the emulator has stopped; the side effect is then irrelevant.
                let _ = side_effects.send(effect);
            }
        }
    }
}
