//! Accounts with many past jobs.

use ledger::ListingPass;

use super::*;

/// Seconds of the simulated clock.
static TIME: AtomicI64 = AtomicI64::new(1_790_000_000);
/// The tests in this file share the simulated clock.
static CLOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn now() -> Timestamp {
    Timestamp::from_second(TIME.load(Ordering::Relaxed)).unwrap()
}

impl TestSweeper {
    /// Adds a job that was created `age` ago and has not changed since.
    fn add_old_job(&self, name: &str, status: JobStatus, age: SignedDuration) {
        let created_at = Some(now() - age);
        self.add_job(JobDescription { created_at, ended_at: created_at, ..job_description(name, status) });
    }

    /// Runs the sweep of the next minute, and checks its number of calls.
    async fn run_next_sweep(&self) -> SweepReport {
        TIME.fetch_add(60, Ordering::Relaxed);
        let reads = self.jobs.reads.read().len();
        let report = self.run_sweep(MINUTE).await.unwrap();
        assert_eq!(report.calls, self.jobs.reads.read().len() - reads);
        assert!(report.calls <= 30, "{report:?}");
        report
    }
}

/// Every past job is 10 s older than the next: 8,640 of them are from the last 24 hours.
async fn check_end_is_found_in_two_sweeps(past_jobs: i64) {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    for number in 0..past_jobs {
        let age = SignedDuration::from_secs(960 + 10 * number);
        sweeper.add_old_job(&format!("past-{number}"), JobStatus::Completed, age);
    }
    for number in 0..20 {
        let job = job_description(&format!("own-{number}"), JobStatus::InProgress);
        sweeper.ledger.record_observation(&job).await.unwrap();
        // Created long ago: the list does not reach it.
        sweeper.add_old_job(&job.name, JobStatus::InProgress, SignedDuration::from_hours(48));
    }
    for _ in 0..3 {
        assert_eq!(sweeper.run_next_sweep().await.sent, 0, "expected the past not to be reported");
    }
    for number in [3, 19, 0] {
        let name = format!("own-{number}");
        sweeper.jobs.change_job(&name, |job| job.status = JobStatus::Completed);
        sweeper.run_next_sweep().await;
        if sweeper.job_states.bodies.read().is_empty() {
            sweeper.run_next_sweep().await;
        }
        assert_eq!(sweeper.take_sent(), observations([name.as_str()]));
        sweeper.ledger.record_observation(&job_description(&name, JobStatus::Completed)).await.unwrap();
    }
    // A new job of others is on the newest page.
    sweeper.add_old_job("new", JobStatus::InProgress, SignedDuration::ZERO);
    assert_eq!(sweeper.run_next_sweep().await.sent, 1);
}

#[tokio::test]
async fn end_is_found_among_20_000_past_jobs() {
    check_end_is_found_in_two_sweeps(20_000).await;
}

#[tokio::test]
async fn end_is_found_among_200_000_past_jobs() {
    check_end_is_found_in_two_sweeps(200_000).await;
}

#[tokio::test]
async fn pass_over_the_list_continues_at_the_stored_page() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    for number in 0..10_000 {
        let age = SignedDuration::from_secs(960 + 10 * number);
        sweeper.add_old_job(&format!("past-{number}"), JobStatus::Completed, age);
    }
    // On page 51.
    sweeper.add_old_job("theirs", JobStatus::Completed, SignedDuration::from_secs(960 + 50_005));
    sweeper.jobs.modified_at.update(|times| times.insert("theirs".to_owned(), now()));
    let shown = now() - SignedDuration::from_secs(960);
    let mut sweeps = Vec::new();
    // The first sweep reads 8 pages, each later one the newest page and 7 others.
    for sweep in 1..=12 {
        if sweeper.run_next_sweep().await.sent > 0 {
            sweeps.push(sweep);
        }
        let position = sweeper.ledger.read_sweep_position().await.unwrap().unwrap();
        assert_eq!(position.listing.is_none(), sweep == 12, "expected 85 pages to take 12 sweeps");
        assert_eq!(position.until, shown + SignedDuration::from_mins(15) + SignedDuration::from_millis(1));
    }
    assert_eq!(sweeps, [8]);
    sweeper.run_next_sweep().await;
    let position = sweeper.ledger.read_sweep_position().await.unwrap().unwrap();
    // The newest time on the newest page.
    assert_eq!(position.listing.unwrap().started_at, shown);
}

