//! What is told of images.

use jiff::Timestamp;
use maintenance::{Change, image::ImageOutcome};
use model_archive::Problem;
use serde::Serialize;

use super::{Notification, NotificationType, Severity, subject, text};

/// An image in a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ImageReport {
    pub name: String,
}

impl Notification {
    /// What became of an image's update.
    pub fn image_outcome(name: &str, outcome: &ImageOutcome, asked_at: Timestamp, time: Timestamp) -> Self {
        match outcome {
            ImageOutcome::Updated { changes } => Self {
                subject: subject(&format!("Image {name}: updated")),
                text: format!("{name} is as the configuration says.\n{}", text::changes(changes)),
                changes: changes.clone(),
                ..Self::of_image(
                    NotificationType::ImageUpdated,
                    Severity::Info,
                    name,
                    &format!("updated-{asked_at}"),
                    time,
                )
            },
            ImageOutcome::Failed { changes, reason } => {
                let problem = Problem::new(
                    "image-update-failed",
                    format!("the update of {name} failed: {reason}"),
                    "correct the configuration; the image is updated again once it says something else",
                );
                Self {
                    changes: changes.clone(),
                    ..Self::image_failed(name, &problem, changes, &asked_at.to_string(), time)
                }
            }
        }
    }

    /// An image that cannot be brought to what is declared. `config` is the version of the configuration: with a new one it is told
    /// again.
    pub fn image_blocked(name: &str, problem: &Problem, config: Option<&str>, time: Timestamp) -> Self {
        Self::image_failed(name, problem, &[], config.unwrap_or("unversioned"), time)
    }

    fn image_failed(name: &str, problem: &Problem, changes: &[Change], of: &str, time: Timestamp) -> Self {
        let mut text = format!("{name} is not as the configuration says.\n");
        text::problems(&mut text, std::slice::from_ref(problem));
        text.push_str(&text::changes(changes));
        let id = format!("{}-{of}", problem.code);
        Self {
            subject: subject(&format!("Image {name}: {}", problem.code)),
            text,
            problems: vec![problem.clone()],
            ..Self::of_image(NotificationType::ImageUpdateFailed, Severity::Error, name, &id, time)
        }
    }

    fn of_image(kind: NotificationType, severity: Severity, name: &str, id: &str, time: Timestamp) -> Self {
        let image = Some(ImageReport { name: name.to_owned() });
        Self { image, ..Self::new(kind, severity, format!("image-{name}-{id}"), time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people are told, whole: docs/NOTIFICATIONS.md is written from this snapshot.
    #[test]
    fn documents_are_versioned_and_whole() {
        let now: Timestamp = "2026-12-01T03:45:00Z".parse().unwrap();
        let change = |field: &str, from: &str, to: Option<&str>| Change {
            field: field.to_owned(),
            from: Some(from.to_owned()),
            to: to.map(str::to_owned),
        };
        let changes = vec![change("display_name", "Base", Some("Training base")), change("description", "old", None)];
        let failed = ImageOutcome::Failed { changes: changes.clone(), reason: "the role cannot be assumed".to_owned() };
        let unknown = Problem::new(
            "unknown-image",
            "there is no image training-bsae in this account and Region",
            "correct the name, create the image, or remove the entry: images are not created here",
        );
        let told = [
            Notification::image_outcome("training-base", &ImageOutcome::Updated { changes }, now, now),
            Notification::image_outcome("training-base", &failed, now, now),
            Notification::image_blocked("training-bsae", &unknown, Some("3HL4kqtJlcpXroDTDmJ"), now),
        ];
        insta::assert_json_snapshot!(told);
    }
}
