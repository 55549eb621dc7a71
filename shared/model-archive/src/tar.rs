//! The members of a tar archive, one after the other: POSIX ustar and PAX, GNU long names and sparse files.
//!
//! The `tar` crate reads the headers. Its own iterator is not used: it buffers long names and PAX records at whatever
//! length they claim, and splits PAX records at newlines, which the binary attributes that macOS adds may contain.

use tar::{EntryType, Header};

use crate::{
    Limits, Problem,
    content::{Content, truncated},
    fault::Fault,
    format::normal,
    gzip::Gzip,
    lookalike::{self, Looks},
    pax::Pax,
};

const BLOCK: usize = 512;

/// Offset in the first continuation of a GNU sparse header that tells whether another one follows.
const SPARSE_CONTINUES: usize = 504;

/// What kind of member it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    /// A symbolic or hard link: it has no bytes of its own.
    Link,
    /// A file stored without its holes, so that its bytes are not in place.
    Sparse,
    Directory,
    /// A device, or one more name of the same file.
    Other,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub path: String,
    pub kind: Kind,
    /// Bytes in the archive.
    pub stored: u64,
}

pub(crate) struct Tar<'a, 'b> {
    gzip: &'a mut Gzip<'b>,
    limits: &'b Limits,
    headers: u64,
}

impl<'a, 'b> Tar<'a, 'b> {
    pub fn new(gzip: &'a mut Gzip<'b>, limits: &'b Limits) -> Self {
        Self { gzip, limits, headers: 0 }
    }

    /// The next member; none at the end of the archive. The content of the one before must have been passed to
    /// [`Tar::finish`].
    pub fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let mut long_name = None;
        let mut pax = Pax::default();
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            let size = self.size(&header)?;
            match kind {
                EntryType::GNULongName => {
                    let bytes = self.extension("long name", size, self.limits.path_bytes + 1)?;
                    long_name = Some(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
                }
                EntryType::XHeader => {
                    let bytes = self.extension("PAX header", size, self.limits.pax_bytes)?;
                    pax = Pax::parse(&bytes).map_err(|cause| self.invalid(cause))?;
                }
                EntryType::GNULongLink | EntryType::XGlobalHeader => {
                    self.finish("a tar header", size, 0)?;
                }
                _ => return self.entry(&header, size, long_name, pax).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, size: u64, long_name: Option<Vec<u8>>, pax: Pax) -> Result<Entry, Fault> {
        let bytes = pax.path.or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
        if bytes.len() as u64 > self.limits.path_bytes {
            return Err(self.too_long("path", bytes.len() as u64, self.limits.path_bytes));
        }
        let directory = bytes.ends_with(b"/");
        let path = normal(&String::from_utf8_lossy(&bytes));
        // What is not UTF-8 takes three times its bytes.
        if path.len() as u64 > self.limits.path_bytes {
            return Err(self.too_long("path", path.len() as u64, self.limits.path_bytes));
        }
        let kind = match header.entry_type() {
            // Before POSIX a directory was a file whose name ends in a slash.
            EntryType::Regular if directory => Kind::Directory,
            // `tar -c . ./model.onnx` stores the second as a link to itself.
            EntryType::Link if links_to(header, &path) => Kind::Other,
            EntryType::Link | EntryType::Symlink => Kind::Link,
            EntryType::GNUSparse => Kind::Sparse,
            EntryType::Directory => Kind::Directory,
            EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Other,
            _ if header.entry_type().as_byte() == b'V' || header.entry_type().as_byte() == b'D' => Kind::Other,
            _ if pax.sparse => Kind::Sparse,
            _ => Kind::File,
        };
        // Some archivers give links and directories a size that no bytes follow; like Python's tarfile, which the
        // rest of the world tests against, take only files to have content.
        let has_content =
            matches!(kind, Kind::File | Kind::Sparse) || matches!(header.entry_type().as_byte(), b'V' | b'D');
        let stored = if has_content { pax.size.unwrap_or(size) } else { 0 };
        if header.entry_type() == EntryType::GNUSparse && header.as_gnu().is_some_and(tar::GnuHeader::is_extended) {
            self.skip_sparse_headers()?;
        }
        if stored.checked_next_multiple_of(BLOCK as u64).is_none() {
            return Err(self.invalid("a size that no archive can have"));
        }
        Ok(Entry { path, kind, stored })
    }

    /// The content of the member that `next` gave.
    pub fn content<'c>(&'c mut self, entry: &'c Entry) -> Content<'c, 'b> {
        Content::new(self.gzip, &entry.path, entry.stored)
    }