/// One sweep runs on a machine whose clock is an hour ahead.
#[tokio::test]
async fn clock_that_was_ahead_hides_no_job() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    sweeper.run_next_sweep().await;
    sweeper.add_old_job("before", JobStatus::Completed, SignedDuration::ZERO);
    for seconds in [3_600, -3_600] {
        TIME.fetch_add(seconds, Ordering::Relaxed);
        sweeper.run_next_sweep().await;
    }
    sweeper.take_sent();
    sweeper.add_old_job("after", JobStatus::Completed, SignedDuration::ZERO);
    sweeper.run_next_sweep().await;
    assert!(sweeper.take_sent().contains(&observation_body("after")));
}

/// The clock of the first sweep is an hour ahead of SageMaker's, or behind it, and that of the
/// later ones too, or not.
#[tokio::test]
async fn first_sweep_with_a_wrong_clock_hides_no_job() {
    let _clock = CLOCK.lock().await;
    for (difference, is_corrected) in [(3_600, false), (3_600, true), (-3_600, false), (-3_600, true)] {
        for has_past in [false, true] {
            let sweeper = create_sweeper(now);
            if has_past {
                sweeper.add_old_job("past", JobStatus::Completed, SignedDuration::from_mins(100));
            }
            let correct = now();
            TIME.fetch_add(difference, Ordering::Relaxed);
            sweeper.run_next_sweep().await;
            if is_corrected {
                TIME.fetch_add(-difference, Ordering::Relaxed);
            }
            for minutes in 1..4 {
                let age = now().duration_since(correct) - SignedDuration::from_mins(minutes);
                sweeper.add_old_job(&format!("new-{minutes}"), JobStatus::Completed, age);
                sweeper.run_next_sweep().await;
            }
            let case = format!("{difference} s, corrected: {is_corrected}, past: {has_past}");
            let sent: BTreeSet<_> = sweeper.take_sent().into_iter().collect();
            assert_eq!(sent, observations(["new-1", "new-2", "new-3"]).into_iter().collect(), "{case}");
            if !is_corrected {
                TIME.fetch_add(-difference, Ordering::Relaxed);
            }
        }
    }
}

#[tokio::test]
async fn refused_page_token_restarts_the_pass() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    for number in 0..2_000 {
        let age = SignedDuration::from_secs(10 * number);
        sweeper.add_old_job(&format!("past-{number}"), JobStatus::Completed, age);
    }
    let listing = Some(ListingPass { started_at: now(), next_page: "expired".to_owned() });
    sweeper.ledger.record_sweep_position(SweepRow { listing, ..SweepRow::new(now()) }).await.unwrap();
    assert_eq!(sweeper.run_next_sweep().await.calls, 2);
    assert_eq!(sweeper.ledger.read_sweep_position().await.unwrap().unwrap().listing, None);
    assert_eq!(sweeper.run_next_sweep().await.calls, 8);
}

/// SEMANTICS no-backfill: The first sweep of an account does not report jobs that ended more than
/// 15 minutes before it.
#[tokio::test]
async fn past_is_not_reported_whatever_the_list_returns() {
    let _clock = CLOCK.lock().await;
    let sweeper = create_sweeper(now);
    for number in 0..1_000 {
        let age = SignedDuration::from_mins(17 + number % 5_000);
        sweeper.add_old_job(&format!("old-{number}"), JobStatus::Completed, age);
    }
    sweeper.add_old_job("ended now", JobStatus::Completed, SignedDuration::from_hours(5));
    sweeper.jobs.modified_at.update(|times| times.insert("ended now".to_owned(), now()));
    sweeper.add_old_job("new", JobStatus::Completed, SignedDuration::from_mins(10));
    let mut sent = BTreeSet::new();
    for _ in 0..5 {
        sweeper.run_next_sweep().await;
        sent.extend(sweeper.take_sent());
    }
    assert_eq!(sent, observations(["ended now", "new"]).into_iter().collect());
}
