//! Gathers what each member tells, and decides at the end which model the archive holds.

use std::fmt::Write as _;

use crate::{
    Framework, Inspection, Limits, Member, Problem, Warning,
    candidates::{Candidates, Part},
    content::Content,
    darknet,
    fault::{Fault, Halt},
    format::{self, Format, folder},
    keras,
    lookalike::Looks,
    mxnet,
    names::Names,
    onnx,
    problem::quoted,
    pytorch,
    reading::Reading,
    tar::{Entry, Kind},
    tensorflow, tflite, xgboost,
};

/// Paths that a sentence names before it only counts.
const MAX_NAMED: usize = 5;

/// Paths, of which only the first are kept.
#[derive(Debug, Default)]
pub(crate) struct Named {
    paths: Vec<String>,
    count: u64,
}

impl Named {
    pub fn add(&mut self, path: &str) {
        self.count += 1;
        if self.paths.len() < MAX_NAMED {
            self.paths.push(quoted(path));
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn list(&self) -> String {
        let mut list = self.paths.join(", ");
        let more = self.count - self.paths.len() as u64;
        if more > 0 {
            // Writing to a String cannot fail.
            let _ = write!(list, " and {more} more");
        }
        list
    }
}

pub(crate) struct Survey<'l> {
    limits: &'l Limits,
    inspection: Inspection,
    candidates: Candidates,
    mac_metadata: Named,
    outside: Named,
    nested: Named,
    companions: Named,
    /// Every file, and every folder that has one: what a model refers to must be among them.
    files: Names,
    folders: Names,
}

impl<'l> Survey<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            inspection: Inspection::default(),
            candidates: Candidates::default(),
            mac_metadata: Named::default(),
            outside: Named::default(),
            nested: Named::default(),
            companions: Named::default(),
            files: Names::default(),
            folders: Names::default(),
        }
    }

    pub fn problem(&mut self, problem: Problem) {
        self.inspection.problems.push(problem);
    }

    pub fn warning(&mut self, warning: Warning) {
        self.inspection.warnings.push(warning);
    }

    /// Looks at one member and tells how many bytes of it were consumed.
    pub fn visit(&mut self, entry: &Entry, mut content: Content<'_, '_>) -> Result<u64, Fault> {
        let path = &entry.path;
        match entry.kind {
            Kind::Directory => {
                self.folders.insert(path.as_bytes());
                return Ok(0);
            }
            Kind::Other => return Ok(0),
            Kind::File | Kind::Link | Kind::Sparse => {}
        }
        self.files.insert(path.as_bytes());
        self.folders.insert(folder(path).as_bytes());
        self.inspection.member_count += 1;
        if self.inspection.members.len() < self.limits.kept_members {
            self.inspection.members.push(Member { path: path.clone(), size: entry.stored });
        }
        if path.starts_with("../") {
            self.outside.add(path);
        }
        if is_mac_metadata(path) {
            self.mac_metadata.add(path);
            return Ok(0);
        }
        let head = if entry.kind == Kind::File { content.peek(format::HEAD)? } else { &[] };
        if tensorflow::is_companion(path) {
            self.companions.add(path);
            return Ok(0);
        }
        let Some(recognised) = Format::of(path, head) else {
            if is_archive(path) {
                self.nested.add(path);
            }
            return Ok(0);
        };
        if !self.candidates.expect(recognised, path) {
            return Ok(0);
        }
        let looks = Looks::of(head);
        let format = recognised.format;
        let reading = match entry.kind {
            Kind::File => match read(format, &mut content, self.limits) {
                Ok(reading) => Ok(reading),
                Err(Halt::Malformed { offset, cause }) => Err(malformed(format, entry, looks, offset, &cause)),
                Err(Halt::Fault(fault)) => return Err(fault),
            },
            Kind::Link | Kind::Sparse | Kind::Directory | Kind::Other => Err(not_a_file(entry)),
        };
        self.candidates.keep(format, reading);
        Ok(content.position())
    }

    /// The result of an archive that was read to its end.
    pub fn finish(mut self) -> Inspection {
        self.note_oddities();
        match self.candidates.single_framework() {
            Ok(Some(framework)) => self.choose(framework, true),
            Ok(None) => self.problem(self.no_model()),
            Err(problem) => self.problem(problem),
        }
        self.note_companions();
        self.inspection
    }

    /// The result of an archive that could only be read up to a point: what is missing from it is not held against it.
    pub fn break_off(mut self, problem: Problem) -> Inspection {
        self.note_oddities();
        self.problem(problem);
        if let Ok(Some(framework)) = self.candidates.single_framework() {
            self.choose(framework, false);
        }
        self.inspection
    }

    fn choose(&mut self, framework: Framework, whole: bool) {
        let part = Part { files: &self.files, folders: &self.folders, whole };
        let chosen = std::mem::take(&mut self.candidates).choose(framework, &part);
        self.inspection.model = chosen.model;
        self.inspection.problems.extend(chosen.problems);
        self.inspection.warnings.extend(chosen.warnings);
    }

    fn note_oddities(&mut self) {
        if self.mac_metadata.count > 0 {
            self.warning(Warning::new(
                "macos-metadata",
                format!(
                    "the archive holds macOS metadata, which SageMaker Neo may take for model files: {}; \
                     make the archive with `COPYFILE_DISABLE=1 tar --exclude .DS_Store -czf …`",
                    self.mac_metadata.list()
                ),
            ));
        }
        if self.outside.count > 0 {
            self.warning(Warning::new(
                "path-outside",
                format!("the archive has paths that lead out of it: {}", self.outside.list()),
            ));
        }
    }

    /// What is only worth knowing if the model is a `SavedModel`.
    fn note_companions(&mut self) {
        let tensorflow = self.inspection.model.as_ref().is_some_and(|model| model.framework == Framework::Tensorflow);
        if tensorflow && self.companions.count > 0 {
            self.warning(Warning::new(
                "saved-model-companions",
                format!(
                    "SageMaker Neo may count {} as models, since it goes by the ending .pb; the SavedModel loads without",
                    self.companions.list()
                ),
            ));
        }
    }

    fn no_model(&self) -> Problem {
        if self.inspection.member_count == 0 {
            return Problem::new(
                "tar-empty",
                "the archive holds no files",
                "make the archive with `tar -czf model.tar.gz <model files>`",
            );
        }
        if self.nested.count > 0 {
            return Problem::new(
                "nested-archive",
                format!("the archive holds no model but another archive: {}", self.nested.list()),
                "unpack that and put the model files themselves into model.tar.gz",
            );
        }
        let mut named = Named::default();
        self.inspection.members.iter().for_each(|member| named.add(&member.path));
        named.count = self.inspection.member_count;
        Problem::new(
            "no-model",
            format!("the archive holds no model file; it holds {}", named.list()),
            "put one model into it: .onnx, .pb or a SavedModel, .h5, .pth, .tflite, -symbol.json with .params, .cfg with .weights, or .model",
        )
    }
}

