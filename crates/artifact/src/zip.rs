//! Zip archives (APPNOTE.TXT 6.3.10), by their central directory; members are found and unpacked one by one.
//!
//! Refused as a whole: archives cut off, split into several, or whose members overlap, as those of decompression bombs
//! do. Refused as members: what is encrypted, and what is compressed by other methods than deflate.

use std::fmt;
use std::io::{self, Read as _};

use flate2::{Crc, CrcReader};
use thiserror::Error;

use crate::draft::{Draft, ItemKind};
use crate::error::ArtifactError;
use crate::limits::MAX_PATH;
use crate::node::Content;
use crate::origin::Origin;
use crate::problem::ProblemKind;
use crate::source::{Bytes, Span};
use crate::spool::spool;

/// 4.3.7: what comes before each member.
const LOCAL_HEADER: u32 = 0x0403_4b50;
const LOCAL_HEADER_SIZE: usize = 30;
/// 4.3.12: the central directory's entries.
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const CENTRAL_HEADER_SIZE: usize = 46;
/// 4.3.16: what ends an archive.
const END: u32 = 0x0605_4b50;
const END_SIZE: usize = 22;
/// 4.3.15 and 4.3.14: where the end is told in 64 bits.
const LOCATOR64: u32 = 0x0706_4b50;
const LOCATOR64_SIZE: usize = 20;
const END64: u32 = 0x0606_4b50;
const END64_SIZE: usize = 56;
/// 4.5.3: the extra field that has sizes and offset in 64 bits.
const EXTRA64: u16 = 1;
/// 4.4.5.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The largest comment, in bytes: its length has 16 bits.
const MAX_COMMENT: u64 = 0xffff;
/// How much is read at a time to unpack a member's start, in bytes.
const READ: usize = 4096;
/// How much is read at a time to unpack all of it, in bytes.
const READ_ALL: usize = 128 * 1024;

/// A zip that can't be read, and where.
#[derive(Debug, Error)]
#[error("{kind} at offset {offset:#x} of the zip")]
pub struct ZipError {
    /// In bytes.
    pub offset: u64,
    /// What is wrong there.
    pub kind: ZipErrorKind,
}

/// What is wrong in a zip.
#[derive(Debug)]
pub enum ZipErrorKind {
    /// The disk failed.
    Read(io::Error),
    /// Not cut off cleanly, or no zip at all: what each archive ends with is missing.
    NoEnd,
    /// A part of an archive that was split into several files.
    Split,
    /// An entry or a header without its signature.
    Signature,
    /// An offset or size that leads outside.
    Bounds,
    /// Two members that share bytes.
    Overlap,
}

impl fmt::Display for ZipErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(formatter, "read failed ({error})"),
            Self::NoEnd => write!(formatter, "no end of central directory"),
            Self::Split => write!(formatter, "one part of a split archive"),
            Self::Signature => write!(formatter, "missing signature"),
            Self::Bounds => write!(formatter, "size or offset beyond the end"),
            Self::Overlap => write!(formatter, "overlapping members"),
        }
    }
}

/// A member's content.
#[derive(Clone, Debug)]
pub(crate) struct ZipMember {
    /// The whole archive.
    archive: Span,
    /// Of its local header.
    header: u64,
    method: u16,
    encrypted: bool,
    crc32: u32,
    packed: u64,
    /// In bytes.
    pub size: u64,
}

/// An entry of the central directory.
struct Entry {
    name: String,
    /// In bytes, as it lies in the archive.
    name_length: u64,
    symlink: bool,
    member: ZipMember,
}

