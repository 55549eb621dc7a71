//! The stack's dead-letter queues: their short names, and filters over their messages.

use globset::{GlobBuilder, GlobMatcher};
#[cfg(feature = "aws")]
use worker::dead_letters::DeadLetter;

/// Short names of the dead-letter queues, derived from the names of the template's outputs.
pub(crate) const QUEUE_NAMES: [&str; 9] = [
    "uploads",
    "requests",
    "job-states",
    "workteam",
    "maintain-partner-apps",
    "maintain-images",
    "maintain-workteams",
    "events",
    "schedules",
];

/// Suffix of the template outputs that contain the URL of a dead-letter queue.
const OUTPUT_SUFFIX: &str = "DeadLetterQueueUrl";

/// Resolves a short name such as `job-states` to the queue's URL, which the stack's output
/// `JobStatesDeadLetterQueueUrl` contains. A URL or a full queue name is returned unchanged.
pub(crate) fn resolve_queue(queue: &str, output: impl Fn(&str) -> Option<String>) -> String {
    output(&output_name(queue)).unwrap_or_else(|| queue.to_owned())
}

/// The name of the template output for a short queue name.
pub(crate) fn output_name(queue: &str) -> String {
    let words = queue.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.chain([OUTPUT_SUFFIX.to_owned()]).collect()
}

/// Selects messages by the text of one field.
#[derive(Debug, Clone)]
pub(crate) struct MessageFilter {
    field: FilterField,
    pattern: GlobMatcher,
}

#[derive(Debug, Clone, Copy)]
enum FilterField {
    Cause,
    Function,
    CorrelationId,
}

impl MessageFilter {
    /// Parses `FIELD=TEXT`, such as `cause=throttl`. TEXT matches a part of the field; if it
    /// contains `*` or `?`, it has to match the whole field. Case is ignored.
    pub fn parse(filter: &str) -> Result<Self, String> {
        let expected = "expected cause=TEXT, function=TEXT or correlation_id=TEXT";
        let (field, text) = filter.split_once('=').ok_or(expected)?;
        let field = match field.replace('-', "_").as_str() {
            "cause" => FilterField::Cause,
            "function" => FilterField::Function,
            "correlation_id" => FilterField::CorrelationId,
            _ => return Err(expected.to_owned()),
        };
        let is_pattern = text.contains(['*', '?']);
        let pattern = if is_pattern { text.to_owned() } else { format!("*{}*", globset::escape(text)) };
        let glob = GlobBuilder::new(&pattern).case_insensitive(true).literal_separator(false).build();
        Ok(Self { field, pattern: glob.map_err(|error| error.to_string())?.compile_matcher() })
    }

    #[cfg(feature = "aws")]
    pub fn is_match(&self, message: &DeadLetter) -> bool {
        match self.field {
            FilterField::Cause => self.pattern.is_match(message.cause()),
            FilterField::Function => self.pattern.is_match(message.function().unwrap_or_default()),
            FilterField::CorrelationId => self.pattern.is_match(message.correlation_id()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_resolved_by_the_stacks_outputs() {
        let outputs = |name: &str| (name == "JobStatesDeadLetterQueueUrl").then(|| "https://sqs/1/states".to_owned());
        assert_eq!(resolve_queue("job-states", outputs), "https://sqs/1/states");
        assert_eq!(resolve_queue("uploads", outputs), "uploads");
        assert_eq!(resolve_queue("https://sqs/1/x", outputs), "https://sqs/1/x");
    }

    #[test]
    fn short_names_match_the_template_and_the_runbook() {
        let template = include_str!("../../template.yaml");
        // The outputs are a loop: `- [Uploads, Requests, …]`, then `- ${Queue}DeadLetterQueueUrl:`.
        let (before, _) = template.rsplit_once(&format!("- ${{Queue}}{OUTPUT_SUFFIX}:")).unwrap();
        let names = before.trim_end().lines().last().unwrap().trim().trim_start_matches("- [").trim_end_matches(']');
        let outputs: Vec<_> = names.split(", ").map(|name| format!("{name}{OUTPUT_SUFFIX}")).collect();
        assert_eq!(QUEUE_NAMES.map(output_name).as_slice(), outputs);
        let runbook = include_str!("../../docs/OPERATIONS.md");
        for queue in QUEUE_NAMES {
            assert!(runbook.contains(&format!("`{queue}`")), "docs/OPERATIONS.md does not contain {queue}");
        }
    }

    #[test]
    fn filters_match_a_part_or_a_pattern() {
        for (filter, text, matches) in [
            ("cause=throttl", "CreateCompilationJob: ThrottlingException", true),
            ("cause=List: *", "List: connection/reset", true),
            ("cause=reset*", "connection reset", false),
            ("cause=[x]", "an [x] in it", true),
            ("correlation-id=abc", "xABCx", true),
        ] {
            assert_eq!(MessageFilter::parse(filter).unwrap().pattern.is_match(text), matches, "{filter} {text}");
        }
        assert!(MessageFilter::parse("colour=red").is_err() && MessageFilter::parse("cause").is_err());
    }
}
