//! Histories of apps and images, and arrivals of object versions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::{Ledger, Sequencer, UpdatedKind, VersionOrder};
use maintenance::partner_app::{AppHistory, VersionRun};
use neo::{ModelId, Upload};
use support::MemoryTable;
use worker::CallErrorKind;

#[tokio::test]
async fn only_one_of_two_concurrent_runs_records_a_history() {
    let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
    let empty = AppHistory::default();
    let history = |version: &str| AppHistory {
        runs: vec![VersionRun { version: version.to_owned(), since: Timestamp::UNIX_EPOCH, until: None }],
        ..AppHistory::default()
    };
    ledger.record_app_history("a", &empty, &history("1.3")).await.unwrap();
    // The SDK repeats a write whose response was lost.
    ledger.record_app_history("a", &empty, &history("1.3")).await.unwrap();
    assert_eq!(
        ledger.record_app_history("a", &empty, &history("1.4")).await.unwrap_err().kind,
        CallErrorKind::Contended
    );
    assert_eq!(
        ledger.read_app_histories(&["a", "b"]).await.unwrap(),
        BTreeMap::from([("a".to_owned(), history("1.3"))])
    );
    assert!(ledger.read_update_histories(UpdatedKind::Image, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn newest_version_is_found_in_any_order_of_arrival() {
    let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
    let upload = Upload {
        bucket: "models".to_owned(),
        key: "a.tar.gz".to_owned(),
        version_id: None,
        etag: "e".to_owned(),
        size: 1,
        replayed_at: None,
    };
    let arrive = async |version: &str| {
        let model = ModelId::new("models", "a.tar.gz", version);
        ledger.record_arrival(&upload, &model, &Sequencer::from(version.to_owned())).await.unwrap()
    };
    let id = |version| ModelId::new("models", "a.tar.gz", version);
    assert_eq!(arrive("2").await, VersionOrder::Newest(vec![]));
    assert_eq!(arrive("1").await, VersionOrder::Superseded);
    assert_eq!(arrive("3").await, VersionOrder::Newest(vec![id("1"), id("2")]));
    assert_eq!(
        arrive("3").await,
        VersionOrder::Newest(vec![id("1"), id("2")]),
        "a redelivered event gets the same result"
    );
    assert_eq!(arrive("2").await, VersionOrder::Superseded);
}
