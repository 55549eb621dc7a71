//! `AddTags` and `ListTags`: the tags of every kind of resource, by its ARN.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::world::World;

/// Tags of one resource (service model 2017-07-24, `TagList`).
const MAX_TAGS: usize = 50;

/// The tags of the account's resources.
#[derive(Debug, Default)]
pub(crate) struct Tags(BTreeMap<String, BTreeMap<String, String>>);

impl Tags {
    /// Adds a request's `Tags` to a resource's; of equal keys the new one wins.
    pub fn add(&mut self, arn: &str, tags: &Value) -> Result<(), Refusal> {
        let mut all = self.0.get(arn).cloned().unwrap_or_default();
        for tag in tags.as_array().into_iter().flatten() {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            all.insert(text("Key"), text("Value"));
        }
        if all.len() > MAX_TAGS {
            return Err(Refusal::validation(format!("The resource {arn} would have more than {MAX_TAGS} tags.")));
        }
        self.0.insert(arn.to_owned(), all);
        Ok(())
    }

    fn of(&self, arn: &str) -> Value {
        let tags = self.0.get(arn).into_iter().flatten();
        tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }
}

pub(crate) fn add(world: &mut World, request: &Value) -> Answer {
    let arn = arn(request);
    world.tags.add(arn, &request["Tags"])?;
    Ok(json!({ "Tags": world.tags.of(arn) }))
}

/// All tags fit on one page: a page has at least 50.
#[allow(clippy::unnecessary_wraps)] // a handler like the others
pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    Ok(json!({ "Tags": world.tags.of(arn(request)) }))
}

fn arn(request: &Value) -> &str {
    // The model has made sure that it is there.
    request["ResourceArn"].as_str().unwrap_or_default()
}
