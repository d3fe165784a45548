//! The ELF header, with the field names of the System V gABI beside ours.

use crate::cursor::Cursor;
use crate::sections::{SectionError, SectionErrorKind};

/// The fields of an ELF header, as wide as in ELF64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `EI_CLASS`: 1 or 2.
    pub class: u8,
    /// `EI_OSABI`
    pub os_abi: u8,
    /// `EI_ABIVERSION`
    pub abi_version: u8,
    /// `e_type`
    pub kind: u16,
    /// `e_machine`: 62 x86_64, 183 aarch64, 190 CUDA.
    pub machine: u16,
    /// `e_version`: 1, but old cubins keep the toolkit here.
    pub version: u32,
    /// `e_flags`
    pub flags: u32,
    /// `e_phoff`
    pub segments_offset: u64,
    /// `e_phentsize`
    pub segment_size: u16,
    /// `e_phnum`
    pub segment_count: u16,
    /// `e_shoff`
    pub sections_offset: u64,
    /// `e_shentsize`
    pub section_size: u16,
    /// `e_shnum`, before its escape through section 0.
    pub section_count: u16,
    /// `e_shstrndx`, before its escape through section 0.
    pub names_index: u16,
}

impl Header {
    /// The header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, SectionError> {
        let error = |kind, offset| SectionError { offset, kind };
        if !bytes.starts_with(b"\x7fELF") {
            return Err(error(SectionErrorKind::NotElf, 0));
        }
        Self::fields(bytes).ok_or_else(|| error(SectionErrorKind::Header, 4))
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::at(bytes, 4);
        let (class, order, _version) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
        let (os_abi, abi_version) = (cursor.u8()?, cursor.u8()?);
        if !matches!(class, 1 | 2) || order != 1 {
            return None;
        }
        cursor.take(7)?;
        let word =
            |cursor: &mut Cursor<'_>| if class == 2 { cursor.u64() } else { cursor.u32().map(u64::from) };
        let (kind, machine, version) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
        let _entry = word(&mut cursor)?;
        let (segments_offset, sections_offset) = (word(&mut cursor)?, word(&mut cursor)?);
        let (flags, _header_size) = (cursor.u32()?, cursor.u16()?);
        Some(Self {
            class,
            os_abi,
            abi_version,
            kind,
            machine,
            version,
            flags,
            segments_offset,
            segment_size: cursor.u16()?,
            segment_count: cursor.u16()?,
            sections_offset,
            section_size: cursor.u16()?,
            section_count: cursor.u16()?,
            names_index: cursor.u16()?,
        })
    }
}
