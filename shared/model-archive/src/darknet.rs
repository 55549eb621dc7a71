//! Darknet: width, height and channels of the `[net]` section of a `.cfg`.

use crate::{Dim, ElementType, Input, Problem, Warning, content::Content, fault::Halt, reading::Reading};

/// Longest configuration that is read, in bytes. `YOLOv4`'s has 12 KiB.
const MAX_CONFIG: u64 = 1 << 20;

/// What Neo calls the only input of a Darknet model (developer guide: `{"data": [1, 3, 224, 224]}`).
const INPUT: &str = "data";

/// The options of `[net]` that make the input's shape, and what Darknet takes where one is missing (`parse_net_options`
/// in `parser.c`): of all but the batch 0, which is no size.
const NET: [(&str, Dim); 4] =
    [("batch", Dim::Known(1)), ("channels", Dim::Unknown), ("height", Dim::Unknown), ("width", Dim::Unknown)];

/// What some editors put before the first section.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Sections of the YOLO models, which Neo does not support.
const YOLO: [&str; 3] = ["yolo", "region", "gaussian_yolo"];

/// Whether a `.cfg` is Darknet's: its first section is the network.
pub(crate) fn recognise(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start_matches(BYTE_ORDER_MARK).lines().map(str::trim).find(|line| line.starts_with('['));
    first.is_some_and(|line| matches!(section(line), Some("net" | "network")))
}

/// A number as C's `atoi` reads it once blanks are gone, which is how Darknet does: up to what is no digit.
fn number(value: &str) -> Option<u64> {
    let digits: String = value.chars().filter(|c| !c.is_whitespace()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn section(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.split_once(']').map(|(name, _)| name.trim())
}

/// Reads a `.cfg`.
pub(crate) fn read(content: &mut Content<'_, '_>) -> Result<Reading, Halt> {
    if content.size() > MAX_CONFIG {
        return Err(Halt::malformed(0, format!("it is longer than {MAX_CONFIG} bytes")));
    }
    let mut text = vec![0; usize::try_from(content.size()).unwrap_or_default()];
    content.fill(&mut text)?;
    let text = String::from_utf8_lossy(&text);

    let mut sizes: [(&str, Option<Dim>); 4] = NET.map(|(key, _)| (key, None));
    let (mut sections, mut yolo) = (0, None);
    let lines = text.trim_start_matches(BYTE_ORDER_MARK).lines().map(str::trim);
    for line in lines.filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = section(line) {
            sections += 1;
            yolo = yolo.or_else(|| YOLO.iter().find(|known| **known == name));
        } else if let Some((key, value)) = line.split_once('=').filter(|_| sections == 1) {
            // As Darknet finds an option: the first of a name counts.
            if let Some((_, size @ None)) = sizes.iter_mut().find(|(known, _)| *known == key.trim()) {
                *size = Some(number(value).filter(|size| *size > 0).map_or(Dim::Unknown, Dim::Known));
            }
        }
    }
    let dims: Vec<_> = sizes.into_iter().zip(NET).map(|((_, size), (_, default))| size.unwrap_or(default)).collect();
    let mut reading = Reading { read: true, ..Reading::default() };
    if let Some(name) = yolo {
        reading.problems.push(Problem::new(
            "darknet-yolo",
            format!("the configuration has a section [{name}]: SageMaker Neo does not support YOLO models of Darknet"),
            "convert the model to ONNX and compile that",
        ));
    }
    if let Dim::Known(size @ 2..) = dims[0] {
        reading.warnings.push(Warning::new(
            "darknet-batch",
            format!("the configuration has batch={size}, as for training; set batch=1 to compile it for single images"),
        ));
    }
    let dims = Some(dims);
    reading.inputs.push(Input { name: INPUT.to_owned(), element_type: ElementType::Float32, dims, tensor: None });
    Ok(reading)
}