    /// Skips what is left of a member of `size` bytes after `consumed` of them, and its padding.
    pub fn finish(&mut self, path: &str, size: u64, consumed: u64) -> Result<(), Fault> {
        Content::rest(self.gzip, path, size, consumed).skip(u64::MAX)?;
        let mut padding = size.next_multiple_of(BLOCK as u64) - size;
        while padding > 0 {
            let chunk = self.gzip.chunk()?.len() as u64;
            // Missing padding at the very end loses nothing.
            if chunk == 0 {
                break;
            }
            let part = chunk.min(padding);
            self.gzip.consume(usize::try_from(part).unwrap_or(usize::MAX));
            padding -= part;
        }
        Ok(())
    }

    fn size(&self, header: &Header) -> Result<u64, Fault> {
        // Some old archivers leave it blank where there is none.
        if header.as_old().size.iter().all(|byte| matches!(byte, b' ' | 0)) {
            return Ok(0);
        }
        header.entry_size().map_err(|_| self.invalid("a header whose size is not a number"))
    }

    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let position = self.gzip.position();
        let mut header = Header::new_old();
        let block = self.gzip.peek(BLOCK)?;
        if block.is_empty() && position > 0 {
            return Ok(None);
        }
        let mut sums = [0, 0];
        let full = block.len() == BLOCK;
        if full {
            header.as_mut_bytes().copy_from_slice(block);
            if block.iter().all(|byte| *byte == 0) {
                self.gzip.consume(BLOCK);
                return Ok(None);
            }
            let summed = || {
                let blank = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { *byte };
                block.iter().enumerate().map(blank)
            };
            // Some old archivers took bytes for signed; every reader takes both sums.
            sums = [summed().map(i64::from).sum(), summed().map(|byte| i64::from(byte.cast_signed())).sum()];
        }
        if !full || !header.cksum().is_ok_and(|expected| sums.contains(&i64::from(expected))) {
            if position == 0 && Looks::of(block) != Looks::Tar {
                return Err(Fault::Archive(lookalike::not_tar(block)));
            }
            if !full {
                let present = block.len() as u64;
                return Err(Fault::Archive(truncated("a tar header", present, BLOCK as u64)));
            }
            return Err(self.invalid("a header whose checksum is wrong"));
        }
        self.gzip.consume(BLOCK);
        self.headers += 1;
        if self.headers > self.limits.members {
            return Err(Fault::Archive(Problem::new(
                "limit-members",
                format!("the archive has more than {} members", self.limits.members),
                "leave out of the archive what is not the model",
            )));
        }
        Ok(Some(header))
    }

    fn extension(&mut self, what: &str, size: u64, most: u64) -> Result<Vec<u8>, Fault> {
        if size > most {
            return Err(self.too_long(what, size, most));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let filled = Content::new(self.gzip, what, size).fill(&mut bytes)?;
        self.finish(what, size, filled as u64)?;
        Ok(bytes)
    }

    fn skip_sparse_headers(&mut self) -> Result<(), Fault> {
        loop {
            let block = self.gzip.peek(BLOCK)?;
            if block.len() < BLOCK {
                return Err(Fault::Archive(truncated("a sparse header", block.len() as u64, BLOCK as u64)));
            }
            let more = block[SPARSE_CONTINUES] != 0;
            self.gzip.consume(BLOCK);
            if !more {
                return Ok(());
            }
        }
    }

    fn invalid(&self, cause: &str) -> Fault {
        Fault::Archive(Problem::new(
            "tar-invalid",
            format!("the tar archive is damaged at byte {}: {cause}", self.gzip.position()),
            "make the archive again and check it with `tar -tzf` before uploading it",
        ))
    }

    fn too_long(&self, what: &str, size: u64, most: u64) -> Fault {
        Fault::Archive(Problem::new(
            "limit-header",
            format!(
                "at byte {} of the tar archive is a {what} of {size} bytes; at most {most} are read",
                self.gzip.position()
            ),
            "make the archive again with plain `tar -czf model.tar.gz <model files>`",
        ))
    }
}

/// Whether a link leads to this path.
fn links_to(header: &Header, path: &str) -> bool {
    header.link_name_bytes().is_some_and(|target| normal(&String::from_utf8_lossy(&target)) == path)
}
