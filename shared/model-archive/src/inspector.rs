//! Reads an archive member by member, and decides at the end which model it contains.

use std::io::Read;

use crate::{
    container::{
        gzip::GzipReader,
        member::MemberReader,
        path::{file_name, normalize_path},
        tar::{MemberKind, TarMember, TarReader},
    },
    error::{FileError, InspectError, ReadError},
    framework::{
        format_facts::FormatFacts,
        mxnet::{MODEL_SHAPES, ModelShapes},
        tensorflow,
    },
    framework_name::Framework,
    inspection::{ArchiveMember, Inspection},
    limits::{Limits, RECOGNITION_BYTES},
    problem::{Problem, QuotedNames, Warning, quote_name},
    recognition::{
        candidates::Candidates,
        choice::ArchiveContents,
        file_group::FileNote,
        file_type::FileType,
        format::Format,
        recognized::{Certainty, mismatch_problem, recognize_file, unreadable_problem},
        unsupported_files::UnsupportedFiles,
        upload::{not_gzip_problem, not_tar_problem},
        weights::WeightFiles,
    },
};

/// Bytes after the end of the tar archive that are checked: `tar` pads with zeros to 10 KiB.
const MAX_PADDING: usize = 16 * 1024;

/// Inspects an archive: reads it once, from its first byte to its last, in less than 32 MiB of
/// memory.
///
/// # Errors
///
/// Fails only if the reader does. Everything wrong with the archive itself is one of the
/// inspection's problems.
pub fn inspect_archive<R: Read>(archive: R, limits: &Limits) -> Result<Inspection, InspectError> {
    inspect_archive_for(None, archive, limits)
}

/// Inspects an archive for the framework that a rule or the uploader names: if it contains models
/// of several frameworks, the one of this framework is chosen.
///
/// # Errors
///
/// Fails only if the reader does.
pub fn inspect_archive_for<R: Read>(
    expected: Option<Framework>,
    mut archive: R,
    limits: &Limits,
) -> Result<Inspection, InspectError> {
    // Not generic from here on: a caller that is optimised for size would compile its own
    // inspector.
    inspect_reader(expected, &mut archive, limits)
}

fn inspect_reader(
    expected: Option<Framework>,
    archive: &mut dyn Read,
    limits: &Limits,
) -> Result<Inspection, InspectError> {
    let mut inspector = Inspector::new(expected, limits);
    let (error, offset) = match GzipReader::new(archive, limits) {
        Ok(mut gzip) => match inspector.read_archive(&mut gzip) {
            Ok(()) => return Ok(inspector.finish_inspection()),
            Err(error) => (error, gzip.compressed_bytes()),
        },
        Err(failed) => failed,
    };
    let problem = match error {
        ReadError::Source(source) => return Err(InspectError { offset, source }),
        ReadError::Archive(problem) => problem,
        ReadError::NotGzip { head } => not_gzip_problem(&head),
        ReadError::InvalidFirstHeader { head, problem } => match FileType::detect_from(&head) {
            FileType::Tar => problem,
            _ => not_tar_problem(&head),
        },
    };
    Ok(inspector.abort_inspection(problem))
}

struct Inspector<'l> {
    limits: &'l Limits,
    inspection: Inspection,
    candidates: Candidates,
    mac_metadata: QuotedNames,
    outside: QuotedNames,
    nested: QuotedNames,
    companions: QuotedNames,
    backslashes: QuotedNames,
    unsupported: UnsupportedFiles,
    /// Every file: what a model refers to must be among them.
    weights: WeightFiles,
    shapes: ModelShapes,
}

impl<'l> Inspector<'l> {
    fn new(expected: Option<Framework>, limits: &'l Limits) -> Self {
        Self {
            limits,
            inspection: Inspection::default(),
            candidates: Candidates::new(expected),
            mac_metadata: QuotedNames::default(),
            outside: QuotedNames::default(),
            nested: QuotedNames::default(),
            companions: QuotedNames::default(),
            backslashes: QuotedNames::default(),
            unsupported: UnsupportedFiles::default(),
            weights: WeightFiles::default(),
            shapes: ModelShapes::default(),
        }
    }

    fn add_problem(&mut self, problem: Problem) {
        self.inspection.problems.push(problem);
    }

    fn add_warning(&mut self, warning: Warning) {
        self.inspection.warnings.push(warning);
    }

    fn read_archive(&mut self, gzip: &mut GzipReader<'l>) -> Result<(), ReadError> {
        let mut tar = TarReader::new(gzip, self.limits);
        while let Some(member) = tar.next_member()? {
            let consumed = self.inspect_member(&member, tar.member_reader(&member))?;
            tar.skip_rest(&member.path, member.stored, consumed)?;
        }
        // Read on to the end of the gzip stream, where the checksum is.
        if gzip.peek_bytes(MAX_PADDING)?.iter().any(|byte| *byte != 0) {
            self.add_warning(Warning::new(
                "tar-trailing-data",
                "the data after the end of the tar archive is ignored; tar archives cannot be concatenated",
            ));
        }
        loop {
            let chunk = gzip.next_chunk()?.len();
            if chunk == 0 {
                break;
            }
            gzip.consume(chunk);
        }
        if gzip.has_trailing_bytes() {
            let warning = "the data after the end of the gzip stream is not gzip and is ignored";
            self.add_warning(Warning::new("gzip-trailing-data", warning));
        }
        Ok(())
    }

