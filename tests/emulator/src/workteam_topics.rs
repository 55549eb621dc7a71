//! Publishes work team notices to SNS.

use aws_sdk_sns::Client;

use crate::{
    event_bus::{DeliveryError, call_error},
    workteam::WorkteamNotice,
};

pub(crate) struct WorkteamTopics {
    client: Client,
}

impl WorkteamTopics {
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    pub async fn publish_notice(&self, notice: &WorkteamNotice) -> Result<(), DeliveryError> {
        let publish = self.client.publish().topic_arn(&notice.topic).subject(&notice.subject).message(&notice.message);
        publish.send().await.map(drop).map_err(|error| call_error("Publish", error))
    }
}
