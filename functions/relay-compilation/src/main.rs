//! Lambda function: records the status of compilation jobs and publishes notifications about them.

use automation::{Aws, ForeignJobs, ModelNotifier};
use jiff::Timestamp;
use relay_compilation::JobRelay;
use sagemaker::SageMakerClient;
use worker::{Env, Error, env, serve_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let notifier = aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger);
    let relay = JobRelay {
        jobs: SageMakerClient::from_config(aws.config()),
        models: ModelNotifier::new(ledger.clone(), notifier.clone(), aws.s3(), env.var(env::ARTIFACT_BUCKET)),
        ledger,
        notifier,
        requests: aws.queue(env.var(env::REQUESTS_QUEUE_URL)),
        foreign: ForeignJobs::new(env.optional_var(env::FOREIGN_JOB_PREFIX)),
        clock: Timestamp::now,
    };
    env.check()?;
    serve_batches(aws.source_queue(), |event| relay.handle_event(event)).await
}
