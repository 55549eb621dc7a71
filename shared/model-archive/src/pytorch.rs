//! PyTorch: tells a `TorchScript` file from the pickles that Neo cannot load. Nothing is ever unpickled.

use rawzip::{RECOMMENDED_BUFFER_SIZE, ZipLocator};

use crate::{Limits, Problem, Warning, content::Content, ends::Ends, fault::Halt, reading::Reading};

/// Bytes of a zip file's first local header before the name.
const LOCAL_HEADER: usize = 30;

/// Longest content of the file `version` that is read: it is one number.
const MAX_VERSION: u64 = 16;

/// Bytes at the end that are searched for the directory: a zip file's comment has at most 64 KiB.
const SEARCH: u64 = 128 * 1024;

const ZIP: &[u8] = b"PK\x03\x04";

/// How `torch.save` began before it wrote zip files: a pickle of its own magic number (`serialization.py`).
const LEGACY: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// Whether a file that is not called `.pt` or `.pth` begins like one that PyTorch writes.
pub(crate) fn recognise(head: &[u8]) -> bool {
    if head.starts_with(LEGACY) {
        return true;
    }
    let Some(length) = head.get(26..28).filter(|_| head.starts_with(ZIP)) else { return false };
    let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
    let name = head.get(LOCAL_HEADER..LOCAL_HEADER + length).and_then(|name| str::from_utf8(name).ok());
    // The folder is named after the file.
    match name.and_then(|name| name.split_once('/')).map(|(_, path)| path) {
        Some("data.pkl" | "constants.pkl" | ".format_version" | "archive_format") => true,
        Some(path) => ["data/", "data/weights/weight_", "data/constants/"].iter().any(|tensors| {
            path.strip_prefix(tensors)
                .is_some_and(|number| number.bytes().next().is_some_and(|byte| byte.is_ascii_digit()))
        }),
        None => false,
    }
}

/// Reads a `.pt` or `.pth` file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let head = content.peek(ZIP.len())?;
    if head.first() == Some(&0x80) {
        return Ok(pickled());
    }
    if head != ZIP {
        return Err(Halt::malformed(0, "it is neither a zip file nor a pickle"));
    }
    let ends = Ends::read(content, limits)?;
    let listing = match (list(&ends), ends.missed()) {
        (Ok(listing), _) => listing,
        (Err(_), Some(lack)) => {
            let warning = Warning::new("inputs-not-read", format!("its zip directory was not read: {lack}"));
            return Ok(Reading { warnings: vec![warning], ..Reading::default() });
        }
        (Err(error), None) => {
            return Err(Halt::malformed(ends.size(), format!("its zip directory is damaged ({error})")));
        }
    };
    let mut reading = Reading::default();
    if listing.code && (listing.constants || listing.model_json) {
        reading.format_version = Some(match listing.version {
            Some(version) => format!("TorchScript {version}"),
            None => "TorchScript".to_owned(),
        });
        reading.warnings.push(Warning::new(
            "inputs-not-read",
            "a TorchScript file holds no input shapes; give `inputs`, such as inputs: [[1, 3, 224, 224]]",
        ));
    } else if listing.exported {
        reading.problems.push(Problem::new(
            "torch-exported",
            "the file is a program of torch.export, which SageMaker Neo cannot load: it takes TorchScript",
            TRACE,
        ));
    } else if listing.data {
        return Ok(pickled());
    } else {
        return Err(Halt::malformed(ends.size(), "its zip directory lists none of PyTorch's files"));
    }
    Ok(reading)
}

const TRACE: &str = "trace the model and save that: torch.jit.trace(model.eval(), example).save(\"model.pth\")";

fn pickled() -> Reading {
    let problem = Problem::new(
        "torch-not-script",
        "the file is a pickle of torch.save (a state_dict or a whole module), which SageMaker Neo cannot load without the \
         model's code",
        TRACE,
    );
    Reading { problems: vec![problem], ..Reading::default() }
}

/// Which of PyTorch's files there are.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a file that is there or not")]
struct Listing {
    code: bool,
    constants: bool,
    /// What `TorchScript` had before PyTorch 1.4.
    model_json: bool,
    data: bool,
    exported: bool,
    version: Option<String>,
}

fn list(ends: &Ends) -> Result<Listing, rawzip::Error> {
    let mut listing = Listing::default();
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let locator = ZipLocator::new().max_search_space(SEARCH);
    let archive = locator.locate_in_reader(ends, &mut buffer, ends.size()).map_err(|(_, error)| error)?;
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry()? {
        let path = entry.file_path();
        let path = path.as_bytes();
        // Everything is in a folder called after the model.
        let Some(slash) = path.iter().position(|byte| *byte == b'/') else { continue };
        let name = &path[slash + 1..];
        match name {
            b"constants.pkl" => listing.constants = true,
            b"model.json" => listing.model_json = true,
            b"data.pkl" => listing.data = true,
            b"version" => {
                let (offset, size) = (entry.local_header_offset(), entry.uncompressed_size_hint());
                listing.version = version(ends, offset, size);
            }
            b"serialized_exported_program.json" | b"models/model.json" | b"archive_format" => listing.exported = true,
            _ => listing.code |= name.starts_with(b"code/"),
        }
    }
    Ok(listing)
}

/// The content of the file `version`, if it is where it was kept. PyTorch compresses nothing.
fn version(ends: &Ends, header: u64, size: u64) -> Option<String> {
    let names: [u8; 4] = ends.array(header.checked_add(26)?).ok()?;
    let skip =
        u64::from(u16::from_le_bytes([names[0], names[1]])) + u64::from(u16::from_le_bytes([names[2], names[3]]));
    let data = ends.bytes(header + LOCAL_HEADER as u64 + skip, size.min(MAX_VERSION)).ok()?;
    let text = std::str::from_utf8(data).ok()?.trim();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}
