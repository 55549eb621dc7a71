//! The files with the weights of a model that names them: present, and with content.

use std::collections::HashMap;

use super::{choice::ModelChoice, file_type::FileType};
use crate::{
    container::path::{file_name, join_path, parent_folder},
    framework::tensorflow,
    name_set::NameSet,
    problem::{Problem, QuotedNames, Warning, quote_name},
};

/// Maximum number of files without content that are remembered; those beyond count as sound.
const MAX_LOST: usize = 10_000;

/// Maximum number of folders whose shards are counted: an archive with a model has one.
const MAX_FOLDERS: usize = 64;

/// Maximum number of shards that are looked for. Models have one to a few hundred.
const MAX_SHARDS: u32 = 10_000;

/// Every file of the archive and what is wrong with it, by its path.
#[derive(Debug, Default)]
pub(crate) struct WeightFiles {
    files: NameSet,
    folders: NameSet,
    /// The files without content, by what they are instead.
    lost: Vec<(FileType, NameSet)>,
    /// The number of shards by the folder of a `SavedModel`, as the names of the shards have it.
    shards: HashMap<String, u32>,
}

impl WeightFiles {
    pub fn add_folder(&mut self, path: &str) {
        self.folders.insert(path.as_bytes());
    }

    /// Adds a file, or a link.
    pub fn add_file(&mut self, path: &str, file_type: FileType) {
        self.files.insert(path.as_bytes());
        self.folders.insert(parent_folder(path).as_bytes());
        self.remember_lost(path, file_type);
        let folder = parent_folder(path);
        if file_name(folder) == tensorflow::VARIABLES
            && let Some(count) = tensorflow::shard_count(file_name(path))
            && (self.shards.len() < MAX_FOLDERS || self.shards.contains_key(folder))
        {
            self.shards.insert(folder.to_owned(), count.min(MAX_SHARDS));
        }
    }

    fn remember_lost(&mut self, path: &str, file_type: FileType) {
        // A later file of the same path replaces it.
        self.lost.iter_mut().for_each(|(_, names)| names.remove(path.as_bytes()));
        let count: usize = self.lost.iter().map(|(_, names)| names.len()).sum();
        if !file_type.is_lost() || count >= MAX_LOST {
            return;
        }
        if let Some((_, names)) = self.lost.iter_mut().find(|(known, _)| *known == file_type) {
            names.insert(path.as_bytes());
            return;
        }
        let mut names = NameSet::default();
        names.insert(path.as_bytes());
        self.lost.push((file_type, names));
    }

    fn is_lost(&self, path: &str) -> bool {
        self.lost.iter().any(|(_, names)| names.contains(path.as_bytes()))
    }

    /// Whether a pickle lies where it does in a PyTorch file, which is a zip file, that was
    /// extracted.
    pub(super) fn has_extracted_torch(&self, path: &str) -> bool {
        let folder = parent_folder(path);
        file_name(path) == "data.pkl"
            && ["version", "data/0"].iter().all(|name| self.has_file(&join_path(folder, name)))
    }

    fn has_file(&self, path: &str) -> bool {
        self.files.contains(path.as_bytes())
    }
}

/// Checks the files in which an ONNX model stores its weights.
pub(super) fn check_external_data(model: &str, external: &[String], weights: &WeightFiles, choice: &mut ModelChoice) {
    let shown = quote_name(model);
    let (mut present, mut missing) = (QuotedNames::default(), QuotedNames::default());
    let paths: Vec<_> = external.iter().map(|location| join_path(parent_folder(model), location)).collect();
    for path in &paths {
        if !weights.has_file(path) {
            missing.push(path);
        } else if !weights.is_lost(path) {
            present.push(path);
        }
    }
    if !missing.is_empty() {
        choice.problems.push(Problem::new(
            "external-data-missing",
            format!("{shown} stores weights in files that are missing from the archive: {missing}"),
            "save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)",
        ));
    }
    if !present.is_empty() {
        choice.warnings.push(Warning::new(
            "external-data",
            format!("{shown} stores weights in {present}; AWS documents only models that consist of one .onnx file"),
        ));
    }
    choice.problems.extend(find_lost_weights(model, &paths, weights));
}

/// Checks the folder `variables` of a `SavedModel`.
pub(super) fn check_variables(model: &str, weights: &WeightFiles, choice: &mut ModelChoice) {
    let folder = join_path(parent_folder(model), tensorflow::VARIABLES);
    let archive_all = "archive the whole folder of the SavedModel: `tar -czf model.tar.gz -C <folder> .`";
    if weights.has_file(&folder) {
        choice.problems.push(Problem::new(
            "variables-link",
            format!(
                "{} is a SavedModel, but its folder {} is a link, which has no files",
                quote_name(model),
                quote_name(&folder)
            ),
            "archive the folder itself: `tar --dereference -czf model.tar.gz -C <folder> .`",
        ));
        return;
    }
    if !weights.folders.contains(folder.as_bytes()) {
        choice.problems.push(Problem::new(
            "variables-missing",
            format!(
                "{} is a SavedModel, but the folder {} with its weights is missing from the archive",
                quote_name(model),
                quote_name(&folder)
            ),
            archive_all,
        ));
        return;
    }
    let index = join_path(&folder, tensorflow::VARIABLES_INDEX);
    let count = weights.shards.get(&folder).copied();
    // A model without variables has an empty folder.
    if count.is_none() && !weights.has_file(&index) {
        return;
    }
    let count = count.unwrap_or(1);
    let shards = (0..count).map(|number| join_path(&folder, &tensorflow::shard_name(number, count)));
    let paths: Vec<_> = std::iter::once(index).chain(shards).collect();
    let mut missing = QuotedNames::default();
    paths.iter().filter(|path| !weights.has_file(path)).for_each(|path| missing.push(path));
    if !missing.is_empty() {
        choice.problems.push(Problem::new(
            "variables-missing",
            format!("{} is a SavedModel, but the archive lacks files of its weights: {missing}", quote_name(model)),
            archive_all,
        ));
    }
    choice.problems.extend(find_lost_weights(model, &paths, weights));
}

/// One problem for each reason why weight files have no weights.
fn find_lost_weights(model: &str, paths: &[String], weights: &WeightFiles) -> Vec<Problem> {
    let problems = weights.lost.iter().filter_map(|(file_type, lost)| {
        let mut names = QuotedNames::default();
        paths.iter().filter(|path| lost.contains(path.as_bytes())).for_each(|path| names.push(path));
        let instead = if names.len() == 1 { "which is" } else { "each of which is" };
        (!names.is_empty()).then(|| {
            Problem::new(
                "weights-invalid",
                format!("{} stores weights in {names}, {instead} {file_type}", quote_name(model)),
                file_type.suggested_fix().unwrap_or("copy the weights again"),
            )
        })
    });
    problems.collect()
}
