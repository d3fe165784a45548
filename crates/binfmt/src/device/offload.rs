//! clang's container of device images, in section `.llvm.offloading` of object files and in files of their own. Field
//! names are those of LLVM's `OffloadBinary.h`.
//!
//! ```text
//! header: magic[4], version u32, size u64, entries offset u64, entries count u64, inflated size u64 (version 3)
//! entry:  image kind u16, offload kind u16, flags u32, strings offset u64, count u64, image offset u64, size u64
//! string: key offset u64, value offset u64, value size u64 (from version 2)
//! ```

use std::ops::Range;

use thiserror::Error;

use crate::cursor::{Cursor, slice, until_nul};
use crate::device::{Finder, Image, ImageKind, Place, Source};
use crate::kind::{FileKind, kind_of};

/// How such a container starts.
pub const MAGIC: &[u8; 4] = b"\x10\xff\x10\xad";
/// `SHT_LLVM_OFFLOADING`
pub(super) const SECTION_TYPE: u32 = 0x6fff_4c0b;
/// The section's name.
pub(super) const SECTION: &[u8] = b".llvm.offloading";
/// The size of an entry, in bytes.
const ENTRY: u64 = 40;
/// The longest string taken, in bytes.
const MAX_STRING: usize = 4096;
/// The most strings of one entry that are looked at.
const MAX_STRINGS: u64 = 64;

/// A container of clang's that can't be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct OffloadError {
    /// In bytes, from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub kind: OffloadErrorKind,
}

/// What is wrong in a container of clang's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OffloadErrorKind {
    /// Cut off, or no magic.
    #[error("broken header of an offload binary")]
    Header,
    /// A version that is not read here.
    #[error("offload binary of unknown version {version}")]
    Version {
        /// What the header says; 1 to 3 are known.
        version: u32,
    },
    /// Compressed as a whole, which LLVM does on request only. It is not read.
    #[error("compressed offload binary")]
    Compressed,
    /// An entry that leads out of its container.
    #[error("entry outside its offload binary")]
    Entry,
}

impl<'data> Finder<'data, '_> {
    /// Containers of clang's that follow one another, each at a multiple of 8.
    pub(super) fn offload(&mut self, range: Range<u64>, place: Place<'data>) {
        let mut at = range.start;
        while at < range.end {
            match self.offload_binary(at, range.end, place) {
                Ok(size) => at = at.saturating_add(size.max(8).next_multiple_of(8)),
                Err(kind) => {
                    self.code.problems.push(OffloadError { offset: at, kind }.into());
                    return;
                }
            }
        }
    }

    /// One container; its size in bytes.
    fn offload_binary(&mut self, start: u64, end: u64, place: Place<'data>) -> Result<u64, OffloadErrorKind> {
        let rest = slice(self.bytes, start, end - start).unwrap_or_default();
        let mut cursor = Cursor::new(rest);
        let magic = cursor.take(4);
        let mut fields = || Some((cursor.u32()?, cursor.u64()?, cursor.u64()?, cursor.u64()?));
        let (version, size, entries, count) = fields().ok_or(OffloadErrorKind::Header)?;
        if magic != Some(MAGIC.as_slice()) {
            return Err(OffloadErrorKind::Header);
        }
        if !(1..=3).contains(&version) {
            return Err(OffloadErrorKind::Version { version });
        }
        // The header grew in version 3.
        if version == 3 && cursor.u64().is_none_or(|inflated| inflated != 0) {
            return Err(OffloadErrorKind::Compressed);
        }
        let binary =
            slice(rest, 0, size).filter(|binary| binary.len() >= 32).ok_or(OffloadErrorKind::Header)?;
        // In version 1 the count is the size of the one entry.
        let count = if version == 1 { 1 } else { count.min(size / ENTRY) };
        // Images do not overlap, unless somebody wants to keep us busy.
        let mut left = size.saturating_mul(2);
        for index in 0..count {
            let record = entries.checked_add(index * ENTRY).and_then(|at| slice(binary, at, ENTRY));
            let image = record.and_then(|record| entry(record, binary, version));
            let image = image.filter(|image| match left.checked_sub(image.data.len() as u64) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            });
            let Some(image) = image else {
                self.code.problems.push(OffloadError { offset: start, kind: OffloadErrorKind::Entry }.into());
                continue;
            };
            self.image(&image, start, place);
        }
        Ok(size)
    }

    fn image(&mut self, image: &Entry<'data>, start: u64, place: Place<'data>) {
        let offset = start + image.offset;
        let kind = match (kind_of(image.data), image.kind) {
            (FileKind::Fatbin, _) => {
                let end = offset + image.data.len() as u64;
                return self.walk(offset..end, place, Source::Offload);
            }
            (FileKind::Cubin, _) => ImageKind::Cubin,
            (FileKind::Ptx, _) => ImageKind::Ptx,
            (_, 2) => ImageKind::Bitcode,
            (_, other) => ImageKind::Other(other),
        };
        let (arch, triple) = (image.arch, image.triple);
        self.code.images.push(Image { offset, kind, data: image.data, place, arch, triple });
    }
}

/// One image with what is said of it.
struct Entry<'data> {
    kind: u16,
    /// In bytes from the start of the container.
    offset: u64,
    data: &'data [u8],
    arch: Option<&'data [u8]>,
    triple: Option<&'data [u8]>,
}

fn entry<'data>(record: &[u8], binary: &'data [u8], version: u32) -> Option<Entry<'data>> {
    let mut cursor = Cursor::new(record);
    let (kind, _producer, _flags) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
    let (strings, count) = (cursor.u64()?, cursor.u64()?);
    let (offset, size) = (cursor.u64()?, cursor.u64()?);
    let mut entry = Entry { kind, offset, data: slice(binary, offset, size)?, arch: None, triple: None };
    let width = if version == 1 { 16 } else { 24 };
    for index in 0..count.min(MAX_STRINGS) {
        let mut cursor = Cursor::new(slice(binary, strings.checked_add(index * width)?, width)?);
        let (key, value) = (cursor.u64()?, cursor.u64()?);
        let key = string(binary, key)?;
        let value = match cursor.u64() {
            Some(size) => slice(binary, value, size)?,
            None => string(binary, value)?,
        };
        match key {
            b"arch" => entry.arch = Some(value),
            b"triple" => entry.triple = Some(value),
            _ => {}
        }
    }
    Some(entry)
}

/// The string at a place, up to its NUL.
fn string(binary: &[u8], start: u64) -> Option<&[u8]> {
    let rest = binary.get(usize::try_from(start).ok()?..)?;
    Some(until_nul(rest.get(..MAX_STRING).unwrap_or(rest)))
}
