//! The binary format, which `XGBoost` wrote by default before version 2.1.

use super::Learner;
use crate::{content::Content, fault::Halt};

/// What it begins with; versions before 1.0 left it out.
pub(super) const MAGIC: &[u8] = b"binf";

const NONE: &str = "it is none of XGBoost's formats: JSON, UBJSON or binary";

/// `LearnerModelParamLegacy` (learner.cc): base score, number of features, number of classes, two flags, then the
/// version's two parts, and zeros up to 136 bytes.
const PARAMETERS: usize = 136;

pub(super) fn read(content: &mut Content<'_, '_>) -> Result<Learner, Halt> {
    let start = if content.peek(MAGIC.len())?.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let mut bytes = vec![0; start + PARAMETERS];
    let filled = content.fill(&mut bytes)?;
    if filled < bytes.len() {
        let cause = if start > 0 { "it ends within its parameters" } else { NONE };
        return Err(Halt::malformed(filled as u64, cause));
    }
    let word = |number: usize| {
        let at = start + 4 * number;
        bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default()
    };
    let base_score = f32::from_bits(word(0));
    let (features, contains_attributes, contains_metrics) = (word(1), word(3), word(4));
    let flags = contains_attributes <= 1 && contains_metrics <= 1;
    // Without the magic number nothing but sense tells it from any other file called .model.
    if !base_score.is_finite() || features == 0 || !flags {
        return Err(Halt::malformed(start as u64, NONE));
    }
    let (major, minor) = (word(5), word(6));
    let version = (major > 0).then(|| format!("{major}.{minor}"));
    Ok(Learner { features: Some(u64::from(features)), version })
}
