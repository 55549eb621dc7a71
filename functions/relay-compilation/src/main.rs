//! Lambda function: a compilation job's state becomes a ledger row and a notification.

use automation::{
    aws, batch,
    compilation_jobs::SageMaker,
    ledger::{DynamoTable, Ledger},
    objects::S3,
    queue::{SqsSender, SqsSource},
    scope::ForeignJobs,
    settings, telemetry,
    topic::SnsTopic,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use relay_compilation::handler::Relay;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [topic, requests, table, artifact_bucket] = settings::read([
        settings::NOTIFICATIONS_TOPIC_ARN,
        settings::REQUESTS_QUEUE_URL,
        settings::LEDGER_TABLE,
        settings::ARTIFACT_BUCKET,
    ])?;
    let aws = aws::config().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let source = SqsSource::new(sqs.clone());
    let relay = Relay {
        jobs: SageMaker::new(aws_sdk_sagemaker::Client::new(&aws)),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), topic),
        requests: SqsSender::new(sqs, requests),
        objects: S3::new(aws_sdk_s3::Client::new(&aws)),
        artifact_bucket,
        foreign: ForeignJobs::new(settings::read_optional(settings::FOREIGN_JOB_PREFIX)),
        clock: Timestamp::now,
    };
    let (relay, source) = (&relay, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        batch::run(source, Timestamp::now, invocation, |event| relay.handle(event))
    }))
    .await
}
