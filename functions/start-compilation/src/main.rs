//! Lambda function: starts and stops compilation jobs.

use automation::Aws;
use sagemaker::SageMakerClient;
use start_compilation::Starter;
use worker::{Env, Error, env, serve_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let sagemaker = SageMakerClient::from_config(aws.config());
    let starter = Starter {
        jobs: sagemaker.clone(),
        packages: sagemaker,
        ledger: aws.ledger(&env.var(env::LEDGER_TABLE)),
        job_states: aws.queue(env.var(env::JOB_STATES_QUEUE_URL)),
        role_arn: env.var(env::COMPILATION_ROLE_ARN),
    };
    env.check()?;
    serve_batches(aws.source_queue(), |event| starter.handle_event(event)).await
}
