//! Lambda function: work teams are brought to what `automation.yaml` declares.

use automation::{
    aws,
    compilation_jobs::SageMaker,
    config::ConfigSource,
    ledger::{DynamoTable, Ledger},
    objects::S3,
    queue::SqsSource,
    settings, telemetry,
    topic::SnsTopic,
    wake,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use maintain_workteams::handler::Maintainer;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [topic, stack_topic, table, bucket, key] = settings::read([
        settings::NOTIFICATIONS_TOPIC_ARN,
        settings::WORKTEAM_TOPIC_ARN,
        settings::LEDGER_TABLE,
        settings::CONFIG_BUCKET,
        settings::CONFIG_KEY,
    ])?;
    let aws = aws::config().await;
    let source = SqsSource::new(aws_sdk_sqs::Client::new(&aws));
    let maintainer = Maintainer {
        config: ConfigSource::new(S3::new(aws_sdk_s3::Client::new(&aws)), bucket, key),
        workteams: SageMaker::new(aws_sdk_sagemaker::Client::new(&aws)),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), topic),
        stack_topic,
        clock: Timestamp::now,
    };
    let (maintainer, source) = (&maintainer, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        // On the heap: it holds the work of four clients at once.
        Box::pin(wake::run(
            source,
            Timestamp::now,
            invocation,
            || maintainer.scheduled(),
            |event| maintainer.handle(event),
        ))
    }))
    .await
}
