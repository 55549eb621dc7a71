//! `*.params`: the names of the arrays, which stand after the arrays themselves.

use crate::{Limits, Warning, content::Content, fault::Halt, names::Names, reading::Reading};

/// `kMXAPINDArrayListMagic` (ndarray.cc).
const MAGIC: u64 = 0x112;

/// First word of an array, by version of the encoding: without and with a storage type, and with a signed rank.
const V1: u32 = 0xf993_fac8;
const V2: u32 = 0xf993_fac9;
const V3: u32 = 0xf993_faca;

/// Sizes of `mshadow::TypeFlag`, by number: float32, float64, float16, uint8, int32, int8, int64, bool, int16, uint16,
/// uint32, uint64, bfloat16.
const SIZES: [u64; 13] = [4, 8, 2, 1, 4, 1, 8, 1, 2, 2, 4, 8, 2];

/// Most dimensions of an array; MXNet's operators take up to 6.
const MAX_RANK: u32 = 64;

/// Whether a `.params` file is MXNet's.
pub(crate) fn recognise(head: &[u8]) -> bool {
    head.starts_with(&MAGIC.to_le_bytes())
}

/// Reads a parameter file.
pub(crate) fn read(content: &mut Content<'_, '_>, limits: &Limits) -> Result<Reading, Halt> {
    let mut file = File { content };
    if file.u64()? != MAGIC {
        return Err(file.malformed("it does not begin with the number of a parameter file"));
    }
    file.u64()?;
    for number in 0..file.u64()? {
        if !file.array()? {
            let warning =
                format!("array {number} of the parameter file is sparse, so that the names after it were not read");
            return Ok(Reading { warnings: vec![Warning::new("inputs-not-read", warning)], ..Reading::default() });
        }
    }
    let mut weights = Names::default();
    for _ in 0..file.u64()? {
        if weights.len() >= limits.initializers {
            return Err(file.malformed(format!("it has more than {} arrays", limits.initializers)));
        }
        let length = file.u64()?;
        let name = file.bytes(length, limits.path_bytes)?;
        // `arg:conv0_weight`, `aux:bn0_moving_mean`
        let plain = name.iter().position(|byte| *byte == b':').map_or(&name[..], |colon| &name[colon + 1..]);
        weights.insert(plain);
    }
    Ok(Reading { weights: Some(weights), ..Reading::default() })
}

struct File<'c, 'a, 'b> {
    content: &'c mut Content<'a, 'b>,
}

impl File<'_, '_, '_> {
    /// Passes over an array; false if it is encoded in a way that is not read.
    fn array(&mut self) -> Result<bool, Halt> {
        let (rank, wide) = match self.u32()? {
            magic @ (V2 | V3) => {
                if self.u32()? != 0 {
                    return Ok(false);
                }
                let rank = self.u32()?;
                // A signed rank of -1 is an array that was never filled, an unsigned one of 0 likewise.
                if magic == V3 && rank == u32::MAX {
                    return Ok(true);
                }
                if magic == V2 && rank == 0 {
                    return Ok(true);
                }
                (rank, true)
            }
            V1 => match self.u32()? {
                0 => return Ok(true),
                rank => (rank, true),
            },
            // Before version 1 the rank came first, and sizes had 32 bits.
            0 => return Ok(true),
            rank => (rank, false),
        };
        if rank > MAX_RANK {
            return Err(self.malformed(format!("an array has {rank} dimensions")));
        }
        let mut elements: u64 = 1;
        for _ in 0..rank {
            let size = if wide { self.u64()? } else { u64::from(self.u32()?) };
            elements = elements
                .checked_mul(size)
                .ok_or_else(|| self.malformed("an array has more elements than 64 bits count"))?;
        }
        // The device it was on.
        self.u64()?;
        let number = self.u32()?;
        let size = usize::try_from(number).ok().and_then(|number| SIZES.get(number)).copied();
        let Some(size) = size else { return Err(self.malformed(format!("an array has elements of type {number}"))) };
        let bytes = elements.checked_mul(size).filter(|bytes| *bytes <= self.content.size() - self.content.position());
        let Some(bytes) = bytes else { return Err(self.malformed("an array claims more bytes than are left")) };
        self.content.skip(bytes)?;
        Ok(true)
    }

    fn u64(&mut self) -> Result<u64, Halt> {
        Ok(u64::from_le_bytes(self.exact()?))
    }

    fn u32(&mut self) -> Result<u32, Halt> {
        Ok(u32::from_le_bytes(self.exact()?))
    }

    fn exact<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let mut bytes = [0; N];
        if self.content.fill(&mut bytes)? < N {
            return Err(self.malformed("it ends within a number"));
        }
        Ok(bytes)
    }

    fn bytes(&mut self, length: u64, most: u64) -> Result<Vec<u8>, Halt> {
        if length > most {
            return Err(self.malformed(format!("a name has {length} bytes; at most {most} are read")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        if self.content.fill(&mut bytes)? < bytes.len() {
            return Err(self.malformed("it ends within a name"));
        }
        Ok(bytes)
    }

    fn malformed(&self, cause: impl Into<String>) -> Halt {
        Halt::malformed(self.content.position(), cause)
    }
}
