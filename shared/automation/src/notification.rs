//! What subscribers are told: one versioned document, and the texts people read.

mod compilation;
mod image;
mod kind;
mod partner_app;
mod text;
mod workteam;

use jiff::Timestamp;
use maintenance::Change;
use model_archive::Problem;
use neo::JobName;
use serde::Serialize;
use serde_json::json;

use compilation::{JobReport, ModelReport};
use image::ImageReport;
pub use kind::{NotificationType, Severity};
use partner_app::PartnerAppReport;
pub use workteam::{TeamNews, TeamReport};

/// The version of the notification document.
const NOTIFICATION_VERSION: u32 = 1;

/// Longest subject of an e-mail: less than 100 characters (SNS API reference, `Publish`).
const MAX_SUBJECT: usize = 99;

/// Longest message, in bytes: SNS takes 256 KiB with the attributes (SNS API reference, `Publish`).
const MAX_MESSAGE: usize = 250 * 1024;

/// Characters of a text that stay when a message is too long; it stands in the message three times, and JSON writes some characters
/// with six.
const CUT_TEXT: usize = 8 * 1024;

/// Characters of a failure reason that stay when a message is too long.
const CUT_REASON: usize = 100;

/// A notification as subscribers get it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    version: u32,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: NotificationType,
    /// How much it matters.
    pub severity: Severity,
    /// The same for a repeat of the same notification.
    pub id: String,
    time: Timestamp,
    /// One line.
    pub subject: String,
    /// For people.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<JobReport>,
    /// The earlier job whose artifact serves this model too.
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_from: Option<JobName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<JobReport>,
    /// Where the whole of it is an object, `s3://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<PartnerAppReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<ConfigReport>,
    #[serde(flatten)]
    workteam: Option<workteam::Details>,
}

/// A configuration document in a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ConfigReport {
    bucket: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
}

impl Notification {
    fn new(kind: NotificationType, severity: Severity, id: String, time: Timestamp) -> Self {
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
            app: None,
            image: None,
            changes: Vec::new(),
            config: None,
            workteam: None,
        }
    }

    /// A configuration that was refused; `in_force` is the version that stays in force.
    pub fn config_rejected(
        bucket: &str,
        key: &str,
        version: Option<&str>,
        error: &str,
        in_force: Option<&str>,
        time: Timestamp,
    ) -> Self {
        let id = format!("config-rejected-{}", version.unwrap_or("unversioned"));
        Self {
            subject: subject(&format!("Configuration refused: {key}")),
            text: text::config_rejected(bucket, key, error, in_force),
            problems: vec![Problem::new(
                "config-invalid",
                error,
                format!("correct {key} and put it into {bucket} again"),
            )],
            config: Some(ConfigReport {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                version_id: version.map(str::to_owned),
            }),
            ..Self::new(NotificationType::ConfigRejected, Severity::Error, id, time)
        }
    }

    /// What subscribers may filter by, besides type and severity.
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        let target = self.job.as_ref().map(|job| job.target.as_str());
        let model = self.model.as_ref().map(|model| model.uri.as_str());
        [
            ("type", Some(self.kind.as_str())),
            ("severity", Some(self.severity.as_str())),
            ("subject", Some(self.subject.as_str())),
            ("rule", self.rule.as_deref()),
            ("target", target),
            ("model", model),
            ("app", self.app.as_ref().map(|app| app.name.as_str())),
            ("image", self.image.as_ref().map(|image| image.name.as_str())),
            ("workteam", self.workteam.as_ref().and_then(workteam::Details::team)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
        .collect()
    }

    /// The message for SNS with `MessageStructure: json`: the document for systems, text for e-mail, AWS's custom-notification
    /// schema for chat tools. What SNS would refuse as too long is cut, and says where the whole is.
    pub fn message(&self) -> Result<String, serde_json::Error> {
        let whole = self.compose()?;
        if whole.len() <= MAX_MESSAGE {
            return Ok(whole);
        }
        tracing::warn!(id = self.id, text = self.text, "too long for SNS: cut");
        let at = self.summary.as_deref().unwrap_or("the log of the function that published this");
        let cut = |text: &str, most: usize| {
            let kept: String = text.chars().take(most).collect();
            if kept.len() == text.len() { kept } else { format!("{kept}\n… cut; the whole is in {at}") }
        };
        let mut short = self.clone();
        short.text = cut(&self.text, CUT_TEXT);
        for job in &mut short.jobs {
            job.failure_reason = job.failure_reason.as_deref().map(|reason| cut(reason, CUT_REASON));
            job.links = compilation::Links::default();
            job.remedy = None;
        }
        short.problems.truncate(1);
        for problem in &mut short.problems {
            problem.problem = cut(&problem.problem, CUT_TEXT);
        }
        if let Some(details) = &mut short.workteam {
            details.cut(|text| cut(text, CUT_TEXT));
        }
        let message = short.compose()?;
        if message.len() <= MAX_MESSAGE {
            return Ok(message);
        }
        // So many targets that even their names are too much.
        short.jobs.clear();
        short.compose()
    }

    fn compose(&self) -> Result<String, serde_json::Error> {
        let document = serde_json::to_string(self)?;
        let chat = json!({
            "version": "1.0",
            "source": "custom",
            "id": self.id,
            "content": { "textType": "client-markdown", "title": self.subject, "description": self.text },
        });
        Ok(json!({ "default": document, "email": self.text, "https": chat.to_string() }).to_string())
    }
}

/// A subject that e-mail takes: printable ASCII, at most [`MAX_SUBJECT`] characters. Other scripts are transliterated.
fn subject(text: &str) -> String {
    let ascii = any_ascii::any_ascii(text);
    ascii.trim().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_SUBJECT).collect()
}
