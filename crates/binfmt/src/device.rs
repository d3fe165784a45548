//! All device code of one file: a host's ELF file, a bare fatbin, a bare cubin, PTX text, or anything else that holds
//! containers. Headers are read, payloads are not touched.
//!
//! In an ELF file three ways lead to containers: CUDA's own sections, read from header to header; the wrappers that the
//! program itself uses; and a search for the magic in everything else, since libraries hide containers in sections of
//! their own (libcublasLt: `.cask_resource`). What all three find is listed once.

mod offload;
mod walk;

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;

use crate::fatbin::{Container, FatbinError, Wrapper, wrappers};
use crate::kind::{FileKind, kind_of};
use crate::sections::{PT_LOAD, SHF_COMPRESSED, SHF_EXECINSTR, SHT_NOBITS, Section, SectionError, Sections};

pub use offload::{MAGIC as OFFLOAD_MAGIC, OffloadError, OffloadErrorKind};

/// The section of executable containers.
pub const FATBIN_SECTION: &[u8] = b".nv_fatbin";
/// The section of containers that are yet to be device-linked; it stays in the linked program.
pub const RELOCATABLE_SECTION: &[u8] = b"__nv_relfatbin";

/// All device code of one file, in the file's order.
#[derive(Clone, Debug, Default)]
pub struct DeviceCode<'data> {
    /// Fatbin containers.
    pub containers: Vec<Found<'data>>,
    /// Images that are in no fatbin: the file itself, or what clang embeds.
    pub images: Vec<Image<'data>>,
    /// What could not be read, except within containers: those tell by themselves.
    pub problems: Vec<Problem>,
}

/// A container, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'data> {
    /// The container.
    pub container: Container<'data>,
    /// What it lies in.
    pub place: Place<'data>,
    /// What led to it.
    pub source: Source,
    /// The first wrapper that leads to it: without one, no program registers it by itself.
    pub wrapper: Option<Wrapper>,
}

/// What a container or an image lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'data> {
    /// The file as such: it is no ELF file, or has no sections and no segments.
    File,
    /// A section.
    Section {
        /// Its name.
        name: &'data [u8],
        /// Its place in the section table.
        index: usize,
    },
    /// A `PT_LOAD` segment of a file without sections.
    Segment {
        /// Its place in the program header table.
        index: usize,
    },
}

/// What led to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// It lies where CUDA puts containers: in one of its sections, or in a bare fatbin.
    Section,
    /// A wrapper points to it.
    Wrapper,
    /// The search for the magic.
    Search,
    /// clang's container of device images.
    Offload,
}

/// An image that is in no fatbin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'data> {
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// What it is.
    pub kind: ImageKind,
    /// Its bytes.
    pub data: &'data [u8],
    /// What it lies in.
    pub place: Place<'data>,
    /// clang's `arch`: `sm_90`.
    pub arch: Option<&'data [u8]>,
    /// clang's `triple`: `nvptx64-nvidia-cuda`.
    pub triple: Option<&'data [u8]>,
}

/// What an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageKind {
    /// A cubin.
    Cubin,
    /// PTX as text.
    Ptx,
    /// LLVM bitcode.
    Bitcode,
    /// Something else, by clang's number for it.
    Other(u16),
}

/// What could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The ELF headers, or a section.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// A container's start, or a wrapper.
    #[error(transparent)]
    Fatbin(#[from] FatbinError),
    /// clang's container of device images.
    #[error(transparent)]
    Offload(#[from] OffloadError),
}

impl Problem {
    /// What is wrong, without the place.
    pub fn what(&self) -> String {
        match self {
            Self::Section(error) => error.kind.to_string(),
            Self::Fatbin(error) => error.kind.to_string(),
            Self::Offload(error) => error.kind.to_string(),
        }
    }

    /// Where, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Section(error) => error.offset,
            Self::Fatbin(error) => error.offset,
            Self::Offload(error) => error.offset,
        }
    }
}

impl Found<'_> {
    /// Whether its images are yet to be device-linked. Only the section's name tells without inflating anything.
    pub fn is_relocatable(&self) -> bool {
        matches!(self.place, Place::Section { name: RELOCATABLE_SECTION, .. })
    }
}

