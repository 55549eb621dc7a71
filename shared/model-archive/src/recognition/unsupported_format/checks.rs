//! Marks of unsupported formats that are more than fixed bytes.

use crate::{
    encoding::protobuf_head::{HeadField, HeadFields, HeadValue, is_name},
    limits::RECOGNITION_BYTES,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Fields of Core ML's `ModelDescription` after its inputs, which no graph of TensorFlow has:
/// outputs, names of predictions, state, functions, inputs of training, metadata.
const CORE_ML_DESCRIPTION: [u64; 8] = [10, 11, 12, 13, 20, 21, 50, 100];

/// Maximum length of a safetensors header, in bytes (`safetensors`, tensor.rs).
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

/// Maximum length of Vowpal Wabbit's version, in bytes, such as `8.11.0`.
const MAX_VERSION: usize = 16;

/// A text without its byte order mark and the spaces before it.
pub(super) fn text_start(head: &[u8]) -> &[u8] {
    head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start()
}

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether JSON has a key, at any depth.
pub(super) fn has_json_key(text: &[u8], key: &str) -> bool {
    let quoted = format!("\"{key}\"");
    let mut places = text.windows(quoted.len()).enumerate().filter(|(_, window)| *window == quoted.as_bytes());
    places.any(|(at, _)| text[at + quoted.len()..].trim_ascii_start().first().is_none_or(|next| *next == b':'))
}

/// Whether XML has this root element, after its declaration and comments.
pub(super) fn is_xml_root(head: &[u8], element: &str) -> bool {
    let mut text = text_start(head);
    while text.starts_with(b"<?") || text.starts_with(b"<!") {
        let Some(end) = text.iter().position(|byte| *byte == b'>') else { return false };
        text = text[end + 1..].trim_ascii_start();
    }
    let rest = text.strip_prefix(b"<").and_then(|text| text.strip_prefix(element.as_bytes()));
    rest.is_some_and(|rest| rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'>'))
}

/// The Python package of the class that a pickle starts with; `None` if it starts with a list or
/// another plain value.
pub(crate) fn pickled_package(head: &[u8]) -> Option<&[u8]> {
    let rest = match head {
        [0x80, 2..=5, rest @ ..] => rest,
        // Protocols 0 and 1.
        [b'c', ..] => head,
        _ => return None,
    };
    // A frame: its opcode, and its length in eight bytes.
    let rest = if rest.first() == Some(&0x95) { rest.get(9..)? } else { rest };
    let module = match rest {
        // SHORT_BINUNICODE
        [0x8c, length, rest @ ..] => rest.get(..usize::from(*length))?,
        // GLOBAL
        [b'c', rest @ ..] => class_module(rest)?,
        _ => return None,
    };
    module.split(|byte| *byte == b'.').next()
}

/// The module of a class, after the opcode GLOBAL. Protocols 0 and 1 restore most objects with a
/// function of `copyreg`, whose first argument is the class.
fn class_module(text: &[u8]) -> Option<&[u8]> {
    let first_line = |text: &'_ [u8]| text.iter().position(|byte| *byte == b'\n');
    let module = &text[..first_line(text)?];
    if !matches!(module, b"copy_reg" | b"copyreg") {
        return Some(module);
    }
    let class = text.windows(2).position(|opcodes| opcodes == b"(c")?;
    let class = &text[class + 2..];
    Some(&class[..first_line(class)?])
}

/// The name of the first entry of a zip file.
pub(super) fn first_zip_entry(head: &[u8]) -> Option<&[u8]> {
    let length = head.get(26..28).filter(|_| head.starts_with(b"PK\x03\x04"))?;
    head.get(30..30 + usize::from(u16::from_le_bytes([length[0], length[1]])))
}

/// skops: a zip file whose first entry is an array, named by its address in memory.
pub(super) fn is_skops(head: &[u8]) -> bool {
    const MIN_DIGITS: usize = 12;
    let number = first_zip_entry(head).and_then(|entry| entry.strip_suffix(b".npy"));
    number.is_some_and(|number| number.len() >= MIN_DIGITS && number.iter().all(u8::is_ascii_digit))
}