/// Puts all members into a draft.
pub(crate) fn read(origin: &Origin, archive: &Span, draft: &mut Draft) -> Result<(), ArtifactError> {
    let fail = |source| ArtifactError::Zip { path: origin.path.clone(), source };
    let directory = Directory::find(archive).map_err(fail)?;
    let bytes = directory
        .span
        .bytes()
        .map_err(|error| fail(ZipError { offset: directory.start, kind: ZipErrorKind::Read(error) }))?;
    let mut rest: &[u8] = &bytes;
    let mut extents = Vec::new();
    for _ in 0..directory.entries {
        let offset = directory.start + (bytes.len() - rest.len()) as u64;
        let entry;
        (entry, rest) = read_entry(rest, archive).map_err(|kind| fail(ZipError { offset, kind }))?;
        // The local header has the name again, and may have more: this is the least that the member takes.
        let start = entry.member.header;
        let length = (LOCAL_HEADER_SIZE as u64 + entry.name_length).checked_add(entry.member.packed);
        let end = length.and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= directory.start);
        extents.push((start, end.ok_or_else(|| fail(ZipError { offset, kind: ZipErrorKind::Bounds }))?));
        put(origin, draft, entry)?;
    }
    extents.sort_unstable();
    match extents.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        Some(pair) => Err(fail(ZipError { offset: pair[1].0, kind: ZipErrorKind::Overlap })),
        None => Ok(()),
    }
}

fn put(origin: &Origin, draft: &mut Draft, entry: Entry) -> Result<(), ArtifactError> {
    let Entry { name, symlink, member, .. } = entry;
    if member.encrypted {
        draft.problems.add(ProblemKind::Encrypted, &name);
    } else if member.method != STORED && member.method != DEFLATED {
        draft.problems.add(ProblemKind::Method, &name);
    }
    let kind = if name.ends_with('/') {
        ItemKind::directory()
    } else if symlink && member.size <= MAX_PATH as u64 {
        // A link's content is its target.
        match member.head(origin, &name, MAX_PATH) {
            Ok(target) => ItemKind::Symlink(String::from_utf8_lossy(&target).into()),
            Err(_) => ItemKind::Other,
        }
    } else {
        ItemKind::File { size: member.size, content: Content::Zip(Box::new(member)) }
    };
    draft.put(origin, &name, kind, None)
}

/// The central directory.
struct Directory {
    span: Span,
    /// In bytes, from the start of the archive.
    start: u64,
    entries: u64,
}

impl Directory {
    fn find(file: &Span) -> Result<Self, ZipError> {
        let at = |offset, kind| ZipError { offset, kind };
        let tail_start = file.length.saturating_sub(END_SIZE as u64 + MAX_COMMENT);
        let tail = file.slice(tail_start, file.length - tail_start).unwrap_or_else(|| file.clone());
        let tail = tail.bytes().map_err(|error| at(tail_start, ZipErrorKind::Read(error)))?;
        let is_end = |index: &usize| {
            let end = &tail[*index..];
            u32_at(end, 0) == Some(END)
                && u16_at(end, 20).is_some_and(|comment| usize::from(comment) == end.len() - END_SIZE)
        };
        let last = tail.len().checked_sub(END_SIZE);
        let index = last.and_then(|last| (0..=last).rev().find(is_end));
        let index = index.ok_or_else(|| at(file.length, ZipErrorKind::NoEnd))?;
        let offset = tail_start + index as u64;
        let bounds = || at(offset, ZipErrorKind::Bounds);
        let end = &tail[index..];
        let field = |place| u16_at(end, place).map(u64::from).ok_or_else(bounds);
        let wide = |place| u32_at(end, place).map(u64::from).ok_or_else(bounds);
        let mut values = [field(4)?, field(6)?, field(10)?, wide(12)?, wide(16)?];
        let mut directory_end = offset;
        let escapes = [0xffff, 0xffff, 0xffff, 0xffff_ffff, 0xffff_ffff];
        if values.iter().zip(escapes).any(|(value, escape)| *value == escape)
            && let Some((place, wide)) = end64(file, offset)?
        {
            (directory_end, values) = (place, wide);
        }
        let [disk, directory_disk, entries, size, start] = values;
        if disk != 0 || directory_disk != 0 {
            return Err(at(offset, ZipErrorKind::Split));
        }
        let inside = start.checked_add(size).is_some_and(|end| end <= directory_end);
        let span = file.slice(start, size).filter(|_| inside).ok_or_else(bounds)?;
        Ok(Self { span, start, entries })
    }
}

