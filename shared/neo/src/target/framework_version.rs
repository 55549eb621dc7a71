//! Whether a target takes a framework version.

use model_archive::Framework;

use super::TargetRow;
use crate::{FrameworkVersion, config::parse_major_minor};

/// What happens to a framework version that is configured for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionSupport {
    /// SageMaker does not accept a version for this framework and target.
    NotSent,
    /// It is sent: it is documented, or nothing is documented.
    Sent,
    /// It is sent, and is newer than these documented versions: the service supports new versions
    /// before the table lists them.
    Newer(&'static [&'static str]),
    /// It is not one of these documented versions.
    Unsupported(&'static [&'static str]),
}

impl VersionSupport {
    /// Whether a version may be sent at all.
    pub fn accepts_any(row: Option<&TargetRow>, framework: Framework) -> bool {
        match row {
            Some(row) => row.accepts_framework_version(framework),
            None => matches!(framework, Framework::Pytorch | Framework::Tensorflow),
        }
    }

    /// `row` is `None` for a target that is not in the table.
    pub fn find_for(row: Option<&TargetRow>, framework: Framework, version: &FrameworkVersion) -> Self {
        if !Self::accepts_any(row, framework) {
            return Self::NotSent;
        }
        let documented =
            row.and_then(|row| row.find_support(framework)).map(|support| support.versions).unwrap_or_default();
        let known: Vec<_> = documented.iter().filter_map(|version| parse_major_minor(version)).collect();
        match version.to_numbers() {
            Some(configured) if !known.is_empty() && !known.contains(&configured) => {
                let is_newer = known.iter().all(|known| *known < configured);
                if is_newer { Self::Newer(documented) } else { Self::Unsupported(documented) }
            }
            _ => Self::Sent,
        }
    }
}
