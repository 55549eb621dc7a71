//! Lambda function: keeps SageMaker images in the desired state that `automation.yaml` declares.

// The SDK nests its futures deeply.
#![recursion_limit = "256"]

use automation::{Aws, ModelBuckets};
use jiff::Timestamp;
use maintain_images::ImageMaintainer;
use sagemaker::{READ_LIMIT, SageMakerClient};
use worker::{Env, Error, env, serve_scheduled_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let model_buckets = ModelBuckets::new(env.var(env::MODEL_BUCKET), env.optional_list(env::MODEL_BUCKETS));
    let maintainer = ImageMaintainer {
        images: SageMakerClient::with_one_retry(aws.config()),
        config: aws.config_source(env.var(env::CONFIG_BUCKET), env.var(env::CONFIG_KEY), &model_buckets),
        notifier: aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger),
        ledger,
        queue: aws.queue(env.var(env::IMAGES_QUEUE_URL)),
        read_limit: READ_LIMIT,
        clock: Timestamp::now,
    };
    env.check()?;
    let scheduled = || Box::pin(maintainer.handle_schedule());
    serve_scheduled_batches(aws.source_queue(), scheduled, |event| Box::pin(maintainer.handle_event(event))).await
}
