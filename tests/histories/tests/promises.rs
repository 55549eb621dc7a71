//! Random histories against the promises of docs/SEMANTICS.md.

use histories::{Action, World};
use proptest::prelude::*;
use tokio::runtime::Builder;

/// Histories of one run, unless `PROPTEST_CASES` sets another number.
const HISTORIES: u32 = 1000;

/// Longest history.
const STEPS: usize = 60;

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => (any::<u8>(), any::<bool>(), any::<u8>()).prop_map(|(model, content, told)| Action::Upload { model, content, told }),
        8 => (any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(queue, message, dies_in_call, acknowledged)| {
            Action::Deliver { queue, message, dies_in_call, acknowledged }
        }),
        4 => any::<((u8, u8), (u8, u8), (u8, u8))>().prop_map(|(queues, messages, die_in_call)| {
            Action::DeliverTwo { queues, messages, die_in_call }
        }),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(job, fails)| Action::Progress { job, fails }),
        1 => any::<(u8, u8)>().prop_map(|(which, count)| Action::Answers { which, count }),
        1 => any::<u8>().prop_map(|dies_in_call| Action::Sweep { dies_in_call }),
        1 => any::<i8>().prop_map(|seconds| Action::Wait { seconds }),
    ]
}

fn histories() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(HISTORIES))
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn every_history_ends_as_promised(history in prop::collection::vec(action(), 1..STEPS)) {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut world = World::new();
            for action in &history {
                Box::pin(world.act(action)).await;
            }
            world.settle().await;
            world.check();
        });
    }
}
