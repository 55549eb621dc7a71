//! Finds the newest version of an object key, in whatever order its events arrive.

use std::cmp::Ordering;

use neo::{ModelId, Upload};
use serde::{Deserialize, Serialize};
use worker::CallError;

use crate::{Arrival, ArrivalsRow, Ledger, LedgerTable};

/// Arrivals stored per key: the jobs of earlier versions finished long ago.
const MAX_ARRIVALS: usize = 20;

/// The `sequencer` of an S3 event: hexadecimal digits. Only sequencers of the same key can be
/// compared; the shorter one is padded with zeros on the right (S3 user guide, event message
/// structure).
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

/// The position of a version among the versions of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionOrder {
    /// The newest version so far, with the older ones.
    Newest(Vec<ModelId>),
    /// A newer version has arrived.
    Superseded,
}

impl<T: LedgerTable> Ledger<T> {
    /// Records the arrival of a version and returns its position.
    ///
    /// The model row of the version must be written before: if two versions arrive at the same
    /// time, the one that is recorded second then finds the model row of the other.
    pub async fn record_arrival(
        &self,
        upload: &Upload,
        model: &ModelId,
        sequencer: &Sequencer,
    ) -> Result<VersionOrder, CallError> {
        // The key is identified by the model id of an empty version.
        let key = format!("arrivals#{}", ModelId::new(&upload.bucket, &upload.key, ""));
        let add_arrival = |row: Option<ArrivalsRow>| {
            let mut row = row.unwrap_or_default();
            if row.arrivals.iter().any(|arrival| arrival.model == *model) {
                return None;
            }
            row.arrivals.push(Arrival { sequencer: sequencer.clone(), model: model.clone() });
            row.arrivals.sort_by(|a, b| a.sequencer.cmp(&b.sequencer));
            let excess = row.arrivals.len().saturating_sub(MAX_ARRIVALS);
            row.arrivals.drain(..excess);
            Some(row)
        };
        let arrivals = self.update_row(&key, add_arrival).await?.row.unwrap_or_default().arrivals;
        Ok(match arrivals.split_last() {
            Some((newest, older)) if newest.model == *model => {
                VersionOrder::Newest(older.iter().map(|arrival| arrival.model.clone()).collect())
            }
            _ => VersionOrder::Superseded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_are_padded_with_zeros_on_the_right() {
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
}
