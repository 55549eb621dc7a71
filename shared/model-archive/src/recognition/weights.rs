//! The files with the weights of a model that names them: present, and with content.

use std::collections::{BTreeMap, HashMap};

use super::{choice::ModelChoice, file_type::FileType};
use crate::{
    container::{
        member::MemberReader,
        path::{file_name, join_path, parent_folder},
    },
    error::ReadError,
    framework::tensorflow::{self, MAX_SHARDS, ShardSizes},
    limits::Limits,
    name_set::{NameMap, NameSet},
    problem::{MAX_LISTED, Problem, QuotedNames, Warning, quote_name},
};

/// Maximum number of files without content that are remembered; those beyond count as sound.
const MAX_LOST: usize = 10_000;

/// Maximum number of folders whose shards are counted: an archive with a model has one.
const MAX_FOLDERS: usize = 64;

/// Every file of the archive and what is wrong with it, by its path.
#[derive(Debug, Default)]
pub(crate) struct WeightFiles {
    /// The size of each file, in bytes.
    files: NameMap<u64>,
    folders: NameSet,
    /// The files without content, by what they are instead.
    lost: Vec<(FileType, NameSet)>,
    /// The number of shards by the folder of a `SavedModel`, as the names of the shards have it.
    shards: HashMap<String, u32>,
    /// What the index of variables says, by its path, or why it is none.
    indexes: HashMap<String, Result<ShardSizes, InvalidIndex>>,
}

/// Why a file is not an index of variables.
#[derive(Debug)]
struct InvalidIndex {
    /// The end of a sentence.
    cause: &'static str,
    file_type: FileType,
}

impl WeightFiles {
    pub fn add_folder(&mut self, path: &str) {
        self.folders.insert(path.as_bytes());
    }

    /// Adds a file of this size, or a link.
    pub fn add_file(&mut self, path: &str, file_type: FileType, size: u64) {
        self.files.insert(path.as_bytes(), size);
        self.folders.insert(parent_folder(path).as_bytes());
        self.remember_lost(path, file_type);
        let folder = parent_folder(path);
        if file_name(folder) == tensorflow::VARIABLES
            && let Some(count) = tensorflow::shard_count(file_name(path))
            && (self.shards.len() < MAX_FOLDERS || self.shards.contains_key(folder))
        {
            self.shards.insert(folder.to_owned(), count.min(MAX_SHARDS));
        }
        // A later file of the same path replaces it.
        self.indexes.remove(path);
    }

    /// Reads the index of a `SavedModel`'s variables.
    pub fn read_index(
        &mut self,
        path: &str,
        file_type: FileType,
        content: &mut MemberReader<'_, '_>,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        if self.indexes.len() < MAX_FOLDERS {
            let index = tensorflow::read_variables_index(content, limits)?;
            let index = index.map_err(|cause| InvalidIndex { cause, file_type });
            self.indexes.insert(path.to_owned(), index);
        }
        Ok(())
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
        self.files.get(path.as_bytes()).is_some()
    }
}

/// Checks the files in which an ONNX model stores its weights.
pub(super) fn check_external_data(
    model: &str,
    external: &BTreeMap<String, u64>,
    weights: &WeightFiles,
    choice: &mut ModelChoice,
) {
    let shown = quote_name(model);
    let (mut present, mut missing) = (QuotedNames::default(), QuotedNames::default());
    let files = external.iter().map(|(location, size)| (join_path(parent_folder(model), location), *size));
    let files: Vec<_> = files.collect();
    for (path, _) in &files {
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
    choice.problems.extend(find_lost_weights(model, &files, weights));
    choice.problems.extend(find_short_weights(model, &files, weights));
}

/// Checks the folder `variables` of a `SavedModel`.
pub(super) fn check_variables(model: &str, has_variables: bool, weights: &WeightFiles, choice: &mut ModelChoice) {
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
            if has_variables { archive_all } else { "the model has no variables: archive it with an empty folder, `mkdir -p <folder>/variables && tar -czf model.tar.gz -C <folder> .`" },
        ));
        return;
    }
    let index = join_path(&folder, tensorflow::VARIABLES_INDEX);
    let named = weights.shards.get(&folder).copied();
    // A model without variables has an empty folder.
    if !has_variables && named.is_none() && !weights.has_file(&index) {
        return;
    }
    let sizes = match weights.indexes.get(&index) {
        // Without variables, nothing is read from it.
        Some(Ok(ShardSizes(sizes))) if has_variables => sizes.as_slice(),
        Some(Err(invalid)) if has_variables && !weights.is_lost(&index) => {
            return choice.problems.push(invalid_index_problem(model, &index, invalid));
        }
        _ => &[],
    };
    let count = u32::try_from(sizes.len()).ok().filter(|count| *count > 0).or(named).unwrap_or(1);
    let shards = (0..count).zip(sizes.iter().copied().chain(std::iter::repeat(0)));
    let shards = shards.map(|(number, size)| (join_path(&folder, &tensorflow::shard_name(number, count)), size));
    let files: Vec<_> = std::iter::once((index, 0)).chain(shards).collect();
    let mut missing = QuotedNames::default();
    files.iter().filter(|(path, _)| !weights.has_file(path)).for_each(|(path, _)| missing.push(path));
    if !missing.is_empty() {
        choice.problems.push(Problem::new(
            "variables-missing",
            format!("{} is a SavedModel, but the archive lacks files of its weights: {missing}", quote_name(model)),
            archive_all,
        ));
    }
    choice.problems.extend(find_lost_weights(model, &files, weights));
    choice.problems.extend(find_short_weights(model, &files, weights));
}

fn invalid_index_problem(model: &str, index: &str, InvalidIndex { cause, file_type }: &InvalidIndex) -> Problem {
    let looks = match file_type {
        FileType::Unknown => String::new(),
        _ => format!("; it looks like {file_type}"),
    };
    Problem::new(
        "weights-invalid",
        format!("{} needs the index {}, which is damaged: {cause}{looks}", quote_name(model), quote_name(index)),
        "copy the folder `variables` again from where the SavedModel was saved, and check that it loads: \
         tf.saved_model.load(\"<folder of saved_model.pb>\")",
    )
}

/// A problem about weight files that have less than their least size, in bytes.
fn find_short_weights(model: &str, files: &[(String, u64)], weights: &WeightFiles) -> Option<Problem> {
    let short: Vec<_> = files
        .iter()
        .filter_map(|(path, least)| {
            let size = *weights.files.get(path.as_bytes())?;
            (size < *least && !weights.is_lost(path))
                .then(|| format!("{} ({size} of at least {least} bytes)", quote_name(path)))
        })
        .collect();
    let more = short.len().saturating_sub(MAX_LISTED);
    let listed = short[..short.len() - more].join(", ");
    (!short.is_empty()).then(|| {
        Problem::new(
            "weights-invalid",
            format!(
                "{} stores weights in files that are too short: {listed}{}",
                quote_name(model),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            ),
            "copy them again from where the model was saved, and compare the sizes with `ls -l`: they were cut short, \
             or belong to another model",
        )
    })
}

/// One problem for each reason why weight files have no weights.
fn find_lost_weights(model: &str, files: &[(String, u64)], weights: &WeightFiles) -> Vec<Problem> {
    let problems = weights.lost.iter().filter_map(|(file_type, lost)| {
        let mut names = QuotedNames::default();
        files.iter().filter(|(path, _)| lost.contains(path.as_bytes())).for_each(|(path, _)| names.push(path));
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
