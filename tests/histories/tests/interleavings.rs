//! Explores every order of the calls of two functions that run at the same time, with a crash in
//! every call, and checks the guarantees of docs/SEMANTICS.md after each.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::time::Instant;

use histories::{ConcurrentRuns, Explored, FaultBudget, PlanSize, SCENARIOS, explore_interleavings, print_result};
use tokio::runtime::Builder;

/// Scenarios in which an upload is planned make the most calls: `make test` explores only the
/// orders that change twice from one function to the other.
const LONG_SCENARIOS: [&str; 6] = [
    "two deliveries of one upload",
    "two uploads of the same bytes",
    "two versions of one key",
    "an upload joins a job that is retried",
    "two deliveries of one replay",
    "a replay, and the last failure of the upload",
];

/// What is explored. `make model-check` sets the variable, and takes an hour.
fn read_size(scenario: &str) -> (PlanSize, FaultBudget) {
    match std::env::var("MODEL_CHECK").as_deref() {
        Err(_) if LONG_SCENARIOS.contains(&scenario) => (PlanSize::OneTarget, FaultBudget::TWO_SWITCHES),
        Err(_) => (PlanSize::OneTarget, FaultBudget::ONE_CRASH),
        Ok("faults") => (PlanSize::OneTarget, FaultBudget::ONE_FAULT),
        Ok(_) => (PlanSize::TwoTargets, FaultBudget::ONE_CRASH),
    }
}

fn explore_scenario(scenario: &str) -> Explored {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let begun = Instant::now();
    let (size, budget) = read_size(scenario);
    let world = runtime.block_on(ConcurrentRuns::build(scenario, size));
    let explored = explore_interleavings(&world, budget);
    println!("{scenario}: {explored} in {:.1} s", begun.elapsed().as_secs_f64());
    explored
}

/// SEMANTICS summary-is-final: A model summary is published when no job of the model will run
/// again, and never before.
#[test]
fn every_interleaving_keeps_the_guarantees() {
    let mut total = Explored::default();
    for scenario in SCENARIOS {
        total += explore_scenario(scenario);
    }
    print_result(&format!("Orders of the calls of two functions: {total}"));
}
