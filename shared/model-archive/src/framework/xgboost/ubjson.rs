//! The UBJSON format (ubjson.org), read without keeping the trees.

use super::learner::LearnerFacts;
use crate::{container::member::MemberReader, error::FileError};

/// Maximum nesting: a model has 6 levels.
const MAX_DEPTH: usize = 32;

/// Maximum length of a key or string, in bytes.
const MAX_TEXT: u64 = 4096;

/// An object or array that is being read.
struct UbjsonLevel {
    object: bool,
    /// The type of all its values, if it is specified once for all.
    kind: Option<u8>,
    /// The number of values left, if it is specified. Otherwise a marker ends the object or array.
    left: Option<u64>,
    key: String,
}

pub(super) fn read_ubjson(content: &mut MemberReader<'_, '_>) -> Result<LearnerFacts, FileError> {
    let mut walker =
        UbjsonReader { content, levels: Vec::new(), learner: LearnerFacts::default(), version: Vec::new() };
    let mark = walker.read_byte()?;
    walker.read_value(mark)?;
    while !walker.levels.is_empty() {
        walker.read_next()?;
    }
    if walker.learner.features.is_none() {
        return Err(walker.malformed_error("it has no learner.learner_model_param.num_feature"));
    }
    if let [major, minor, patch] = walker.version[..] {
        walker.learner.version = Some(format!("{major}.{minor}.{patch}"));
    }
    Ok(walker.learner)
}

struct UbjsonReader<'c, 'a, 'b> {
    content: &'c mut MemberReader<'a, 'b>,
    levels: Vec<UbjsonLevel>,
    learner: LearnerFacts,
    version: Vec<i64>,
}

impl UbjsonReader<'_, '_, '_> {
    /// Reads the next value of the innermost object or array, or its end.
    fn read_next(&mut self) -> Result<(), FileError> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let (object, kind, counted) = (level.object, level.kind, level.left.is_some());
        if let Some(left) = &mut level.left {
            if *left == 0 {
                self.levels.pop();
                return Ok(());
            }
            *left -= 1;
        }
        let mut mark = None;
        if !counted {
            let next = self.read_marker()?;
            if next == if object { b'}' } else { b']' } {
                self.levels.pop();
                return Ok(());
            }
            mark = Some(next);
        }
        if object {
            let size = if let Some(mark) = mark.take() {
                self.read_length(mark)?
            } else {
                let mark = self.read_byte()?;
                self.read_length(mark)?
            };
            let key = self.read_string(size)?;
            if let Some(level) = self.levels.last_mut() {
                level.key = key;
            }
        }
        let kind = match (kind, mark) {
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => self.read_marker()?,
        };
        self.read_value(kind)
    }

    fn read_value(&mut self, mark: u8) -> Result<(), FileError> {
        match mark {
            b'{' | b'[' => self.open_container(mark == b'{'),
            b'S' | b'H' => {
                let length = self.read_byte()?;
                let size = self.read_length(length)?;
                if self.is_at(&["learner", "learner_model_param", "num_feature"]) {
                    self.learner.features = self.read_string(size)?.parse().ok();
                    Ok(())
                } else {
                    self.skip_bytes(size)
                }
            }
            b'Z' | b'N' | b'T' | b'F' => Ok(()),
            b'C' => self.skip_bytes(1),
            b'd' => self.skip_bytes(4),
            b'D' => self.skip_bytes(8),
            integer => {
                let value = self.read_integer(integer)?;
                // At this level it is a part of the version.
                if self.levels.len() == 2 && self.levels[0].key == "version" && self.version.len() < 4 {
                    self.version.push(value);
                }
                Ok(())
            }
        }
    }

    fn open_container(&mut self, object: bool) -> Result<(), FileError> {
        if self.levels.len() == MAX_DEPTH {
            return Err(self.malformed_error(format!("it is nested more than {MAX_DEPTH} levels deep")));
        }
        let mut level = UbjsonLevel { object, kind: None, left: None, key: String::new() };
        if self.peek_byte()? == Some(b'$') {
            self.content.consume(1);
            level.kind = Some(self.read_byte()?);
        }
        if self.peek_byte()? == Some(b'#') {
            self.content.consume(1);
            let mark = self.read_byte()?;
            level.left = Some(self.read_length(mark)?);
        } else if level.kind.is_some() {
            return Err(self.malformed_error("an array specifies the type of its values but not their number"));
        }
        // These are the trees: skip them at once.
        if let (false, Some(kind), Some(left)) = (object, level.kind, level.left)
            && let Some(size) = fixed_width(kind)
            && !self.is_at(&["version"])
        {
            return self.skip_bytes(left.saturating_mul(size));
        }
        self.levels.push(level);
        Ok(())
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.levels.len() == path.len()
            && self.levels.iter().zip(path).all(|(level, key)| level.object && level.key == *key)
    }

    fn read_length(&mut self, mark: u8) -> Result<u64, FileError> {
        let value = self.read_integer(mark)?;
        u64::try_from(value).map_err(|_| self.malformed_error("a length is negative"))
    }

    fn read_integer(&mut self, mark: u8) -> Result<i64, FileError> {
        Ok(match mark {
            b'i' => i64::from(i8::from_be_bytes(self.read_exact()?)),
            b'U' => i64::from(u8::from_be_bytes(self.read_exact()?)),
            b'I' => i64::from(i16::from_be_bytes(self.read_exact()?)),
            b'l' => i64::from(i32::from_be_bytes(self.read_exact()?)),
            b'L' => i64::from_be_bytes(self.read_exact()?),
            _ => return Err(self.malformed_error(format!("`{}` is not a type of UBJSON", mark.escape_ascii()))),
        })
    }

    /// The next type marker, after any no-op markers.
    fn read_marker(&mut self) -> Result<u8, FileError> {
        loop {
            match self.read_byte()? {
                b'N' => {}
                mark => return Ok(mark),
            }
        }
    }

    fn read_string(&mut self, size: u64) -> Result<String, FileError> {
        if size > MAX_TEXT {
            return Err(self.malformed_error(format!("a string has {size} bytes; the maximum is {MAX_TEXT}")));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        if self.content.fill_buffer(&mut bytes)? < bytes.len() {
            return Err(self.malformed_error("it ends within a string"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip_bytes(&mut self, size: u64) -> Result<(), FileError> {
        if size > self.content.size() - self.content.position() {
            return Err(self.malformed_error("a value claims more bytes than are left"));
        }
        Ok(self.content.skip_bytes(size)?)
    }

    fn read_exact<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        if self.content.fill_buffer(&mut bytes)? < N {
            return Err(self.malformed_error("it ends within a number"));
        }
        Ok(bytes)
    }

    fn read_byte(&mut self) -> Result<u8, FileError> {
        self.content.next_byte()?.ok_or_else(|| self.malformed_error("it ends within a value"))
    }

    fn peek_byte(&mut self) -> Result<Option<u8>, FileError> {
        Ok(self.content.next_chunk()?.first().copied())
    }

    fn malformed_error(&self, cause: impl Into<String>) -> FileError {
        FileError::malformed_at(self.content.position(), cause)
    }
}

/// The size of a value of a type with a fixed size, in bytes.
fn fixed_width(kind: u8) -> Option<u64> {
    match kind {
        // Any number of them takes no bytes, so they must not be read one by one.
        b'Z' | b'N' | b'T' | b'F' => Some(0),
        b'i' | b'U' | b'C' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}
