//! Pages of a list: sorted as asked, with a token that leads on from where a page ended.

use std::hash::{DefaultHasher, Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Refusal;

/// Items on a page unless the request says otherwise. The model states a default for some operations: this one.
const DEFAULT_PAGE: usize = 10;

/// An item's place in the order asked for: unique, as it ends with the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place(String, i64, String);

impl Place {
    pub fn by_name(name: &str) -> Self {
        Self(String::new(), 0, name.to_owned())
    }

    pub fn by_time(at: Timestamp, name: &str) -> Self {
        Self(String::new(), at.as_millisecond(), name.to_owned())
    }

    pub fn by_text(text: &str, at: Timestamp, name: &str) -> Self {
        Self(text.to_owned(), at.as_millisecond(), name.to_owned())
    }
}

/// Where a page ended, and of which list.
#[derive(Serialize, Deserialize)]
struct Token {
    list: u64,
    after: Place,
}

/// The page that a request asks for by its `SortOrder`, `MaxResults` and `NextToken`, and the token of the next one.
pub(crate) fn cut<T>(request: &Value, mut found: Vec<(Place, T)>) -> Result<(Vec<T>, Option<String>), Refusal> {
    let list = fingerprint(request);
    let after = request["NextToken"].as_str().map(|token| read(token, list)).transpose()?;
    // The model: "The default is Ascending."
    let descending = request["SortOrder"] == "Descending";
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    if descending {
        found.reverse();
    }
    if let Some(after) = after {
        found.retain(|(place, _)| if descending { *place < after } else { *place > after });
    }
    let wanted = request["MaxResults"].as_u64().and_then(|wanted| usize::try_from(wanted).ok());
    let rest = found.split_off(found.len().min(wanted.unwrap_or(DEFAULT_PAGE)));
    let end = found.last().filter(|_| !rest.is_empty());
    let next = end.map(|(place, _)| {
        let token = json!(Token { list, after: place.clone() });
        BASE64URL_NOPAD.encode(token.to_string().as_bytes())
    });
    Ok((found.into_iter().map(|(_, item)| item).collect(), next))
}

/// An answer that holds a page.
pub(crate) fn answer(member: &str, items: impl Into<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ member: items.into() });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}

/// Whether a time lies after the one member of the request and before the other, to the millisecond: that is what the
/// answers show.
#[allow(clippy::cast_possible_truncation)] // the model's check has bounded the times to the years 1 to 9999
pub(crate) fn between(at: Timestamp, request: &Value, after: &str, before: &str) -> bool {
    let millis = |member: &str| request[member].as_f64().map(|seconds| (seconds * 1_000.0).round() as i64);
    let at = at.as_millisecond();
    millis(after).is_none_or(|after| at > after) && millis(before).is_none_or(|before| at < before)
}

/// What makes a page part of the same list: everything but where it starts and how long it is.
fn fingerprint(request: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let members = request.as_object().into_iter().flatten();
    let mut members: Vec<_> =
        members.filter(|(name, _)| !["NextToken", "MaxResults"].contains(&name.as_str())).collect();
    members.sort_by_key(|(name, _)| *name);
    for (name, value) in members {
        (name, value.to_string()).hash(&mut hasher);
    }
    hasher.finish()
}

fn read(token: &str, list: u64) -> Result<Place, Refusal> {
    BASE64URL_NOPAD
        .decode(token.as_bytes())
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Token>(&bytes).ok())
        .filter(|token| token.list == list)
        .map(|token| token.after)
        .ok_or_else(|| Refusal::validation("Invalid NextToken: it is not one of this list with these filters."))
}
