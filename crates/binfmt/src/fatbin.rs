//! Fatbins: the containers in which nvcc puts PTX and machine code for many GPUs.
//!
//! ```text
//! container: magic u32, version u16, header size u16, size of entries u64
//! entry:     a header of 64 bytes and a tail, then the payload, padded to 8 bytes
//! tail:      identifier, {options offset u32, length u32}, options   (or the table of a group)
//! ```
//!
//! Names are those of CUDA's `fatbinary_section.h` where it has one; the rest was inferred from files that
//! `fatbinary` 11.8 to 13.5 wrote.

mod entry;
mod group;
mod payload;
mod wrapper;

use std::ops::Range;

use thiserror::Error;

use crate::cursor::{Cursor, slice};

pub use entry::{Compression, Entry, EntryKind, Flags, Suffix};
pub use group::{Members, Part};
pub use payload::{Limits, PayloadError, PayloadErrorKind, Unpacker};
pub use wrapper::{Wrapper, WrapperTable, WrapperVersion, wrappers};

/// The first word of a container.
pub const MAGIC: u32 = 0xba55_ed50;
/// The first bytes of a container of version 1 with a header of 16 bytes: the only ones seen since CUDA 4.
pub const PATTERN: &[u8; 8] = b"\x50\xed\x55\xba\x01\x00\x10\x00";
/// The first word of a fatbin of the time before CUDA 4.
pub const OLD_MAGIC: u32 = 0x1ee5_5a01;
/// A container header's size, in bytes.
const HEADER: u64 = 16;

/// A container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container<'data> {
    file: &'data [u8],
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// The size of its entries in bytes, as its header says.
    pub size: u64,
    /// Where its entries end: less than `size` says, if the file or the section ends before.
    end: u64,
}

/// A container's entries, in its order.
#[derive(Clone, Debug)]
pub struct Entries<'data> {
    container: Container<'data>,
    next: Option<u64>,
}

/// A fatbin that can't be read on, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct FatbinError {
    /// In bytes, from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub kind: FatbinErrorKind,
}

/// What is wrong in a fatbin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FatbinErrorKind {
    /// No container starts here.
    #[error("no fatbin magic")]
    BadMagic,
    /// The format of the time before CUDA 4.
    #[error("fatbin of a format older than CUDA 4")]
    OldFormat,
    /// A container header that is cut off, or of a version that doesn't exist.
    #[error("unknown or truncated fatbin header")]
    Header,
    /// The file, or the section, ends within the container.
    #[error("fatbin of {size} bytes where {left} are left")]
    Truncated {
        /// What the header says, in bytes.
        size: u64,
        /// What is there, in bytes.
        left: u64,
    },
    /// An entry header that is cut off.
    #[error("truncated entry header")]
    EntryHeader,
    /// An entry of a version that doesn't exist.
    #[error("entry of unknown version {version:#x}")]
    EntryVersion {
        /// What the header says; 0x101 is the only one known.
        version: u16,
    },
    /// An entry header with an impossible size.
    #[error("entry header of impossible size {size}")]
    EntryHeaderSize {
        /// What the header says, in bytes.
        size: u32,
    },
    /// The container ends within the entry.
    #[error("entry of {size} bytes where {left} are left")]
    EntryTruncated {
        /// What the header says, in bytes.
        size: u64,
        /// What is there, in bytes.
        left: u64,
    },
    /// A compressed payload that is longer than its room.
    #[error("compressed payload of {size} bytes in a room of {room}")]
    CompressedSize {
        /// The payload's size, in bytes.
        size: u32,
        /// Its room, in bytes.
        room: u64,
    },
    /// The identifier lies outside the entry header.
    #[error("identifier outside the entry header")]
    Identifier,
    /// The options lie outside the entry header.
    #[error("options outside the entry header")]
    Options,
    /// The table of a `--concat` group lies outside the entry header, or a member outside the group.
    #[error("broken table of a group")]
    Group,
    /// A wrapper that is cut off or of a version that doesn't exist.
    #[error("broken fatbin wrapper")]
    Wrapper,
    /// A wrapper that points to no container.
    #[error("fatbin wrapper that points to no fatbin")]
    Dangling,
}

