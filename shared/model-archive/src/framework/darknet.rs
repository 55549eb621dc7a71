//! Darknet: width, height and channels of the `[net]` section of a `.cfg`, and the header of the
//! `.weights`.

use crate::{
    container::member::MemberReader,
    element_type::ElementType,
    error::FileError,
    framework::format_facts::FormatFacts,
    inspection::{Dim, ModelInput},
    problem::{Problem, Warning},
};

/// Maximum length of a configuration, in bytes. `YOLOv4`'s has 12 KiB.
const MAX_CONFIG: u64 = 1 << 20;

/// Neo's name for the only input of a Darknet model (developer guide: `{"data": [1, 3, 224,
/// 224]}`).
const INPUT: &str = "data";

/// The options of `[net]` that make up the input's shape, and Darknet's defaults for them
/// (`parse_net_options` in `parser.c`). All but the batch default to 0, which is not a size.
const NET: [(&str, Dim); 4] =
    [("batch", Dim::Known(1)), ("channels", Dim::Unknown), ("height", Dim::Unknown), ("width", Dim::Unknown)];

/// Some editors write it before the first section.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Sections of YOLO models, which Neo does not support.
const YOLO: [&str; 3] = ["yolo", "region", "gaussian_yolo"];

/// Whether a `.cfg` is Darknet's: its first section is the network.
pub(crate) fn is_darknet_config(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start_matches(BYTE_ORDER_MARK).lines().map(str::trim).find(|line| line.starts_with('['));
    first.is_some_and(|line| matches!(section_name(line), Some("net" | "network")))
}

/// Parses a number as Darknet does, which removes spaces and calls C's `atoi`: up to the first
/// character that is not a digit.
fn parse_number(value: &str) -> Option<u64> {
    let digits: String = value.chars().filter(|c| !c.is_whitespace()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn section_name(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.split_once(']').map(|(name, _)| name.trim())
}

/// Maximum major, minor and revision number of a weight file. Darknet has written 0.1.0 to 0.2.5.
const MAX_VERSION: [i32; 3] = [9, 99, 99];

/// Length of the version at the start of a weight file, in bytes.
const VERSION_BYTES: usize = 12;

/// Reads the header of a weight file, three numbers of four bytes and the number of images that
/// were seen (`load_weights_upto` in `parser.c`), and skips the weights.
pub(crate) fn read_darknet_weights(content: &mut MemberReader<'_, '_>) -> Result<FormatFacts, FileError> {
    let mut header = [0; VERSION_BYTES];
    content.fill_buffer(&mut header)?;
    let (numbers, _) = header.as_chunks::<4>();
    let version: Vec<_> = numbers.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
    if !version.iter().zip(MAX_VERSION).all(|(number, max)| (0..=max).contains(number)) {
        return Err(FileError::malformed_at(0, "expected the version number of Darknet's weight files"));
    }
    // Since version 0.2, the number of images is one of eight bytes.
    let seen = if version[0] > 0 || version[1] >= 2 { size_of::<u64>() } else { size_of::<u32>() };
    if content.size() < (VERSION_BYTES + seen) as u64 {
        return Err(FileError::malformed_at(content.size(), "it ends within its header"));
    }
    Ok(FormatFacts::default())
}

pub(crate) fn read_darknet_config(content: &mut MemberReader<'_, '_>) -> Result<FormatFacts, FileError> {
    if content.size() > MAX_CONFIG {
        return Err(FileError::malformed_at(0, format!("it is longer than {MAX_CONFIG} bytes")));
    }
    let mut text = vec![0; usize::try_from(content.size()).unwrap_or_default()];
    content.fill_buffer(&mut text)?;
    let text = String::from_utf8_lossy(&text);

    let mut sizes: [(&str, Option<Dim>); 4] = NET.map(|(key, _)| (key, None));
    let (mut sections, mut yolo) = (0, None);
    let lines = text.trim_start_matches(BYTE_ORDER_MARK).lines().map(str::trim);
    for line in lines.filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = section_name(line) {
            sections += 1;
            yolo = yolo.or_else(|| YOLO.iter().find(|known| **known == name));
        } else if let Some((key, value)) = line.split_once('=').filter(|_| sections == 1) {
            // Darknet uses the first option of a name.
            if let Some((_, size @ None)) = sizes.iter_mut().find(|(known, _)| *known == key.trim()) {
                *size = Some(parse_number(value).filter(|size| *size > 0).map_or(Dim::Unknown, Dim::Known));
            }
        }
    }
    let dims: Vec<_> = sizes.into_iter().zip(NET).map(|((_, size), (_, default))| size.unwrap_or(default)).collect();
    let mut facts = FormatFacts { read: true, ..FormatFacts::default() };
    if let Some(name) = yolo {
        facts.problems.push(Problem::new(
            "darknet-yolo",
            format!("the configuration has a section [{name}]: SageMaker Neo does not support Darknet YOLO models"),
            "convert the model to ONNX and compile the ONNX model",
        ));
    }
    if let Dim::Known(size @ 2..) = dims[0] {
        facts.warnings.push(Warning::new(
            "darknet-batch",
            format!(
                "the configuration has batch={size}, a batch size for training; set batch=1 to infer single images"
            ),
        ));
    }
    let dims = Some(dims);
    facts.inputs.push(ModelInput { name: INPUT.to_owned(), element_type: ElementType::Float32, dims, tensor: None });
    Ok(facts)
}
