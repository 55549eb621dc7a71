//! Publishing on a topic and on an event bus: once on each, whatever fails or crashes in between.
#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::{SignedDuration, Timestamp};
use ledger::Ledger;
use notifications::{Notification, notifier::Notifier};
use support::{MemoryTable, MemoryTopic, Stepwise, crash_after};
use worker::{Clock, Failure};

/// The calls of one publication on both channels: each claim is read, written, used and recorded.
const CALLS: usize = 8;

const NOW: Clock = || Timestamp::UNIX_EPOCH;

/// When a claim that was not released has expired.
const LATER: Clock = || Timestamp::UNIX_EPOCH + SignedDuration::from_mins(2);

#[derive(Default)]
struct Channels {
    table: MemoryTable,
    topic: MemoryTopic,
    bus: MemoryTopic,
}

impl Channels {
    fn create_notifier(&self, clock: Clock) -> Notifier<Stepwise<MemoryTable>, Stepwise<MemoryTopic>> {
        let ledger = Ledger::new(Stepwise::new(self.table.clone()), clock);
        Notifier::new(ledger, Stepwise::new(self.topic.clone())).with_bus(Stepwise::new(self.bus.clone()))
    }

    /// How often the notification was published to the topic and to the bus.
    fn count_published(&self) -> (usize, usize) {
        let count = |channel: &MemoryTopic| {
            let published = channel.published();
            assert!(published.iter().all(|notification| notification.id == rejected().id));
            published.len()
        };
        (count(&self.topic), count(&self.bus))
    }
}

fn rejected() -> Notification {
    Notification::config_rejected("config", "automation.yaml", Some("v1"), "not YAML", None, NOW())
}

/// SEMANTICS each-channel-once: With an event bus, each notification is also published to the bus,
/// with the same `id`; a failure of one channel neither repeats nor loses the notification on the
/// other.
#[tokio::test]
async fn failure_of_one_channel_does_not_affect_the_other() {
    for fails_on_bus in [false, true] {
        let channels = Channels::default();
        let failing = if fails_on_bus { &channels.bus } else { &channels.topic };
        failing.failures.set(2);
        let notifier = channels.create_notifier(NOW);
        for _ in 0..2 {
            assert!(matches!(notifier.publish_once(&rejected()).await, Err(Failure::Transient(_))));
            assert!(!notifier.was_published(&rejected().id).await.unwrap());
            assert_eq!(channels.count_published(), if fails_on_bus { (1, 0) } else { (0, 1) });
        }
        for _ in 0..2 {
            notifier.publish_once(&rejected()).await.unwrap();
            assert_eq!(channels.count_published(), (1, 1));
        }
        assert!(notifier.was_published(&rejected().id).await.unwrap());
    }
}

#[tokio::test]
async fn channel_that_can_succeed_is_tried_again() {
    let channels = Channels::default();
    channels.topic.refuses.set(true);
    channels.bus.failures.set(1);
    let notifier = channels.create_notifier(NOW);
    assert!(matches!(notifier.publish_once(&rejected()).await, Err(Failure::Transient(_))));
    assert!(matches!(notifier.publish_once(&rejected()).await, Err(Failure::Terminal(_))));
    assert_eq!(channels.count_published(), (0, 1));
}

/// The function crashes before each of its calls in turn. Only a crash between a publication and
/// its record repeats it, and only on that channel.
#[tokio::test]
async fn crash_between_the_channels_loses_nothing() {
    for calls in 0..=CALLS {
        let channels = Channels::default();
        let notifier = channels.create_notifier(NOW);
        let finished = crash_after(calls, notifier.publish_once(&rejected())).is_some();
        assert_eq!(finished, calls == CALLS, "expected {CALLS} calls");
        channels.create_notifier(LATER).publish_once(&rejected()).await.unwrap();
        let expected = match calls {
            3 => (2, 1),
            7 => (1, 2),
            _ => (1, 1),
        };
        assert_eq!(channels.count_published(), expected, "crash before call {calls}");
    }
}

#[tokio::test]
async fn recorded_notification_is_published_on_no_channel() {
    for calls in 0..6 {
        let channels = Channels::default();
        let notifier = channels.create_notifier(NOW);
        assert!(crash_after(calls, notifier.record_published(&rejected().id)).is_none());
        assert!(!notifier.was_published(&rejected().id).await.unwrap(), "crash before call {calls}");
        let notifier = channels.create_notifier(LATER);
        notifier.record_published(&rejected().id).await.unwrap();
        notifier.publish_once(&rejected()).await.unwrap();
        assert_eq!(channels.count_published(), (0, 0));
    }
}

#[tokio::test]
async fn without_a_bus_the_topic_decides() {
    let topic = MemoryTopic::default();
    let notifier = Notifier::new(Ledger::new(MemoryTable::default(), NOW), topic.clone());
    notifier.publish_once(&rejected()).await.unwrap();
    assert!(notifier.was_published(&rejected().id).await.unwrap());
    assert_eq!(topic.types(), ["config.rejected"]);
}
