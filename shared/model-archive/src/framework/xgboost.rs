//! `XGBoost`: the number of features, from JSON, UBJSON or the old binary format.

mod binary;
mod json;
mod learner;
mod ubjson;

use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    error::FileError,
    framework::format_facts::FormatFacts,
    inspection::{Dim, ModelInput},
    problem::Problem,
};

/// How to save a model in a format of `XGBoost` 1.3 under a name by which Neo finds it: from
/// version 2.1, `XGBoost` writes UBJSON under names that it does not know.
macro_rules! save_xgboost {
    () => {
        "Booster.save_model(\"xgboost.model\") of XGBoost 1.3; with later versions save_model(\"model.json\"), then \
         rename it to xgboost.model"
    };
}

pub(crate) use save_xgboost;

/// The name of the only input: `XGBoost` gives it none, and Neo needs none.
const INPUT: &str = "data";

/// Bytes at the start of a model that must contain `learner`, its first key.
const FIRST_KEY: usize = 64;

/// Whether a file is a model: its first key is `learner`, or it names an objective and a booster of
/// `XGBoost` where the binary format has them.
pub(crate) fn is_xgboost(head: &[u8]) -> bool {
    let start = &head[..head.len().min(FIRST_KEY)];
    // In JSON the key is quoted, in UBJSON it follows its length.
    let key = |window: &[u8]| matches!(window, b"\"learner\"" | [b'\x07', b'l', b'e', b'a', b'r', b'n', b'e', b'r', _]);
    binary::is_binary(head) || head.starts_with(b"{") && start.windows(9).any(key)
}

pub(crate) fn read_xgboost(content: &mut MemberReader<'_, '_>) -> Result<FormatFacts, FileError> {
    let head = content.peek_bytes(FIRST_KEY)?;
    let is_ubjson = matches!(head, [b'{', b'L' | b'l' | b'I' | b'i' | b'U' | b'$' | b'#', ..]);
    let learner = match head {
        _ if is_ubjson => ubjson::read_ubjson(content)?,
        [b'{', ..] => json::read_json(content)?,
        _ => binary::read_binary(content)?,
    };
    if learner.configuration_only {
        return Ok(FormatFacts::from_problem(Problem::new(
            "model-invalid",
            "the file is a configuration of XGBoost without trees, as Booster.save_config() returns it",
            concat!("save the model itself with ", save_xgboost!()),
        )));
    }
    let features = learner.features.filter(|features| *features > 0).map_or(Dim::Unknown, Dim::Known);
    let dims = Some(vec![Dim::Unknown, features]);
    let inputs = vec![ModelInput { name: INPUT.to_owned(), element_type: ElementType::Float32, dims, tensor: None }];
    let format_version = learner.version.map(|version| format!("XGBoost {version}"));
    let mut problems = Vec::new();
    if is_ubjson {
        let version = format_version.as_deref().unwrap_or("XGBoost 1.6 or later");
        problems.push(Problem::new(
            "xgboost-ubjson",
            format!(
                "the file is in the UBJSON format of {version}; AWS documents XGBoost 1.3 for SageMaker Neo, which \
                 cannot read it (UBJSON came with XGBoost 1.6)"
            ),
            "train the model with XGBoost 1.3, and save it: booster.save_model(\"xgboost.model\")",
        ));
    }
    Ok(FormatFacts { format_version, inputs, read: true, problems, ..FormatFacts::default() })
}
