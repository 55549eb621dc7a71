//! Tags of SageMaker's resources: `ListTags` and `AddTags`, the only ways to them for images and partner apps.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{Client, types::Tag};

use crate::call::CallError;

/// All tags of a resource.
pub async fn list(client: &Client, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let (mut tags, mut next) = (BTreeMap::new(), None);
    loop {
        let answer = client.list_tags().resource_arn(arn).set_next_token(next).send().await;
        let page = answer.map_err(|error| CallError::new("ListTags", error))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        tags.extend(page.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))));
        next = page.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

/// Adds tags to a resource; of equal keys the new value wins.
pub async fn add(client: &Client, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let answer = client.add_tags().resource_arn(arn).set_tags(Some(tags)).send().await;
    answer.map(drop).map_err(|error| CallError::new("AddTags", error))
}
