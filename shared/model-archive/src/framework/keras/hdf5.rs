//! The part of HDF5 that is needed to read text attributes of the root group ("HDF5 File Format
//! Specification Version 3.0").
//!
//! Supported: superblocks 0 to 3, object headers 1 and 2 with continuations, attributes stored in
//! the header as fixed or variable-length strings. Not supported: a user block before the
//! superblock, attributes in a fractal heap, shared types.
//!
//! Libraries for the whole format need random access. Here a file is only read forwards, so
//! everything that is referred to must be in its first `Limits::head_bytes` or further on. Keras
//! writes its attributes before the weights, and the longest supported configuration is half of
//! that.

mod error;
mod fields;
mod file;

pub(super) use error::Hdf5Error;

use crate::{container::member::MemberReader, limits::Limits};
use fields::FieldReader;
use file::Hdf5File;

pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Maximum number of parts of an object header. A root group has one or two.
const MAX_BLOCKS: usize = 64;

/// Maximum number of messages of one header, and maximum number of bytes of the attributes among
/// them: the parts of a header may overlap.
const MAX_MESSAGES: usize = 10_000;
const MAX_ATTRIBUTES: usize = 4 << 20;

/// Maximum number of objects of a global heap that are skipped.
const MAX_OBJECTS: usize = 65_536;

const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
const ATTRIBUTE_INFO: u16 = 0x15;

/// Classes of datatypes.
const FIXED_TEXT: u8 = 3;
const VARIABLE_LENGTH: u8 = 9;

/// The requested text attributes of a root group, and the names of all its attributes.
#[derive(Debug, Default)]
pub(super) struct RootAttributes {
    values: Vec<(String, String)>,
    names: Vec<String>,
}

impl RootAttributes {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Reads the attributes called `wanted`; fails if one is longer than `max` bytes.
    pub fn read_attributes(
        content: &mut MemberReader<'_, '_>,
        limits: &Limits,
        wanted: &[&str],
        max: u64,
    ) -> Result<Self, Hdf5Error> {
        let mut file = Hdf5File::open_member(content, limits, max)?;
        let root = file.read_superblock()?;
        let mut attributes = Self::default();
        let mut values = Vec::new();
        for message in file.read_messages(root)? {
            let Some(attribute) = file.parse_attribute(&message)? else { continue };
            // Names are unique in HDF5. Without this check, a file with thousands of attributes of
            // one name would fill the memory.
            let known = values.iter().any(|(name, _)| *name == attribute.name);
            if !known && wanted.contains(&attribute.name.as_str()) {
                values.push((attribute.name.clone(), attribute.value));
            }
            attributes.names.push(attribute.name);
        }
        // The file is only read forwards, so read the values in the order of their addresses.
        values.sort_by_key(|(_, value)| if let AttributeText::Heap { address, .. } = value { *address } else { 0 });
        for (name, value) in values {
            let bytes = match value {
                AttributeText::Inline(bytes) => bytes,
                AttributeText::Heap { address, object, length } => {
                    file.read_heap_object(address, object, length, max)?
                }
            };
            let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
            attributes.values.push((name, text));
        }
        Ok(attributes)
    }
}

struct TextAttribute {
    name: String,
    value: AttributeText,
}

enum AttributeText {
    Inline(Vec<u8>),
    /// In a global heap collection.
    Heap {
        address: u64,
        object: u32,
        length: u64,
    },
}

