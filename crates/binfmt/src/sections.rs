//! The section table of a little-endian ELF file of either class, read lazily and forgivingly: a section that lies
//! outside the file is an error of its own, not of the file. Field names are those of the System V gABI.

mod header;
mod segment;

use thiserror::Error;

use crate::cursor::{Cursor, slice, until_nul};

pub use header::Header;
pub(crate) use segment::Loads;
pub use segment::{PT_LOAD, Segment};

/// `sh_type`: occupies no space in the file.
pub const SHT_NOBITS: u32 = 8;
/// `sh_type`: notes.
pub const SHT_NOTE: u32 = 7;
/// `sh_type`: a symbol table.
pub const SHT_SYMTAB: u32 = 2;
/// `sh_type`: relocations with addends.
pub const SHT_RELA: u32 = 4;
/// `sh_flags`: the bytes are compressed, so they are not what they seem.
pub const SHF_COMPRESSED: u64 = 0x800;
/// `sh_flags`: machine instructions of the host.
pub const SHF_EXECINSTR: u64 = 0x4;
/// How many times the file's size its sections and their names may be together. Sections share a few bytes as a rule:
/// those of capsule Mercury some constants, and names their ends.
const MAX_OVERLAP: u64 = 4;
/// The longest section name taken from a file, in bytes. Names of CUDA sections hold mangled C++ names, of some KiB.
const MAX_NAME: usize = 1 << 16;

/// An ELF header with what leads to sections and segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections<'data> {
    bytes: &'data [u8],
    /// The ELF header.
    pub header: Header,
    count: usize,
    names: &'data [u8],
}

/// One section header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'data> {
    file: &'data [u8],
    names: &'data [u8],
    /// Its place in the table.
    pub index: usize,
    name: u32,
    /// `sh_type`
    pub kind: u32,
    /// `sh_flags`
    pub flags: u64,
    /// `sh_addr`
    pub address: u64,
    /// `sh_offset`, in bytes from the start of the file.
    pub offset: u64,
    /// `sh_size`, in bytes.
    pub size: u64,
    /// `sh_link`
    pub link: u32,
    /// `sh_info`
    pub info: u32,
    /// `sh_entsize`, in bytes.
    pub entry_size: u64,
}

/// A file whose sections can't be read, or a section that can't, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct SectionError {
    /// In bytes, from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub kind: SectionErrorKind,
}

/// What is wrong with sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SectionErrorKind {
    /// The first bytes are not `\x7fELF`.
    #[error("no ELF magic")]
    NotElf,
    /// A class or byte order that is not read here, or a header cut off.
    #[error("unknown, big-endian or truncated ELF header")]
    Header,
    /// An ELF file for another machine than asked for.
    #[error("ELF for machine {0}")]
    Machine(u16),
    /// The section header table lies outside the file.
    #[error("section header table outside the file")]
    Table,
    /// Sections, or their names, that together are several times the file: they overlap, so that whoever reads them
    /// all would be busy for hours.
    #[error("sections that overlap many times")]
    Overlapping,
    /// A section's bytes lie outside the file.
    #[error("section {index} outside the file")]
    Outside {
        /// The section's place in the table.
        index: usize,
    },
}

impl<'data> Sections<'data> {
    /// Reads the ELF header and the section table. A file without sections is fine: then there are none.
    pub fn parse(bytes: &'data [u8]) -> Result<Self, SectionError> {
        let sections = Self::open(bytes)?;
        let mut left = (bytes.len() as u64).saturating_mul(MAX_OVERLAP);
        for section in sections.iter() {
            let size = section.data().map_or(0, <[u8]>::len).saturating_add(section.name().len());
            let offset = sections.header.sections_offset;
            left = left
                .checked_sub(size as u64)
                .ok_or(SectionError { offset, kind: SectionErrorKind::Overlapping })?;
        }
        Ok(sections)
    }

    /// Like [`Sections::parse`], but reads no names and no section headers.
    pub(crate) fn open(bytes: &'data [u8]) -> Result<Self, SectionError> {
        let header = Header::parse(bytes)?;
        let table = SectionError { offset: header.sections_offset, kind: SectionErrorKind::Table };
        let mut sections = Self { bytes, header, count: 0, names: &[] };
        if header.sections_offset == 0 {
            return Ok(sections);
        }
        if header.section_size != section_header_size(header.class) {
            return Err(table);
        }
        // Section 0 keeps what does not fit the header: `e_shnum` 0 and `e_shstrndx` 0xffff point there.
        let first = sections.header_at(0).ok_or(table)?;
        let count = if header.section_count == 0 { first.size } else { header.section_count.into() };
        let size = count.checked_mul(header.section_size.into()).ok_or(table)?;
        slice(bytes, header.sections_offset, size).ok_or(table)?;
        sections.count = usize::try_from(count).map_err(|_| table)?;
        let names = match header.names_index {
            0 => None,
            0xffff => usize::try_from(first.link).ok(),
            index => Some(index.into()),
        };
        sections.names = names
            .and_then(|index| sections.get(index))
            .and_then(|names| names.data().ok())
            .unwrap_or_default();
        Ok(sections)
    }

