//! Lambda function: finds compilation jobs whose status changes were not reported.

use automation::{Aws, ForeignJobs};
use jiff::Timestamp;
use lambda_runtime::service_fn;
use sagemaker::SageMakerClient;
use sweep_compilations::{CALL_PAUSE, Sweeper};
use worker::{Env, Error, env};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let sweeper = Sweeper {
        jobs: SageMakerClient::with_one_retry(aws.config()),
        notifier: aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger),
        ledger,
        job_states: aws.queue(env.var(env::JOB_STATES_QUEUE_URL)),
        requests: aws.queue(env.var(env::REQUESTS_QUEUE_URL)),
        foreign: ForeignJobs::new(env.optional_var(env::FOREIGN_JOB_PREFIX)),
        call_pause: CALL_PAUSE,
        clock: Timestamp::now,
    };
    env.check()?;
    let sweeper = &sweeper;
    lambda_runtime::run(service_fn(move |invocation| sweeper.handle_schedule(invocation))).await
}
