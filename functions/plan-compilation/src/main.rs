//! Lambda function: an uploaded model archive becomes one compilation request per target.

use automation::{
    aws, batch,
    config::ConfigSource,
    ledger::{DynamoTable, Ledger},
    objects::S3,
    queue::{SqsSender, SqsSource},
    settings, telemetry,
    topic::SnsTopic,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use plan_compilation::handler::Planner;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [topic, requests, table, config_bucket, config_key, model_bucket, artifact_bucket] = settings::read([
        settings::NOTIFICATIONS_TOPIC_ARN,
        settings::REQUESTS_QUEUE_URL,
        settings::LEDGER_TABLE,
        settings::CONFIG_BUCKET,
        settings::CONFIG_KEY,
        settings::MODEL_BUCKET,
        settings::ARTIFACT_BUCKET,
    ])?;
    let aws = aws::config().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let s3 = S3::new(aws_sdk_s3::Client::new(&aws));
    let source = SqsSource::new(sqs.clone());
    let planner = Planner {
        config: ConfigSource::new(s3.clone(), config_bucket, config_key),
        objects: s3,
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), topic),
        requests: SqsSender::new(sqs, requests),
        model_bucket,
        artifact_bucket,
        region: aws.region().map(ToString::to_string),
        clock: Timestamp::now,
    };
    let (planner, source) = (&planner, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        batch::run(source, Timestamp::now, invocation, |event| planner.handle(event))
    }))
    .await
}
