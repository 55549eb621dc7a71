//! Decompresses a gzip stream of any number of gzip members, within the limits.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::source::ArchiveSource;
use crate::{error::ReadError, limits::Limits, problem::Problem};

/// Bytes read or decompressed at a time: enough to make the calls cheap, few enough to stay in the
/// cache.
const CHUNK: usize = 64 * 1024;

/// The first bytes of a gzip member (RFC 1952).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are enough to tell what a file is that is not gzip: one tar header.
const HEAD: usize = 512;

pub(crate) struct GzipReader<'a> {
    /// `None` after the last gzip member.
    decoder: Option<GzDecoder<BufReader<ArchiveSource<'a>>>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    inflated: u64,
    first_member: bool,
    trailing: bool,
    compressed: u64,
    limits: &'a Limits,
}

impl<'a> GzipReader<'a> {
    /// Fails with the number of bytes read if the stream does not start with a gzip member.
    pub fn new(reader: &'a mut dyn Read, limits: &'a Limits) -> Result<Self, (ReadError, u64)> {
        let mut source = BufReader::with_capacity(CHUNK, ArchiveSource::new(reader, limits));
        let mut head = Vec::with_capacity(HEAD);
        // A reader may return its first bytes one by one: collect as many as it takes to tell what
        // they are.
        while head.len() < HEAD {
            let (bytes_read, chunk) = (source.get_ref().bytes_read(), source.fill_buf());
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err((source_error(error), bytes_read)),
            };
            if chunk.is_empty() || (head.is_empty() && MAGIC.starts_with(&chunk[..chunk.len().min(MAGIC.len())])) {
                break;
            }
            let part = chunk.len().min(HEAD - head.len());
            head.extend_from_slice(&chunk[..part]);
            source.consume(part);
        }
        let bytes_read = source.get_ref().bytes_read();
        if !head.is_empty() || bytes_read == 0 {
            return Err((ReadError::NotGzip { head }, bytes_read));
        }
        Ok(Self {
            decoder: Some(GzDecoder::new(source)),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            inflated: 0,
            first_member: true,
            trailing: false,
            compressed: bytes_read,
            limits,
        })
    }

    /// Decompressed bytes that have been consumed.
    pub fn inflated_position(&self) -> u64 {
        self.inflated - (self.end - self.start) as u64
    }

    /// Compressed bytes that have been read.
    pub fn compressed_bytes(&self) -> u64 {
        self.decoder.as_ref().map_or(self.compressed, |decoder| decoder.get_ref().get_ref().bytes_read())
    }

    /// Whether data that is not gzip follows the last gzip member.
    pub fn has_trailing_bytes(&self) -> bool {
        self.trailing
    }

    /// The next bytes; empty at the end.
    pub fn next_chunk(&mut self) -> Result<&[u8], ReadError> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.inflate_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The next `count` bytes, or all up to the end of the stream, without consuming them. At most
    /// `CHUNK` bytes.
    pub fn peek_bytes(&mut self, count: usize) -> Result<&[u8], ReadError> {
        let count = count.min(CHUNK);
        if CHUNK - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < count && self.inflate_more()? {}
        let end = self.end.min(self.start + count);
        Ok(&self.buffer[self.start..end])
    }

    /// Consumes the next byte if it has been decompressed already. Formats that are read byte by
    /// byte use it, because it is far cheaper than `next_chunk`.
    pub fn buffered_byte(&mut self) -> Option<u8> {
        let byte = *self.buffer[..self.end].get(self.start)?;
        self.start += 1;
        Some(byte)
    }

    /// Consumes bytes that `next_chunk` or `peek_bytes` returned.
    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Adds to the buffer; returns false at the end of the stream.
    fn inflate_more(&mut self) -> Result<bool, ReadError> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.next_gzip_member()?,
                Ok(read) => {
                    self.end += read;
                    self.inflated += read as u64;
                    self.check_limits()?;
                    return Ok(true);
                }
                Err(error) => self.handle_decoder_error(error)?,
            }
        }
        Ok(false)
    }

    fn next_gzip_member(&mut self) -> Result<(), ReadError> {
        self.compressed = self.compressed_bytes();
        let Some(mut source) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(()) };
        let next = source.fill_buf().map_err(source_error)?.first().copied();
        self.compressed = source.get_ref().bytes_read();
        self.first_member = false;
        match next {
            Some(first) if first == MAGIC[0] => self.decoder = Some(GzDecoder::new(source)),
            Some(_) => self.trailing = true,
            None => {}
        }
        Ok(())
    }

    fn handle_decoder_error(&mut self, error: io::Error) -> Result<(), ReadError> {
        let error = match ReadError::downcast_from(error) {
            Ok(error) => return Err(error),
            Err(error) => error,
        };
        let compressed = self.compressed_bytes();
        let in_header = self.decoder.as_ref().is_none_or(|decoder| decoder.header().is_none());
        if error.kind() == ErrorKind::UnexpectedEof {
            return Err(ReadError::Archive(Problem::new(
                "gzip-truncated",
                format!("the archive ends after {compressed} bytes, in the middle of its gzip stream"),
                "upload it again: the upload, or the file that was uploaded, is incomplete",
            )));
        }
        if in_header && !self.first_member {
            self.compressed = compressed;
            self.decoder = None;
            self.trailing = true;
            return Ok(());
        }
        Err(ReadError::Archive(Problem::new(
            "gzip-corrupt",
            format!("the archive's gzip stream is damaged within its first {compressed} bytes ({error})"),
            "create the archive again and check it with `gzip -t` before you upload it",
        )))
    }

    fn check_limits(&self) -> Result<(), ReadError> {
        let limits = self.limits;
        if self.inflated > limits.inflated_bytes {
            return Err(ReadError::Archive(Problem::new(
                "limit-size",
                format!("the archive decompresses to more than {} bytes", limits.inflated_bytes),
                "compile a smaller model, and remove files from the archive that are not part of the model",
            )));
        }
        let compressed = self.compressed_bytes();
        if self.inflated > limits.ratio_free_bytes && self.inflated / limits.ratio.max(1) > compressed {
            return Err(ReadError::Archive(Problem::new(
                "limit-ratio",
                format!(
                    "the first {compressed} bytes of the archive decompress to {} bytes, more than {} times as many, \
                     which model weights never do",
                    self.inflated, limits.ratio
                ),
                "remove files from the archive that are not part of the model",
            )));
        }
        Ok(())
    }
}

/// Converts an error of [`ArchiveSource`], which always holds a [`ReadError`].
fn source_error(error: io::Error) -> ReadError {
    ReadError::downcast_from(error).unwrap_or_else(ReadError::Source)
}