/// Finds all device code of a file. Archives hold files of their own: ask for each member.
pub fn find(bytes: &[u8]) -> DeviceCode<'_> {
    find_with(bytes, &mut |_| ())
}

/// Finds all device code of a file, and tells `done` each range that it has passed. Whoever has mapped the file can
/// give those pages back: a search reads everything but device code, and of that one page in each container, for which
/// the kernel maps its neighbours, too.
pub fn find_with<'data>(bytes: &'data [u8], done: &mut dyn FnMut(Range<usize>)) -> DeviceCode<'data> {
    find_each(bytes, done, &mut |_| ())
}

/// Like [`find_with`]; shows each container to `visit` as it is found, once, and before `done` is told of its range:
/// whoever reads its entries then, reads them while their pages are at hand. Containers come in no order.
pub fn find_each<'data>(
    bytes: &'data [u8],
    done: &mut dyn FnMut(Range<usize>),
    visit: &mut dyn FnMut(&Found<'data>),
) -> DeviceCode<'data> {
    let (found, wrapped, code) = (BTreeMap::new(), BTreeMap::new(), DeviceCode::default());
    let mut finder = Finder { bytes, found, wrapped, code, done, visit };
    let whole = 0..bytes.len() as u64;
    match kind_of(bytes) {
        FileKind::HostElf => finder.host(),
        FileKind::Fatbin => finder.walk(whole, Place::File, Source::Section),
        FileKind::OffloadBinary => finder.offload(whole, Place::File),
        FileKind::Cubin => finder.whole(ImageKind::Cubin),
        FileKind::Ptx => finder.whole(ImageKind::Ptx),
        FileKind::Archive | FileKind::ThinArchive => {}
        FileKind::Other => finder.search(whole, Place::File),
    }
    finder.finish()
}

/// A search under way.
struct Finder<'data, 'a> {
    bytes: &'data [u8],
    /// By file offset.
    found: BTreeMap<u64, Found<'data>>,
    /// The first wrapper of each container, by the container's file offset.
    wrapped: BTreeMap<u64, Wrapper>,
    code: DeviceCode<'data>,
    done: &'a mut dyn FnMut(Range<usize>),
    visit: &'a mut dyn FnMut(&Found<'data>),
}

