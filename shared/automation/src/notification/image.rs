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
