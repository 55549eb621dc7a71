//! SNS, as SageMaker uses it for work teams.

use aws_sdk_sns::Client;

use crate::bus::{BusError, failed};
use crate::workteam::Notice;

pub(crate) struct Topics {
    client: Client,
}

impl Topics {
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    pub async fn publish(&self, notice: &Notice) -> Result<(), BusError> {
        let publish = self.client.publish().topic_arn(&notice.topic).subject(&notice.subject).message(&notice.message);
        publish.send().await.map(drop).map_err(|error| failed("Publish", error))
    }
}
