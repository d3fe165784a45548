//! ELF files as the dynamic loader sees them: program headers and the dynamic section, never the section headers.
//!
//! Field names are those of the System V gABI and, for versions, of the Linux Standard Base ("Symbol Versioning").

use std::fmt;
use std::io::{Read, Seek};

use object::elf;
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};
use object::read::{ReadCache, ReadRef};
use object::{Endianness, Pod};
use thiserror::Error;

use crate::SymbolVersion;

/// The longest string taken from a file, in bytes: `PATH_MAX`.
const MAX_STRING: usize = 4096;
/// The most `DT_NEEDED` entries, and the most versions, taken from a file. Real files stay far below a thousand.
const MAX_ITEMS: usize = 8192;
/// The longest version name taken from a file, in bytes.
const MAX_VERSION: usize = 255;
/// The largest dynamic section read, in bytes.
const MAX_DYNAMIC: u64 = 1 << 20;
/// The largest program header table read, in bytes: `PN_XNUM` entries.
const MAX_HEADERS: u64 = 0xffff * 56;

/// What the loader, and whoever packs the file, wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfInfo {
    /// `e_machine`: 62 for x86_64, 183 for aarch64.
    pub machine: u16,
    /// `EI_CLASS`.
    pub class: ElfClass,
    /// `e_type`.
    pub kind: ElfKind,
    /// `PT_INTERP`: the loader's path. None in static programs and in most libraries.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in the file's order, which is the loader's search order.
    pub needed: Vec<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_RPATH`: folders joined by colons.
    pub rpath: Option<String>,
    /// `DT_RUNPATH`: folders joined by colons.
    pub runpath: Option<String>,
    /// `DT_VERNEED`: the symbol versions it wants of others.
    pub needs: Vec<VersionNeed>,
    /// `DT_VERDEF`: the symbol versions it offers.
    pub defines: Vec<String>,
}

/// A symbol version wanted of a library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionNeed {
    /// The library: `libc.so.6`.
    pub file: String,
    /// The version: `GLIBC_2.34`.
    pub name: String,
}

/// `EI_CLASS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfClass {
    /// `ELFCLASS32`
    Elf32,
    /// `ELFCLASS64`
    Elf64,
}

/// `e_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfKind {
    /// `ET_REL`: an object file.
    Relocatable,
    /// `ET_EXEC`: a program at a fixed address.
    Executable,
    /// `ET_DYN`: a shared library, or a program that can lie anywhere.
    Dynamic,
    /// A core dump, or something of an operating system's own.
    Other(u16),
}

/// A file that can't be read as ELF, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct ElfError {
    /// In bytes, from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub kind: ElfErrorKind,
}

/// What is wrong in an ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfErrorKind {
    /// The first bytes are not `\x7fELF`.
    NotElf,
    /// An ELF header with a class, byte order or version that doesn't exist, or cut off.
    Header,
    /// The program header table lies outside the file or has entries of a wrong size.
    ProgramHeaders,
    /// The part named lies outside the file.
    Outside(Part),
    /// The part named is larger than any real one.
    TooLarge(Part),
    /// The part named holds text that is not UTF-8.
    NotText(Part),
}

/// A part of an ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `PT_INTERP`
    Interpreter,
    /// `PT_DYNAMIC`
    Dynamic,
    /// `DT_STRTAB`
    Strings,
    /// `DT_VERNEED`
    VersionNeeds,
    /// `DT_VERDEF`
    VersionDefinitions,
}

/// Whether a file that starts with `bytes` claims to be ELF.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

impl ElfInfo {
    /// From a whole file in memory.
    pub fn parse(bytes: &[u8]) -> Result<Self, ElfError> {
        read(bytes)
    }

    /// From something that can be read and sought, of which only the headers and the dynamic section are read.
    pub fn read(reader: impl Read + Seek) -> Result<Self, ElfError> {
        read(&ReadCache::new(reader))
    }

    /// The highest version wanted with this prefix: `GLIBC`, `GLIBCXX`, `CXXABI`.
    pub fn highest_need(&self, prefix: &str) -> Option<SymbolVersion> {
        self.needs.iter().filter_map(|need| SymbolVersion::parse(&need.name, prefix)).max()
    }