    /// Reads the ELF header alone: for program headers where the section table is cut off. Without a header, there is
    /// nothing.
    pub fn without_sections(bytes: &'data [u8]) -> Self {
        Self { bytes, header: Header::parse(bytes).unwrap_or_default(), count: 0, names: &[] }
    }

    /// The whole file.
    pub fn bytes(&self) -> &'data [u8] {
        self.bytes
    }

    /// How many sections there are, with the empty one at index 0.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the file has no section table.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The section at this place in the table.
    pub fn get(&self, index: usize) -> Option<Section<'data>> {
        if index < self.count { self.header_at(index) } else { None }
    }

    /// All sections in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = Section<'data>> + use<'data> {
        let sections = *self;
        (0..sections.count).map_while(move |index| sections.get(index))
    }

    /// The first section of this name.
    pub fn named(&self, name: &[u8]) -> Option<Section<'data>> {
        self.iter().find(|section| section.name() == name)
    }

    /// Where the file's content ends, by its headers: the last byte that a header, a section or a segment takes. Bytes
    /// after that are padding.
    pub fn end(&self) -> u64 {
        let Header { segments_offset, segment_size, segment_count, sections_offset, section_size, .. } =
            self.header;
        let table = |offset: u64, size: u16, count: u64| match offset {
            0 => 0,
            offset => offset.saturating_add(count.saturating_mul(size.into())),
        };
        let ends = self
            .iter()
            .filter(|section| section.kind != SHT_NOBITS && section.kind != 0)
            .map(|section| section.offset.saturating_add(section.size));
        let headers = [
            table(segments_offset, segment_size, segment_count.into()),
            table(sections_offset, section_size, self.count as u64),
        ];
        ends.chain(headers).max().unwrap_or_default()
    }

    fn header_at(&self, index: usize) -> Option<Section<'data>> {
        let distance = index.checked_mul(self.header.section_size.into())?;
        let start = usize::try_from(self.header.sections_offset).ok()?.checked_add(distance)?;
        let mut cursor = Cursor::at(self.bytes, start);
        let wide = self.header.class == 2;
        let word = |cursor: &mut Cursor<'_>| if wide { cursor.u64() } else { cursor.u32().map(u64::from) };
        let name = cursor.u32()?;
        let kind = cursor.u32()?;
        let flags = word(&mut cursor)?;
        let address = word(&mut cursor)?;
        let offset = word(&mut cursor)?;
        let size = word(&mut cursor)?;
        let link = cursor.u32()?;
        let info = cursor.u32()?;
        let _alignment = word(&mut cursor)?;
        let entry_size = word(&mut cursor)?;
        Some(Section {
            file: self.bytes,
            names: self.names,
            index,
            name,
            kind,
            flags,
            address,
            offset,
            size,
            link,
            info,
            entry_size,
        })
    }
}

fn section_header_size(class: u8) -> u16 {
    if class == 2 { 64 } else { 40 }
}

