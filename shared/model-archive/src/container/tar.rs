//! The members of a tar archive in order: POSIX ustar and PAX, GNU long names and sparse files.
//!
//! The `tar` crate parses the headers. Its iterator is not used, for two reasons: it buffers long
//! names and PAX records of any length that a header claims, and it splits PAX records at newlines,
//! which the binary attributes that macOS adds may contain.

use tar::{EntryType, Header};

use super::{
    gzip::GzipReader,
    member::{MemberReader, truncated_problem},
    path::{join_path, normalize_path, parent_folder},
    pax::PaxRecords,
};
use crate::{error::ReadError, limits::Limits, problem::Problem};

pub(super) const BLOCK: usize = 512;

/// Offset in the first continuation of a GNU sparse header of the flag that another one follows.
const SPARSE_CONTINUES: usize = 504;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    /// A symbolic or hard link: it has no bytes of its own.
    Link,
    /// A file that is stored without its holes, so its bytes are not at their offsets.
    Sparse,
    Directory,
    /// A device, or a second entry for the same file.
    Other,
}

#[derive(Debug)]
pub(crate) struct TarMember {
    pub path: String,
    pub kind: MemberKind,
    /// Where a link leads: a path from the root of the archive, or an absolute path.
    pub link_target: Option<String>,
    /// Bytes in the archive.
    pub stored: u64,
}

/// Names that a GNU tar stores in headers of their own.
#[derive(Debug, Default)]
struct LongNames {
    path: Option<Vec<u8>>,
    link_target: Option<Vec<u8>>,
}

pub(crate) struct TarReader<'a, 'b> {
    gzip: &'a mut GzipReader<'b>,
    limits: &'b Limits,
    headers: u64,
}

impl<'a, 'b> TarReader<'a, 'b> {
    pub fn new(gzip: &'a mut GzipReader<'b>, limits: &'b Limits) -> Self {
        Self { gzip, limits, headers: 0 }
    }

    /// The next member; `None` at the end of the archive. Call [`TarReader::skip_rest`] for the
    /// previous member first.
    pub fn next_member(&mut self) -> Result<Option<TarMember>, ReadError> {
        let mut long = LongNames::default();
        let mut pax = PaxRecords::default();
        loop {
            let Some(header) = self.read_header()? else { return Ok(None) };
            let kind = header.entry_type();
            let size = self.parse_size(&header)?;
            match kind {
                EntryType::GNULongName | EntryType::GNULongLink => {
                    let bytes = self.read_extension("long name", size, self.limits.path_bytes + 1)?;
                    let name = Some(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
                    *(if kind == EntryType::GNULongName { &mut long.path } else { &mut long.link_target }) = name;
                }
                EntryType::XHeader => {
                    let bytes = self.read_extension("PAX header", size, self.limits.pax_bytes)?;
                    pax = PaxRecords::parse(&bytes).map_err(|cause| self.invalid_archive(cause))?;
                }
                EntryType::XGlobalHeader => {
                    self.skip_rest("a tar header", size, 0)?;
                }
                _ => return self.build_member(&header, size, long, pax).map(Some),
            }
        }
    }

    fn build_member(
        &mut self,
        header: &Header,
        size: u64,
        long: LongNames,
        pax: PaxRecords,
    ) -> Result<TarMember, ReadError> {
        let bytes = pax.path.or(long.path).unwrap_or_else(|| header.path_bytes().into_owned());
        if bytes.len() as u64 > self.limits.path_bytes {
            return Err(self.header_too_long("path", bytes.len() as u64, self.limits.path_bytes));
        }
        let directory = bytes.ends_with(b"/");
        let path = normalize_path(&String::from_utf8_lossy(&bytes));
        // Bytes that are not UTF-8 take three times the space.
        if path.len() as u64 > self.limits.path_bytes {
            return Err(self.header_too_long("path", path.len() as u64, self.limits.path_bytes));
        }
        let target = pax.link_target.or(long.link_target).or_else(|| Some(header.link_name_bytes()?.into_owned()));
        let link_target = target.map(|target| resolve_link(header.entry_type(), &path, &target));
        let kind = match header.entry_type() {
            // Before POSIX, a directory was a file whose name ends in a slash.
            EntryType::Regular if directory => MemberKind::Directory,
            // `tar -c . ./model.onnx` stores the second one as a link to itself.
            EntryType::Link if link_target.as_ref() == Some(&path) => MemberKind::Other,
            EntryType::Link | EntryType::Symlink => MemberKind::Link,
            EntryType::GNUSparse => MemberKind::Sparse,
            EntryType::Directory => MemberKind::Directory,
            EntryType::Char | EntryType::Block | EntryType::Fifo => MemberKind::Other,
            _ if header.entry_type().as_byte() == b'V' || header.entry_type().as_byte() == b'D' => MemberKind::Other,
            _ if pax.sparse => MemberKind::Sparse,
            _ => MemberKind::File,
        };
        // Some archivers give links and directories a size although no bytes follow. Like Python's
        // tarfile, the reference for most tools, assume that only files have content.
        let has_content = matches!(kind, MemberKind::File | MemberKind::Sparse)
            || matches!(header.entry_type().as_byte(), b'V' | b'D');
        let stored = if has_content { pax.size.unwrap_or(size) } else { 0 };
        if header.entry_type() == EntryType::GNUSparse && header.as_gnu().is_some_and(tar::GnuHeader::is_extended) {
            self.skip_sparse_headers()?;
        }
        if stored.checked_next_multiple_of(BLOCK as u64).is_none() {
            return Err(self.invalid_archive("a size that is larger than any archive"));
        }
        let link_target = link_target.filter(|_| kind == MemberKind::Link);
        Ok(TarMember { path, kind, link_target, stored })
    }

    /// The content of the member that `next_member` returned.
    pub fn member_reader<'c>(&'c mut self, member: &'c TarMember) -> MemberReader<'c, 'b> {
        MemberReader::new(self.gzip, &member.path, member.stored)
    }

