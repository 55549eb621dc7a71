//! The binary format, `XGBoost`'s default before version 2.1.

use super::learner::LearnerFacts;
use crate::{container::member::MemberReader, error::FileError};

/// The first bytes; versions before 1.0 did not write them.
const MAGIC: &[u8] = b"binf";

const NOT_XGBOOST: &str = "expected one of XGBoost's formats: JSON, UBJSON or binary";

/// `LearnerModelParamLegacy` (learner.cc): base score, number of features, number of classes, two
/// flags, the two parts of the version, and zeros up to 136 bytes.
const PARAMETERS: usize = 136;

/// Maximum length of the name of an objective; the longest of `XGBoost`'s own has 21 bytes.
const MAX_OBJECTIVE: usize = 64;

const BOOSTERS: [&[u8]; 3] = [b"gbtree", b"gblinear", b"dart"];

/// Bytes that hold everything up to the name of the booster.
const HEAD: usize = MAGIC.len() + PARAMETERS + 8 + MAX_OBJECTIVE + 8 + 8;

/// Whether a file is a model in the binary format. Its parameters could be any numbers; only the
/// names after them, of the objective and the booster, are certain.
pub(super) fn is_binary(head: &[u8]) -> bool {
    parse_head(head).is_some()
}

pub(super) fn read_binary(content: &mut MemberReader<'_, '_>) -> Result<LearnerFacts, FileError> {
    let head = content.peek_bytes(HEAD)?;
    match parse_head(head) {
        Some(learner) => Ok(learner),
        None if head.starts_with(MAGIC) && head.len() < MAGIC.len() + PARAMETERS => {
            Err(FileError::malformed_at(head.len() as u64, "it ends within its parameters"))
        }
        None => Err(FileError::malformed_at(0, NOT_XGBOOST)),
    }
}

fn parse_head(head: &[u8]) -> Option<LearnerFacts> {
    let (parameters, rest) = head.strip_prefix(MAGIC).unwrap_or(head).split_at_checked(PARAMETERS)?;
    let (objective, rest) = split_text(rest)?;
    let (booster, _) = split_text(rest)?;
    let is_objective = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'@');
    let known = (1..=MAX_OBJECTIVE).contains(&objective.len())
        && objective.iter().all(is_objective)
        && BOOSTERS.contains(&booster);
    let word = |number: usize| {
        let bytes = parameters.get(4 * number..4 * number + 4).unwrap_or_default();
        bytes.try_into().map(u32::from_le_bytes).unwrap_or_default()
    };
    let (features, major, minor) = (word(1), word(5), word(6));
    let version = (major > 0).then(|| format!("{major}.{minor}"));
    known.then(|| LearnerFacts { features: Some(u64::from(features)), version, configuration_only: false })
}

/// A text after its length in eight bytes, and what follows it.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
