//! Several files where Neo takes one, and which of them to leave out.

use std::collections::BTreeMap;

use super::{
    file_group::{FileGroup, FormatFiles},
    format::Format,
};
use crate::{
    container::path::{file_name, parent_folder},
    framework_name::Framework,
    problem::{Problem, quote_name},
};

/// The parts of a `TorchScript` file, which is a zip file, once it is extracted.
const TORCH_PARTS: [&str; 2] = ["data.pkl", "constants.pkl"];

/// Neo counts files by their suffix, so a `SavedModel` and a frozen graph are two models as well.
pub(super) fn find_surplus_models(formats: &BTreeMap<Format, FormatFiles>) -> Vec<Problem> {
    let chosen = || formats.iter().filter_map(|(format, files)| Some((format, files.chosen_group()?)));
    let tensorflow: Vec<_> = chosen().filter(|(format, _)| format.framework() == Framework::Tensorflow).collect();
    if tensorflow.len() > 1 {
        let each: Vec<_> = tensorflow.iter().map(|(_, group)| group.describe_files()).collect();
        return vec![Problem::new(
            "several-models",
            format!(
                "SageMaker Neo accepts one .pb or .pbtxt file, but the archive contains several: {}",
                each.join(", ")
            ),
            match files_to_remove(tensorflow.iter().map(|(_, group)| *group)) {
                Some(others) => format!("create the archive again without {others}"),
                None => "create one archive for each model, with no other .pb or .pbtxt file in it".to_owned(),
            },
        )];
    }
    chosen().filter(|(_, group)| group.count() > 1).map(|(format, group)| surplus_problem(*format, group)).collect()
}

fn surplus_problem(format: Format, group: &FileGroup) -> Problem {
    let kind = if group.certainty().is_misnamed() {
        format.display_name().to_owned()
    } else {
        format!("{} file", format.file_suffixes().join(" or "))
    };
    Problem::new(
        "several-models",
        format!(
            "SageMaker Neo accepts one {kind}, but the archive contains {}: {}",
            group.count(),
            group.describe_files()
        ),
        surplus_fix(group),
    )
}

fn surplus_fix(group: &FileGroup) -> String {
    let paths = || group.listed.iter().map(|file| file.path.as_str());
    if let Some(folder) = extracted_folder(group) {
        let name = quote_name(folder);
        return format!(
            "the folder {name} is a TorchScript file that was extracted: archive the file as torch.jit.save wrote it, or \
             restore it with `zip -0 -r model.pth {}`",
            file_name(folder)
        );
    }
    if paths().all(is_shard) {
        return "these are the parts of one checkpoint, which has weights only: load them into the model in Python, and \
                save it in one file: torch.jit.trace(model.eval(), example).save(\"model.pth\")"
            .to_owned();
    }
    if let Some(others) = files_to_remove([group]) {
        return format!("create the archive again without {others}");
    }
    let mut notes = group.listed.iter().map(|file| file.note.as_ref());
    match notes.next().flatten() {
        // None of them is a model, for the same reason.
        Some(first) if notes.all(|note| note.is_some_and(|note| note.reason == first.reason)) => {
            format!("{}; create one archive for each model", first.fix)
        }
        _ => "create one archive for each model, with only the files of that model".to_owned(),
    }
}

/// The files that cannot be the model, if all but one cannot.
fn files_to_remove<'g>(groups: impl IntoIterator<Item = &'g FileGroup>) -> Option<String> {
    let (mut sound, mut others) = (0, Vec::new());
    for group in groups {
        if group.count() > group.listed.len() as u64 {
            return None;
        }
        for file in &group.listed {
            match file.note {
                Some(_) => others.push(quote_name(&file.path)),
                None => sound += 1,
            }
        }
    }
    (sound == 1).then(|| others.join(", "))
}

/// The folder that holds the parts of a `TorchScript` file.
fn extracted_folder(group: &FileGroup) -> Option<&str> {
    let is_part = |path: &str| TORCH_PARTS.contains(&file_name(path));
    let first = group.listed.iter().map(|file| file.path.as_str()).find(|path| is_part(path))?;
    let folder = parent_folder(first);
    let parts = group.listed.iter().filter(|file| is_part(&file.path) && parent_folder(&file.path) == folder);
    (parts.count() == TORCH_PARTS.len() && !folder.is_empty()).then_some(folder)
}

/// Whether a name ends like `-00001-of-00002.bin`.
fn is_shard(path: &str) -> bool {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.rsplit_once("-of-").is_some_and(|(before, total)| {
        is_number(total) && before.rsplit_once('-').is_some_and(|(_, number)| is_number(number))
    })
}
