//! `*.params`: the names of the arrays, which follow the arrays themselves.

use super::EXPORT;
use crate::{
    container::member::MemberReader,
    error::FileError,
    framework::format_facts::FormatFacts,
    limits::Limits,
    name_set::NameSet,
    problem::{Problem, Warning},
};

/// `kMXAPINDArrayListMagic` (ndarray.cc).
const MAGIC: u64 = 0x112;

/// First word of an array, by version of the encoding: without and with a storage type, and with a
/// signed rank.
const V1: u32 = 0xf993_fac8;
const V2: u32 = 0xf993_fac9;
const V3: u32 = 0xf993_faca;

/// Sizes of `mshadow::TypeFlag`, by number: float32, float64, float16, uint8, int32, int8, int64,
/// bool, int16, uint16, uint32, uint64, bfloat16.
const SIZES: [u64; 13] = [4, 8, 2, 1, 4, 1, 8, 1, 2, 2, 4, 8, 2];

/// Maximum number of dimensions of an array; MXNet's operators take up to 6.
const MAX_RANK: u32 = 64;

/// Whether a file of any name is an MXNet parameter file.
pub(crate) fn is_params(head: &[u8]) -> bool {
    head.starts_with(&MAGIC.to_le_bytes())
}

pub(crate) fn read_params(content: &mut MemberReader<'_, '_>, limits: &Limits) -> Result<FormatFacts, FileError> {
    let mut file = ParamsReader { content };
    if file.read_u64()? != MAGIC {
        return Err(file.malformed_error("it does not start with the magic number of a parameter file"));
    }
    file.read_u64()?;
    let arrays = file.read_u64()?;
    for number in 0..arrays {
        if !file.skip_array()? {
            let warning =
                format!("array {number} of the parameter file is sparse, so the parameter names were not read");
            return Ok(FormatFacts::from_warning(Warning::new("inputs-not-read", warning)));
        }
    }
    let (mut weights, mut prefixed) = (NameSet::default(), false);
    let names = file.read_u64()?;
    if names < arrays {
        return Ok(FormatFacts::from_problem(Problem::new(
            "mxnet-params-unnamed",
            format!("the parameter file has {arrays} arrays but only {names} names: it was saved as a list"),
            format!(
                "{EXPORT}; or save a dict instead: mx.nd.save(\"model-0000.params\", {{\"arg:fc_weight\": weight, …}})"
            ),
        )));
    }
    if names > arrays {
        return Err(file.malformed_error(format!("it has {names} names for {arrays} arrays")));
    }
    for _ in 0..names {
        if weights.len() >= limits.initializers {
            return Err(file.malformed_error(format!("it has more than {} arrays", limits.initializers)));
        }
        let length = file.read_u64()?;
        let name = file.read_bytes(length, limits.path_bytes)?;
        // `arg:conv0_weight`, `aux:bn0_moving_mean`
        let colon = name.iter().position(|byte| *byte == b':');
        prefixed |= colon.is_some();
        weights.insert(colon.map_or(&name[..], |colon| &name[colon + 1..]));
    }
    let mut facts = FormatFacts::default();
    if names > 0 && !prefixed {
        facts.fix_alone = Some(EXPORT);
        facts.warnings.push(Warning::new(
            "mxnet-params-unprefixed",
            "the names in the parameter file do not start with arg: or aux:, as after net.save_parameters(); \
             net.export(\"model\") writes names that every loader of MXNet accepts",
        ));
    }
    facts.weights = Some(weights);
    Ok(facts)
}

struct ParamsReader<'c, 'a, 'b> {
    content: &'c mut MemberReader<'a, 'b>,
}

impl ParamsReader<'_, '_, '_> {
    /// Skips an array; returns false if its encoding is not supported.
    fn skip_array(&mut self) -> Result<bool, FileError> {
        let (rank, wide) = match self.read_u32()? {
            magic @ (V2 | V3) => {
                if self.read_u32()? != 0 {
                    return Ok(false);
                }
                let rank = self.read_u32()?;
                // A signed rank of -1, or an unsigned one of 0, is an array that was never filled.
                if magic == V3 && rank == u32::MAX {
                    return Ok(true);
                }
                if magic == V2 && rank == 0 {
                    return Ok(true);
                }
                (rank, true)
            }
            V1 => match self.read_u32()? {
                0 => return Ok(true),
                rank => (rank, true),
            },
            // Before version 1, the rank came first, and sizes had 32 bits.
            0 => return Ok(true),
            rank => (rank, false),
        };
        if rank > MAX_RANK {
            return Err(self.malformed_error(format!("an array has {rank} dimensions")));
        }
        let mut elements: u64 = 1;
        for _ in 0..rank {
            let size = if wide { self.read_u64()? } else { u64::from(self.read_u32()?) };
            elements = elements
                .checked_mul(size)
                .ok_or_else(|| self.malformed_error("an array has more than 2^64 elements"))?;
        }
        // The device of the array.
        self.read_u64()?;
        let number = self.read_u32()?;
        let size = usize::try_from(number).ok().and_then(|number| SIZES.get(number)).copied();
        let Some(size) = size else {
            return Err(self.malformed_error(format!("an array has elements of type {number}")));
        };
        let bytes = elements.checked_mul(size).filter(|bytes| *bytes <= self.content.size() - self.content.position());
        let Some(bytes) = bytes else {
            return Err(self.malformed_error("an array claims more bytes than the file has left"));
        };
        self.content.skip_bytes(bytes)?;
        Ok(true)
    }

    fn read_u64(&mut self) -> Result<u64, FileError> {
        Ok(u64::from_le_bytes(self.read_exact()?))
    }

    fn read_u32(&mut self) -> Result<u32, FileError> {
        Ok(u32::from_le_bytes(self.read_exact()?))
    }

    fn read_exact<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        if self.content.fill_buffer(&mut bytes)? < N {
            return Err(self.malformed_error("it ends within a number"));
        }
        Ok(bytes)
    }

    fn read_bytes(&mut self, length: u64, max: u64) -> Result<Vec<u8>, FileError> {
        if length > max {
            return Err(self.malformed_error(format!("a name has {length} bytes; the maximum is {max}")));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        if self.content.fill_buffer(&mut bytes)? < bytes.len() {
            return Err(self.malformed_error("it ends within a name"));
        }
        Ok(bytes)
    }

    fn malformed_error(&self, cause: impl Into<String>) -> FileError {
        FileError::malformed_at(self.content.position(), cause)
    }
}
