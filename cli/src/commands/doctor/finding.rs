//! What a check found.

use serde::Serialize;
use worker::CallError;

use crate::aws::call_report::explain_call;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingKind {
    Passed,
    Problem,
    /// The check could not be made.
    Unknown,
}

/// The result of a check, or what is wrong with one of the resources that it checked.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// Name of the check; programs may rely on it.
    pub check: &'static str,
    #[serde(rename = "result")]
    pub kind: FindingKind,
    pub message: String,
    pub fix: Option<String>,
}

/// What is wrong with a resource.
pub(super) struct Defect {
    pub problem: String,
    pub fix: String,
}

impl Finding {
    pub fn passed(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, kind: FindingKind::Passed, message: message.into(), fix: None }
    }

    pub fn problem(check: &'static str, defect: Defect) -> Self {
        Self { check, kind: FindingKind::Problem, message: defect.problem, fix: Some(defect.fix) }
    }

    pub fn unknown(check: &'static str, error: &CallError) -> Self {
        let report = explain_call(error);
        Self { check, kind: FindingKind::Unknown, message: report.message, fix: report.fix }
    }
}

/// Examines each subject. If nothing is wrong with any of them, the only finding is `passed`.
pub(super) async fn examine_each<S>(
    check: &'static str,
    passed: impl Into<String>,
    subjects: impl IntoIterator<Item = S>,
    examine: impl AsyncFn(S) -> Result<Option<Defect>, CallError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subject in subjects {
        match examine(subject).await {
            Ok(None) => {}
            Ok(Some(defect)) => findings.push(Finding::problem(check, defect)),
            Err(error) => findings.push(Finding::unknown(check, &error)),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::passed(check, passed));
    }
    findings
}