/// The end record in 64 bits, if the locator before `end` leads to one: where it lies, and what it says.
fn end64(file: &Span, end: u64) -> Result<Option<(u64, [u64; 5])>, ZipError> {
    let read = |offset: u64, size: usize| {
        let Some(part) = file.slice(offset, size as u64) else { return Ok(None) };
        let bytes = part.head(size).map_err(|error| ZipError { offset, kind: ZipErrorKind::Read(error) })?;
        Ok(Some(bytes.into_owned()))
    };
    let Some(place) = end.checked_sub(LOCATOR64_SIZE as u64) else { return Ok(None) };
    let Some(locator) = read(place, LOCATOR64_SIZE)? else { return Ok(None) };
    if u32_at(&locator, 0) != Some(LOCATOR64) {
        return Ok(None);
    }
    let stated = u64_at(&locator, 8).unwrap_or(u64::MAX);
    if let Some(record) = read(stated, END64_SIZE)?
        && u32_at(&record, 0) == Some(END64)
        && let (Some(disk), Some(directory_disk)) = (u32_at(&record, 16), u32_at(&record, 20))
        && let (Some(entries), Some(size), Some(start)) =
            (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48))
    {
        return Ok(Some((stated, [disk.into(), directory_disk.into(), entries, size, start])));
    }
    Err(ZipError { offset: place, kind: ZipErrorKind::Signature })
}

/// 4.3.12.
fn read_entry<'a>(bytes: &'a [u8], archive: &Span) -> Result<(Entry, &'a [u8]), ZipErrorKind> {
    let (header, rest) = bytes.split_at_checked(CENTRAL_HEADER_SIZE).ok_or(ZipErrorKind::Bounds)?;
    if u32_at(header, 0) != Some(CENTRAL_HEADER) {
        return Err(ZipErrorKind::Signature);
    }
    let short = |place| u16_at(header, place).ok_or(ZipErrorKind::Bounds);
    let wide = |place| u32_at(header, place).ok_or(ZipErrorKind::Bounds);
    let (name, rest) = rest.split_at_checked(short(28)?.into()).ok_or(ZipErrorKind::Bounds)?;
    let (extra, rest) = rest.split_at_checked(short(30)?.into()).ok_or(ZipErrorKind::Bounds)?;
    let (_comment, rest) = rest.split_at_checked(short(32)?.into()).ok_or(ZipErrorKind::Bounds)?;
    let (mut size, mut packed, mut offset): (u64, u64, u64) =
        (wide(24)?.into(), wide(20)?.into(), wide(42)?.into());
    // Only what the 32 bits could not hold is there, in this order.
    let mut extra64 = extra_field(extra, EXTRA64).unwrap_or_default();
    for value in [&mut size, &mut packed, &mut offset] {
        if *value == 0xffff_ffff
            && let Some((wide, left)) = extra64.split_first_chunk::<8>()
        {
            *value = u64::from_le_bytes(*wide);
            extra64 = left;
        }
    }
    // The upper half of the attributes is a Unix mode if Unix made the entry (4.4.2, 4.4.15).
    let symlink = header[5] == 3 && wide(38)? >> 28 == 0o12;
    let entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        name_length: name.len() as u64,
        symlink,
        member: ZipMember {
            archive: archive.clone(),
            header: offset,
            method: short(10)?,
            encrypted: short(8)? & 1 != 0,
            crc32: wide(16)?,
            packed,
            size,
        },
    };
    Ok((entry, rest))
}

/// 4.5.1: fields of an id, a length, and as many bytes.
fn extra_field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (id, length) = (u16_at(extra, 0)?, u16_at(extra, 2)?);
        let (field, rest) = extra[4..].split_at_checked(length.into())?;
        if id == wanted {
            return Some(field);
        }
        extra = rest;
    }
}

impl ZipMember {
    pub(crate) fn identity(&self) -> (u64, u64) {
        let (source, offset) = self.archive.identity();
        (source, offset.wrapping_add(self.header))
    }

