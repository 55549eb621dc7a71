//! Partner apps for tests, declared in YAML and observed in SageMaker, and faults of an update.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses a part")]

use jiff::Timestamp;
use maintenance::{
    DeclaredResources,
    partner_app::{AppStatus, ApplicationConfig, AvailableUpgrade, ObservedApp, PartnerApp},
};
use proptest::prelude::*;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Parses the entries of `partner_apps`.
pub fn parse_apps(entries: &str) -> Vec<PartnerApp> {
    let text = format!("version: 1\npartner_apps:\n{entries}");
    document::read_document(&text, DeclaredResources::read_sections).unwrap().0.partner_apps
}

/// An available app without settings of its own.
pub fn observed_app(arn: String, name: &str, version: &str, available: Option<&str>) -> ObservedApp {
    ObservedApp {
        arn,
        name: name.to_owned(),
        status: AppStatus::Available,
        error: None,
        version: Some(version.to_owned()),
        available_upgrade: available
            .map(|version| AvailableUpgrade { version: version.parse().unwrap(), release_notes: Vec::new() }),
        eol: None,
        modified_at: None,
        maintenance_window_start: None,
        tier: Some("small".to_owned()),
        auto_minor_upgrade: false,
        iam_session_identity: false,
        application: ApplicationConfig::default(),
        tags: None,
    }
}

/// What happens to a run.
#[derive(Debug, Clone, Copy)]
pub enum RunFault {
    NoFault,
    /// SageMaker refuses the call.
    Refused,
    /// The request is lost, or its response.
    Lost {
        took_effect: bool,
    },
    /// The function crashes after it recorded the request, before or after the call.
    Crashed {
        took_effect: bool,
    },
    /// SageMaker accepts the update and keeps showing another one.
    Normalised,
}

pub fn any_run_fault() -> impl Strategy<Value = RunFault> {
    prop_oneof![
        Just(RunFault::NoFault),
        Just(RunFault::Refused),
        any::<bool>().prop_map(|took_effect| RunFault::Lost { took_effect }),
        any::<bool>().prop_map(|took_effect| RunFault::Crashed { took_effect }),
        Just(RunFault::Normalised),
    ]
}
