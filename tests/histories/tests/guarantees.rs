//! Checks the guarantees of docs/SEMANTICS.md with random histories.

use histories::{HistoryStep, ScheduledFault, SimulatedStack, print_result};
use proptest::prelude::*;
use tokio::runtime::Builder;

/// Number of histories in a run. `PROPTEST_CASES` overrides it.
const HISTORIES_PER_RUN: u32 = 1000;

const MAX_STEPS: usize = 60;

/// How many reads of a job may still show it as it was before its last change.
const MAX_LAG: u32 = 2;

fn scheduled_fault() -> impl Strategy<Value = ScheduledFault> {
    any::<(u8, u8)>().prop_map(|(call, fault)| ScheduledFault { call, fault })
}

fn history_step() -> impl Strategy<Value = HistoryStep> {
    let deliver = (any::<u8>(), any::<u8>(), scheduled_fault(), any::<bool>());
    let deliver_two = (any::<(u8, u8)>(), any::<(u8, u8)>(), (scheduled_fault(), scheduled_fault()), any::<[u8; 4]>());
    prop_oneof![
        2 => any::<(u8, bool, u8)>().prop_map(|(model, content, deliveries)| HistoryStep::Upload { model, content, deliveries }),
        1 => any::<(u8, u8)>().prop_map(|(model, deliveries)| HistoryStep::Replay { model, deliveries }),
        8 => deliver.prop_map(|(queue, message, fault, acknowledged)| {
            HistoryStep::Deliver { queue, message, fault, acknowledged }
        }),
        4 => deliver_two.prop_map(|(queues, messages, faults, turns)| {
            HistoryStep::DeliverTwo { queues, messages, faults, turns }
        }),
        5 => any::<(u8, bool)>().prop_map(|(job, fails)| HistoryStep::ProgressJob { job, fails }),
        1 => any::<u8>().prop_map(|job| HistoryStep::DeleteJob { job }),
        2 => any::<u8>().prop_map(|job| HistoryStep::CreateForeignJob { job }),
        1 => any::<(u8, bool, u8)>().prop_map(|(version, approved, deliveries)| {
            HistoryStep::ReviewPackage { version, approved, deliveries }
        }),
        1 => scheduled_fault().prop_map(|fault| HistoryStep::RunSearch { fault }),
        1 => any::<(u8, u8)>().prop_map(|(which, count)| HistoryStep::ScriptResponses { which, count }),
        1 => scheduled_fault().prop_map(|fault| HistoryStep::RunSweep { fault }),
        1 => any::<i8>().prop_map(|seconds| HistoryStep::AdvanceClock { seconds }),
    ]
}

fn proptest_config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(HISTORIES_PER_RUN))
}

proptest! {
    #![proptest_config(proptest_config())]

    fn check_histories(
        lag in 0..=MAX_LAG,
        history in prop::collection::vec(history_step(), 1..MAX_STEPS),
    ) {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut stack = SimulatedStack::with_lag(lag);
            for step in &history {
                Box::pin(stack.run_step(step)).await;
            }
            stack.run_until_idle().await;
            stack.check_invariants();
        });
    }
}

#[test]
fn every_history_keeps_the_guarantees() {
    check_histories();
    print_result(&format!("Random histories of faults: {}", proptest_config().cases));
}
