//! Wrappers: the records in section `.nvFatBinSegment` by which a host program finds its containers at run time.
//! The names are those of `__fatBinC_Wrapper_t` in CUDA's `fatbinary_section.h`.

use std::collections::BTreeMap;

use crate::cursor::Cursor;
use crate::fatbin::{FatbinError, FatbinErrorKind};
use crate::sections::{Loads, SHT_RELA, Section, Sections};

/// The first word of a wrapper.
const WRAPPER_MAGIC: u32 = 0x4662_43b1;
/// A wrapper's size, in bytes, in a 64-bit file.
const SIZE: usize = 24;
/// The section that holds them.
pub(crate) const WRAPPER_SECTION: &[u8] = b".nvFatBinSegment";

/// A record that leads to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrapper {
    /// Where the wrapper lies, in bytes from the start of the file.
    pub offset: u64,
    /// What kind it is.
    pub version: WrapperVersion,
    /// Where its container lies, in bytes from the start of the file.
    pub container: u64,
}

/// What a wrapper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WrapperVersion {
    /// 1: a container of its own.
    Plain,
    /// 2: the result of device linking.
    DeviceLinked,
    /// Something newer.
    Unknown(u32),
}

/// All wrappers of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrapperTable {
    /// Those that lead to a place in the file, in the section's order.
    pub wrappers: Vec<Wrapper>,
    /// Those that don't.
    pub errors: Vec<FatbinError>,
}

/// The relocation types that write a 64-bit address, by `e_machine`.
const ADDRESS_RELOCATIONS: &[(u16, &[u32])] = &[
    (62, &[1, 8]),       // R_X86_64_64, R_X86_64_RELATIVE
    (183, &[257, 1027]), // R_AARCH64_ABS64, R_AARCH64_RELATIVE
];
/// `e_type`: an object file.
const ET_REL: u16 = 1;

/// The wrappers of a file, with relocations applied where the file's own words are still empty: in object files, and
/// in programs whose linker leaves addresses to the loader.
pub fn wrappers(sections: &Sections<'_>) -> WrapperTable {
    let mut reader = Reader {
        sections,
        loads: Loads::of(sections),
        is_object: sections.header.kind == ET_REL,
        raw: Vec::new(),
        table: WrapperTable::default(),
    };
    for section in sections.iter().filter(|section| section.name() == WRAPPER_SECTION) {
        reader.section(&section);
    }
    reader.relocate();
    reader.finish()
}

/// A wrapper as it stands in the file.
struct RawWrapper {
    offset: u64,
    version: WrapperVersion,
    /// Where the word is that leads to the container: an address, or in an object file the section and the offset in it.
    word: (usize, u64),
    /// The file offset that the word stands for.
    container: Option<u64>,
}

struct Reader<'a, 'data> {
    sections: &'a Sections<'data>,
    loads: Loads,
    is_object: bool,
    raw: Vec<RawWrapper>,
    table: WrapperTable,
}

impl Reader<'_, '_> {
    fn section(&mut self, section: &Section<'_>) {
        let wide = self.sections.header.class == 2;
        let size = if wide { SIZE } else { SIZE - 8 };
        let Ok(bytes) = section.data() else {
            self.table.errors.push(FatbinErrorKind::Wrapper.at(section.offset));
            return;
        };
        let mut broken = None;
        for (record, start) in bytes.chunks(size).zip((0_u64..).step_by(size)) {
            let mut cursor = Cursor::new(record);
            let mut fields = || {
                let (magic, version) = (cursor.u32()?, cursor.u32()?);
                Some((magic, version, if wide { cursor.u64()? } else { cursor.u32()?.into() }))
            };
            let offset = section.offset + start;
            match fields() {
                Some((WRAPPER_MAGIC, version, address)) => {
                    let (index, base) =
                        if self.is_object { (section.index, 0) } else { (0, section.address) };
                    self.raw.push(RawWrapper {
                        offset,
                        version: WrapperVersion::from(version),
                        word: (index, base.wrapping_add(start + 8)),
                        // The ELF header is loaded at 0 as a rule; a 0 here says that a relocation will fill it.
                        container: match address {
                            0 => None,
                            _ if self.is_object => None,
                            address => self.loads.offset_of(address),
                        },
                    });
                }
                // Linkers align the parts of several objects.
                Some((0, ..)) => {}
                _ => broken = broken.or(Some(offset)),
            }
        }
        self.table.errors.extend(broken.map(|offset| FatbinErrorKind::Wrapper.at(offset)));
    }

    /// Fills the words that lead nowhere yet.
    fn relocate(&mut self) {
        let empty: BTreeMap<(usize, u64), usize> = self
            .raw
            .iter()
            .enumerate()
            .filter(|(_, wrapper)| wrapper.container.is_none())
            .map(|(place, wrapper)| (wrapper.word, place))
            .collect();
        let machine = self.sections.header.machine;
        let types = ADDRESS_RELOCATIONS.iter().find(|(name, _)| *name == machine).map(|(_, types)| *types);
        let Some(types) = types.filter(|_| !empty.is_empty() && self.sections.header.class == 2) else {
            return;
        };
        for section in self.sections.iter().filter(|section| section.kind == SHT_RELA) {
            let target = if self.is_object { section.info as usize } else { 0 };
            let symbols = self.sections.get(section.link as usize).and_then(|symbols| symbols.data().ok());
            for record in section.data().unwrap_or_default().chunks_exact(SIZE) {
                let mut cursor = Cursor::new(record);
                let (Some(place), Some(kind), Some(symbol), Some(addend)) =
                    (cursor.u64(), cursor.u32(), cursor.u32(), cursor.u64())
                else {
                    break;
                };
                let word = empty.get(&(target, place)).filter(|_| types.contains(&kind));
                let Some(wrapper) = word.and_then(|word| self.raw.get_mut(*word)) else { continue };
                wrapper.container = match symbol {
                    0 => self.loads.offset_of(addend),
                    symbol => symbols.and_then(|symbols| {
                        let (section, value) = value_of(symbols, symbol)?;
                        let value = value.wrapping_add(addend);
                        if !self.is_object {
                            return self.loads.offset_of(value);
                        }
                        let section = self.sections.get(section)?;
                        if value < section.size { section.offset.checked_add(value) } else { None }
                    }),
                };
            }
        }
    }

    fn finish(mut self) -> WrapperTable {
        for RawWrapper { offset, version, container, .. } in self.raw {
            match container {
                Some(container) => self.table.wrappers.push(Wrapper { offset, version, container }),
                None => self.table.errors.push(FatbinErrorKind::Dangling.at(offset)),
            }
        }
        self.table
    }
}

/// A symbol's section and value, in an ELF64 file.
fn value_of(symbols: &[u8], symbol: u32) -> Option<(usize, u64)> {
    let mut cursor = Cursor::at(symbols, (symbol as usize).checked_mul(24)?);
    cursor.take(6)?;
    Some((cursor.u16()?.into(), cursor.u64()?))
}

impl From<u32> for WrapperVersion {
    fn from(version: u32) -> Self {
        match version {
            1 => Self::Plain,
            2 => Self::DeviceLinked,
            other => Self::Unknown(other),
        }
    }
}
