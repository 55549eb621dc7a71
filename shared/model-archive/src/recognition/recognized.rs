//! What a file is: its content decides, and its name breaks ties.

use super::{file_type::FileType, format::Format};
use crate::{
    container::path::file_name,
    framework::{
        darknet::is_darknet_config, pytorch::is_torch, tensorflow::starts_with_graph_text, xgboost::save_xgboost,
    },
    problem::{Problem, quote_name},
};

/// A file that may be the model or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecognizedFile {
    pub format: Format,
    pub certainty: Certainty,
}

/// How certain it is that a file is meant to be the model. A more certain file takes precedence
/// over a less certain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// Other files have such a name too, and the content is something else.
    Refuted,
    /// The content is a model that often lies beside the model of another framework, such as a
    /// scaler, and Neo does not look for files of this name.
    PossibleByContent,
    /// The content does not say what the file is, and other files have such a name too.
    Possible,
    /// What was read holds weights without their model, or a model in a form that Neo cannot load;
    /// or only models have such a name, but the content was lost.
    WeightsOnly,
    /// The content is a model, but Neo does not look for files of this name.
    ByContent,
    /// The content is a model under its name, or only models have such a name.
    ByName,
}

impl Certainty {
    /// Whether only the content is that of a model.
    pub fn is_misnamed(self) -> bool {
        matches!(self, Self::PossibleByContent | Self::ByContent)
    }

    /// Whether the content is known not to be a model that Neo can load.
    pub fn is_no_model(self) -> bool {
        matches!(self, Self::Refuted | Self::WeightsOnly)
    }
}

/// Recognizes a file by its name and content.
pub(crate) fn recognize_file(path: &str, file_type: FileType, head: &[u8]) -> Option<RecognizedFile> {
    if let FileType::Model(format) = file_type {
        let certainty = match (format, format.is_named_as_expected(path)) {
            (Format::Sklearn, true) => Certainty::Possible,
            (Format::Sklearn, false) => Certainty::PossibleByContent,
            // A pickle that torch.save did not write, such as one of the parts of TorchScript.
            (Format::Torch, false) if !is_torch(head) => Certainty::PossibleByContent,
            (_, true) => Certainty::ByName,
            (_, false) => Certainty::ByContent,
        };
        return Some(RecognizedFile { format, certainty });
    }
    let (format, is_certain) = Format::from_name(path)?;
    let certainty = match format {
        Format::DarknetConfig if is_darknet_config(head) => Certainty::ByName,
        // Any program may have settings in such a file.
        Format::DarknetConfig if !file_type.is_lost() => return None,
        // Python reads paths from text files of this name, in any encoding.
        Format::Torch if matches!(file_type, FileType::Text | FileType::Empty | FileType::Unknown) => {
            Certainty::Refuted
        }
        Format::FrozenGraph if starts_with_graph_text(head) && accepts_content(format, file_type) => Certainty::ByName,
        // Beside a model, a file that was lost does not matter.
        _ if is_certain && file_type.is_lost() => Certainty::WeightsOnly,
        _ if is_certain => Certainty::ByName,
        _ if accepts_content(format, file_type) => Certainty::Possible,
        _ => Certainty::Refuted,
    };
    Some(RecognizedFile { format, certainty })
}

/// Whether a file of this type may have this format: its reader finds out.
fn accepts_content(format: Format, file_type: FileType) -> bool {
    match file_type {
        FileType::Unknown => true,
        FileType::Json => matches!(format, Format::MxnetSymbol | Format::DarknetConfig | Format::Xgboost),
        FileType::Text => {
            // The first version of pickle is text.
            matches!(format, Format::DarknetConfig | Format::SavedModel | Format::FrozenGraph | Format::Sklearn)
        }
        FileType::Zip => matches!(format, Format::Torch | Format::Keras),
        FileType::Pickle => matches!(format, Format::Torch | Format::Sklearn),
        FileType::Gzip | FileType::Compressed(_) => format == Format::Sklearn,
        FileType::Model(found) => found == format,
        _ => false,
    }
}

/// The problem of a file whose content is not what its name says, if its first bytes show that.
pub(crate) fn mismatch_problem(format: Format, file_type: FileType, path: &str) -> Option<Problem> {
    if accepts_content(format, file_type) {
        return None;
    }
    let shown = quote_name(path);
    let problem = match file_type {
        FileType::Empty => format!("{shown} is not a valid {}: it is empty", format.display_name()),
        _ => format!("{shown} is not a valid {}: it looks like {file_type}", format.display_name()),
    };
    let fix = match (file_type, format) {
        (FileType::Pickle, Format::Xgboost) => concat!(
            "if it is a pickled XGBoost model, load it with pickle and save it with ",
            save_xgboost!(),
            "; SageMaker Neo compiles no other pickles under this name"
        )
        .to_owned(),
        _ => file_type.suggested_fix().map_or_else(|| replace_file_fix(format, path), str::to_owned),
    };
    Some(Problem::new("model-invalid", problem, fix))
}

