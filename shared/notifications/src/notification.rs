//! The notification: a versioned JSON document that includes the subject and the text for people.

use std::borrow::Cow;

use document::escape_line;
use jiff::Timestamp;
use maintenance::Change;
use model_archive::{Problem, Warning};
use neo::JobName;
use serde::Serialize;
use serde_json::json;

use crate::{
    chat,
    compilation::{JobConsoleLinks, JobReport, ModelReport},
    image::ImageReport,
    notification_type::{NotificationType, Severity},
    partner_app::PartnerAppReport,
    text,
    workteam::WorkteamDetails,
};

/// The version of the notification document.
const NOTIFICATION_VERSION: u32 = 1;

/// Longest subject in characters: SNS requires less than 100 (SNS API Reference, `Publish`).
pub(crate) const MAX_SUBJECT: usize = 99;

/// Longest message in bytes: SNS allows 256 KiB including the attributes (SNS API Reference,
/// `Publish`).
const MAX_MESSAGE: usize = 250 * 1024;

/// Characters of a text that are kept when a message is too long. The message contains the text
/// three times, and JSON escapes some characters with six.
const TRUNCATED_TEXT: usize = 8 * 1024;

/// Changes of a configuration that are listed, so that people read them on a phone; the rest are
/// counted.
const MAX_CONFIG_CHANGES: usize = 100;

/// Characters of a failure reason that are kept when a message is too long.
const TRUNCATED_REASON: usize = 100;

/// A notification. Serializes as the JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    pub(crate) version: u32,
    #[serde(rename = "type")]
    pub kind: NotificationType,
    pub severity: Severity,
    /// The same each time a notification is published again.
    pub id: String,
    pub(crate) time: Timestamp,
    /// One line of at most [`MAX_SUBJECT`] ASCII characters.
    pub subject: String,
    /// The text for people.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<ModelReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<JobReport>,
    /// The earlier job whose artifact is reused for this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reused_from: Option<JobName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) jobs: Vec<JobReport>,
    /// The S3 URI of the complete summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Problem>,
    /// What the inspection of the model and its plan found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<PartnerAppReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<ImageReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<ConfigReport>,
    #[serde(flatten)]
    pub(crate) workteam: Option<WorkteamDetails>,
}

/// The version of the configuration that was accepted or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ConfigReport {
    bucket: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    /// The version that was active before, which `changes` are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_version_id: Option<String>,
}

impl Notification {
    pub(crate) fn new(kind: NotificationType, severity: Severity, id: String, time: Timestamp) -> Self {
        Self {
            version: NOTIFICATION_VERSION,
            kind,
            severity,
            id,
            time,
            subject: String::new(),
            text: String::new(),
            model: None,
            rule: None,
            job: None,
            reused_from: None,
            jobs: Vec::new(),
            summary: None,
            problems: Vec::new(),
            warnings: Vec::new(),
            app: None,
            image: None,
            changes: Vec::new(),
            config: None,
            workteam: None,
        }
    }

    /// The configuration is invalid; `active_version` is the last valid version, which remains
    /// active.
    pub fn config_rejected(
        bucket: &str,
        key: &str,
        version: Option<&str>,
        error: &str,
        active_version: Option<&str>,
        time: Timestamp,
    ) -> Self {
        let id = format!("config-rejected-{}", version.unwrap_or("unversioned"));
        Self {
            subject: format_ascii_subject(&format!("Configuration rejected: {key}")),
            text: text::format_config_rejected_text(bucket, key, error, active_version),
            problems: vec![Problem::new(
                "config-invalid",
                error,
                format!("correct {key} and upload it to {bucket} again"),
            )],
            config: Some(ConfigReport {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                version_id: version.map(str::to_owned),
                previous_version_id: None,
            }),
            ..Self::new(NotificationType::ConfigRejected, Severity::Error, id, time)
        }
    }

    /// A version of the configuration is active for the first time. `changes` are what differs from
    /// `previous_version`, or without one, all of its entries.
    pub fn config_accepted(
        bucket: &str,
        key: &str,
        version: Option<&str>,
        previous_version: Option<&str>,
        mut changes: Vec<Change>,
        time: Timestamp,
    ) -> Self {
        let id = format!("config-accepted-{}", version.unwrap_or("unversioned"));
        let omitted = changes.len().saturating_sub(MAX_CONFIG_CHANGES);
        changes.truncate(MAX_CONFIG_CHANGES);
        Self {
            subject: format_ascii_subject(&format!("Configuration accepted: {key}")),
            text: text::format_config_accepted_text(bucket, key, previous_version, &changes, omitted),
            changes,
            config: Some(ConfigReport {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                version_id: version.map(str::to_owned),
                previous_version_id: previous_version.map(str::to_owned),
            }),
            ..Self::new(NotificationType::ConfigAccepted, Severity::Info, id, time)
        }
    }

