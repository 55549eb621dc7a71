//! Lambda function: finds compilation jobs whose status changes were not reported.

use automation::{Aws, ForeignJobs};
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use sagemaker::SageMakerClient;
use serde_json::Value;
use sweep_compilations::Sweeper;
use worker::{Env, Error, env};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env().await;
    let mut env = Env::default();
    let sweeper = Sweeper {
        jobs: SageMakerClient::from_config(aws.config()),
        ledger: aws.ledger(&env.var(env::LEDGER_TABLE)),
        job_states: aws.queue(env.var(env::JOB_STATES_QUEUE_URL)),
        requests: aws.queue(env.var(env::REQUESTS_QUEUE_URL)),
        foreign: ForeignJobs::new(env.optional_var(env::FOREIGN_JOB_PREFIX)),
        clock: Timestamp::now,
    };
    env.check()?;
    let sweeper = &sweeper;
    // The payload of the schedule carries no information: the time comes from the clock.
    let sweep = move |_: LambdaEvent<Value>| async move { Ok::<_, Error>(sweeper.run_sweep().await?) };
    lambda_runtime::run(service_fn(sweep)).await
}
