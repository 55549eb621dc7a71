//! Lambda function: on a schedule, compilation jobs whose state was not relayed yet are sent on to be.

mod handler;

use automation::{
    compilation_jobs::SageMaker,
    ledger::{DynamoTable, Ledger},
    queue::SqsSender,
    settings, telemetry,
};
use handler::Sweeper;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [job_states, requests, table] =
        settings::read([settings::JOB_STATES_QUEUE_URL, settings::REQUESTS_QUEUE_URL, settings::LEDGER_TABLE])?;
    let aws = aws_config::load_from_env().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let sweeper = Sweeper {
        jobs: SageMaker::new(aws_sdk_sagemaker::Client::new(&aws)),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        job_states: SqsSender::new(sqs.clone(), job_states),
        requests: SqsSender::new(sqs, requests),
        clock: Timestamp::now,
    };
    let sweeper = &sweeper;
    // What the schedule sends tells nothing: the time is asked of the clock.
    let sweep = move |_: LambdaEvent<Value>| async move { sweeper.sweep().await.map_err(Error::from) };
    lambda_runtime::run(service_fn(sweep)).await
}
