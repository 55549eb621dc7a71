//! The files of formats that Neo does not take, and the answer to an archive that has no others.

use super::{
    file_type::FileType,
    format::Format,
    unsupported_format::{UnsupportedFormat, UnsupportedKind},
};
use crate::{
    inspection::Inspection,
    problem::{MAX_LISTED, Problem, quote_name},
};

/// Codes of problems that say that a file has weights without their model.
const WEIGHTS_ONLY: [&str; 3] = ["torch-not-script", "keras-weights-only", "keras-no-config"];

/// Files of unsupported formats. Only the first are kept.
#[derive(Debug, Default)]
pub(crate) struct UnsupportedFiles {
    listed: Vec<(String, &'static UnsupportedFormat)>,
    count: u64,
    /// The format that decides what to do.
    leading: Option<&'static UnsupportedFormat>,
}

impl UnsupportedFiles {
    pub fn add_file(&mut self, path: &str, file_type: FileType) {
        let found = match file_type {
            FileType::Unsupported(format) => Some(format),
            FileType::Unknown | FileType::Json | FileType::Text | FileType::Zip | FileType::Gzip
                if Format::from_name(path).is_none() =>
            {
                UnsupportedFormat::from_name(path)
            }
            _ => None,
        };
        let Some(format) = found else { return };
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push((path.to_owned(), format));
        }
        if self.leading.is_none_or(|leading| leading.kind < format.kind) {
            self.leading = Some(format);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether more is known than what accompanies a model.
    pub fn has_model(&self) -> bool {
        self.leading.is_some_and(|format| format.kind != UnsupportedKind::Companion)
    }

    /// The problem of an archive that has no model that Neo takes.
    pub fn describe_problem(&self) -> Problem {
        let each = self.listed.iter().map(|(path, format)| {
            let named = Format::from_name(path).map(|(named, _)| format!(", not {}", named.with_article()));
            format!("{} is {}{}", quote_name(path), format.name, named.unwrap_or_default())
        });
        let more = self.count - self.listed.len() as u64;
        let more = (more > 0).then(|| format!("and {more} more"));
        let each = each.chain(more).collect::<Vec<_>>().join("; ");
        Problem::new(
            "model-unsupported",
            format!("the archive contains no model that SageMaker Neo compiles: {each}"),
            self.leading.map(|format| format.fix).unwrap_or_default(),
        )
    }

    /// Explains how to make a model of weights if what belongs to them is in the archive too.
    pub fn explain_snapshot(&self, inspection: &mut Inspection) {
        let Some(snapshot) = self.leading.filter(|format| format.kind == UnsupportedKind::Snapshot) else { return };
        if inspection.model.is_some() {
            return;
        }
        for problem in &mut inspection.problems {
            if WEIGHTS_ONLY.contains(&problem.code.as_ref()) || problem.code.starts_with("several-") {
                snapshot.fix.clone_into(&mut problem.remedy);
            }
        }
    }
}