fn read(format: Format, content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    match format {
        Format::Onnx => onnx::read(content, limits),
        Format::SavedModel => tensorflow::read_saved_model(content, limits),
        Format::FrozenGraph => tensorflow::read_graph(content, limits),
        Format::Keras => keras::read(content, limits),
        Format::Tflite => tflite::read(content, limits),
        Format::Torch => pytorch::read(content, limits),
        Format::MxnetSymbol => mxnet::read_symbol(content, limits),
        Format::MxnetParams => mxnet::read_params(content, limits),
        Format::DarknetConfig => darknet::read(content),
        Format::Xgboost => xgboost::read(content),
        Format::DarknetWeights => Ok(Reading::default()),
        Format::Sklearn => Ok(Reading {
            warnings: vec![Warning::new(
                "sklearn-not-opened",
                "the file is taken for a scikit-learn model by its name: pickles are not opened",
            )],
            ..Reading::default()
        }),
    }
}

fn malformed(format: Format, entry: &Entry, looks: Looks, offset: u64, cause: &str) -> Problem {
    let Entry { path, stored, .. } = entry;
    if let Some(problem) = looks.instead_of(format, path) {
        return problem;
    }
    let path = quoted(path);
    Problem::new(
        "model-invalid",
        format!("{path} is not a valid {}: at byte {offset} of {stored}, {cause}", format.noun()),
        "export the model again and check that it loads before archiving it",
    )
}

fn not_a_file(Entry { path, kind, .. }: &Entry) -> Problem {
    let path = quoted(path);
    if *kind == Kind::Sparse {
        return Problem::new(
            "model-is-sparse",
            format!("{path} is stored as a sparse file: its holes are left out, and not every reader fills them in"),
            "make the archive without --sparse (-S)",
        );
    }
    Problem::new(
        "model-is-link",
        format!("{path} is a link, not a file"),
        "archive the file itself: `tar --dereference --hard-dereference -czf model.tar.gz <model files>`",
    )
}

/// Files that macOS's `tar` and Finder add beside the real ones.
fn is_mac_metadata(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with("._") || part == "__MACOSX" || part == ".DS_Store")
}

fn is_archive(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [".tar.gz", ".tgz", ".tar", ".zip", ".gz"].iter().any(|ending| name.ends_with(ending))
}