impl<'data> Container<'data> {
    /// The container at `offset` of `file`. If its size leads out of the file, what is there can be read.
    pub fn parse(file: &'data [u8], offset: u64) -> Result<Self, FatbinError> {
        Self::parse_within(file, offset, file.len() as u64)
    }

    /// The container at `offset` of `file`, which ends at `end` at the latest.
    pub(crate) fn parse_within(file: &'data [u8], offset: u64, end: u64) -> Result<Self, FatbinError> {
        let at = |kind: FatbinErrorKind| kind.at(offset);
        let file = slice(file, 0, end.min(file.len() as u64)).unwrap_or(file);
        let mut cursor = Cursor::at(file, usize::try_from(offset).unwrap_or(usize::MAX));
        match cursor.u32() {
            Some(MAGIC) => {}
            Some(OLD_MAGIC) => return Err(at(FatbinErrorKind::OldFormat)),
            _ => return Err(at(FatbinErrorKind::BadMagic)),
        }
        let mut fields = || Some((cursor.u16()?, cursor.u16()?, cursor.u64()?));
        let Some((1, 16, size)) = fields() else { return Err(at(FatbinErrorKind::Header)) };
        let end = (offset + HEADER).saturating_add(size).min(file.len() as u64);
        Ok(Self { file, offset, size, end })
    }

    /// Its entries in its order. A broken one is an error; those before it have come already, and those behind it
    /// come if its sizes can be trusted.
    pub fn entries(&self) -> Entries<'data> {
        Entries { container: *self, next: Some(self.offset + HEADER) }
    }

    /// Its entries, with the members of a group in place of the group.
    pub fn images(&self) -> impl Iterator<Item = Result<Entry<'data>, FatbinError>> + use<'data> {
        self.entries().flat_map(|entry| match entry {
            Ok(entry) if entry.kind == EntryKind::Group => Images::Members(entry.members()),
            other => Images::One(Some(other)),
        })
    }

    /// Its place in the file, header included, in bytes. It ends early if the file does.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.end
    }

    /// Its bytes, header included, as many as are there.
    pub fn bytes(&self) -> &'data [u8] {
        slice(self.file, self.offset, self.end - self.offset).unwrap_or_default()
    }

    /// Whether the file or the section ends before the container does.
    pub fn is_truncated(&self) -> bool {
        self.end - self.offset - HEADER < self.size
    }

    /// Whether an entry follows its header, or nothing at all: what a few bytes that look like a magic do not have.
    pub(crate) fn is_plausible(&self) -> bool {
        let start = self.offset + HEADER;
        if !self.size.is_multiple_of(8) {
            return false;
        }
        let mut cursor = Cursor::at(self.file, usize::try_from(start).unwrap_or(usize::MAX));
        let mut fields = || Some((cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u64()?));
        let Some((_, version, header, size)) = fields() else { return self.size == 0 };
        let entry = u64::from(header).saturating_add(size);
        version == entry::VERSION && entry::header_size_is_sane(header) && entry <= self.size
    }
}

enum Images<'data> {
    One(Option<Result<Entry<'data>, FatbinError>>),
    Members(Members<'data>),
}

impl<'data> Iterator for Images<'data> {
    type Item = Result<Entry<'data>, FatbinError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(entry) => entry.take(),
            Self::Members(members) => members.next(),
        }
    }
}

impl Entries<'_> {
    /// Where the next entry starts; after the last one, where the walk ended. None if it broke off.
    pub(crate) fn place(&self) -> Option<u64> {
        self.next
    }
}

impl<'data> Iterator for Entries<'data> {
    type Item = Result<Entry<'data>, FatbinError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Container { file, offset, size, end } = self.container;
        let start = self.next?;
        if start >= end {
            self.next = None;
            let left = end - offset - HEADER;
            // A file cut between two entries: nothing else would say so.
            return (left < size).then(|| Err(FatbinErrorKind::Truncated { size, left }.at(offset)));
        }
        let (next, entry) = entry::read(file, start, end);
        self.next = next;
        Some(entry)
    }
}

impl FatbinErrorKind {
    pub(crate) fn at(self, offset: u64) -> FatbinError {
        FatbinError { offset, kind: self }
    }
}
