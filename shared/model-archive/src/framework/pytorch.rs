//! PyTorch: distinguishes `TorchScript` files from pickles, which Neo cannot load. Nothing is ever
//! unpickled.

use rawzip::{RECOMMENDED_BUFFER_SIZE, ZipLocator};

use crate::{
    container::member::MemberReader,
    encoding::head_and_tail::HeadAndTail,
    error::FileError,
    framework::format_facts::FormatFacts,
    limits::Limits,
    problem::{Problem, Warning, quote_name},
};

/// Length of a zip file's local header before the name, in bytes.
const LOCAL_HEADER: usize = 30;

/// Maximum length of the file `version`, in bytes: it contains one number.
const MAX_VERSION: u64 = 16;

/// Bytes at the end that are searched for the directory: the comment of a zip file has at most
/// 64 KiB.
const SEARCH: u64 = 128 * 1024;

const ZIP: &[u8] = b"PK\x03\x04";

/// The first bytes that `torch.save` wrote before it wrote zip files: a pickle of its magic number
/// (`serialization.py`).
const LEGACY: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// How pickles of protocol 2 and later start, and those of earlier protocols if they start with an
/// object of PyTorch.
const PICKLES: [&[u8]; 4] = [b"\x80", b"ctorch", b"ccopy_reg", b"ccopyreg"];

/// Folders that only PyTorch's files have: files that the user added (`_extra_files`), code, and
/// files about the archive itself.
const FOLDERS: [&str; 3] = ["extra/", "code/__torch__", ".data/"];

/// The file that only `torch.package` writes.
const PACKAGE: &[u8] = b".data/extern_modules";

/// Whether a file of any name starts like one that PyTorch wrote.
pub(crate) fn is_torch(head: &[u8]) -> bool {
    if head.starts_with(LEGACY) {
        return true;
    }
    let Some(length) = head.get(26..28).filter(|_| head.starts_with(ZIP)) else { return false };
    let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
    let name = head.get(LOCAL_HEADER..LOCAL_HEADER + length).and_then(|name| str::from_utf8(name).ok());
    // The folder has the name of the file.
    match name.and_then(|name| name.split_once('/')).map(|(_, path)| path) {
        Some("data.pkl" | "constants.pkl" | "byteorder" | ".format_version" | "archive_format") => true,
        Some(path) if FOLDERS.iter().any(|folder| path.starts_with(folder)) => true,
        Some(path) => ["data/", "data/weights/weight_", "data/constants/"].iter().any(|tensors| {
            path.strip_prefix(tensors)
                .is_some_and(|number| number.bytes().next().is_some_and(|byte| byte.is_ascii_digit()))
        }),
        None => false,
    }
}

pub(crate) fn read_torch(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let head = content.peek_bytes(LEGACY.len())?;
    if head.starts_with(LEGACY) {
        return Ok(reject_pickle(SAVED));
    }
    if PICKLES.iter().any(|start| head.starts_with(start)) {
        return Ok(reject_pickle("a Python pickle"));
    }
    if !head.starts_with(ZIP) {
        return Err(FileError::malformed_at(0, "expected a zip file or a pickle"));
    }
    let ends = HeadAndTail::read_member(content, limits)?;
    let listing = match (list_files(&ends), ends.missed_range()) {
        (Ok(listing), _) => listing,
        (Err(_), Some(cause)) => {
            let warning = Warning::new("inputs-not-read", format!("the zip directory was not read: {cause}"));
            return Ok(FormatFacts::from_warning(warning));
        }
        (Err(error), None) => {
            return Err(FileError::malformed_at(ends.file_size(), format!("the zip directory is damaged ({error})")));
        }
    };
    let mut facts = FormatFacts::default();
    if listing.code && (listing.constants || listing.model_json) {
        facts.format_version = Some(match listing.version {
            Some(version) => format!("TorchScript {version}"),
            None => "TorchScript".to_owned(),
        });
    } else if listing.exported {
        facts.problems.push(Problem::new(
            "torch-exported",
            "the file is a program of torch.export, which SageMaker Neo cannot load; it needs TorchScript",
            TRACE,
        ));
    } else if listing.package {
        facts.problems.push(Problem::new(
            "torch-not-script",
            "the file is an archive of torch.package (a pickle with its code), which SageMaker Neo cannot load",
            "load the model with torch.package.PackageImporter(path).load_pickle(package, resource) and trace it: \
             torch.jit.trace(model.eval(), example).save(\"model.pth\")",
        ));
    } else if listing.data {
        return Ok(reject_pickle(SAVED));
    } else {
        return Err(FileError::malformed_at(ends.file_size(), "the zip directory lists none of PyTorch's files"));
    }
    Ok(facts)
}

const TRACE: &str = "trace the model and save the result: torch.jit.trace(model.eval(), example).save(\"model.pth\")";

/// What `torch.save` writes.
const SAVED: &str = "a pickle of torch.save (a state_dict or a whole module)";

fn reject_pickle(what: &str) -> FormatFacts {
    let problem = Problem::new(
        "torch-not-script",
        format!("the file is {what}, which SageMaker Neo cannot load without the model's code"),
        TRACE,
    );
    FormatFacts::from_problem(problem)
}

/// The problem of a file of `torch.save` whose entries were archived one by one.
pub(crate) fn extracted_problem(pickle: &str) -> Problem {
    Problem::new(
        "torch-not-script",
        format!(
            "{} is part of a file of torch.save that was extracted; it has weights, but no model",
            quote_name(pickle)
        ),
        TRACE,
    )
}

/// Which of PyTorch's files the zip file contains.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a file that exists or not")]
struct TorchListing {
    code: bool,
    constants: bool,
    /// Written by `TorchScript` before PyTorch 1.4.
    model_json: bool,
    data: bool,
    exported: bool,
    package: bool,
    version: Option<String>,
}

fn list_files(ends: &HeadAndTail) -> Result<TorchListing, rawzip::Error> {
    let mut listing = TorchListing::default();
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let locator = ZipLocator::new().max_search_space(SEARCH);
    let archive = locator.locate_in_reader(ends, &mut buffer, ends.file_size()).map_err(|(_, error)| error)?;
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry()? {
        let path = entry.file_path();
        let path = path.as_bytes();
        // All files are in a folder with the name of the model.
        let Some(slash) = path.iter().position(|byte| *byte == b'/') else { continue };
        let name = &path[slash + 1..];
        match name {
            b"constants.pkl" => listing.constants = true,
            b"model.json" => listing.model_json = true,
            b"data.pkl" => listing.data = true,
            b"version" => {
                let (offset, size) = (entry.local_header_offset(), entry.uncompressed_size_hint());
                listing.version = read_version(ends, offset, size);
            }
            b"serialized_exported_program.json" | b"models/model.json" | b"archive_format" => listing.exported = true,
            PACKAGE => listing.package = true,
            _ => listing.code |= name.starts_with(b"code/"),
        }
    }
    Ok(listing)
}

/// The content of the file `version`, if it is in the head or tail that was kept. PyTorch
/// compresses nothing.
fn read_version(ends: &HeadAndTail, header: u64, size: u64) -> Option<String> {
    let names: [u8; 4] = ends.array_at(header.checked_add(26)?).ok()?;
    let skip =
        u64::from(u16::from_le_bytes([names[0], names[1]])) + u64::from(u16::from_le_bytes([names[2], names[3]]));
    let data = ends.slice_at(header + LOCAL_HEADER as u64 + skip, size.min(MAX_VERSION)).ok()?;
    let text = std::str::from_utf8(data).ok()?.trim();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}
