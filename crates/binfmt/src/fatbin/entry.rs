//! One entry of a container: its header, with what the tail holds. Nothing of the payload is touched.

use std::fmt;

use crate::cursor::{Cursor, slice};
use crate::fatbin::group::{Members, Part};
use crate::fatbin::{FatbinError, FatbinErrorKind};

/// The only entry version known.
pub(crate) const VERSION: u16 = 0x0101;
/// The fixed part of an entry header, in bytes.
pub(crate) const FIXED: usize = 64;

/// One image of device code, or a group of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'data> {
    /// Where its header starts, in bytes from the start of the file.
    pub offset: u64,
    /// What it holds.
    pub kind: EntryKind,
    /// 90 of `sm_90a`; 0 for a group.
    pub arch: u32,
    /// `a` of `sm_90a`. The cubin itself need not show it.
    pub suffix: Suffix,
    /// Major and minor: of the PTX ISA for PTX; 1.7 and 1.8 for cubins of ABI 7 and 8.
    pub version: (u16, u16),
    /// All flags.
    pub flags: Flags,
    /// The source's name, which `-g`, `-lineinfo` and LTO leave here.
    pub identifier: Option<&'data [u8]>,
    /// Options for whoever compiles it on: ptxas for PTX, cicc for LTO-IR. Toolkits of today write an empty text where
    /// there are none; older ones wrote no text.
    pub options: Option<&'data [u8]>,
    /// A copy of the cubin's section `.nv.compat`, from sm_100 on: readable without inflating anything.
    pub compat: Option<&'data [u8]>,
    /// The payload as it lies in the file: compressed, or with padding. For a member of a group: the group's.
    pub stored: &'data [u8],
    /// How `stored` is compressed.
    pub compression: Compression,
    /// The size of the unpacked payload in bytes, with padding. For a member of a group: of the member.
    pub size: u64,
    /// Where in its group's payload it lies, if it is a member of a group.
    pub part: Option<Part>,
    /// The header behind its fixed part.
    pub(crate) tail: &'data [u8],
    /// Where in the header the record of the options starts, or a group's table, in bytes.
    pub(crate) options_at: u32,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// 1: PTX, as text.
    Ptx,
    /// 2: a cubin.
    Cubin,
    /// 4: a cubin of an old format.
    OldCubin,
    /// 8: NVVM IR for link-time optimisation.
    NvvmIr,
    /// 0x80: Tile IR, from CUDA 13.1 on.
    TileIr,
    /// 0x100: several images in one compressed stream, by `--concat` of CUDA 13.4 and later.
    Group,
    /// Something newer.
    Unknown(u16),
}

/// The letter behind an architecture's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suffix {
    /// `sm_90`
    #[default]
    None,
    /// `sm_90a`: this very architecture only.
    A,
    /// `sm_100f`: its family.
    F,
}

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// One LZ4 block, without a frame.
    Lz4,
    /// A Zstandard frame.
    Zstd,
}

impl Compression {
    /// `none`, `lz4` or `zstd`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// An entry's flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u64);

impl Flags {
    /// 64-bit addresses.
    pub const WIDE: u64 = 0x1;
    /// Compiled with `-g` or `-G`.
    pub const DEBUG: u64 = 0x2;
    /// For Linux.
    pub const LINUX: u64 = 0x10;
    /// For macOS.
    pub const MAC: u64 = 0x20;
    /// For Windows.
    pub const WINDOWS: u64 = 0x40;
    /// Compressed, in a way before CUDA 8: read as LZ4.
    pub const OLD_COMPRESSION: u64 = 0x1000;
    /// An LZ4 block.
    pub const LZ4: u64 = 0x2000;
    /// A Zstandard frame.
    pub const ZSTD: u64 = 0x8000;
    /// Obfuscated: only NVIDIA's tools can read it.
    pub const OBFUSCATED: u64 = 0x1_0000;
    /// `a`
    pub const ARCH_SPECIFIC: u64 = 0x10_0000;
    /// `f`
    pub const FAMILY: u64 = 0x20_0000;
    /// The tail holds a copy of `.nv.compat`.
    pub const COMPAT: u64 = 0x100_0000;