    /// The highest version offered with this prefix.
    pub fn highest_definition(&self, prefix: &str) -> Option<SymbolVersion> {
        self.defines.iter().filter_map(|name| SymbolVersion::parse(name, prefix)).max()
    }
}

fn read<'data, R: ReadRef<'data>>(data: R) -> Result<ElfInfo, ElfError> {
    let ident = data.read_bytes_at(0, 5).map_err(|()| ElfErrorKind::NotElf.at(0))?;
    match ident {
        [magic @ .., 1] if is_elf(magic) => View::<elf::FileHeader32<Endianness>, R>::open(data)?.info(),
        [magic @ .., 2] if is_elf(magic) => View::<elf::FileHeader64<Endianness>, R>::open(data)?.info(),
        [magic @ .., _] if is_elf(magic) => Err(ElfErrorKind::Header.at(4)),
        _ => Err(ElfErrorKind::NotElf.at(0)),
    }
}

/// One file of one class, with what every step needs.
struct View<'data, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'data>> {
    data: R,
    header: &'data Elf,
    endian: Endianness,
    segments: &'data [Elf::ProgramHeader],
}

/// The dynamic section, boiled down to what is used.
#[derive(Default)]
struct Dynamic {
    /// String offsets.
    needed: Vec<u64>,
    soname: Option<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
    /// Addresses.
    strings: Option<u64>,
    verneed: Option<u64>,
    verdef: Option<u64>,
    /// Bytes.
    strings_size: u64,
}