/// Core ML `Model`: a version, then a description that starts with an input and its name, or with a
/// field that a description without inputs has (`Model.proto`).
pub(super) fn is_core_ml(head: &[u8]) -> bool {
    let mut fields = HeadFields::new(head);
    if !matches!(fields.next(), Some(HeadField { number: 1, value: HeadValue::Varint(1..=64) })) {
        return false;
    }
    let Some(description) = fields.next().and_then(|field| field.bytes_of(2)) else { return false };
    let first = HeadFields::new(description).next();
    if first.is_some_and(|first| CORE_ML_DESCRIPTION.contains(&first.number) && first.bytes_of(first.number).is_some())
    {
        return true;
    }
    let input = first.and_then(|field| field.bytes_of(1));
    input.and_then(|input| HeadFields::new(input).next()?.bytes_of(1)).is_some_and(is_name)
}

/// The length of a header, then the header, which is JSON.
pub(super) fn is_safetensors(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk() else { return false };
    (2..=MAX_SAFETENSORS_HEADER).contains(&u64::from_le_bytes(*length))
        && matches!(rest.trim_ascii_start(), [b'{', b'"' | b'}' | b' ' | b'\n', ..])
}

/// The index of a TensorFlow checkpoint: an `SSTable` whose first entry has an empty key and is the
/// header of the bundle: the number of shards, then its version.
pub(super) fn is_checkpoint_index(head: &[u8]) -> bool {
    let [0, 0, 4..=32, entry @ ..] = head else { return false };
    let mut fields = HeadFields::new(entry);
    matches!(fields.next(), Some(HeadField { number: 1, value: HeadValue::Varint(1..) }))
        && fields.next().is_some_and(|field| field.number == 3 && field.bytes_of(3).is_some())
}

/// TensorFlow's `MetaGraphDef`: what it says about itself, which starts with its operations, tags
/// or version.
pub(super) fn is_meta_graph(head: &[u8]) -> bool {
    let first = HeadFields::new(head).next().and_then(|field| field.bytes_of(1));
    let info = first.and_then(|info| HeadFields::new(info).next());
    let Some(operations) = info.and_then(|field| field.bytes_of(2)) else { return false };
    // OpList.op
    let operation = HeadFields::new(operations).next().and_then(|field| field.bytes_of(1));
    operation.and_then(|operation| HeadFields::new(operation).next()?.bytes_of(1)).is_some_and(is_name)
}

/// `SentencePiece`'s `ModelProto`: pieces, each a text and its score.
pub(super) fn is_sentence_piece(head: &[u8]) -> bool {
    let Some(piece) = HeadFields::new(head).next().and_then(|field| field.bytes_of(1)) else { return false };
    let mut fields = HeadFields::new(piece);
    fields.next().is_some_and(|text| text.bytes_of(1).is_some())
        && matches!(fields.next(), Some(HeadField { number: 2, value: HeadValue::Fixed }))
}

/// CNTK's `Dictionary`, whose first entry is its version.
pub(super) fn is_cntk(head: &[u8]) -> bool {
    let entry = HeadFields::new(head).next().and_then(|field| field.bytes_of(1));
    entry.and_then(|entry| HeadFields::new(entry).next()?.bytes_of(1)) == Some(b"version")
}

/// Caffe's `NetParameter`: a name, then layers of the current format (field 100) or the old one
/// (field 2).
pub(super) fn is_caffe(head: &[u8]) -> bool {
    let mut fields = HeadFields::new(head);
    let name = fields.next().and_then(|field| field.bytes_of(1));
    name.is_some_and(is_name) && fields.take(8).any(is_caffe_layer)
}

fn is_caffe_layer(field: HeadField<'_>) -> bool {
    let Some(layer) = field.bytes_of(2).or_else(|| field.bytes_of(100)) else { return false };
    HeadFields::new(layer).next().is_some_and(|first| matches!(first.value, HeadValue::Bytes(name) if is_name(name)))
}

/// `PaddlePaddle`'s `ProgramDesc`: blocks, each with its number and that of its parent.
pub(super) fn is_paddle(head: &[u8]) -> bool {
    let Some(block) = HeadFields::new(head).next().and_then(|field| field.bytes_of(1)) else { return false };
    let mut numbers = HeadFields::new(block);
    matches!(numbers.next(), Some(HeadField { number: 1, value: HeadValue::Varint(0) }))
        && matches!(numbers.next(), Some(HeadField { number: 2, value: HeadValue::Varint(_) }))
}