/// The problem of a file that its reader could not read.
pub(crate) fn unreadable_problem(format: Format, path: &str, size: u64, offset: u64, cause: &str) -> Problem {
    Problem::new(
        "model-invalid",
        format!("{} is not a valid {}: at byte {offset} of {size}, {cause}", quote_name(path), format.display_name()),
        replace_file_fix(format, path),
    )
}

fn replace_file_fix(format: Format, path: &str) -> String {
    let name = quote_name(file_name(path));
    format!(
        "the file is incomplete or of another kind: copy or save {name} again, and check that it loads: {}",
        format.load_command(path)
    )
}

/// The format that the name of a file says, if it is not that of its content.
pub(crate) fn other_name(format: Format, path: &str) -> Option<Format> {
    Format::from_name(path).map(|(named, _)| named).filter(|named| *named != format)
}

/// The problem of a model under a name by which Neo does not find it.
pub(crate) fn misnamed_problem(format: Format, path: &str) -> Problem {
    let (shown, article) = (quote_name(path), format.with_article());
    let suffixes = format.file_suffixes().join(" or ");
    let rule = match format {
        Format::FrozenGraph => format!("ends in {suffixes} and is not saved_model"),
        Format::SavedModel => format!("is {suffixes}"),
        _ => format!("ends in {suffixes}"),
    };
    let problem = match other_name(format, path) {
        Some(named) => format!(
            "{shown} has the name of {}, but its content is {article}, which SageMaker Neo finds only if its name \
             {rule}",
            named.with_article()
        ),
        None => format!(
            "the content of {shown} is {article}, but SageMaker Neo finds such a file only if its name \
             {rule}"
        ),
    };
    let name = quote_name(&format.suggest_name(path));
    Problem::new("model-misnamed", problem, format!("rename the file to {name} and create the archive again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognized() {
        type Case = (&'static str, &'static [u8], Option<(Format, Certainty)>);
        use Certainty::{ByContent, ByName, Possible, PossibleByContent, Refuted, WeightsOnly};
        let cases: [Case; 29] = [
            ("a/b/model.onnx", b"\x01\x02", Some((Format::Onnx, ByName))),
            ("MODEL.ONNX", b"\x01\x02", Some((Format::Onnx, ByName))),
            ("model.bin", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("model.pb", b"\x08\x08\x12\x07pytorch", Some((Format::Onnx, ByContent))),
            ("export/1/saved_model.pb", b"\x01\x02", Some((Format::SavedModel, ByName))),
            ("model.bin", b"\x08\x01\x12\x07", Some((Format::SavedModel, ByContent))),
            ("settings.pb", b"\x0a\x10\x0a", Some((Format::FrozenGraph, Possible))),
            ("labels.pbtxt", b"item { id: 1 }", Some((Format::FrozenGraph, Possible))),
            ("graph.pbtxt", b"node {\n", Some((Format::FrozenGraph, ByName))),
            ("m.h5", b"\x01\x02", Some((Format::Keras, ByName))),
            ("m.bin", b"\x89HDF\r\n\x1a\n", Some((Format::Keras, ByContent))),
            ("m.tflite", b"\x01\x02", Some((Format::Tflite, ByName))),
            ("m.pth", b"", Some((Format::Torch, Refuted))),
            ("net-symbol.json", b"", Some((Format::MxnetSymbol, WeightsOnly))),
            ("net-0000.params", b"\x12\x01\0\0\0\0\0\0", Some((Format::MxnetParams, ByName))),
            ("hyper.params", b"a=1", Some((Format::MxnetParams, Refuted))),
            ("lib/site.pth", b"import os", Some((Format::Torch, Refuted))),
            ("m.pkl", b"version https://git-lfs", Some((Format::Sklearn, Refuted))),
            ("labels.json", b"{", None),
            ("setup.cfg", b"[metadata]\nname = x", None),
            ("bom.cfg", b"\xef\xbb\xbf[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("net.cfg", b"# comment\n[net]\nwidth=1", Some((Format::DarknetConfig, ByName))),
            ("m.pkl", b"\x80\x02csklearn.pipeline\n", Some((Format::Sklearn, Possible))),
            ("m.sav", b"\x80\x02csklearn.pipeline\n", Some((Format::Sklearn, PossibleByContent))),
            ("m.model", b"\x80\x02csklearn.pipeline\n", Some((Format::Sklearn, PossibleByContent))),
            ("README", b"", None),
            ("tokenizer.model", b"\x0a\x10", Some((Format::Xgboost, Possible))),
            ("xgboost-model", b"", Some((Format::Xgboost, WeightsOnly))),
            ("m.json", b"{\"learner\":{\"attributes\"", Some((Format::Xgboost, ByContent))),
        ];
        for (path, head, expected) in cases {
            let found =
                recognize_file(path, FileType::detect_from(head), head).map(|found| (found.format, found.certainty));
            assert_eq!(found, expected, "{path}");
        }
    }
}