    /// Inspects one member and returns how many of its bytes were consumed.
    fn inspect_member(&mut self, member: &TarMember, mut content: MemberReader<'_, '_>) -> Result<u64, ReadError> {
        // Some archivers on Windows write backslashes between folders.
        let path = &normalize_path(&member.path.replace('\\', "/"));
        match member.kind {
            MemberKind::Directory => {
                self.weights.add_folder(path);
                return Ok(0);
            }
            MemberKind::Other => return Ok(0),
            MemberKind::File | MemberKind::Link | MemberKind::Sparse => {}
        }
        self.list_member(member);
        if is_mac_metadata(path) {
            self.mac_metadata.push(path);
            self.weights.add_file(path, FileType::Unknown, member.stored);
            return Ok(0);
        }
        let head = if member.kind == MemberKind::File { content.peek_bytes(RECOGNITION_BYTES)? } else { &[] };
        let file_type = match member.kind {
            MemberKind::File => FileType::detect_from(head),
            MemberKind::Link => FileType::Link,
            _ => FileType::Unknown,
        };
        // The holes of a sparse file are not in the archive.
        let size = if member.kind == MemberKind::Sparse { u64::MAX } else { member.stored };
        self.weights.add_file(path, file_type, size);
        if tensorflow::is_companion(path) {
            self.companions.push(path);
            return Ok(0);
        }
        if file_name(path) == MODEL_SHAPES && member.kind == MemberKind::File {
            self.shapes = ModelShapes::read_member(&mut content)?;
            return Ok(content.position());
        }
        self.unsupported.add_file(path, file_type);
        if tensorflow::is_variables_index(path) && member.kind == MemberKind::File {
            self.weights.read_index(path, file_type, &mut content, self.limits)?;
            return Ok(content.position());
        }
        let Some(recognized) = recognize_file(path, file_type, head) else {
            if file_type.is_archive() {
                self.nested.push(path);
            }
            return Ok(0);
        };
        let mismatch = match member.kind {
            MemberKind::File => mismatch_problem(recognized.format, file_type, path),
            _ => Some(not_a_file_problem(member)),
        };
        let note = mismatch.as_ref().map(|problem| FileNote {
            reason: match &member.link_target {
                Some(target) => format!("a link to {}", quote_name(target)),
                None => file_type.to_string(),
            },
            fix: problem.remedy.clone(),
            weights_only: false,
            unreadable: false,
        });
        if !self.candidates.register_file(recognized, path, note) {
            return Ok(0);
        }
        let facts = match mismatch {
            Some(problem) => Err(problem),
            None => read_model_file(recognized.format, path, &mut content, self.limits)?,
        };
        self.candidates.store_facts(recognized, path, facts);
        Ok(content.position())
    }

    /// Adds a file or link to the list of members.
    fn list_member(&mut self, member: &TarMember) {
        let path = &member.path;
        self.inspection.member_count += 1;
        if self.inspection.members.len() < self.limits.kept_members {
            self.inspection.members.push(ArchiveMember { path: path.clone(), size: member.stored });
        }
        if path.starts_with("../") {
            self.outside.push(path);
        }
        if path.contains('\\') {
            self.backslashes.push(path);
        }
    }

    /// The result for an archive that was read to its end.
    fn finish_inspection(mut self) -> Inspection {
        self.warn_about_paths();
        let has_sound_file = self.candidates.has_sound_file();
        let refuted = self.candidates.highest_certainty() == Some(Certainty::Refuted);
        match self.candidates.choose_framework() {
            // A file that only has the name of a model: say what it is.
            _ if refuted && !self.unsupported.is_empty() => self.add_problem(self.unsupported.describe_problem()),
            Err(_) if refuted => self.add_problem(self.candidates.refuted_problem()),
            Ok(Some(_)) if refuted && self.candidates.has_several_files() => {
                self.add_problem(self.candidates.refuted_problem());
            }
            Ok(Some(framework)) => self.choose_model(framework, true),
            Ok(None) => self.add_problem(self.no_model_problem()),
            Err(problem) => self.add_problem(problem),
        }
        self.unsupported.explain_snapshot(&mut self.inspection, has_sound_file);
        self.report_backslashes();
        self.warn_about_companions();
        self.inspection
    }

    /// The result for an archive that could only be read in part: files that are missing from that
    /// part are not reported as missing.
    fn abort_inspection(mut self, problem: Problem) -> Inspection {
        self.warn_about_paths();
        self.add_problem(problem);
        if let Ok(Some(framework)) = self.candidates.choose_framework() {
            self.choose_model(framework, false);
        }
        self.inspection
    }

