//! The message for chat clients, in AWS's schema for custom notifications: Slack, Microsoft Teams
//! and Amazon Chime receive it through Amazon Q Developer in chat applications.

use serde_json::{Value, json};

use crate::{Notification, workteam::WorkteamDetails};

/// Longest title in characters (Amazon Q Developer in chat applications administrator guide,
/// "Custom notifications").
const MAX_TITLE: usize = 250;

/// Longest text in characters (Slack API reference, "Section block"; Amazon Q accepts 8,000).
const MAX_TEXT: usize = 3_000;

/// Ends a text that was cut.
const CUT: &str = "…\n(The e-mail and the JSON document have the complete text.)";

pub(crate) fn compose_message(notification: &Notification) -> Value {
    let text = match find_link(notification) {
        Some(link) => format!("{link}\n\n{}", notification.text),
        None => notification.text.clone(),
    };
    let mut message = json!({
        "version": "1.0",
        "source": "custom",
        "id": notification.id,
        "content": {
            "textType": "client-markdown",
            "title": cut_text(escape_markdown(&notification.subject), MAX_TITLE, "…"),
            "description": cut_text(escape_markdown(&text), MAX_TEXT, CUT),
        },
    });
    if let Some(thread) = find_thread(notification) {
        message["metadata"] = json!({ "threadId": thread });
    }
    message
}

/// The job in the console. (The text about a team begins with the link to its portal.)
fn find_link(notification: &Notification) -> Option<&str> {
    notification.job.as_ref()?.links.job.as_deref()
}

/// Notifications of one model version, one labeling job or one partner app form a thread.
fn find_thread(notification: &Notification) -> Option<String> {
    if let Some(model) = &notification.model {
        return Some(format!("model-{}", model.source.unreplayed_id().as_str()));
    }
    if let Some(app) = &notification.app {
        return Some(format!("partner-app-{}", app.name));
    }
    let labeling_job = notification.workteam.as_ref().and_then(WorkteamDetails::labeling_job_name)?;
    Some(format!("labeling-job-{labeling_job}"))
}

/// Escapes text for the Markdown of chat clients, so that a foreign name cannot mention people or
/// make a link: Slack's control characters become entities, and the two parts of a Markdown link
/// are separated.
fn escape_markdown(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace("](", "] (")
}

/// Cuts an escaped text to a number of characters that includes `end`, and not inside an entity.
fn cut_text(mut text: String, max_chars: usize, end: &str) -> String {
    if text.chars().count() <= max_chars {
        return text;
    }
    let kept = max_chars - end.chars().count();
    if let Some((at, _)) = text.char_indices().nth(kept) {
        text.truncate(at);
    }
    if let Some(at) = text.rfind('&').filter(|at| !text[*at..].contains(';')) {
        text.truncate(at);
    }
    text + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_the_limit() {
        assert_eq!(cut_text("a &amp; b".to_owned(), 9, "…"), "a &amp; b");
        assert_eq!(cut_text("a &amp; bc".to_owned(), 9, "…"), "a &amp; …");
        for max_chars in 4..8 {
            assert_eq!(cut_text("a &amp; bc".to_owned(), max_chars, "…"), "a …", "{max_chars}");
        }
        let cut = cut_text(escape_markdown(&"<é>".repeat(2_000)), MAX_TEXT, CUT);
        assert!((MAX_TEXT - 4..=MAX_TEXT).contains(&cut.chars().count()), "{}", cut.chars().count());
        assert!(
            cut.ends_with(&format!("&gt;{CUT}"))
                || cut.ends_with(&format!("é{CUT}"))
                || cut.ends_with(&format!("&lt;{CUT}"))
        );
    }
}
