//! Which version of a key is the newest, in whatever order its events come.

use std::cmp::Ordering;

use neo::{ModelId, Upload};
use serde::{Deserialize, Serialize};

use super::{Arrival, ArrivalsRow, Ledger, Table};
use crate::call::CallError;

/// Arrivals of one key that are remembered: jobs of versions before these have ended long ago.
const MAX_ARRIVALS: usize = 20;

/// The `sequencer` of an S3 event: hexadecimal digits, to be compared for one key only, the shorter one padded with zeros on its
/// right (S3 user guide, event message structure).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequencer(String);

impl From<String> for Sequencer {
    fn from(digits: String) -> Self {
        Self(digits.to_ascii_uppercase())
    }
}

impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sequencer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.trim_end_matches('0').cmp(other.0.trim_end_matches('0'))
    }
}

/// A version's place among those of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The newest so far; these are older.
    Newest(Vec<ModelId>),
    /// A newer one is known.
    Superseded,
}

impl<T: Table> Ledger<T> {
    /// Notes the arrival of a version and tells its place. The version's own row must be written before: of two that arrive at once, the
    /// later one here then finds the other's.
    pub async fn arrive(&self, upload: &Upload, model: &ModelId, sequencer: &Sequencer) -> Result<Place, CallError> {
        // The id of a key is that of a version without a name.
        let key = format!("arrivals#{}", ModelId::new(&upload.bucket, &upload.key, ""));
        let with = |row: Option<ArrivalsRow>| {
            let mut row = row.unwrap_or_default();
            if row.arrivals.iter().any(|arrival| arrival.model == *model) {
                return None;
            }
            row.arrivals.push(Arrival { sequencer: sequencer.clone(), model: model.clone() });
            row.arrivals.sort_by(|a, b| a.sequencer.cmp(&b.sequencer));
            let forgotten = row.arrivals.len().saturating_sub(MAX_ARRIVALS);
            row.arrivals.drain(..forgotten);
            Some(row)
        };
        let arrivals = self.update(&key, with).await?.unwrap_or_default().arrivals;
        Ok(match arrivals.split_last() {
            Some((newest, older)) if newest.model == *model => {
                Place::Newest(older.iter().map(|arrival| arrival.model.clone()).collect())
            }
            _ => Place::Superseded,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::memory::MemoryTable;

    #[test]
    fn sequencers_are_padded_on_their_right() {
        let sequencer = |digits: &str| Sequencer::from(digits.to_owned());
        for (older, newer) in [
            ("0055AED6DCD90281E5", "0055AED6DCD90281E6"),
            ("0055AED6DCD90281E5", "0055AED6DCD90281E501"),
            ("0055aed6dcd90281e5", "0055AED6DCD90281F"),
            ("00", "01"),
        ] {
            assert!(sequencer(older) < sequencer(newer), "{older} {newer}");
        }
        assert_eq!(sequencer("0055AE00").cmp(&sequencer("0055ae")), Ordering::Equal);
    }

    #[tokio::test]
    async fn the_newest_is_found_in_any_order() {
        let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
        let upload = Upload {
            bucket: "models".to_owned(),
            key: "a.tar.gz".to_owned(),
            version_id: None,
            etag: "e".to_owned(),
            size: 1,
        };
        let arrive = async |version: &str| {
            let model = ModelId::new("models", "a.tar.gz", version);
            ledger.arrive(&upload, &model, &Sequencer::from(version.to_owned())).await.unwrap()
        };
        let id = |version| ModelId::new("models", "a.tar.gz", version);
        assert_eq!(arrive("2").await, Place::Newest(vec![]));
        assert_eq!(arrive("1").await, Place::Superseded);
        assert_eq!(arrive("3").await, Place::Newest(vec![id("1"), id("2")]));
        assert_eq!(arrive("3").await, Place::Newest(vec![id("1"), id("2")]), "a repeat is told the same");
        assert_eq!(arrive("2").await, Place::Superseded);
    }
}
