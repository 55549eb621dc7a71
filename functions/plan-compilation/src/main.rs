//! Lambda function: plans compilations for uploaded model archives and for model packages.

use automation::{Aws, ModelBuckets, ModelNotifier};
use worker::{Env, Error, env, serve_scheduled_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let notifier = aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger);
    let model_buckets = ModelBuckets::new(env.var(env::MODEL_BUCKET), env.optional_list(env::MODEL_BUCKETS));
    let planner = plan_compilation::Planner {
        config: aws.config_source(env.var(env::CONFIG_BUCKET), env.var(env::CONFIG_KEY), &model_buckets),
        archives: aws.s3(),
        models: ModelNotifier::new(ledger.clone(), notifier.clone(), aws.s3(), env.var(env::ARTIFACT_BUCKET)),
        ledger,
        notifier,
        packages: sagemaker::SageMakerClient::from_config(aws.config()),
        requests: aws.queue(env.var(env::REQUESTS_QUEUE_URL)),
        uploads: aws.queue(env.var(env::UPLOADS_QUEUE_URL)),
        config_queues: env.list(env::CONFIG_QUEUE_URLS).into_iter().map(|url| aws.queue(url)).collect(),
        model_buckets,
        artifact_buckets: env.optional_list(env::ARTIFACT_BUCKETS),
        region: aws.region(),
        clock: jiff::Timestamp::now,
    };
    env.check()?;
    serve_scheduled_batches(aws.source_queue(), || planner.handle_schedule(), |event| planner.handle_event(event)).await
}
