//! Lambda function: forwards messages to work teams with labeling jobs, progress and portal.

use automation::{Aws, ConfigSource};
use jiff::Timestamp;
use relay_workteam::{QUERY_TIMEOUT, TeamRelay};
use sagemaker::{SageMakerClient, workteams::WorkteamDirectory};
use worker::{Env, Error, env, serve_batches};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = Aws::from_env();
    let mut env = Env::default();
    let ledger = aws.ledger(&env.var(env::LEDGER_TABLE));
    let notifier = aws.notifier(env.var(env::NOTIFICATIONS_TOPIC_ARN), env.optional_var(env::EVENT_BUS_NAME), &ledger);
    let relay = TeamRelay {
        config: ConfigSource::new(aws.s3(), env.var(env::CONFIG_BUCKET), env.var(env::CONFIG_KEY)),
        directory: WorkteamDirectory::new(SageMakerClient::from_config(aws.config()), Timestamp::now),
        ledger,
        notifier,
        burst_window: env.seconds(env::WORKTEAM_BURST_SECONDS),
        query_timeout: QUERY_TIMEOUT,
        clock: Timestamp::now,
    };
    env.check()?;
    serve_batches(aws.source_queue(), |event| relay.handle_event(event)).await
}
