//! The inflated bytes of a gzip stream of any number of members, within the limits.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use crate::{Limits, Problem, fault::Fault, lookalike, source::Source};

/// Bytes read or inflated at a time: enough to make the calls cheap, little enough to stay in the cache.
const CHUNK: usize = 64 * 1024;

/// How a gzip member begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(crate) struct Gzip<'a> {
    /// None after the last member.
    decoder: Option<GzDecoder<BufReader<Source<'a>>>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    inflated: u64,
    first_member: bool,
    trailing: bool,
    compressed: u64,
    limits: &'a Limits,
}

impl<'a> Gzip<'a> {
    /// Refuses what does not begin like gzip.
    pub fn new(reader: &'a mut dyn Read, limits: &'a Limits) -> Result<Self, (Fault, u64)> {
        let mut source = BufReader::with_capacity(CHUNK, Source::new(reader, limits));
        let mut head = Vec::with_capacity(lookalike::HEAD);
        // A reader may hand out its first bytes one by one: gather as many as it takes to tell what they are.
        while head.len() < lookalike::HEAD {
            let (taken, chunk) = (source.get_ref().taken(), source.fill_buf());
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err((unexpected(error), taken)),
            };
            if chunk.is_empty() || (head.is_empty() && GZIP.starts_with(&chunk[..chunk.len().min(GZIP.len())])) {
                break;
            }
            let part = chunk.len().min(lookalike::HEAD - head.len());
            head.extend_from_slice(&chunk[..part]);
            source.consume(part);
        }
        let taken = source.get_ref().taken();
        if !head.is_empty() || taken == 0 {
            return Err((Fault::Archive(lookalike::not_gzip(&head)), taken));
        }
        Ok(Self {
            decoder: Some(GzDecoder::new(source)),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            inflated: 0,
            first_member: true,
            trailing: false,
            compressed: taken,
            limits,
        })
    }

    /// Inflated bytes that were consumed.
    pub fn position(&self) -> u64 {
        self.inflated - (self.end - self.start) as u64
    }

    /// Compressed bytes that were read.
    pub fn compressed(&self) -> u64 {
        self.decoder.as_ref().map_or(self.compressed, |decoder| decoder.get_ref().get_ref().taken())
    }

    /// Whether something that is not gzip follows the last member.
    pub fn has_trailing_bytes(&self) -> bool {
        self.trailing
    }

    /// The next bytes; empty at the end.
    pub fn chunk(&mut self) -> Result<&[u8], Fault> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.inflate()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The next bytes, `count` of them unless the stream ends before. At most `CHUNK`.
    pub fn peek(&mut self, count: usize) -> Result<&[u8], Fault> {
        let count = count.min(CHUNK);
        if CHUNK - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < count && self.inflate()? {}
        let end = self.end.min(self.start + count);
        Ok(&self.buffer[self.start..end])
    }

    /// Takes the next byte, if it is inflated already: far cheaper than a chunk for formats that are read byte by byte.
    pub fn byte(&mut self) -> Option<u8> {
        let byte = *self.buffer[..self.end].get(self.start)?;
        self.start += 1;
        Some(byte)
    }

    /// Takes bytes off that `chunk` or `peek` gave.
    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Adds to the buffer; false at the end.
    fn inflate(&mut self) -> Result<bool, Fault> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.next_member()?,
                Ok(read) => {
                    self.end += read;
                    self.inflated += read as u64;
                    self.check_limits()?;
                    return Ok(true);
                }
                Err(error) => self.broken(error)?,
            }
        }
        Ok(false)
    }

    fn next_member(&mut self) -> Result<(), Fault> {
        self.compressed = self.compressed();
        let Some(mut source) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(()) };
        let next = source.fill_buf().map_err(unexpected)?.first().copied();
        self.compressed = source.get_ref().taken();
        self.first_member = false;
        match next {
            Some(first) if first == GZIP[0] => self.decoder = Some(GzDecoder::new(source)),
            Some(_) => self.trailing = true,
            None => {}
        }
        Ok(())
    }

    fn broken(&mut self, error: io::Error) -> Result<(), Fault> {
        let error = match Fault::within(error) {
            Ok(fault) => return Err(fault),
            Err(error) => error,
        };
        let compressed = self.compressed();
        let in_header = self.decoder.as_ref().is_none_or(|decoder| decoder.header().is_none());
        if error.kind() == ErrorKind::UnexpectedEof {
            return Err(Fault::Archive(Problem::new(
                "gzip-truncated",
                format!("the archive ends after {compressed} bytes, in the middle of its gzip stream"),
                "upload it again: the upload or the file it came from is incomplete",
            )));
        }
        if in_header && !self.first_member {
            self.compressed = compressed;
            self.decoder = None;
            self.trailing = true;
            return Ok(());
        }
        Err(Fault::Archive(Problem::new(
            "gzip-corrupt",
            format!("the archive's gzip stream is damaged within its first {compressed} bytes ({error})"),
            "make the archive again and check it with `gzip -t` before uploading it",
        )))
    }

    fn check_limits(&self) -> Result<(), Fault> {
        let limits = self.limits;
        if self.inflated > limits.inflated_bytes {
            return Err(Fault::Archive(Problem::new(
                "limit-size",
                format!("the archive inflates to more than {} bytes", limits.inflated_bytes),
                "compile a smaller model, and leave out of the archive what is not the model",
            )));
        }
        let compressed = self.compressed();
        if self.inflated > limits.ratio_free_bytes && self.inflated / limits.ratio.max(1) > compressed {
            return Err(Fault::Archive(Problem::new(
                "limit-ratio",
                format!(
                    "the archive's first {compressed} bytes inflate to {}, more than {} times as many: that is filler, not weights",
                    self.inflated, limits.ratio
                ),
                "leave out of the archive what is not the model",
            )));
        }
        Ok(())
    }
}

/// Of an error on the way to the decoder: only the source makes these, and it makes only faults.
fn unexpected(error: io::Error) -> Fault {
    Fault::within(error).unwrap_or_else(Fault::Source)
}