impl<'data> Section<'data> {
    /// Its name; empty if the file has no names, or the name lies outside them.
    pub fn name(&self) -> &'data [u8] {
        let start = usize::try_from(self.name).unwrap_or(usize::MAX);
        let rest = self.names.get(start..).unwrap_or_default();
        until_nul(rest.get(..MAX_NAME).unwrap_or(rest))
    }

    /// Its bytes as they are in the file: none for `SHT_NOBITS`.
    pub fn data(&self) -> Result<&'data [u8], SectionError> {
        if self.kind == SHT_NOBITS || self.kind == 0 {
            return Ok(&[]);
        }
        slice(self.file, self.offset, self.size).ok_or(SectionError {
            offset: self.offset,
            kind: SectionErrorKind::Outside { index: self.index },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An ELF file of a class with sections of these names, types and contents, and a table of names at the end.
    pub(crate) fn file(class: u8, sections: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let wide = class == 2;
        let word = |value: usize| {
            let bytes = (value as u64).to_le_bytes();
            bytes[..if wide { 8 } else { 4 }].to_vec()
        };
        let (header, entry) = if wide { (64, 64_u16) } else { (52, 40) };
        let mut names = b"\0".to_vec();
        let (mut body, mut rows) = (Vec::new(), vec![vec![0; entry.into()]]);
        for (name, kind, content) in sections.iter().copied().chain([(".shstrtab", 3, [].as_slice())]) {
            let place = u32::try_from(names.len()).unwrap();
            names.extend(name.bytes().chain([0]));
            let content = if name == ".shstrtab" { names.clone() } else { content.to_vec() };
            let mut row = [place.to_le_bytes(), kind.to_le_bytes()].concat();
            // Flags, address, offset, size; link and info; alignment and entry size.
            row.extend([word(0), word(0), word(header + body.len()), word(content.len())].concat());
            row.extend([7_u32.to_le_bytes(), 9_u32.to_le_bytes()].concat());
            row.extend([word(0), word(24)].concat());
            body.extend(content);
            rows.push(row);
        }
        let mut bytes = [b"\x7fELF".as_slice(), &[class, 1, 1, 51, 7], &[0; 7]].concat();
        bytes.extend([2_u16.to_le_bytes(), 190_u16.to_le_bytes()].concat());
        bytes.extend(130_u32.to_le_bytes());
        bytes.extend([word(0), word(0), word(header + body.len())].concat());
        bytes.extend(0x55_u32.to_le_bytes());
        let count = u16::try_from(rows.len()).unwrap();
        for half in [0, 0, 0, entry, count, count - 1] {
            bytes.extend(half.to_le_bytes());
        }
        [bytes, body, rows.concat()].concat()
    }

    #[test]
    fn reads_both_classes() {
        for class in [1, 2] {
            let bytes = file(class, &[(".text.k", 1, b"code"), (".bss", SHT_NOBITS, b"none")]);
            let sections = Sections::parse(&bytes).unwrap();
            let Header { kind, machine, version, flags, os_abi, abi_version, .. } = sections.header;
            assert_eq!((kind, machine, version, flags, os_abi, abi_version), (2, 190, 130, 0x55, 51, 7));
            let names: Vec<_> = sections.iter().map(|section| section.name()).collect();
            assert_eq!(names, [b"".as_slice(), b".text.k", b".bss", b".shstrtab"]);
            let text = sections.named(b".text.k").unwrap();
            assert_eq!((text.index, text.link, text.info, text.entry_size), (1, 7, 9, 24));
            assert_eq!(text.data().unwrap(), b"code");
            assert_eq!(sections.named(b".bss").unwrap().data().unwrap(), b"");
            assert_eq!((sections.len(), sections.end()), (4, bytes.len() as u64));
            assert_eq!(sections.get(4), None);
        }
    }

    /// Section 0 keeps counts that do not fit the header.
    #[test]
    fn reads_the_escapes_of_large_tables() {
        let mut bytes = file(2, &[(".text", 1, b"code")]);
        let table = usize::try_from(Header::parse(&bytes).unwrap().sections_offset).unwrap();
        bytes[0x3c..0x40].copy_from_slice(&[0, 0, 0xff, 0xff]);
        bytes[table + 32] = 3;
        bytes[table + 40] = 2;
        let sections = Sections::parse(&bytes).unwrap();
        assert_eq!((sections.len(), sections.get(1).unwrap().name()), (3, b".text".as_slice()));
    }

    #[track_caller]
    fn check(bytes: &[u8], offset: u64, kind: SectionErrorKind) {
        assert_eq!(Sections::parse(bytes), Err(SectionError { offset, kind }));
    }

    #[test]
    fn says_what_is_wrong() {
        let bytes = file(2, &[(".text", 1, b"code")]);
        let table = Header::parse(&bytes).unwrap().sections_offset;
        let changed = |place: usize, value: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[place..place + value.len()].copy_from_slice(value);
            bytes
        };
        check(b"", 0, SectionErrorKind::NotElf);
        check(&bytes[..40], 4, SectionErrorKind::Header);
        check(&changed(4, &[3]), 4, SectionErrorKind::Header);
        check(&changed(5, &[2]), 4, SectionErrorKind::Header);
        check(&bytes[..bytes.len() - 1], table, SectionErrorKind::Table);
        check(&changed(0x28, &[0xff; 8]), u64::MAX, SectionErrorKind::Table);
        check(&changed(0x3a, &[63]), table, SectionErrorKind::Table);
        check(&changed(0x3c, &[0xff, 0xff]), table, SectionErrorKind::Table);
        // A name, a size or a table of names outside is the section's own matter.
        let table = usize::try_from(table).unwrap();
        let bytes = changed(table + 64 + 32, &[0xff; 8]);
        let section = Sections::parse(&bytes).unwrap().named(b".text").unwrap();
        let error = SectionError { offset: 64, kind: SectionErrorKind::Outside { index: 1 } };
        assert_eq!(section.data(), Err(error));
        let bytes = changed(table + 64, &[0xff; 4]);
        assert_eq!(Sections::parse(&bytes).unwrap().get(1).unwrap().name(), b"");
        let bytes = changed(0x3e, &[0xee, 0xee]);
        assert_eq!(Sections::parse(&bytes).unwrap().get(1).unwrap().name(), b"");
    }

    #[test]
    fn refuses_sections_that_overlap_many_times() {
        let names = (0..100).map(|index| format!("s{index}")).collect::<Vec<_>>();
        let content = [1; 1000];
        let few: Vec<_> = names.iter().map(|name| (name.as_str(), 1, content.as_slice())).collect();
        let mut bytes = file(2, &few);
        assert!(Sections::parse(&bytes).is_ok());
        let table = usize::try_from(Header::parse(&bytes).unwrap().sections_offset).unwrap();
        for index in 1..=100 {
            let row = table + index * 64;
            bytes[row + 24..row + 40].copy_from_slice(&[64, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0]);
        }
        check(&bytes, table as u64, SectionErrorKind::Overlapping);
    }
}
