//! The binary format, `XGBoost`'s default before version 2.1.

use super::learner::LearnerFacts;
use crate::{container::member::MemberReader, error::FileError};

/// The first bytes; versions before 1.0 did not write them.
pub(super) const MAGIC: &[u8] = b"binf";

const NOT_XGBOOST: &str = "expected one of XGBoost's formats: JSON, UBJSON or binary";

/// `LearnerModelParamLegacy` (learner.cc): base score, number of features, number of classes, two
/// flags, the two parts of the version, and zeros up to 136 bytes.
const PARAMETERS: usize = 136;

pub(super) fn read_binary(content: &mut MemberReader<'_, '_>) -> Result<LearnerFacts, FileError> {
    let start = if content.peek_bytes(MAGIC.len())?.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let mut bytes = vec![0; start + PARAMETERS];
    let filled = content.fill_buffer(&mut bytes)?;
    if filled < bytes.len() {
        let cause = if start > 0 { "it ends within its parameters" } else { NOT_XGBOOST };
        return Err(FileError::malformed_at(filled as u64, cause));
    }
    let word = |number: usize| {
        let at = start + 4 * number;
        bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default()
    };
    let base_score = f32::from_bits(word(0));
    let (features, contains_attributes, contains_metrics) = (word(1), word(3), word(4));
    let flags = contains_attributes <= 1 && contains_metrics <= 1;
    // Without the magic number, only plausible values distinguish it from another file called
    // .model.
    if !base_score.is_finite() || features == 0 || !flags {
        return Err(FileError::malformed_at(start as u64, NOT_XGBOOST));
    }
    let (major, minor) = (word(5), word(6));
    let version = (major > 0).then(|| format!("{major}.{minor}"));
    Ok(LearnerFacts { features: Some(u64::from(features)), version })
}
