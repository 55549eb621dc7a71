//! Pagination: sorts a list as requested, cuts a page, filters it, and issues a `NextToken` for the
//! following page.
//!
//! As in SageMaker, the page is cut before it is filtered: a page with few or no items, and a
//! `NextToken`, is normal (boto/boto3 issue 2838).

use std::hash::{DefaultHasher, Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::ServiceError;

/// Default page size. For the operations that state a default in the service model, it is this one.
const DEFAULT_PAGE: usize = 10;

/// The position of an item in the requested order. It is unique because it ends with the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SortKey(String, i64, String);

impl SortKey {
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

/// The content of `NextToken`: the query of the list and the last item of the page.
#[derive(Serialize, Deserialize)]
struct PageToken {
    list: u64,
    after: SortKey,
}

/// Selects the items on the page for the `SortOrder`, `MaxResults` and `NextToken` of a request
/// that match its filters. Also returns the token of the next page.
pub(crate) fn select_page<T>(
    request: &Value,
    mut found: Vec<(SortKey, T)>,
    matches_filters: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Option<String>), ServiceError> {
    let list = hash_query(request);
    let after = request["NextToken"].as_str().map(|token| read_token(token, list)).transpose()?;
    // Service model: "The default is Ascending."
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
        let token = json!(PageToken { list, after: place.clone() });
        BASE64URL_NOPAD.encode(token.to_string().as_bytes())
    });
    Ok((found.into_iter().map(|(_, item)| item).filter(matches_filters).collect(), next))
}

pub(crate) fn build_list_answer(member: &str, items: impl Into<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ member: items.into() });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}

/// Whether a time is after the request member `after` and before the member `before`. It compares
/// milliseconds, the precision of the responses.
#[allow(clippy::cast_possible_truncation)] // the model check limits times to the years 1 to 9999
pub(crate) fn is_between(at: Timestamp, request: &Value, after: &str, before: &str) -> bool {
    let millis = |member: &str| request[member].as_f64().map(|seconds| (seconds * 1_000.0).round() as i64);
    let at = at.as_millisecond();
    millis(after).is_none_or(|after| at > after) && millis(before).is_none_or(|before| at < before)
}

/// Hashes all members that define the list: everything but `NextToken` and `MaxResults`.
fn hash_query(request: &Value) -> u64 {
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

fn read_token(token: &str, list: u64) -> Result<SortKey, ServiceError> {
    BASE64URL_NOPAD
        .decode(token.as_bytes())
        .ok()
        .and_then(|bytes| serde_json::from_slice::<PageToken>(&bytes).ok())
        .filter(|token| token.list == list)
        .map(|token| token.after)
        .ok_or_else(|| {
            ServiceError::validation_exception("Invalid NextToken: it is not one of this list with these filters.")
        })
}
