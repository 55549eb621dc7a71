//! Lambda function: images are brought to what is declared.

// The SDK nests its futures deeply.
#![recursion_limit = "256"]

use automation::{
    aws,
    config::ConfigSource,
    images::SageMakerImages,
    ledger::{DynamoTable, Ledger},
    objects::S3,
    queue::SqsSource,
    settings, telemetry,
    topic::SnsTopic,
    wake,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use maintain_images::handler::Maintainer;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [topic, table, config_bucket, config_key] = settings::read([
        settings::NOTIFICATIONS_TOPIC_ARN,
        settings::LEDGER_TABLE,
        settings::CONFIG_BUCKET,
        settings::CONFIG_KEY,
    ])?;
    let aws = aws::config().await;
    let source = SqsSource::new(aws_sdk_sqs::Client::new(&aws));
    let maintainer = Maintainer {
        images: SageMakerImages::new(aws_sdk_sagemaker::Client::new(&aws)),
        config: ConfigSource::new(S3::new(aws_sdk_s3::Client::new(&aws)), config_bucket, config_key),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), topic),
        clock: Timestamp::now,
    };
    let (maintainer, source) = (&maintainer, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        let scheduled = || async { Ok(Box::pin(maintainer.scheduled()).await?) };
        wake::run(source, Timestamp::now, invocation, scheduled, |event| Box::pin(maintainer.handle(event)))
    }))
    .await
}
