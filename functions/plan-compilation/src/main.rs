//! Lambda function: plans compilations for uploaded model archives and for model packages.

use automation::{Aws, ConfigSource, ModelNotifier};
use plan_compilation::Planner;
use worker::{Env, Error, env, serve_scheduled_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let notifier = aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger);
    let artifact_bucket = env.var(env::ARTIFACT_BUCKET);
    let planner = Planner {
        config: ConfigSource::new(aws.s3(), env.var(env::CONFIG_BUCKET), env.var(env::CONFIG_KEY)),
        archives: aws.s3(),
        models: ModelNotifier::new(ledger.clone(), notifier.clone(), aws.s3(), artifact_bucket.clone()),
        ledger,
        notifier,
        requests: aws.queue(env.var(env::REQUESTS_QUEUE_URL)),
        uploads: aws.queue(env.var(env::UPLOADS_QUEUE_URL)),
        config_queues: env.list(env::CONFIG_QUEUE_URLS).into_iter().map(|url| aws.queue(url)).collect(),
        model_bucket: env.var(env::MODEL_BUCKET),
        artifact_bucket,
        region: aws.region(),
        clock: jiff::Timestamp::now,
    };
    env.check()?;
    serve_scheduled_batches(aws.source_queue(), || planner.handle_schedule(), |event| planner.handle_event(event)).await
}
