//! Tags of SageMaker resources. Work teams, images and partner apps offer no operations for
//! the tags of existing resources except `ListTags` and `AddTags`.

use std::collections::BTreeMap;

use aws_sdk_sagemaker::{Client, types::Tag};
use worker::CallError;

/// Lists all tags of a resource, over all pages.
pub async fn list_tags(client: &Client, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let (mut tags, mut next) = (BTreeMap::new(), None);
    loop {
        let response = client.list_tags().resource_arn(arn).set_next_token(next).send().await;
        let page = response.map_err(|error| CallError::from_sdk("ListTags", error))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        tags.extend(page.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))));
        next = page.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

/// Adds tags to a resource; a tag that exists gets the new value.
pub async fn add_tags(client: &Client, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
    let response = client.add_tags().resource_arn(arn).set_tags(Some(build_tags(tags))).send().await;
    response.map(drop).map_err(|error| CallError::from_sdk("AddTags", error))
}

pub fn build_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
