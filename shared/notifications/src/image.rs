//! Notifications about images.

use jiff::Timestamp;
use maintenance::{Change, SettledUpdate};
use model_archive::Problem;
use serde::Serialize;

use crate::{Notification, NotificationType, Severity, notification::format_ascii_subject, text};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ImageReport {
    pub name: String,
}

impl Notification {
    /// The outcome of an update that was requested at `requested_at`.
    pub fn image_outcome(name: &str, outcome: &SettledUpdate, requested_at: Timestamp, time: Timestamp) -> Self {
        match outcome {
            SettledUpdate::Applied { changes } => {
                let mut text = format!("{name} now matches the configuration.\n");
                text::append_changes(&mut text, "Settings updated", changes);
                Self {
                    subject: format_ascii_subject(&format!("Image {name} was updated")),
                    text,
                    changes: changes.clone(),
                    ..Self::new_for_image(
                        NotificationType::ImageUpdated,
                        Severity::Info,
                        name,
                        &format!("updated-{requested_at}"),
                        time,
                    )
                }
            }
            SettledUpdate::Failed { changes, reason } => {
                let problem = Problem::new(
                    "image-update-failed",
                    format!("the update of {name} failed: {reason}"),
                    text::FAILED_UPDATE_FIX,
                );
                Self {
                    changes: changes.clone(),
                    ..Self::image_not_updated(name, &problem, changes, &requested_at.to_string(), time)
                }
            }
        }
    }

    /// A problem prevents the update of an image. Reported again for each new version of the
    /// configuration, `config_version`, and for each image of this name: `created_at` is when the
    /// last one that was seen was created.
    pub fn image_blocked(
        name: &str,
        problem: &Problem,
        config_version: Option<&str>,
        created_at: Option<Timestamp>,
        time: Timestamp,
    ) -> Self {
        let image = created_at.map(|created_at| format!("-{}", created_at.as_second())).unwrap_or_default();
        let id = format!("{}{image}", config_version.unwrap_or("unversioned"));
        Self::image_not_updated(name, problem, &[], &id, time)
    }

    fn image_not_updated(name: &str, problem: &Problem, changes: &[Change], id_suffix: &str, time: Timestamp) -> Self {
        let mut text = format!("{name} does not match the configuration.\n");
        text::append_problems(&mut text, std::slice::from_ref(problem));
        text::append_unapplied_changes(&mut text, changes);
        let id = format!("{}-{id_suffix}", problem.code);
        Self {
            subject: format_ascii_subject(&format!("Image {name} could not be updated")),
            text,
            problems: vec![problem.clone()],
            ..Self::new_for_image(NotificationType::ImageUpdateFailed, Severity::Error, name, &id, time)
        }
    }

    fn new_for_image(kind: NotificationType, severity: Severity, name: &str, id: &str, time: Timestamp) -> Self {
        let image = Some(ImageReport { name: name.to_owned() });
        Self { image, ..Self::new(kind, severity, format!("image-{name}-{id}"), time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile_text::{HOSTILE, assert_harmless};

    #[test]
    fn hostile_reasons_forge_neither_lines_nor_mentions() {
        let time = Timestamp::UNIX_EPOCH;
        let change = Change { field: "description".to_owned(), from: Some(HOSTILE.to_owned()), to: None };
        let failed = SettledUpdate::Failed { changes: Vec::new(), reason: HOSTILE.to_owned() };
        for outcome in [failed, SettledUpdate::Applied { changes: vec![change] }] {
            assert_harmless(&Notification::image_outcome("training-base", &outcome, time, time));
        }
    }

    /// The examples in docs/NOTIFICATIONS.md are generated from this snapshot.
    #[test]
    fn documents_are_versioned_and_complete() {
        let now: Timestamp = "2026-12-01T03:45:00Z".parse().unwrap();
        let change = |field: &str, from: &str, to: Option<&str>| Change {
            field: field.to_owned(),
            from: Some(from.to_owned()),
            to: to.map(str::to_owned),
        };
        let changes = vec![change("display_name", "Base", Some("Training base")), change("description", "old", None)];
        let failed =
            SettledUpdate::Failed { changes: changes.clone(), reason: "the role cannot be assumed".to_owned() };
        let unknown = Problem::new(
            "unknown-image",
            "there is no image training-bsae in this account and Region",
            "correct the name, create the image, or remove the entry; this stack does not create images",
        );
        let notifications = [
            Notification::image_outcome("training-base", &SettledUpdate::Applied { changes }, now, now),
            Notification::image_outcome("training-base", &failed, now, now),
            Notification::image_blocked("training-bsae", &unknown, Some("3HL4kqtJlcpXroDTDmJ"), None, now),
        ];
        insta::assert_json_snapshot!(notifications);
    }
}
