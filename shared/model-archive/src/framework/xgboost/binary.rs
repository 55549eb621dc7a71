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

/// `GBTreeModelParam` (`gbtree_model.h`), which starts with the number of trees, in bytes.
const TREES: usize = 160;

/// `TreeParam` (`tree_model.h`), in bytes: its second number is that of the nodes, its sixth the
/// size of a vector in each leaf.
const TREE: usize = 148;

/// A node and its statistics, in bytes.
const NODE: u64 = 20 + 16;

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
        Some(BinaryHead { learner, length, has_trees }) => {
            content.consume(length);
            if has_trees {
                skip_trees(content)?;
            }
            Ok(learner)
        }
        None if head.starts_with(MAGIC) && head.len() < MAGIC.len() + PARAMETERS => {
            Err(FileError::malformed_at(head.len() as u64, "it ends within its parameters"))
        }
        None => Err(FileError::malformed_at(0, NOT_XGBOOST)),
    }
}

/// Skips the trees, to find a file that was cut short.
fn skip_trees(content: &mut MemberReader<'_, '_>) -> Result<(), FileError> {
    let cut_short =
        |content: &MemberReader<'_, '_>| FileError::malformed_at(content.size(), "it ends within its trees");
    let trees = read_numbers::<TREES>(content)?.ok_or_else(|| cut_short(content))?[0];
    for _ in 0..trees {
        let tree = read_numbers::<TREE>(content)?.ok_or_else(|| cut_short(content))?;
        let (nodes, leaf_vector) = (tree[1], tree[5]);
        // Vectors in leaves have other lengths; no objective of XGBoost uses them.
        if leaf_vector > 1 {
            return Ok(());
        }
        let bytes = u64::from(nodes) * NODE;
        if content.size() - content.position() < bytes {
            return Err(cut_short(content));
        }
        content.skip_bytes(bytes)?;
    }
    Ok(())
}

/// The numbers of four bytes in the next `LENGTH` bytes; `None` if the file ends within them.
fn read_numbers<const LENGTH: usize>(content: &mut MemberReader<'_, '_>) -> Result<Option<Vec<u32>>, FileError> {
    let mut bytes = [0; LENGTH];
    let filled = content.fill_buffer(&mut bytes)?;
    let numbers = bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number));
    Ok((filled == LENGTH).then(|| numbers.collect()))
}

struct BinaryHead {
    learner: LearnerFacts,
    /// Bytes up to what the booster wrote.
    length: usize,
    has_trees: bool,
}

fn parse_head(head: &[u8]) -> Option<BinaryHead> {
    let (parameters, rest) = head.strip_prefix(MAGIC).unwrap_or(head).split_at_checked(PARAMETERS)?;
    let (objective, rest) = split_text(rest)?;
    let (booster, rest) = split_text(rest)?;
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
    known.then(|| BinaryHead {
        learner: LearnerFacts { features: Some(u64::from(features)), version, configuration_only: false },
        length: head.len() - rest.len(),
        has_trees: booster != b"gblinear",
    })
}

/// A text after its length in eight bytes, and what follows it.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
