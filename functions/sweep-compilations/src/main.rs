//! Lambda function: on a schedule, compilation jobs whose state was not relayed yet are sent on to be.

use automation::{
    aws,
    compilation_jobs::SageMaker,
    ledger::{DynamoTable, Ledger},
    metrics,
    queue::SqsSender,
    scope::ForeignJobs,
    settings, telemetry,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use sweep_compilations::handler::Sweeper;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [job_states, requests, table] =
        settings::read([settings::JOB_STATES_QUEUE_URL, settings::REQUESTS_QUEUE_URL, settings::LEDGER_TABLE])?;
    let aws = aws::config().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let sweeper = Sweeper {
        jobs: SageMaker::new(aws_sdk_sagemaker::Client::new(&aws)),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        job_states: SqsSender::new(sqs.clone(), job_states),
        requests: SqsSender::new(sqs, requests),
        foreign: ForeignJobs::new(settings::read_optional(settings::FOREIGN_JOB_PREFIX)),
        clock: Timestamp::now,
    };
    let sweeper = &sweeper;
    // What the schedule sends tells nothing: the time is asked of the clock.
    let sweep = move |_: LambdaEvent<Value>| async move {
        let swept = sweeper.sweep().await?;
        let counts = [
            ("SageMakerCalls", swept.calls),
            ("JobsSeen", swept.seen),
            ("JobsAsked", swept.asked),
            ("JobsUnanswered", swept.unanswered),
            ("JobsSent", swept.sent),
            ("RequestsReleased", swept.released),
        ];
        metrics::count(&counts, Timestamp::now());
        Ok::<_, Error>(swept)
    };
    lambda_runtime::run(service_fn(sweep)).await
}