/// word2vec: the numbers of words and dimensions on the first line, then the first word.
pub(super) fn is_word_vectors(head: &[u8]) -> bool {
    let Some(end) = head.iter().take(32).position(|byte| *byte == b'\n') else { return false };
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let parts: Vec<_> = head[..end].trim_ascii().split(|byte| *byte == b' ').collect();
    parts.len() == 2 && parts.into_iter().all(is_number) && head.len() > end + 1
}

/// Vowpal Wabbit: its version as text that ends in zero, after its length.
pub(super) fn is_vowpal_wabbit(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk() else { return false };
    let Ok(length) = usize::try_from(u32::from_le_bytes(*length)) else { return false };
    let Some((0, version)) = rest.get(..length).filter(|_| length <= MAX_VERSION).and_then(<[u8]>::split_last) else {
        return false;
    };
    version.first().is_some_and(u8::is_ascii_digit)
        && version.contains(&b'.')
        && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The graph of a model that TVM compiled, as JSON.
pub(super) fn is_tvm_graph(head: &[u8]) -> bool {
    text_start(head).starts_with(b"{") && contains(head, b"\"nodes\"") && contains(head, b"\"tvm_op\"")
}

/// JSON in which a server says that something failed, and nothing else.
pub(crate) fn is_error_response(head: &[u8]) -> bool {
    const REASONS: [&str; 9] =
        ["error", "errors", "errormessage", "message", "detail", "code", "statuscode", "fault", "error_description"];
    const OTHERS: [&str; 18] = [
        "__type",
        "docs",
        "documentation_url",
        "exception",
        "hostid",
        "instance",
        "ok",
        "path",
        "reason",
        "request_id",
        "requestid",
        "status",
        "success",
        "timestamp",
        "title",
        "trace",
        "type",
        "url",
    ];
    if head.len() >= 2048 {
        return false;
    }
    let Ok(response) = serde_json::from_slice::<serde_json::Map<_, _>>(text_start(head)) else { return false };
    let keys: Vec<_> = response.keys().map(|key| key.to_ascii_lowercase()).collect();
    let is_any = |known: &[&str], key: &str| known.contains(&key);
    keys.iter().any(|key| is_any(&REASONS, key)) && keys.iter().all(|key| is_any(&REASONS, key) || is_any(&OTHERS, key))
}

/// ONNX's own text format, which starts with the version between angle brackets.
pub(super) fn is_onnx_text(head: &[u8]) -> bool {
    text_start(head).strip_prefix(b"<").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"ir_version"))
}

/// HDF5 after a user block, whose size is a power of two from 512 on (HDF5 File Format
/// Specification, superblock).
pub(super) fn is_hdf5_after_block(head: &[u8]) -> bool {
    [512, 1024, 2048].iter().any(|at| head.get(*at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n")))
}

/// The name of a shard of a TensorFlow checkpoint, such as `m.data-00000-of-00002`.
pub(super) fn is_checkpoint_shard(name: &str) -> bool {
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = name.rsplit_once(".data-").and_then(|(_, shard)| shard.split_once("-of-"));
    numbers.is_some_and(|(number, count)| is_number(number) && is_number(count))
}

/// `GloVe`: on each line a word and at least four decimal numbers, on every line as many.
pub(super) fn is_glove(head: &[u8]) -> bool {
    let is_cut = head.len() >= RECOGNITION_BYTES;
    let whole = if is_cut { head.rsplitn(2, |byte| *byte == b' ').last().unwrap_or_default() } else { head };
    let mut lines = whole.split(|byte| *byte == b'\n').map(count_decimals);
    let (Some(Some(first)), Some(second)) = (lines.next(), lines.next()) else { return false };
    first >= 4 && second.is_some_and(|second| second == first || (is_cut && second <= first))
}

/// The number of decimal numbers after the word that a line starts with.
fn count_decimals(line: &[u8]) -> Option<usize> {
    let mut parts = str::from_utf8(line).ok()?.trim_end().split(' ');
    let is_decimal = |part: &str| part.contains('.') && part.parse::<f32>().is_ok();
    let word = parts.next()?;
    let count = parts.clone().count();
    (!word.is_empty() && parts.all(is_decimal)).then_some(count)
}
