//! Pages of a list that is sorted already.

use std::hash::{DefaultHasher, Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Refusal;

/// Where a page ended, and of which list.
#[derive(Serialize, Deserialize)]
struct Token {
    list: u64,
    next: usize,
}

/// The page that the request asks for, and what leads to the one after it.
pub(crate) fn page<T: Copy>(found: &[T], request: &Value, default: usize) -> Result<(Vec<T>, Option<String>), Refusal> {
    let list = fingerprint(request);
    let first = request["NextToken"].as_str().map(|token| read(token, list)).transpose()?.unwrap_or(0).min(found.len());
    let size = request["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(default);
    let next = first.saturating_add(size).min(found.len());
    let token = (next < found.len()).then(|| write(&Token { list, next }));
    Ok((found[first..next].to_vec(), token))
}

/// What makes a page part of the same list: everything but where it starts and how long it is.
fn fingerprint(request: &Value) -> u64 {
    let mut rest = request.clone();
    if let Some(members) = rest.as_object_mut() {
        members.remove("NextToken");
        members.remove("MaxResults");
    }
    let mut hasher = DefaultHasher::new();
    rest.to_string().hash(&mut hasher);
    hasher.finish()
}

fn write(token: &Token) -> String {
    BASE64URL_NOPAD.encode(json!(token).to_string().as_bytes())
}

fn read(token: &str, list: u64) -> Result<usize, Refusal> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    let token: Option<Token> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    token
        .filter(|token| token.list == list)
        .map(|token| token.next)
        .ok_or_else(|| Refusal::validation("Invalid NextToken: it is not one of this list with these filters."))
}