    fn choose_model(&mut self, framework: Framework, complete: bool) {
        let contents = ArchiveContents { weights: &self.weights, shapes: &self.shapes, complete };
        let choice = std::mem::take(&mut self.candidates).choose_model(framework, &contents);
        self.inspection.model = choice.model;
        self.inspection.problems.extend(choice.problems);
        self.inspection.warnings.extend(choice.warnings);
    }

    /// On Linux, a name with backslashes is one name, not a path: a `SavedModel` has no folder
    /// then.
    fn report_backslashes(&mut self) {
        if self.backslashes.is_empty() {
            return;
        }
        let text =
            format!("the archive has names with backslashes, which are not folders on Linux: {}", self.backslashes);
        let needs_folders =
            self.inspection.model.as_ref().is_some_and(|model| tensorflow::is_saved_model_path(&model.path));
        if needs_folders || !self.inspection.problems.is_empty() {
            let fix = "create the archive with tar, which Windows has too: `tar -czf model.tar.gz -C <folder> .`";
            self.add_problem(Problem::new("path-backslash", text, fix));
        } else {
            self.add_warning(Warning::new("path-backslash", text));
        }
    }

    fn warn_about_paths(&mut self) {
        if !self.mac_metadata.is_empty() {
            self.add_warning(Warning::new(
                "macos-metadata",
                format!(
                    "the archive contains macOS metadata, which SageMaker Neo may mistake for model files: {}; \
                     create the archive with `COPYFILE_DISABLE=1 tar --exclude .DS_Store -czf …`",
                    self.mac_metadata
                ),
            ));
        }
        if !self.outside.is_empty() {
            self.add_warning(Warning::new(
                "path-outside",
                format!("the archive contains paths outside its root folder: {}", self.outside),
            ));
        }
    }

    /// These files are only worth a warning if the model is a `SavedModel`.
    fn warn_about_companions(&mut self) {
        let tensorflow = self.inspection.model.as_ref().is_some_and(|model| model.framework == Framework::Tensorflow);
        if tensorflow && !self.companions.is_empty() {
            self.add_warning(Warning::new(
                "saved-model-companions",
                format!(
                    "SageMaker Neo may count these files as models because of their suffix .pb, but the SavedModel loads \
                     without them: {}",
                    self.companions
                ),
            ));
        }
    }

    fn no_model_problem(&self) -> Problem {
        if self.inspection.member_count == 0 {
            return Problem::new(
                "tar-empty",
                "the archive contains no files",
                "create the archive with `tar -czf model.tar.gz <model files>`",
            );
        }
        if let Some(lost) = self.unsupported.lost_problem().filter(|_| self.nested.is_empty()) {
            return lost;
        }
        if self.unsupported.has_model() || (!self.unsupported.is_empty() && self.nested.is_empty()) {
            return self.unsupported.describe_problem();
        }
        if !self.nested.is_empty() {
            return Problem::new(
                "nested-archive",
                format!("the archive contains no model, but another archive: {}", self.nested),
                "extract the inner archive and add its model files to model.tar.gz",
            );
        }
        let paths = self.inspection.members.iter().map(|member| member.path.as_str());
        let paths = QuotedNames::with_total(paths, self.inspection.member_count);
        Problem::new(
            "no-model",
            format!("the archive contains no model file; it contains {paths}"),
            "add one model: .onnx, .pb or a SavedModel, .h5, .pth, .tflite, -symbol.json with .params, .cfg with \
             .weights, or .model",
        )
    }
}

/// Reads a file of this format, or explains why that is not possible.
fn read_model_file(
    format: Format,
    path: &str,
    content: &mut MemberReader<'_, '_>,
    limits: &Limits,
) -> Result<Result<FormatFacts, Problem>, ReadError> {
    match format.read_facts(content, limits) {
        Ok(facts) => Ok(Ok(facts)),
        Err(FileError::Malformed { offset, cause }) => {
            Ok(Err(unreadable_problem(format, path, content.size(), offset, &cause)))
        }
        Err(FileError::Archive(error)) => Err(error),
    }
}

fn not_a_file_problem(TarMember { path, kind, link_target, .. }: &TarMember) -> Problem {
    let path = quote_name(path);
    if *kind == MemberKind::Sparse {
        return Problem::new(
            "model-is-sparse",
            format!("{path} is stored as a sparse file, without its holes, which not every reader restores"),
            "create the archive without --sparse (-S)",
        );
    }
    Problem::new(
        "model-is-link",
        match link_target {
            Some(target) => format!("{path} is a link to {}, not a file", quote_name(target)),
            None => format!("{path} is a link, not a file"),
        },
        "archive the file itself: `tar --dereference --hard-dereference -czf model.tar.gz <model files>`",
    )
}

/// Whether macOS's `tar` or Finder added the file.
fn is_mac_metadata(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with("._") || part == "__MACOSX" || part == ".DS_Store")
}
