//! Measures how long parking and releasing one request takes while many are parked, with the table
//! in memory: the time of the ledger's own work, which must not grow with the quota queue.

#![allow(clippy::print_stdout, reason = "prints its results")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ledger::Ledger;
use neo::CompilationRequest;
use support::{MemoryQueue, MemoryTable, compilation_request};

const MODELS: usize = 1_000;
const PARKED: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// Requests that are parked and released for each median.
const MEASURED: usize = 1_001;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::new(MemoryTable::default(), || Timestamp::UNIX_EPOCH);
    let mut next = 0;
    println!("| parked | one park, µs | one release, µs |\n|---|---|---|");
    for parked in PARKED {
        while next < parked {
            ledger.park_request(&new_request(next)?).await?;
            next += 1;
        }
        let (mut park_times, mut release_times) = (Vec::new(), Vec::new());
        for number in 0..MEASURED {
            // One more is parked and one is released: as many remain.
            let request = new_request(1_000_000 * parked + number)?;
            let start = Instant::now();
            assert!(ledger.park_request(&request).await?, "expected a new request");
            park_times.push(start.elapsed());
            let start = Instant::now();
            assert_eq!(ledger.release_parked_requests(&MemoryQueue::default(), 1).await?, 1);
            release_times.push(start.elapsed());
        }
        println!("| {parked} | {} | {} |", find_median(park_times), find_median(release_times));
    }
    Ok(())
}

fn new_request(number: usize) -> Result<CompilationRequest, serde_json::Error> {
    let model = serde_json::from_value(format!("model-{}", number % MODELS).into())?;
    Ok(CompilationRequest { model, ..compilation_request(&format!("job-{number}")) })
}

/// The median in microseconds.
fn find_median(mut times: Vec<Duration>) -> u128 {
    times.sort();
    times[times.len() / 2].as_micros()
}