    /// Whether any of these bits is set.
    pub fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }
}

impl Entry<'_> {
    /// Whether only NVIDIA's tools can read the payload: LTO-IR is so as a rule.
    pub fn is_obfuscated(&self) -> bool {
        self.flags.has(Flags::OBFUSCATED)
    }

    /// Compiled with `-g` or `-G`.
    pub fn is_debug(&self) -> bool {
        self.flags.has(Flags::DEBUG)
    }

    /// Its architecture as nvcc spells it: `sm_90a`, `compute_90`, `lto_90`.
    pub fn arch_name(&self) -> String {
        let prefix = match self.kind {
            EntryKind::Ptx => "compute",
            EntryKind::NvvmIr => "lto",
            _ => "sm",
        };
        format!("{prefix}_{}{}", self.arch, self.suffix)
    }
}

impl<'data> Entry<'data> {
    /// The members of a group; none in other kinds.
    pub fn members(&self) -> Members<'data> {
        Members::of(self)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("offset", &self.offset)
            .field("kind", &self.kind)
            .field("arch", &self.arch_name())
            .field("version", &self.version)
            .field("flags", &format_args!("{:#x}", self.flags.0))
            .field("identifier", &self.identifier.map(String::from_utf8_lossy))
            .field("options", &self.options.map(String::from_utf8_lossy))
            .field("stored", &self.stored.len())
            .field("compression", &self.compression)
            .field("size", &self.size)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl From<u16> for EntryKind {
    fn from(kind: u16) -> Self {
        match kind {
            1 => Self::Ptx,
            2 => Self::Cubin,
            4 => Self::OldCubin,
            8 => Self::NvvmIr,
            0x80 => Self::TileIr,
            0x100 => Self::Group,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "",
            Self::A => "a",
            Self::F => "f",
        })
    }
}

pub(crate) fn header_size_is_sane(size: u32) -> bool {
    size as usize >= FIXED && size.is_multiple_of(8)
}

/// The fixed part of an entry header, as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry {
    pub(crate) kind: u16,
    pub(crate) version: u16,
    /// Of a member of a group: where it lies in the group's payload.
    pub(crate) header_size: u32,
    pub(crate) padded_size: u64,
    pub(crate) compressed_size: u32,
    pub(crate) options_at: u32,
    pub(crate) minor: u16,
    pub(crate) major: u16,
    pub(crate) arch: u32,
    pub(crate) identifier_at: u32,
    pub(crate) identifier_size: u32,
    pub(crate) flags: u64,
    pub(crate) uncompressed_size: u64,
}

impl RawEntry {
    pub(crate) fn read(mut cursor: Cursor<'_>) -> Option<Self> {
        Some(Self {
            kind: cursor.u16()?,
            version: cursor.u16()?,
            header_size: cursor.u32()?,
            padded_size: cursor.u64()?,
            compressed_size: cursor.u32()?,
            options_at: cursor.u32()?,
            minor: cursor.u16()?,
            major: cursor.u16()?,
            arch: cursor.u32()?,
            identifier_at: cursor.u32()?,
            identifier_size: cursor.u32()?,
            flags: cursor.u64()?,
            // The key by which LTO-IR is obfuscated.
            uncompressed_size: cursor.u64().and_then(|_key| cursor.u64())?,
        })
    }

