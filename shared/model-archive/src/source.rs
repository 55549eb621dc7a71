//! The caller's reader, with its bytes counted and its errors kept apart from what the archive does wrong.

use std::io::{self, ErrorKind, Read};

use crate::{Limits, Problem, fault::Fault};

pub(crate) struct Source<'a> {
    reader: &'a mut dyn Read,
    taken: u64,
    most: u64,
}

impl<'a> Source<'a> {
    pub fn new(reader: &'a mut dyn Read, limits: &Limits) -> Self {
        Self { reader, taken: 0, most: limits.inflated_bytes }
    }

    /// Bytes read so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Checked here too: deflate can encode nothing at any length, so that no inflated byte would ever be counted.
        if self.taken > self.most {
            let problem = format!("the archive is longer than {} bytes", self.most);
            return Err(Fault::Archive(Problem::new("limit-size", problem, "compile a smaller model")).into());
        }
        loop {
            match self.reader.read(into) {
                Ok(read) => {
                    self.taken += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Source(error).into()),
            }
        }
    }
}
