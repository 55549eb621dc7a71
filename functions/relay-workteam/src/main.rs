//! Lambda function: what SageMaker tells a work team becomes a notification that says what waits and where to begin.

use std::time::Duration;

use automation::{
    aws, batch,
    compilation_jobs::SageMaker,
    ledger::{DynamoTable, Ledger},
    queue::SqsSource,
    settings, telemetry,
    topic::SnsTopic,
    workteams::Directory,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use relay_workteam::handler::{PATIENCE, Relay};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [topic, table, burst] =
        settings::read([settings::NOTIFICATIONS_TOPIC_ARN, settings::LEDGER_TABLE, settings::WORKTEAM_BURST_SECONDS])?;
    let aws = aws::config().await;
    let source = SqsSource::new(aws_sdk_sqs::Client::new(&aws));
    let sagemaker = SageMaker::new(aws_sdk_sagemaker::Client::new(&aws));
    let relay = Relay {
        directory: Directory::new(sagemaker, Timestamp::now),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), topic),
        burst: Duration::from_secs(burst.parse()?),
        patience: PATIENCE,
        clock: Timestamp::now,
    };
    let (relay, source) = (&relay, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        batch::run(source, Timestamp::now, invocation, |event| relay.handle(event))
    }))
    .await
}