impl Hdf5File<'_, '_, '_> {
    /// Returns the address of the root group's object header.
    fn read_superblock(&mut self) -> Result<u64, Hdf5Error> {
        let start = self.read_range(0, 64)?;
        let version = start[8];
        let (sizes, root) = match version {
            // Signature and versions, sizes, group parameters and flags; then base, free space, end
            // of file, driver, and the entry of the root group, which starts with its name.
            0 | 1 => ([start[13], start[14]], if version == 0 { 24 } else { 28 }),
            2 | 3 => ([start[9], start[10]], 12),
            _ => {
                return Err(Hdf5Error::Unsupported(format!(
                    "its HDF5 superblock has version {version}, which is not supported"
                )));
            }
        };
        for size in sizes {
            if !matches!(size, 2 | 4 | 8) {
                return Err(Hdf5Error::Malformed { at: 9, cause: format!("its offsets have {size} bytes") });
            }
        }
        [self.offset_size, self.length_size] = sizes.map(usize::from);
        let mut fields = FieldReader::new(self.read_range(root, 6 * self.offset_size as u64)?, root);
        self.base = fields.read_number(self.offset_size)?;
        fields.skip_bytes(self.offset_size)?;
        self.check_end(fields.read_number(self.offset_size)?)?;
        if version < 2 {
            fields.skip_bytes(2 * self.offset_size)?;
        }
        fields.read_number(self.offset_size)
    }

    /// Reads the attribute messages of an object header.
    fn read_messages(&mut self, address: u64) -> Result<Vec<Vec<u8>>, Hdf5Error> {
        let prefix = self.read_range(self.resolve_address(address)?, 16)?;
        let v2 = prefix.starts_with(b"OHDR");
        let mut blocks = vec![if v2 { self.v2_block(address, &prefix)? } else { self.v1_block(address, &prefix)? }];
        let ordered = v2 && prefix[5] & 0x04 != 0;
        let mut found = Vec::new();
        let (mut count, mut kept) = (0, 0);
        let mut next = 0;
        while let Some((start, size)) = blocks.get(next).copied() {
            next += 1;
            let bytes = self.read_range(start, size)?;
            let mut fields = FieldReader::new(bytes, start);
            while let Some((kind, flags, body)) = fields.next_message(v2, ordered)? {
                count += 1;
                kept += if kind == ATTRIBUTE { body.len() } else { 0 };
                if count > MAX_MESSAGES || kept > MAX_ATTRIBUTES || blocks.len() > MAX_BLOCKS {
                    return Err(fields.malformed_error("its root group has too many messages"));
                }
                match kind {
                    CONTINUATION => {
                        let mut body = FieldReader::new(body, start);
                        let address = body.read_number(self.offset_size)?;
                        let size = body.read_number(self.length_size)?;
                        blocks.push(self.continuation_block(address, size, v2)?);
                    }
                    ATTRIBUTE if flags & 0x02 != 0 => {
                        return Err(Hdf5Error::Unsupported("its attributes are shared HDF5 messages".to_owned()));
                    }
                    ATTRIBUTE => found.push(body),
                    ATTRIBUTE_INFO if self.has_dense_attributes(&body) => {
                        return Err(Hdf5Error::Unsupported("its attributes are in an HDF5 fractal heap".to_owned()));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn v1_block(&self, address: u64, prefix: &[u8]) -> Result<(u64, u64), Hdf5Error> {
        let start = self.resolve_address(address)?;
        if prefix[0] != 1 {
            return Err(Hdf5Error::Malformed {
                at: start,
                cause: "the object header of the root group is missing".to_owned(),
            });
        }
        let size = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        Ok((start + 16, u64::from(size)))
    }

    fn v2_block(&mut self, address: u64, prefix: &[u8]) -> Result<(u64, u64), Hdf5Error> {
        let start = self.resolve_address(address)?;
        let flags = prefix[5];
        let mut at = 6;
        at += if flags & 0x20 != 0 { 16 } else { 0 };
        at += if flags & 0x10 != 0 { 4 } else { 0 };
        let width = 1 << (flags & 0x03);
        let mut fields = FieldReader::new(self.read_range(start + at, width as u64)?, start + at);
        let size = fields.read_number(width)?;
        Ok((start + at + width as u64, size))
    }

    fn continuation_block(&self, address: u64, size: u64, v2: bool) -> Result<(u64, u64), Hdf5Error> {
        let start = self.resolve_address(address)?;
        // Since version 2, it is between a signature and a checksum.
        Ok(if v2 { (start + 4, size.saturating_sub(8)) } else { (start, size) })
    }

    fn has_dense_attributes(&self, body: &[u8]) -> bool {
        let at = if body.get(1).is_some_and(|flags| flags & 0x01 != 0) { 4 } else { 2 };
        let heap = body.get(at..at + self.offset_size);
        heap.is_some_and(|heap| heap.iter().any(|byte| *byte != 0xff))
    }

    /// The name and value of an attribute message; `None` if its encoding is not supported.
    fn parse_attribute(&self, message: &[u8]) -> Result<Option<TextAttribute>, Hdf5Error> {
        let mut fields = FieldReader::new(message.to_vec(), 0);
        let version = fields.read_byte()?;
        let flags = fields.read_byte()?;
        let name_size = fields.read_size()?;
        let type_size = fields.read_size()?;
        let space_size = fields.read_size()?;
        if version == 3 {
            fields.skip_bytes(1)?;
        }
        if !(1..=3).contains(&version) || (version > 1 && flags & 0x03 != 0) {
            return Ok(None);
        }
        let padded = |size: usize| if version == 1 { size.next_multiple_of(8) } else { size };
        let name = fields.take_bytes(padded(name_size))?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let kind = fields.take_bytes(padded(type_size))?;
        fields.skip_bytes(padded(space_size))?;
        let Some(head) = kind.get(..8) else { return Ok(None) };
        let (class, is_text) = (head[0] & 0x0f, head[1] & 0x0f == 1);
        let value = match class {
            FIXED_TEXT => {
                let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                // An attribute may have a type but no value.
                AttributeText::Inline(
                    fields.take_bytes(usize::try_from(size).unwrap_or(usize::MAX)).unwrap_or_default(),
                )
            }
            VARIABLE_LENGTH if is_text => {
                let length = fields.read_number(4)?;
                let address = fields.read_number(self.offset_size)?;
                let object = u32::try_from(fields.read_number(4)?).unwrap_or(u32::MAX);
                AttributeText::Heap { address, object, length }
            }
            // Other values, such as a number or the list of layers, are not read, but their names
            // are.
            _ => AttributeText::Inline(Vec::new()),
        };
        Ok(Some(TextAttribute { name, value }))
    }

    /// Reads an object of a global heap collection.
    fn read_heap_object(&mut self, address: u64, object: u32, length: u64, max: u64) -> Result<Vec<u8>, Hdf5Error> {
        let start = self.resolve_address(address)?;
        if length > max {
            let cause = format!("its `model_config` has {length} bytes; the maximum is {max}");
            return Err(Hdf5Error::Unsupported(cause));
        }
        let head = 8 + self.length_size as u64;
        let mut fields = FieldReader::new(self.read_range(start, head)?, start);
        if fields.take_bytes(4)? != b"GCOL" {
            return Err(fields.malformed_error("the heap of an attribute is missing"));
        }
        fields.skip_bytes(4)?;
        let end = start.saturating_add(fields.read_number(self.length_size)?);
        let mut at = start.saturating_add(head);
        for _ in 0..MAX_OBJECTS {
            if at.saturating_add(head) > end {
                break;
            }
            let mut fields = FieldReader::new(self.read_range(at, head)?, at);
            let index = fields.read_size()?;
            fields.skip_bytes(6)?;
            let size = fields.read_number(self.length_size)?;
            if usize::try_from(object).is_ok_and(|object| object == index) {
                return self.read_range(at + head, length.min(size));
            }
            // Index 0 is the free space, the last object.
            if index == 0 {
                break;
            }
            // A wrong size leads beyond the end, where the loop stops.
            let padded = size.checked_next_multiple_of(8).unwrap_or(u64::MAX);
            at = at.saturating_add(head).saturating_add(padded);
        }
        Err(Hdf5Error::Malformed { at: start, cause: "the text of an attribute is missing from its heap".to_owned() })
    }
}
