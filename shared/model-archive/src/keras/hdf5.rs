//! HDF5, as far as it takes to read text attributes of the root group ("HDF5 File Format Specification Version 3.0").
//!
//! Read: superblocks 0 to 3, object headers 1 and 2 with continuations, attributes stored in the header as fixed or
//! variable-length text. Not read: a user block before the superblock, attributes in a fractal heap, shared types.
//! Readers of the whole format need random access; a file is only read forwards here, so that what is referred to must
//! lie in its first `Limits::head_bytes` or ahead. Keras writes its attributes before the weights, and the longest
//! configuration that is read is half of that.

mod fields;
mod file;

use crate::{Limits, content::Content, fault::Fault};
use fields::Fields;
use file::File;

pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Longest part of an object header, in bytes, and most parts. A root group has about 1 KiB in one or two.
const MAX_BLOCK: u64 = 256 * 1024;
const MAX_BLOCKS: usize = 64;

/// Most messages of one header, and most bytes of the attributes among them: its parts may lie on one another.
const MAX_MESSAGES: usize = 10_000;
const MAX_ATTRIBUTES: usize = 4 << 20;

/// Most objects of a global heap that are passed over.
const MAX_OBJECTS: usize = 65_536;

const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
const ATTRIBUTE_INFO: u16 = 0x15;

/// Classes of types.
const FIXED_TEXT: u8 = 3;
const VARIABLE_LENGTH: u8 = 9;

pub(super) enum Failure {
    Fault(Fault),
    Malformed {
        at: u64,
        cause: String,
    },
    /// The end of a sentence.
    Unsupported(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The text attributes of a root group that were asked for, and the names of all.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    values: Vec<(String, String)>,
    names: Vec<String>,
}

impl Attributes {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Reads those called `wanted`, each at most `most` bytes long.
    pub fn read(content: &mut Content<'_, '_>, limits: &Limits, wanted: &[&str], most: u64) -> Result<Self, Failure> {
        let mut file = File::open(content, limits)?;
        let root = file.superblock()?;
        let mut attributes = Self::default();
        let mut values = Vec::new();
        for message in file.messages(root)? {
            let Some(attribute) = file.attribute(&message)? else { continue };
            // Names are unique in HDF5; thousands of one name would all be kept.
            let known = values.iter().any(|(name, _)| *name == attribute.name);
            if !known && wanted.contains(&attribute.name.as_str()) {
                values.push((attribute.name.clone(), attribute.value));
            }
            attributes.names.push(attribute.name);
        }
        // Forwards only: in the order of their places.
        values.sort_by_key(|(_, value)| if let Text::Heap { address, .. } = value { *address } else { 0 });
        for (name, value) in values {
            let bytes = match value {
                Text::Here(bytes) => bytes,
                Text::Heap { address, object, length } => file.heap_object(address, object, length, most)?,
            };
            let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
            attributes.values.push((name, text));
        }
        Ok(attributes)
    }
}

struct Attribute {
    name: String,
    value: Text,
}

enum Text {
    Here(Vec<u8>),
    /// In a global heap collection.
    Heap {
        address: u64,
        object: u32,
        length: u64,
    },
}

impl File<'_, '_, '_> {
    /// The address of the root group's object header.
    fn superblock(&mut self) -> Result<u64, Failure> {
        let start = self.bytes(0, 64)?;
        let version = start[8];
        let (sizes, root) = match version {
            // Signature and versions, sizes, group parameters and flags; then base, free space, end of file, driver,
            // and the root group's entry, which begins with its name.
            0 | 1 => ([start[13], start[14]], if version == 0 { 24 } else { 28 }),
            2 | 3 => ([start[9], start[10]], 12),
            _ => return Err(Failure::Unsupported(format!("its HDF5 superblock has version {version}"))),
        };
        for size in sizes {
            if !matches!(size, 2 | 4 | 8) {
                return Err(Failure::Malformed { at: 9, cause: format!("its offsets have {size} bytes") });
            }
        }
        [self.offset_size, self.length_size] = sizes.map(usize::from);
        let mut fields = Fields::new(self.bytes(root, 6 * self.offset_size as u64)?, root);
        self.base = fields.number(self.offset_size)?;
        let skip = if version < 2 { 4 } else { 2 };
        fields.skip(skip * self.offset_size)?;
        fields.number(self.offset_size)
    }

