//! A stack in memory, from which the handlers of the functions are built.

use automation::{ConfigSource, ModelNotifier, objects::Objects};
use ledger::{Ledger, LedgerTable};
use notifications::{Channel, notifier::Notifier};
use worker::Clock;

use crate::{MemoryObjects, MemoryTable, MemoryTopic};

/// The bucket of uploads.
pub const MODEL_BUCKET: &str = "models";
/// The bucket of the configuration.
pub const CONFIG_BUCKET: &str = "config";
/// The key of the configuration.
pub const CONFIG_KEY: &str = "automation.yaml";
/// The bucket of compiled models and summaries.
pub const ARTIFACT_BUCKET: &str = "artifacts";

/// What most functions use: the buckets, the ledger and the topic. Clones share their content.
///
/// The edges are in memory. [`from_edges`](Self::from_edges) takes others, such as
/// [`Stepwise`](crate::Stepwise) ones, so that a test can stop a handler between any two calls.
#[derive(Debug, Clone)]
pub struct TestStack<O = MemoryObjects, T = MemoryTable, C = MemoryTopic> {
    pub objects: O,
    pub ledger: Ledger<T>,
    pub notifier: Notifier<T, C>,
    pub clock: Clock,
}

impl<O: Objects + Clone, T: LedgerTable + Clone, C: Channel + Clone> TestStack<O, T, C> {
    pub fn from_edges(objects: O, table: T, topic: C, clock: Clock) -> Self {
        let ledger = Ledger::new(table, clock);
        Self { objects, notifier: Notifier::new(ledger.clone(), topic), ledger, clock }
    }

    pub fn config_source(&self) -> ConfigSource<O> {
        ConfigSource::new(self.objects.clone(), CONFIG_BUCKET.to_owned(), CONFIG_KEY.to_owned())
    }

    pub fn model_notifier(&self) -> ModelNotifier<T, C, O> {
        let (ledger, notifier) = (self.ledger.clone(), self.notifier.clone());
        ModelNotifier::new(ledger, notifier, self.objects.clone(), ARTIFACT_BUCKET.to_owned())
    }
}

impl TestStack {
    /// An empty stack.
    pub fn new(clock: Clock) -> Self {
        Self::from_edges(MemoryObjects::default(), MemoryTable::default(), MemoryTopic::default(), clock)
    }
}
