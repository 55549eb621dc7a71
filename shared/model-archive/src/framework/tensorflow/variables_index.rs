//! The index of a `SavedModel`'s variables: a table as `LevelDB` writes it, with an entry for each
//! variable (`tensor_bundle.h` and `table_format.txt` in TensorFlow).

use prost::Message;

use crate::{
    container::member::MemberReader,
    encoding::head_and_tail::{HeadAndTail, OutOfRange},
    error::ReadError,
    limits::Limits,
};

/// Length of the footer, in bytes: the places of two blocks, padding, and the magic number.
const FOOTER: u64 = 48;

/// The last bytes of the footer.
const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();

/// How a block is compressed, which its last byte says.
const UNCOMPRESSED: u8 = 0;
const SNAPPY: u8 = 1;

/// Maximum number of shards. Models have one to a few hundred.
pub(crate) const MAX_SHARDS: u32 = 10_000;

/// The shards that an index refers to: the least size of each, in bytes. Empty if that is unknown,
/// because the index is compressed or too large.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ShardSizes(pub Vec<u64>);

/// `BundleHeaderProto`
#[derive(Clone, PartialEq, Message)]
struct BundleHeader {
    #[prost(uint32, tag = "1")]
    shards: u32,
}

/// `BundleEntryProto`
#[derive(Clone, PartialEq, Message)]
struct BundleEntry {
    #[prost(uint32, tag = "3")]
    shard: u32,
    #[prost(uint64, tag = "4")]
    offset: u64,
    #[prost(uint64, tag = "5")]
    size: u64,
}

/// Why the sizes of the shards are not known.
enum IndexError {
    /// The file is no such index: the end of a sentence.
    Malformed(&'static str),
    /// The index may be sound.
    NotRead,
}

impl From<OutOfRange> for IndexError {
    fn from(error: OutOfRange) -> Self {
        match error {
            OutOfRange::Outside(_) => Self::Malformed("an offset in it points outside the file"),
            OutOfRange::Skipped(_) => Self::NotRead,
        }
    }
}

const TRUNCATED: IndexError = IndexError::Malformed("an entry in it is cut short");

/// Reads an index. The inner error is the end of a sentence.
pub(crate) fn read_variables_index(
    content: &mut MemberReader<'_, '_>,
    limits: &Limits,
) -> Result<Result<ShardSizes, &'static str>, ReadError> {
    let file = HeadAndTail::read_member(content, limits)?;
    Ok(match read_shard_sizes(&file) {
        Ok(sizes) => Ok(sizes),
        Err(IndexError::NotRead) => Ok(ShardSizes::default()),
        Err(IndexError::Malformed(cause)) => Err(cause),
    })
}

fn read_shard_sizes(file: &HeadAndTail) -> Result<ShardSizes, IndexError> {
    const NO_MAGIC: IndexError = IndexError::Malformed("the magic number at its end is missing");
    let footer = file.file_size().checked_sub(FOOTER).ok_or(NO_MAGIC)?;
    let footer = file.slice_at(footer, FOOTER)?;
    let mut places = footer.strip_suffix(&MAGIC).ok_or(NO_MAGIC)?;
    // The first block has no entries.
    read_place(&mut places)?;
    let blocks = read_block(file, read_place(&mut places)?)?;
    let mut sizes = Vec::new();
    // Blocks follow each other, so that each byte is read once.
    let mut read_until = 0;
    for_each_entry(blocks, |_, mut place| {
        let (offset, length) = read_place(&mut place)?;
        if offset < read_until {
            return Err(IndexError::Malformed("its blocks overlap"));
        }
        read_until = offset.saturating_add(length).saturating_add(1);
        for_each_entry(read_block(file, (offset, length))?, |key, value| add_variable(&mut sizes, key, value))
    })?;
    Ok(ShardSizes(sizes))
}

/// Adds an entry of the table: the first one, whose key is empty, is the header.
fn add_variable(sizes: &mut Vec<u64>, is_header: bool, value: &[u8]) -> Result<(), IndexError> {
    const NO_ENTRY: IndexError = IndexError::Malformed("an entry in it is not that of a variable");
    if is_header && !sizes.is_empty() {
        return Err(IndexError::Malformed("it has two headers"));
    }
    if is_header {
        let header = BundleHeader::decode(value).map_err(|_| NO_ENTRY)?;
        *sizes = vec![0; header.shards.min(MAX_SHARDS) as usize];
        return Ok(());
    }
    let entry = BundleEntry::decode(value).map_err(|_| NO_ENTRY)?;
    if let Some(size) = sizes.get_mut(entry.shard as usize) {
        *size = entry.offset.saturating_add(entry.size).max(*size);
    }
    Ok(())
}

/// The place of a block: its offset and its length, in bytes.
fn read_place(bytes: &mut &[u8]) -> Result<(u64, u64), IndexError> {
    Ok((read_number(bytes)?, read_number(bytes)?))
}

fn read_number(bytes: &mut &[u8]) -> Result<u64, IndexError> {
    prost::encoding::decode_varint(bytes).map_err(|_| TRUNCATED)
}

/// The entries of a block, without the list of positions after them.
fn read_block(file: &HeadAndTail, (offset, length): (u64, u64)) -> Result<&[u8], IndexError> {
    let end = offset.saturating_add(length);
    match file.array_at(end)? {
        [UNCOMPRESSED] => {}
        [SNAPPY] => return Err(IndexError::NotRead),
        _ => return Err(IndexError::Malformed("a block in it is not of a known kind")),
    }
    let block = file.slice_at(offset, length)?;
    let (rest, count) = block.split_last_chunk().ok_or(TRUNCATED)?;
    let positions = (u32::from_le_bytes(*count) as usize).saturating_mul(size_of::<u32>());
    rest.len().checked_sub(positions).map(|entries| &rest[..entries]).ok_or(TRUNCATED)
}

/// Calls `visit` for each entry of a block: whether its key is empty, and its value.
fn for_each_entry(
    mut entries: &[u8],
    mut visit: impl FnMut(bool, &[u8]) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    while !entries.is_empty() {
        // A key starts with this many bytes of the key before it.
        let shared = read_number(&mut entries)?;
        let mut lengths = || read_number(&mut entries).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let (key, value) = (lengths()?, lengths()?);
        entries = entries.get(key..).ok_or(TRUNCATED)?;
        visit(shared == 0 && key == 0, entries.get(..value).ok_or(TRUNCATED)?)?;
        entries = &entries[value..];
    }
    Ok(())
}