    /// The attribute messages of an object header.
    fn messages(&mut self, address: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let prefix = self.bytes(self.place(address)?, 16)?;
        let v2 = prefix.starts_with(b"OHDR");
        let mut blocks = vec![if v2 { self.v2_block(address, &prefix)? } else { self.v1_block(address, &prefix)? }];
        let ordered = v2 && prefix[5] & 0x04 != 0;
        let mut found = Vec::new();
        let (mut count, mut kept) = (0, 0);
        let mut next = 0;
        while let Some((start, size)) = blocks.get(next).copied() {
            next += 1;
            let bytes = self.bytes(start, size)?;
            let mut fields = Fields::new(bytes, start);
            while let Some((kind, flags, body)) = fields.message(v2, ordered)? {
                count += 1;
                kept += if kind == ATTRIBUTE { body.len() } else { 0 };
                if count > MAX_MESSAGES || kept > MAX_ATTRIBUTES || blocks.len() > MAX_BLOCKS {
                    return Err(fields.malformed("its root group has too many messages"));
                }
                match kind {
                    CONTINUATION => {
                        let mut body = Fields::new(body, start);
                        let address = body.number(self.offset_size)?;
                        let size = body.number(self.length_size)?;
                        blocks.push(self.continuation(address, size, v2)?);
                    }
                    ATTRIBUTE if flags & 0x02 != 0 => {
                        return Err(Failure::Unsupported("its attributes are shared messages of HDF5".to_owned()));
                    }
                    ATTRIBUTE => found.push(body),
                    ATTRIBUTE_INFO if self.has_dense_attributes(&body) => {
                        return Err(Failure::Unsupported("its attributes are in a fractal heap of HDF5".to_owned()));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn v1_block(&self, address: u64, prefix: &[u8]) -> Result<(u64, u64), Failure> {
        let start = self.place(address)?;
        if prefix[0] != 1 {
            return Err(Failure::Malformed { at: start, cause: "the root group has no object header".to_owned() });
        }
        let size = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        Ok((start + 16, u64::from(size)))
    }

    fn v2_block(&mut self, address: u64, prefix: &[u8]) -> Result<(u64, u64), Failure> {
        let start = self.place(address)?;
        let flags = prefix[5];
        let mut at = 6;
        at += if flags & 0x20 != 0 { 16 } else { 0 };
        at += if flags & 0x10 != 0 { 4 } else { 0 };
        let width = 1 << (flags & 0x03);
        let mut fields = Fields::new(self.bytes(start + at, width as u64)?, start + at);
        let size = fields.number(width)?;
        Ok((start + at + width as u64, size))
    }

    fn continuation(&self, address: u64, size: u64, v2: bool) -> Result<(u64, u64), Failure> {
        let start = self.place(address)?;
        // From version 2 on between a signature and a checksum.
        Ok(if v2 { (start + 4, size.saturating_sub(8)) } else { (start, size) })
    }

    fn has_dense_attributes(&self, body: &[u8]) -> bool {
        let at = if body.get(1).is_some_and(|flags| flags & 0x01 != 0) { 4 } else { 2 };
        let heap = body.get(at..at + self.offset_size);
        heap.is_some_and(|heap| heap.iter().any(|byte| *byte != 0xff))
    }

    /// The name and value of an attribute message; none if it is not one text.
    fn attribute(&self, message: &[u8]) -> Result<Option<Attribute>, Failure> {
        let mut fields = Fields::new(message.to_vec(), 0);
        let version = fields.byte()?;
        let flags = fields.byte()?;
        let name_size = fields.size()?;
        let type_size = fields.size()?;
        let space_size = fields.size()?;
        if version == 3 {
            fields.skip(1)?;
        }
        if !(1..=3).contains(&version) || (version > 1 && flags & 0x03 != 0) {
            return Ok(None);
        }
        let padded = |size: usize| if version == 1 { size.next_multiple_of(8) } else { size };
        let name = fields.take(padded(name_size))?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let kind = fields.take(padded(type_size))?;
        fields.skip(padded(space_size))?;
        let Some(head) = kind.get(..8) else { return Ok(None) };
        let (class, is_text) = (head[0] & 0x0f, head[1] & 0x0f == 1);
        let value = match class {
            FIXED_TEXT => {
                let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                // An attribute may have a type and no value.
                Text::Here(fields.take(usize::try_from(size).unwrap_or(usize::MAX)).unwrap_or_default())
            }
            VARIABLE_LENGTH if is_text => {
                let length = fields.number(4)?;
                let address = fields.number(self.offset_size)?;
                let object = u32::try_from(fields.number(4)?).unwrap_or(u32::MAX);
                Text::Heap { address, object, length }
            }
            // Such as the list of layers, or a number: it has a name all the same.
            _ => Text::Here(Vec::new()),
        };
        Ok(Some(Attribute { name, value }))
    }

    /// An object of a global heap collection.
    fn heap_object(&mut self, address: u64, object: u32, length: u64, most: u64) -> Result<Vec<u8>, Failure> {
        let start = self.place(address)?;
        if length > most {
            return Err(Failure::Unsupported(format!(
                "its `model_config` has {length} bytes; at most {most} are read"
            )));
        }
        let head = 8 + self.length_size as u64;
        let mut fields = Fields::new(self.bytes(start, head)?, start);
        if fields.take(4)? != b"GCOL" {
            return Err(fields.malformed("an attribute's heap is not there"));
        }
        fields.skip(4)?;
        let end = start.saturating_add(fields.number(self.length_size)?);
        let mut at = start.saturating_add(head);
        for _ in 0..MAX_OBJECTS {
            if at.saturating_add(head) > end {
                break;
            }
            let mut fields = Fields::new(self.bytes(at, head)?, at);
            let index = fields.size()?;
            fields.skip(6)?;
            let size = fields.number(self.length_size)?;
            if usize::try_from(object).is_ok_and(|object| object == index) {
                return self.bytes(at + head, length.min(size));
            }
            // The free space is the last.
            if index == 0 {
                break;
            }
            // Beyond every end if the size lies.
            let padded = size.checked_next_multiple_of(8).unwrap_or(u64::MAX);
            at = at.saturating_add(head).saturating_add(padded);
        }
        Err(Failure::Malformed { at: start, cause: "an attribute's text is not in its heap".to_owned() })
    }
}
