//! The UBJSON format (ubjson.org), walked without keeping the trees.

use super::Learner;
use crate::{content::Content, fault::Halt};

/// Deepest nesting: a model has 6 levels.
const MAX_DEPTH: usize = 32;

/// Longest key or text that is kept, in bytes.
const MAX_TEXT: u64 = 4096;

/// An object or array that is being read.
struct Level {
    object: bool,
    /// The type of all its values, if it is given once.
    kind: Option<u8>,
    /// Values to come, if their number is given: else it ends with a mark.
    left: Option<u64>,
    key: String,
}

pub(super) fn read(content: &mut Content<'_, '_>) -> Result<Learner, Halt> {
    let mut walk = Walk { content, levels: Vec::new(), learner: Learner::default(), version: Vec::new() };
    let mark = walk.byte()?;
    walk.value(mark)?;
    while !walk.levels.is_empty() {
        walk.step()?;
    }
    if walk.learner.features.is_none() {
        return Err(walk.malformed("it has no learner.learner_model_param.num_feature"));
    }
    if let [major, minor, patch] = walk.version[..] {
        walk.learner.version = Some(format!("{major}.{minor}.{patch}"));
    }
    Ok(walk.learner)
}

struct Walk<'c, 'a, 'b> {
    content: &'c mut Content<'a, 'b>,
    levels: Vec<Level>,
    learner: Learner,
    version: Vec<i64>,
}

impl Walk<'_, '_, '_> {
    /// Reads the next value of the innermost object or array, or its end.
    fn step(&mut self) -> Result<(), Halt> {
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
            let next = self.mark()?;
            if next == if object { b'}' } else { b']' } {
                self.levels.pop();
                return Ok(());
            }
            mark = Some(next);
        }
        if object {
            let size = if let Some(mark) = mark.take() {
                self.integer(mark)?
            } else {
                let mark = self.byte()?;
                self.integer(mark)?
            };
            let key = self.text(size)?;
            if let Some(level) = self.levels.last_mut() {
                level.key = key;
            }
        }
        let kind = match (kind, mark) {
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => self.mark()?,
        };
        self.value(kind)
    }

    fn value(&mut self, mark: u8) -> Result<(), Halt> {
        match mark {
            b'{' | b'[' => self.open(mark == b'{'),
            b'S' | b'H' => {
                let length = self.byte()?;
                let size = self.integer(length)?;
                if self.is_at(&["learner", "learner_model_param", "num_feature"]) {
                    self.learner.features = self.text(size)?.parse().ok();
                    Ok(())
                } else {
                    self.skip(size)
                }
            }
            b'Z' | b'N' | b'T' | b'F' => Ok(()),
            b'C' => self.skip(1),
            b'd' => self.skip(4),
            b'D' => self.skip(8),
            integer => {
                let value = self.signed(integer)?;
                // The last level is the array of the version's parts.
                if self.levels.len() == 2 && self.levels[0].key == "version" && self.version.len() < 4 {
                    self.version.push(value);
                }
                Ok(())
            }
        }
    }

    fn open(&mut self, object: bool) -> Result<(), Halt> {
        if self.levels.len() == MAX_DEPTH {
            return Err(self.malformed(format!("it is nested more than {MAX_DEPTH} deep")));
        }
        let mut level = Level { object, kind: None, left: None, key: String::new() };
        if self.peek()? == Some(b'$') {
            self.content.consume(1);
            level.kind = Some(self.byte()?);
        }
        if self.peek()? == Some(b'#') {
            self.content.consume(1);
            let mark = self.byte()?;
            level.left = Some(self.integer(mark)?);
        } else if level.kind.is_some() {
            return Err(self.malformed("an array gives the type of its values but not their number"));
        }
        // The trees: passed over in one go.
        if let (false, Some(kind), Some(left)) = (object, level.kind, level.left)
            && let Some(size) = width(kind)
            && !self.is_at(&["version"])
        {
            return self.skip(left.saturating_mul(size));
        }
        self.levels.push(level);
        Ok(())
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.levels.len() == path.len()
            && self.levels.iter().zip(path).all(|(level, key)| level.object && level.key == *key)
    }

    fn integer(&mut self, mark: u8) -> Result<u64, Halt> {
        let value = self.signed(mark)?;
        u64::try_from(value).map_err(|_| self.malformed("a length is negative"))
    }

    fn signed(&mut self, mark: u8) -> Result<i64, Halt> {
        Ok(match mark {
            b'i' => i64::from(i8::from_be_bytes(self.exact()?)),
            b'U' => i64::from(u8::from_be_bytes(self.exact()?)),
            b'I' => i64::from(i16::from_be_bytes(self.exact()?)),
            b'l' => i64::from(i32::from_be_bytes(self.exact()?)),
            b'L' => i64::from_be_bytes(self.exact()?),
            _ => return Err(self.malformed(format!("`{}` is not a type of UBJSON", mark.escape_ascii()))),
        })
    }

    /// The next type, past those that stand for nothing.
    fn mark(&mut self) -> Result<u8, Halt> {
        loop {
            match self.byte()? {
                b'N' => {}
                mark => return Ok(mark),
            }
        }
    }

    fn text(&mut self, size: u64) -> Result<String, Halt> {
        if size > MAX_TEXT {
            return Err(self.malformed(format!("a text has {size} bytes; at most {MAX_TEXT} are read")));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        if self.content.fill(&mut bytes)? < bytes.len() {
            return Err(self.malformed("it ends within a text"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, size: u64) -> Result<(), Halt> {
        if size > self.content.size() - self.content.position() {
            return Err(self.malformed("a value claims more bytes than are left"));
        }
        Ok(self.content.skip(size)?)
    }

    fn exact<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let mut bytes = [0; N];
        if self.content.fill(&mut bytes)? < N {
            return Err(self.malformed("it ends within a number"));
        }
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Halt> {
        self.content.byte()?.ok_or_else(|| self.malformed("it ends within a value"))
    }

    fn peek(&mut self) -> Result<Option<u8>, Halt> {
        Ok(self.content.chunk()?.first().copied())
    }

    fn malformed(&self, cause: impl Into<String>) -> Halt {
        Halt::malformed(self.content.position(), cause)
    }
}

/// Bytes of a value of fixed size.
fn width(kind: u8) -> Option<u64> {
    match kind {
        // Any number of them takes no bytes: they must not be counted one by one.
        b'Z' | b'N' | b'T' | b'F' => Some(0),
        b'i' | b'U' | b'C' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}
