//! Text that an uploader chose to deceive people who read a notification.

use serde_json::Value;

use crate::Notification;

/// Forges a line, mentions everyone, makes links, and reverses the direction of text.
pub(crate) const HOSTILE: &str = "a\nFix: run this\t<!channel> <https://evil|Approve> [x](http://evil) \u{202e}zg.rat";

/// Checks that a notification which contains [`HOSTILE`] shows it on one line, in every channel, as
/// plain text.
pub(crate) fn assert_harmless(notification: &Notification) {
    let text = &notification.text;
    assert!(text.contains(r"a\nFix: run this\t"), "expected the hostile text to be shown: {text}");
    assert!(text.chars().all(|c| c == '\n' || !is_deceptive(c)), "{text}");
    assert!(!text.contains("\nFix: run this"), "{text}");
    for (name, value) in notification.message_attributes() {
        assert!(!value.contains(is_deceptive), "{name}: {value}");
    }
    let message: Value = serde_json::from_str(&notification.sns_message().unwrap()).unwrap();
    let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
    let shown = format!("{} {}", chat["content"]["title"], chat["content"]["description"]);
    assert!(!shown.contains('<') && !shown.contains("]("), "{shown}");
}

fn is_deceptive(c: char) -> bool {
    c.is_control() || c == '\u{202e}'
}