impl<'data> Finder<'data, '_> {
    fn host(&mut self) {
        let sections = match Sections::parse(self.bytes) {
            Ok(sections) => sections,
            Err(error) => {
                self.code.problems.push(error.into());
                // The program headers may be sound where the section table is cut off.
                return self.segments(&Sections::without_sections(self.bytes));
            }
        };
        if sections.is_empty() {
            return self.segments(&sections);
        }
        let table = wrappers(&sections);
        self.code.problems.extend(table.errors.into_iter().map(Problem::from));
        for wrapper in table.wrappers {
            self.wrapped.entry(wrapper.container).or_insert(wrapper);
        }
        let own = |section: &Section<'_>| matches!(section.name(), FATBIN_SECTION | RELOCATABLE_SECTION);
        for section in sections.iter().filter(own) {
            if let Some(range) = self.range_of(&section) {
                self.walk(range, Place::of(&section), Source::Section);
            }
        }
        self.wrapped_elsewhere(&sections);
        for section in sections.iter().filter(|section| !own(section)) {
            if section.kind == offload::SECTION_TYPE || section.name() == offload::SECTION {
                if let Some(range) = self.range_of(&section) {
                    self.offload(range, Place::of(&section));
                }
            } else if may_hold_anything(&section)
                && let Some(range) = self.range_of(&section)
            {
                self.search(range, Place::of(&section));
            }
        }
    }

    /// A file without a section table. Each byte is searched once, however segments overlap.
    fn segments(&mut self, sections: &Sections<'data>) {
        let length = self.bytes.len() as u64;
        let mut segments: Vec<(Range<u64>, usize)> = sections
            .segments()
            .enumerate()
            .filter(|(_, segment)| segment.kind == PT_LOAD)
            .map(|(index, segment)| {
                let end = segment.offset.saturating_add(segment.size).min(length);
                (segment.offset..end, index)
            })
            .filter(|(range, _)| !range.is_empty())
            .collect();
        segments.sort_unstable_by_key(|(range, index)| (range.start, *index));
        let mut searched = 0;
        for (range, index) in &segments {
            self.search(range.start.max(searched)..range.end, Place::Segment { index: *index });
            searched = searched.max(range.end);
        }
        if segments.is_empty() {
            self.search(0..length, Place::File);
        }
    }

    /// Containers that only a wrapper leads to.
    fn wrapped_elsewhere(&mut self, sections: &Sections<'data>) {
        let left: Vec<u64> =
            self.wrapped.keys().copied().filter(|container| !self.found.contains_key(container)).collect();
        if left.is_empty() {
            return;
        }
        let mut by_offset: Vec<Section<'data>> =
            sections.iter().filter(|section| section.kind != SHT_NOBITS && section.size > 0).collect();
        by_offset.sort_by_key(|section| section.offset);
        for start in left {
            let behind = by_offset.partition_point(|section| section.offset <= start);
            let section = behind
                .checked_sub(1)
                .and_then(|index| by_offset.get(index))
                .map(|section| (Place::of(section), section.offset.saturating_add(section.size)));
            let section = section.filter(|(_, end)| start < *end);
            let (place, end) = section.unwrap_or((Place::File, self.bytes.len() as u64));
            match Container::parse_within(self.bytes, start, end) {
                Ok(container) => self.insert(container, place, Source::Wrapper),
                Err(error) => self.code.problems.push(error.into()),
            }
        }
    }

    fn whole(&mut self, kind: ImageKind) {
        let image = Image { offset: 0, kind, data: self.bytes, place: Place::File, arch: None, triple: None };
        self.code.images.push(image);
    }

    /// A section's bytes in the file, as far as the file goes; what is missing is a problem.
    fn range_of(&mut self, section: &Section<'data>) -> Option<Range<u64>> {
        if let Err(error) = section.data() {
            self.code.problems.push(error.into());
        }
        let end = section.offset.saturating_add(section.size).min(self.bytes.len() as u64);
        (section.offset < end && section.kind != SHT_NOBITS).then_some(section.offset..end)
    }

    fn finish(mut self) -> DeviceCode<'data> {
        self.code.containers = self.found.into_values().collect();
        self.code.problems.sort_by_key(Problem::offset);
        self.code
    }
}

impl<'data> Place<'data> {
    fn of(section: &Section<'data>) -> Self {
        Self::Section { name: section.name(), index: section.index }
    }
}

/// Whether a section can hold device code: not one whose content the ELF specification lays down, nor the host's own
/// instructions and their unwind tables. Leaving those out halves the search of a large library.
fn may_hold_anything(section: &Section<'_>) -> bool {
    /// `SHT_SYMTAB`, `SHT_STRTAB`, `SHT_RELA`, `SHT_HASH`, `SHT_DYNAMIC`, `SHT_REL`, `SHT_DYNSYM`, `SHT_INIT_ARRAY`,
    /// `SHT_FINI_ARRAY`, `SHT_PREINIT_ARRAY`, `SHT_GROUP`, `SHT_SYMTAB_SHNDX`, `SHT_RELR`, and the `SHT_GNU_*` tables.
    const OTHERS: &[u32] = &[
        0,
        2,
        3,
        4,
        5,
        6,
        SHT_NOBITS,
        9,
        11,
        14,
        15,
        16,
        17,
        18,
        19,
        0x6fff_fff6,
        0x6fff_fffd,
        0x6fff_fffe,
        0x6fff_ffff,
    ];
    let unwinding = || section.name().ends_with(b".eh_frame") || section.name().ends_with(b".eh_frame_hdr");
    let passed_over = SHF_COMPRESSED | SHF_EXECINSTR;
    !OTHERS.contains(&section.kind) && section.flags & passed_over == 0 && section.size > 0 && !unwinding()
}
