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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Problem, find};

    /// A container of this version with images of these kinds, each for `sm_80`.
    fn binary(version: u32, images: &[(u16, &[u8])]) -> Vec<u8> {
        let header = if version == 3 { 40 } else { 32 };
        let width = if version == 1 { 16 } else { 24 };
        let strings = header + images.len() * 40;
        let text = strings + width;
        let mut image = (text + 16).next_multiple_of(8);
        let size = image + images.iter().map(|(_, data)| data.len()).sum::<usize>();
        let count = if version == 1 { 40 } else { images.len() };
        let mut bytes = [MAGIC.as_slice(), &version.to_le_bytes()].concat();
        let word = |value: usize| (value as u64).to_le_bytes();
        bytes.extend([word(size), word(header), word(count)].concat());
        bytes.resize(header, 0);
        for (kind, data) in images {
            bytes.extend([kind.to_le_bytes(), 2_u16.to_le_bytes(), [0; 2], [0; 2]].concat());
            bytes.extend([word(strings), word(1), word(image), word(data.len())].concat());
            image += data.len();
        }
        bytes.extend([word(text), word(text + 5), word(5)].concat());
        bytes.truncate(text);
        bytes.extend(b"arch\0sm_80\0");
        bytes.resize((text + 16).next_multiple_of(8), 0);
        images.iter().for_each(|(_, data)| bytes.extend(*data));
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[(ImageKind, &[u8])], problem: Option<(u64, OffloadErrorKind)>) {
        let code = find(bytes);
        let images: Vec<_> = code.images.iter().map(|image| (image.kind, image.data)).collect();
        assert_eq!(images, expected);
        assert!(code.images.iter().all(|image| image.arch == Some(b"sm_80")));
        let problem = problem.map(|(offset, kind)| Problem::Offload(OffloadError { offset, kind }));
        assert_eq!(code.problems, problem.into_iter().collect::<Vec<_>>());
    }

    const PTX: &[u8] = b".version 8.0 .target sm_80 // padding";
    const BITCODE: &[u8] = b"BC\xc0\xde...";

    #[test]
    fn reads_every_version() {
        let (ptx, bitcode) = ((ImageKind::Ptx, PTX), (ImageKind::Bitcode, BITCODE));
        check(&binary(1, &[(5, PTX)]), &[ptx], None);
        check(&binary(2, &[(2, BITCODE), (5, PTX)]), &[bitcode, ptx], None);
        check(&binary(3, &[(6, b"spir"), (5, PTX)]), &[(ImageKind::Other(6), b"spir"), ptx], None);
        let mut several = binary(1, &[(2, BITCODE)]);
        several.resize(several.len().next_multiple_of(8), 0);
        several.extend(binary(2, &[(5, PTX)]));
        check(&several, &[bitcode, ptx], None);
    }

    #[test]
    fn says_what_is_wrong() {
        check(MAGIC, &[], Some((0, OffloadErrorKind::Header)));
        check(&binary(4, &[(5, PTX)]), &[], Some((0, OffloadErrorKind::Version { version: 4 })));
        let whole = binary(2, &[(5, PTX)]);
        check(&whole[..whole.len() - 1], &[], Some((0, OffloadErrorKind::Header)));
        let changed = |place: usize, value: u8| {
            let mut bytes = whole.clone();
            bytes[place] = value;
            bytes
        };
        // The entry's place in the container, and its image's size.
        check(&changed(16, 0xff), &[], Some((0, OffloadErrorKind::Entry)));
        check(&changed(32 + 32, 0xff), &[], Some((0, OffloadErrorKind::Entry)));
        let mut compressed = binary(3, &[(5, PTX)]);
        compressed[32] = 1;
        check(&compressed, &[], Some((0, OffloadErrorKind::Compressed)));
        let behind =
            [whole.as_slice(), &vec![0; whole.len().next_multiple_of(8) - whole.len()], b"else"].concat();
        let end = whole.len().next_multiple_of(8) as u64;
        check(&behind, &[(ImageKind::Ptx, PTX)], Some((end, OffloadErrorKind::Header)));
    }

    /// Images that lie over one another are read twice, not a thousand times.
    #[test]
    fn images_that_overlap_are_refused() {
        let large = [PTX, &[b' '; 5000]].concat();
        let images: Vec<(u16, &[u8])> =
            [(5, large.as_slice())].into_iter().chain([(5, b"".as_slice()); 20]).collect();
        let mut bytes = binary(2, &images);
        for index in 1..=20 {
            let (first, other) = (32 + 24, 32 + index * 40 + 24);
            bytes.copy_within(first..first + 16, other);
        }
        let code = find(&bytes);
        assert_eq!((code.images.len(), code.problems.len()), (2, 19));
    }
}
