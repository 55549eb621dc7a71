//! `ListCompilationJobs`: filters, orders, pages.

use std::hash::{DefaultHasher, Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::job::Job;
use crate::answer::{Answer, Refusal};
use crate::world::World;

/// Summaries on a page unless the request says otherwise. The model states no default for this operation;
/// 10 is what it states for its like.
const DEFAULT_PAGE: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    next_token: Option<String>,
    max_results: Option<usize>,
    creation_time_after: Option<f64>,
    creation_time_before: Option<f64>,
    last_modified_time_after: Option<f64>,
    last_modified_time_before: Option<f64>,
    name_contains: Option<String>,
    status_equals: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
}

/// A job's place in the order asked for: unique, as it ends with the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Place(String, i64, String);

/// Where a page ended, and of which query.
#[derive(Serialize, Deserialize)]
struct Token {
    query: u64,
    after: Place,
}

pub(crate) fn list(world: &mut World, request: &Value) -> Answer {
    let query = Query::deserialize(request).map_err(|error| Refusal::unreadable(&error))?;
    let after = query.next_token.as_deref().map(|token| query.read(token)).transpose()?;
    let mut found: Vec<(Place, &Job)> =
        world.compilation.all().filter(|job| query.matches(job)).map(|job| (query.place(job), job)).collect();
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    if query.is_descending() {
        found.reverse();
    }
    let first = after.map_or(0, |after| {
        let passed = |place: &Place| {
            if query.is_descending() { *place >= after } else { *place <= after }
        };
        found.partition_point(|(place, _)| passed(place))
    });
    let rest = &found[first..];
    let page = &rest[..rest.len().min(query.max_results.unwrap_or(DEFAULT_PAGE))];
    let summaries: Vec<Value> = page.iter().map(|(_, job)| job.summary()).collect();
    let mut answer = json!({ "CompilationJobSummaries": summaries });
    if let Some((last, _)) = page.last().filter(|_| page.len() < rest.len()) {
        answer["NextToken"] = query.write(last.clone()).into();
    }
    Ok(answer)
}

impl Query {
    fn matches(&self, job: &Job) -> bool {
        let name = self.name_contains.as_ref().is_none_or(|part| job.name().contains(part.as_str()));
        let status = self.status_equals.as_ref().is_none_or(|status| job.status.as_str() == status);
        name && status
            && between(job.created, self.creation_time_after, self.creation_time_before)
            && between(job.modified, self.last_modified_time_after, self.last_modified_time_before)
    }

    fn place(&self, job: &Job) -> Place {
        let name = job.name().to_owned();
        match self.sort_by.as_deref() {
            Some("Name") => Place(String::new(), 0, name),
            Some("Status") => Place(job.status.as_str().to_owned(), job.created.as_millisecond(), name),
            // The model: "The default is CreationTime."
            _ => Place(String::new(), job.created.as_millisecond(), name),
        }
    }

    /// The model: "The default is Ascending."
    fn is_descending(&self) -> bool {
        self.sort_order.as_deref() == Some("Descending")
    }

    /// What makes a page part of the same list: everything but where it starts and how long it is.
    fn fingerprint(&self) -> u64 {
        let times = [
            self.creation_time_after,
            self.creation_time_before,
            self.last_modified_time_after,
            self.last_modified_time_before,
        ];
        let mut hasher = DefaultHasher::new();
        times.map(|time| time.map(f64::to_bits)).hash(&mut hasher);
        [&self.name_contains, &self.status_equals, &self.sort_by, &self.sort_order].hash(&mut hasher);
        hasher.finish()
    }

    fn write(&self, after: Place) -> String {
        let token = json!(Token { query: self.fingerprint(), after });
        BASE64URL_NOPAD.encode(token.to_string().as_bytes())
    }

    fn read(&self, token: &str) -> Result<Place, Refusal> {
        BASE64URL_NOPAD
            .decode(token.as_bytes())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Token>(&bytes).ok())
            .filter(|token| token.query == self.fingerprint())
            .map(|token| token.after)
            .ok_or_else(|| Refusal::validation("Invalid NextToken: it is not one of this list with these filters."))
    }
}

/// Whether a time lies after the one and before the other, to the millisecond: that is what the answers show.
#[allow(clippy::cast_possible_truncation)] // the model's check has bounded the times to the years 1 to 9999
fn between(at: Timestamp, after: Option<f64>, before: Option<f64>) -> bool {
    let millis = |seconds: f64| (seconds * 1_000.0).round() as i64;
    let at = at.as_millisecond();
    after.is_none_or(|after| at > millis(after)) && before.is_none_or(|before| at < millis(before))
}