    /// The entry, less its payload. `header` is the whole header, the fixed part included.
    pub(crate) fn entry<'data>(
        &self,
        offset: u64,
        header: &'data [u8],
    ) -> Result<Entry<'data>, FatbinErrorKind> {
        let kind = EntryKind::from(self.kind);
        let flags = Flags(self.flags);
        let suffix = match (flags.has(Flags::ARCH_SPECIFIC), flags.has(Flags::FAMILY)) {
            (true, _) => Suffix::A,
            (false, true) => Suffix::F,
            (false, false) => Suffix::None,
        };
        let compression = match flags {
            flags if flags.has(Flags::ZSTD) => Compression::Zstd,
            flags if flags.has(Flags::LZ4 | Flags::OLD_COMPRESSION) => Compression::Lz4,
            _ => Compression::None,
        };
        let identifier = match self.identifier_at {
            0 => None,
            start => Some(
                slice(header, start.into(), self.identifier_size.into())
                    .ok_or(FatbinErrorKind::Identifier)?,
            ),
        };
        let text = match self.options_at {
            0 => None,
            _ if kind == EntryKind::Group => None,
            start => Some(text(header, start).ok_or(FatbinErrorKind::Options)?),
        };
        let (options, compat) = match text {
            // The copy follows one zero byte that its size does not count.
            Some((start, size)) if flags.has(Flags::COMPAT) => {
                let copy = start.checked_add(1).and_then(|start| slice(header, start, size));
                (None, Some(copy.ok_or(FatbinErrorKind::Options)?))
            }
            Some((start, size)) => {
                let options = slice(header, start, size).ok_or(FatbinErrorKind::Options)?;
                // Older toolkits write the record as zeros where there are none.
                ((start != 0).then_some(options), None)
            }
            None => (None, None),
        };
        Ok(Entry {
            offset,
            kind,
            arch: self.arch,
            suffix,
            version: (self.major, self.minor),
            flags,
            identifier,
            options,
            compat,
            stored: &[],
            compression,
            size: 0,
            part: None,
            tail: header.get(FIXED..).unwrap_or_default(),
            options_at: self.options_at,
        })
    }
}

/// Where the record at `start` of an entry header says that text lies: its place and its size in bytes.
fn text(header: &[u8], start: u32) -> Option<(u64, u64)> {
    let mut record = Cursor::at(header, usize::try_from(start).ok()?);
    Some((record.u32()?.into(), record.u32()?.into()))
}

/// The entry at `offset`, and where the next one starts if that can be known. The container ends at `end`.
pub(crate) fn read(file: &[u8], offset: u64, end: u64) -> (Option<u64>, Result<Entry<'_>, FatbinError>) {
    let fail = |next, kind: FatbinErrorKind| (next, Err(kind.at(offset)));
    let room = slice(file, offset, end.saturating_sub(offset)).unwrap_or_default();
    let Some(raw) = RawEntry::read(Cursor::new(room)) else {
        return fail(None, FatbinErrorKind::EntryHeader);
    };
    if !header_size_is_sane(raw.header_size) {
        return fail(None, FatbinErrorKind::EntryHeaderSize { size: raw.header_size });
    }
    if raw.version != VERSION {
        return fail(None, FatbinErrorKind::EntryVersion { version: raw.version });
    }
    let header_size = u64::from(raw.header_size);
    let size = header_size.saturating_add(raw.padded_size);
    let left = room.len() as u64;
    let (Some(header), Some(payload)) =
        (slice(room, 0, header_size), slice(room, header_size, raw.padded_size))
    else {
        return fail(None, FatbinErrorKind::EntryTruncated { size, left });
    };
    let next = Some(offset + size);
    let mut entry = match raw.entry(offset, header) {
        Ok(entry) => entry,
        Err(kind) => return fail(next, kind),
    };
    if entry.compression == Compression::None {
        (entry.stored, entry.size) = (payload, raw.padded_size);
        return (next, Ok(entry));
    }
    let Some(stored) = slice(payload, 0, raw.compressed_size.into()) else {
        let kind = FatbinErrorKind::CompressedSize { size: raw.compressed_size, room: raw.padded_size };
        return fail(next, kind);
    };
    (entry.stored, entry.size) = (stored, raw.uncompressed_size);
    (next, Ok(entry))
}