    /// Skips the rest of a member of `size` bytes, of which `consumed` have been read, and its
    /// padding.
    pub fn skip_rest(&mut self, path: &str, size: u64, consumed: u64) -> Result<(), ReadError> {
        MemberReader::new_at(self.gzip, path, size, consumed).skip_bytes(u64::MAX)?;
        let mut padding = size.next_multiple_of(BLOCK as u64) - size;
        while padding > 0 {
            let chunk = self.gzip.next_chunk()?.len() as u64;
            // Padding that is missing at the end of the archive loses nothing.
            if chunk == 0 {
                break;
            }
            let part = chunk.min(padding);
            self.gzip.consume(usize::try_from(part).unwrap_or(usize::MAX));
            padding -= part;
        }
        Ok(())
    }

    fn parse_size(&self, header: &Header) -> Result<u64, ReadError> {
        // Some old archivers leave the size blank where there is none.
        if header.as_old().size.iter().all(|byte| matches!(byte, b' ' | 0)) {
            return Ok(0);
        }
        header.entry_size().map_err(|_| self.invalid_archive("a header whose size is not a number"))
    }

    fn read_header(&mut self) -> Result<Option<Header>, ReadError> {
        let position = self.gzip.inflated_position();
        let mut header = Header::new_old();
        let block = self.gzip.peek_bytes(BLOCK)?;
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
            // Some old archivers summed signed bytes; every reader accepts both sums.
            sums = [summed().map(i64::from).sum(), summed().map(|byte| i64::from(byte.cast_signed())).sum()];
        }
        if !full || !header.cksum().is_ok_and(|expected| sums.contains(&i64::from(expected))) {
            let head = block.to_vec();
            let error = if full {
                self.invalid_archive("a header whose checksum is wrong")
            } else {
                ReadError::Archive(truncated_problem("a tar header", head.len() as u64, BLOCK as u64))
            };
            return Err(match error {
                ReadError::Archive(problem) if position == 0 => ReadError::InvalidFirstHeader { head, problem },
                error => error,
            });
        }
        self.gzip.consume(BLOCK);
        self.headers += 1;
        if self.headers > self.limits.members {
            return Err(ReadError::Archive(Problem::new(
                "limit-members",
                format!("the archive has more than {} members", self.limits.members),
                "remove files from the archive that are not part of the model",
            )));
        }
        Ok(Some(header))
    }

    fn read_extension(&mut self, what: &str, size: u64, max: u64) -> Result<Vec<u8>, ReadError> {
        if size > max {
            return Err(self.header_too_long(what, size, max));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let filled = MemberReader::new(self.gzip, what, size).fill_buffer(&mut bytes)?;
        self.skip_rest(what, size, filled as u64)?;
        Ok(bytes)
    }

    fn skip_sparse_headers(&mut self) -> Result<(), ReadError> {
        loop {
            let block = self.gzip.peek_bytes(BLOCK)?;
            if block.len() < BLOCK {
                let problem = truncated_problem("a sparse header", block.len() as u64, BLOCK as u64);
                return Err(ReadError::Archive(problem));
            }
            let more = block[SPARSE_CONTINUES] != 0;
            self.gzip.consume(BLOCK);
            if !more {
                return Ok(());
            }
        }
    }

    fn invalid_archive(&self, cause: &str) -> ReadError {
        ReadError::Archive(Problem::new(
            "tar-invalid",
            format!("the tar archive is damaged at byte {}: {cause}", self.gzip.inflated_position()),
            "create the archive again and check it with `tar -tzf` before you upload it",
        ))
    }

    fn header_too_long(&self, what: &str, size: u64, max: u64) -> ReadError {
        ReadError::Archive(Problem::new(
            "limit-header",
            format!(
                "the {what} at byte {} of the tar archive has {size} bytes; the maximum is {max}",
                self.gzip.inflated_position()
            ),
            "create the archive again with plain `tar -czf model.tar.gz <model files>`",
        ))
    }
}

/// The target of a link: the name in a symbolic link is relative to the folder of the link, that in
/// a hard link to the root of the archive.
fn resolve_link(kind: EntryType, path: &str, target: &[u8]) -> String {
    let target = String::from_utf8_lossy(target);
    match kind {
        EntryType::Symlink if target.starts_with('/') => target.into_owned(),
        EntryType::Symlink => join_path(parent_folder(path), &target),
        _ => normalize_path(&target),
    }
}