    /// The bytes as they lie in the archive.
    fn packed(&self, origin: &Origin, name: &str) -> Result<Span, ArtifactError> {
        let (path, member) = (origin.path.clone(), name.to_owned());
        if self.encrypted {
            return Err(ArtifactError::Encrypted { path, member });
        }
        if self.method != STORED && self.method != DEFLATED {
            return Err(ArtifactError::Method { path, member, method: self.method });
        }
        let fail = |offset, kind| ArtifactError::Zip {
            path: origin.path.clone(),
            source: ZipError { offset, kind },
        };
        let at = self.header;
        let header =
            self.archive.slice(at, LOCAL_HEADER_SIZE as u64).ok_or_else(|| fail(at, ZipErrorKind::Bounds))?;
        let header = header.head(LOCAL_HEADER_SIZE).map_err(|error| fail(at, ZipErrorKind::Read(error)))?;
        if u32_at(&header, 0) != Some(LOCAL_HEADER) {
            return Err(fail(at, ZipErrorKind::Signature));
        }
        let names = u64::from(u16_at(&header, 26).unwrap_or(0)) + u64::from(u16_at(&header, 28).unwrap_or(0));
        self.archive
            .slice(at + LOCAL_HEADER_SIZE as u64 + names, self.packed)
            .filter(|_| self.method != STORED || self.packed == self.size)
            .ok_or_else(|| fail(at, ZipErrorKind::Bounds))
    }

    /// The content, if it is not compressed.
    pub(crate) fn stored(&self, origin: &Origin, name: &str) -> Result<Option<Span>, ArtifactError> {
        if self.method == STORED { self.packed(origin, name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn head(&self, origin: &Origin, name: &str, length: usize) -> Result<Vec<u8>, ArtifactError> {
        let packed = self.packed(origin, name)?;
        let broken = |source| self.broken(origin, name, source);
        if self.method == STORED {
            return Ok(packed.head(length).map_err(broken)?.into_owned());
        }
        let length = (length as u64).min(self.size);
        let mut head = Vec::new();
        let decoder = flate2::bufread::DeflateDecoder::new(packed.reader(READ));
        decoder.take(length).read_to_end(&mut head).map_err(broken)?;
        if (head.len() as u64) < length {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(head)
    }

    pub(crate) fn bytes(&self, origin: &Origin, name: &str) -> Result<Bytes<'static>, ArtifactError> {
        let packed = self.packed(origin, name)?;
        let broken = |source| self.broken(origin, name, source);
        if self.method == STORED {
            let bytes = packed.into_bytes().map_err(broken)?;
            let mut crc = Crc::new();
            crc.update(&bytes);
            self.check(origin, name, &crc)?;
            return Ok(bytes);
        }
        origin.check_ratio(name, self.packed, self.size)?;
        let decoder = flate2::bufread::DeflateDecoder::new(packed.reader(READ_ALL));
        // One byte more than there should be is enough to know that it is too much.
        let mut reader = CrcReader::new(decoder.take(self.size.saturating_add(1)));
        let unpacked = spool(origin, name, &mut reader, Some(self.packed), broken)?;
        if unpacked.length != self.size {
            let error =
                io::Error::new(io::ErrorKind::InvalidData, "it has another size than the archive says");
            return Err(broken(error));
        }
        self.check(origin, name, reader.crc())?;
        unpacked.into_bytes().map_err(broken)
    }

    fn check(&self, origin: &Origin, name: &str, crc: &Crc) -> Result<(), ArtifactError> {
        if crc.sum() == self.crc32 {
            return Ok(());
        }
        let (path, member) = (origin.path.clone(), name.to_owned());
        Err(ArtifactError::MemberDamaged { path, member, expected: self.crc32, found: crc.sum() })
    }

    fn broken(&self, origin: &Origin, name: &str, source: io::Error) -> ArtifactError {
        ArtifactError::Compressed {
            path: origin.path.clone(),
            part: name.to_owned(),
            format: if self.method == STORED { "stored" } else { "deflate" },
            source,
        }
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}