impl<'data, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'data>> View<'data, Elf, R> {
    fn open(data: R) -> Result<Self, ElfError> {
        let header = Elf::parse(data).map_err(|_| ElfErrorKind::Header.at(0))?;
        let endian = header.endian().map_err(|_| ElfErrorKind::Header.at(5))?;
        let table: u64 = header.e_phoff(endian).into();
        let error = || ElfErrorKind::ProgramHeaders.at(table);
        let count = if table == 0 { 0 } else { header.phnum(endian, data).map_err(|_| error())? };
        if u64::from(count) * u64::from(header.e_phentsize(endian)) > MAX_HEADERS {
            return Err(error());
        }
        let segments = header.program_headers(endian, data).map_err(|_| error())?;
        Ok(Self { data, header, endian, segments })
    }

    fn info(&self) -> Result<ElfInfo, ElfError> {
        let dynamic = self.dynamic()?;
        let needed =
            dynamic.needed.iter().map(|offset| self.string(&dynamic, *offset)).collect::<Result<_, _>>()?;
        let string = |offset: Option<u64>| offset.map(|offset| self.string(&dynamic, offset)).transpose();
        Ok(ElfInfo {
            machine: self.header.e_machine(self.endian).0,
            class: if self.header.is_type_64() { ElfClass::Elf64 } else { ElfClass::Elf32 },
            kind: match self.header.e_type(self.endian) {
                elf::ET_REL => ElfKind::Relocatable,
                elf::ET_EXEC => ElfKind::Executable,
                elf::ET_DYN => ElfKind::Dynamic,
                other => ElfKind::Other(other.0),
            },
            interpreter: self.interpreter()?,
            needed,
            soname: string(dynamic.soname)?,
            rpath: string(dynamic.rpath)?,
            runpath: string(dynamic.runpath)?,
            needs: self.version_needs(&dynamic)?,
            defines: self.version_definitions(&dynamic)?,
        })
    }

    fn interpreter(&self) -> Result<Option<String>, ElfError> {
        let Some(segment) =
            self.segments.iter().find(|segment| segment.p_type(self.endian) == elf::PT_INTERP)
        else {
            return Ok(None);
        };
        let (offset, size) = segment.file_range(self.endian);
        if size > MAX_STRING as u64 {
            return Err(ElfErrorKind::TooLarge(Part::Interpreter).at(offset));
        }
        let bytes = self
            .data
            .read_bytes_at(offset, size)
            .map_err(|()| ElfErrorKind::Outside(Part::Interpreter).at(offset))?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        text_of(text, Part::Interpreter, offset).map(Some)
    }

    fn dynamic(&self) -> Result<Dynamic, ElfError> {
        let mut dynamic = Dynamic::default();
        let Some(segment) =
            self.segments.iter().find(|segment| segment.p_type(self.endian) == elf::PT_DYNAMIC)
        else {
            return Ok(dynamic);
        };
        let (offset, size) = segment.file_range(self.endian);
        if size > MAX_DYNAMIC {
            return Err(ElfErrorKind::TooLarge(Part::Dynamic).at(offset));
        }
        let entries = segment
            .dynamic(self.endian, self.data)
            .map_err(|_| ElfErrorKind::Outside(Part::Dynamic).at(offset))?
            .unwrap_or_default();
        for entry in entries {
            let value = entry.val(self.endian);
            match entry.tag(self.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => dynamic.needed.push(value),
                elf::DT_SONAME => dynamic.soname = Some(value),
                elf::DT_RPATH => dynamic.rpath = Some(value),
                elf::DT_RUNPATH => dynamic.runpath = Some(value),
                elf::DT_STRTAB => dynamic.strings = Some(value),
                elf::DT_STRSZ => dynamic.strings_size = value,
                elf::DT_VERNEED => dynamic.verneed = Some(value),
                elf::DT_VERDEF => dynamic.verdef = Some(value),
                _ => {}
            }
        }
        if dynamic.needed.len() > MAX_ITEMS {
            return Err(ElfErrorKind::TooLarge(Part::Dynamic).at(offset));
        }
        Ok(dynamic)
    }

    /// The file offset of an address of the running program, if a `PT_LOAD` segment brings it from the file.
    fn offset_of(&self, address: u64) -> Option<u64> {
        self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD).find_map(
            |segment| {
                let (offset, size) = segment.file_range(self.endian);
                let distance = address.checked_sub(segment.p_vaddr(self.endian).into())?;
                if distance < size { offset.checked_add(distance) } else { None }
            },
        )
    }

    fn string(&self, dynamic: &Dynamic, string: u64) -> Result<String, ElfError> {
        let outside = |offset| ElfErrorKind::Outside(Part::Strings).at(offset);
        let address = dynamic.strings.ok_or_else(|| outside(0))?;
        let start = self.offset_of(address).ok_or_else(|| outside(address))?;
        let offset = start.checked_add(string).ok_or_else(|| outside(start))?;
        let end = start.saturating_add(dynamic.strings_size).min(offset.saturating_add(MAX_STRING as u64));
        let end = end.min(self.data.len().map_err(|()| outside(offset))?);
        if string >= dynamic.strings_size || offset >= end {
            return Err(outside(offset));
        }
        let bytes = self.data.read_bytes_at_until(offset..end, 0).map_err(|()| outside(offset))?;
        text_of(bytes, Part::Strings, offset)
    }

    fn version_string(&self, dynamic: &Dynamic, string: u32, part: Part) -> Result<String, ElfError> {
        let text = self.string(dynamic, string.into())?;
        if text.len() > MAX_VERSION {
            return Err(ElfErrorKind::TooLarge(part).at(string.into()));
        }
        Ok(text)
    }

    fn version_needs(&self, dynamic: &Dynamic) -> Result<Vec<VersionNeed>, ElfError> {
        let part = Part::VersionNeeds;
        let Some(mut offset) = self.record_start(dynamic.verneed, part)? else { return Ok(Vec::new()) };
        let mut needs = Vec::new();
        let mut records = 0;
        loop {
            let need: &elf::Verneed<Endianness> = self.record(offset, &mut records, part)?;
            let file = self.version_string(dynamic, need.vn_file.get(self.endian), part)?;
            let mut aux_offset = advance(offset, need.vn_aux.get(self.endian), part)?;
            for _ in 0..need.vn_cnt.get(self.endian) {
                let aux: &elf::Vernaux<Endianness> = self.record(aux_offset, &mut records, part)?;
                let name = self.version_string(dynamic, aux.vna_name.get(self.endian), part)?;
                needs.push(VersionNeed { file: file.clone(), name });
                match aux.vna_next.get(self.endian) {
                    0 => break,
                    next => aux_offset = advance(aux_offset, next, part)?,
                }
            }
            match need.vn_next.get(self.endian) {
                0 => return Ok(needs),
                next => offset = advance(offset, next, part)?,
            }
        }
    }

    fn version_definitions(&self, dynamic: &Dynamic) -> Result<Vec<String>, ElfError> {
        let part = Part::VersionDefinitions;
        let Some(mut offset) = self.record_start(dynamic.verdef, part)? else { return Ok(Vec::new()) };
        let mut defines = Vec::new();
        let mut records = 0;
        loop {
            let definition: &elf::Verdef<Endianness> = self.record(offset, &mut records, part)?;
            if definition.vd_cnt.get(self.endian) > 0 {
                // The first auxiliary record is the version's own name; the others name its parents.
                let aux_offset = advance(offset, definition.vd_aux.get(self.endian), part)?;
                let aux: &elf::Verdaux<Endianness> = self.record(aux_offset, &mut records, part)?;
                defines.push(self.version_string(dynamic, aux.vda_name.get(self.endian), part)?);
            }
            match definition.vd_next.get(self.endian) {
                0 => return Ok(defines),
                next => offset = advance(offset, next, part)?,
            }
        }
    }

    fn record_start(&self, address: Option<u64>, part: Part) -> Result<Option<u64>, ElfError> {
        let Some(address) = address else { return Ok(None) };
        self.offset_of(address).map(Some).ok_or_else(|| ElfErrorKind::Outside(part).at(address))
    }

    /// The record at `offset`; `records` counts them, since overlapping ones could keep us busy for hours.
    fn record<T: Pod>(&self, offset: u64, records: &mut usize, part: Part) -> Result<&'data T, ElfError> {
        *records += 1;
        if *records > 2 * MAX_ITEMS {
            return Err(ElfErrorKind::TooLarge(part).at(offset));
        }
        self.data.read_at(offset).map_err(|()| ElfErrorKind::Outside(part).at(offset))
    }
}