    /// The SNS message attributes, which filter policies can use.
    pub(crate) fn message_attributes(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let target = self.job.as_ref().map(|job| job.target.as_str());
        let options = self.job.as_ref().map(|job| job.options_text.as_str());
        let model = self.model.as_ref().map(|model| model.uri.as_str());
        [
            ("type", Some(self.kind.as_str())),
            ("severity", Some(self.severity.as_str())),
            ("subject", Some(self.subject.as_str())),
            ("rule", self.rule.as_deref()),
            ("target", target),
            ("options", options),
            ("model", model),
            ("app", self.app.as_ref().map(|app| app.name.as_str())),
            ("image", self.image.as_ref().map(|image| image.name.as_str())),
            ("workteam", self.workteam.as_ref().and_then(WorkteamDetails::team_name)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, escape_line(value.filter(|value| !value.is_empty())?))))
        .collect()
    }

    /// The number of objects left to label; `None` if it is not known, or if the notification is
    /// not about open work.
    pub(crate) fn objects_left(&self) -> Option<u64> {
        self.workteam.as_ref()?.objects_left()
    }

    /// The message for SNS with `MessageStructure: json`: the document for programs, the text for
    /// e-mail, AWS's custom notification schema for chat tools.
    pub(crate) fn sns_message(&self) -> Result<String, serde_json::Error> {
        self.fit_into_limit()?.compose_sns_message()
    }

    /// The JSON document, the same on every channel.
    pub(crate) fn document(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.fit_into_limit()?)
    }

    /// If the message exceeds the SNS limit, texts are truncated and say where the complete version
    /// is.
    fn fit_into_limit(&self) -> Result<Cow<'_, Self>, serde_json::Error> {
        if self.compose_sns_message()?.len() <= MAX_MESSAGE {
            return Ok(Cow::Borrowed(self));
        }
        tracing::warn!(id = self.id, text = self.text, "Notification truncated: it exceeds the SNS limit");
        let mut short = self.truncate_texts();
        if short.compose_sns_message()?.len() > MAX_MESSAGE {
            // With this many targets, even the names of the jobs exceed the limit.
            short.jobs.clear();
        }
        Ok(Cow::Owned(short))
    }

    fn truncate_texts(&self) -> Self {
        let full_version = self.summary.as_deref().unwrap_or("the log of the function that published this");
        let truncate = |text: &str, max_chars: usize| {
            let kept: String = text.chars().take(max_chars).collect();
            if kept.len() == text.len() {
                kept
            } else {
                format!("{kept}\n… truncated; the full text is in {full_version}")
            }
        };
        let mut short = self.clone();
        short.text = truncate(&self.text, TRUNCATED_TEXT);
        for job in &mut short.jobs {
            job.failure_reason = job.failure_reason.as_deref().map(|reason| truncate(reason, TRUNCATED_REASON));
            job.links = JobConsoleLinks::default();
            job.remedy = None;
        }
        short.problems.truncate(1);
        short.warnings.truncate(1);
        for problem in &mut short.problems {
            problem.problem = truncate(&problem.problem, TRUNCATED_TEXT);
        }
        if let Some(details) = &mut short.workteam {
            details.truncate_messages(|text| truncate(text, TRUNCATED_TEXT));
        }
        short
    }

    fn compose_sns_message(&self) -> Result<String, serde_json::Error> {
        let document = serde_json::to_string(self)?;
        let chat = chat::compose_message(self).to_string();
        Ok(json!({ "default": document, "email": self.text, "https": chat }).to_string())
    }
}

/// Makes a valid e-mail subject: printable ASCII, at most [`MAX_SUBJECT`] characters. Other scripts
/// are transliterated.
pub(crate) fn format_ascii_subject(text: &str) -> String {
    let ascii = any_ascii::any_ascii(text);
    ascii.trim().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_changes_is_counted() {
        let change = Change { field: "images".to_owned(), from: None, to: Some("base".to_owned()) };
        let changes = vec![change; MAX_CONFIG_CHANGES + 1];
        let time = Timestamp::UNIX_EPOCH;
        let accepted = Notification::config_accepted("config", "a.yaml", Some("v2"), Some("v1"), changes, time);
        assert_eq!(accepted.changes.len(), MAX_CONFIG_CHANGES);
        assert!(accepted.text.ends_with("… and 1 more; `automation config` lists all\n"), "{}", accepted.text);
    }
}
