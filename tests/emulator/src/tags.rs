//! `AddTags` and `ListTags`: the tags of all resource types, by resource ARN.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    answer::{OperationAnswer, ServiceError},
    emulator_state::EmulatorState,
};

/// Maximum number of tags per resource (service model 2017-07-24, `TagList`).
const MAX_TAGS: usize = 50;

#[derive(Debug, Default)]
pub(crate) struct ResourceTags(BTreeMap<String, BTreeMap<String, String>>);

impl ResourceTags {
    /// Adds the `Tags` of a request to a resource. For equal keys, the new value wins.
    pub fn merge_tags(&mut self, arn: &str, tags: &Value) -> Result<(), ServiceError> {
        let mut all = self.0.get(arn).cloned().unwrap_or_default();
        for tag in tags.as_array().into_iter().flatten() {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            all.insert(text("Key"), text("Value"));
        }
        if all.len() > MAX_TAGS {
            return Err(ServiceError::validation_exception(format!(
                "The resource {arn} would have more than {MAX_TAGS} tags."
            )));
        }
        self.0.insert(arn.to_owned(), all);
        Ok(())
    }

    fn tags_of(&self, arn: &str) -> Value {
        let tags = self.0.get(arn).into_iter().flatten();
        tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }
}

pub(crate) fn add_tags(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    let arn = resource_arn(request);
    state.tags.merge_tags(arn, &request["Tags"])?;
    Ok(json!({ "Tags": state.tags.tags_of(arn) }))
}

/// All tags fit on one page, because a page holds at least 50.
#[allow(clippy::unnecessary_wraps)] // signature of an operation handler
pub(crate) fn list_tags(state: &mut EmulatorState, request: &Value) -> OperationAnswer {
    Ok(json!({ "Tags": state.tags.tags_of(resource_arn(request)) }))
}

fn resource_arn(request: &Value) -> &str {
    // The check against the service model guarantees that the member is present.
    request["ResourceArn"].as_str().unwrap_or_default()
}