fn advance(offset: u64, distance: u32, part: Part) -> Result<u64, ElfError> {
    offset.checked_add(distance.into()).ok_or_else(|| ElfErrorKind::Outside(part).at(offset))
}

fn text_of(bytes: &[u8], part: Part, offset: u64) -> Result<String, ElfError> {
    let text = str::from_utf8(bytes).map_err(|_| ElfErrorKind::NotText(part).at(offset))?;
    Ok(text.to_owned())
}

impl ElfErrorKind {
    fn at(self, offset: u64) -> ElfError {
        ElfError { offset, kind: self }
    }
}

impl fmt::Display for ElfErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(formatter, "no ELF magic"),
            Self::Header => write!(formatter, "unknown or truncated ELF header"),
            Self::ProgramHeaders => write!(formatter, "program headers outside the file or of a wrong size"),
            Self::Outside(part) => write!(formatter, "{part} outside the file"),
            Self::TooLarge(part) => write!(formatter, "{part} larger than any real one"),
            Self::NotText(part) => write!(formatter, "text in {part} that is not UTF-8"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Interpreter => "PT_INTERP",
            Self::Dynamic => "PT_DYNAMIC",
            Self::Strings => "DT_STRTAB",
            Self::VersionNeeds => "DT_VERNEED",
            Self::VersionDefinitions => "DT_VERDEF",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// This test itself: a dynamic program with versions wanted, whatever machine it was built on.
    static OWN: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read("/proc/self/exe").unwrap());

    /// libc defines versions, which programs don't.
    static LIBC: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
        let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64"];
        folders.iter().find_map(|folder| std::fs::read(format!("{folder}/libc.so.6")).ok())
    });

    #[test]
    fn reads_a_real_program() {
        let info = ElfInfo::parse(&OWN).unwrap();
        assert_eq!(info.class, ElfClass::Elf64);
        assert_eq!(info.kind, ElfKind::Dynamic);
        assert!(info.interpreter.as_deref().is_some_and(|path| path.contains("/ld-linux")));
        assert!(info.needed.iter().any(|name| name == "libc.so.6"), "{:?}", info.needed);
        assert!(info.highest_need("GLIBC") >= Some(SymbolVersion::new(2, 17, 0)));
        assert_eq!(ElfInfo::read(Cursor::new(OWN.as_slice())).unwrap(), info);
    }

    #[test]
    fn reads_a_real_library() {
        let Some(libc) = LIBC.as_ref() else {
            println!("skipped: no libc.so.6 in the usual folders");
            return;
        };
        let info = ElfInfo::parse(libc).unwrap();
        assert_eq!(info.soname.as_deref(), Some("libc.so.6"));
        assert!(info.highest_definition("GLIBC") >= Some(SymbolVersion::new(2, 17, 0)));
        assert!(info.defines.iter().any(|name| name == "GLIBC_PRIVATE"));
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: ElfError) {
        assert_eq!(ElfInfo::parse(bytes), Err(expected.clone()));
        assert_eq!(ElfInfo::read(Cursor::new(bytes)), Err(expected));
    }

    #[test]
    fn names_what_is_wrong() {
        check(b"", ElfErrorKind::NotElf.at(0));
        check(b"#!/bin/sh\n", ElfErrorKind::NotElf.at(0));
        check(b"\x7fELF\x07", ElfErrorKind::Header.at(4));
        check(b"\x7fELF\x02\x01\x01", ElfErrorKind::Header.at(0));
        let table = OWN[32..40].try_into().map(u64::from_le_bytes).unwrap();
        check(&OWN[..64], ElfErrorKind::ProgramHeaders.at(table));
        let message = ElfErrorKind::Outside(Part::VersionNeeds).at(0x40).to_string();
        assert_eq!(message, "DT_VERNEED outside the file at offset 0x40");
    }

    fn mutate(original: &[u8], changes: &[(usize, u8)], cut: Option<usize>) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for (place, value) in changes {
            if let Some(byte) = bytes.get_mut(*place) {
                *byte = *value;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
        }
        bytes
    }

    /// The file range of `PT_DYNAMIC`.
    fn dynamic_range(bytes: &[u8]) -> (usize, usize) {
        let header = elf::FileHeader64::<Endianness>::parse(bytes).unwrap();
        let endian = header.endian().unwrap();
        let segments = header.program_headers(endian, bytes).unwrap();
        let segment = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC).unwrap();
        let (offset, size) = segment.file_range(endian);
        (usize::try_from(offset).unwrap(), usize::try_from(size).unwrap())
    }

    /// An offset in one of the ranges: small ones that matter are hit as often as the whole file.
    fn place_in(ranges: Vec<(usize, usize)>) -> impl Strategy<Value = usize> {
        prop::sample::select(ranges).prop_flat_map(|(start, size)| start..start + size)
    }

    /// A small real library, so that a case costs microseconds.
    static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64"];
        folders
            .iter()
            .find_map(|folder| std::fs::read(format!("{folder}/libdl.so.2")).ok())
            .or_else(|| LIBC.clone())
            .unwrap_or_else(|| OWN.clone())
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600), class in 0_u8..4) {
            let _ = ElfInfo::parse(&bytes);
            let mut bytes = bytes;
            let start = [0x7f, b'E', b'L', b'F', class, 1, 1];
            for (byte, value) in bytes.iter_mut().zip(start) {
                *byte = value;
            }
            prop_assert_eq!(ElfInfo::parse(&bytes), ElfInfo::read(Cursor::new(&bytes)));
        }

        #[test]
        fn survives_mutations_of_a_real_file(
            changes in prop::collection::vec((place_in(vec![(0, 1024), dynamic_range(&SMALL), (0, SMALL.len())]), any::<u8>()), 1..12),
            cut in prop::option::weighted(0.3, 0..SMALL.len()),
        ) {
            let bytes = mutate(&SMALL, &changes, cut);
            let parsed = ElfInfo::parse(&bytes);
            prop_assert_eq!(&parsed, &ElfInfo::read(Cursor::new(&bytes)));
            if let Err(error) = parsed {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
