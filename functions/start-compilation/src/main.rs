//! Lambda function: a compilation request becomes a compilation job.

use automation::{
    aws, batch,
    compilation_jobs::SageMaker,
    ledger::{DynamoTable, Ledger},
    queue::{SqsSender, SqsSource},
    settings, telemetry,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use start_compilation::handler::Starter;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let [job_states, table, role_arn] =
        settings::read([settings::JOB_STATES_QUEUE_URL, settings::LEDGER_TABLE, settings::COMPILATION_ROLE_ARN])?;
    let aws = aws::config().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let source = SqsSource::new(sqs.clone());
    let starter = Starter {
        jobs: SageMaker::new(aws_sdk_sagemaker::Client::new(&aws)),
        ledger: Ledger::new(DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), table), Timestamp::now),
        job_states: SqsSender::new(sqs, job_states),
        role_arn,
    };
    let (starter, source) = (&starter, &source);
    lambda_runtime::run(service_fn(move |invocation: LambdaEvent<_>| {
        batch::run(source, Timestamp::now, invocation, |event| starter.handle(event))
    }))
    .await
}
