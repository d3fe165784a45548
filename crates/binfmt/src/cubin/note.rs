//! The notes in which tools leave their names: `.note.nv.tkinfo` and `.note.nv.cuinfo`.

use std::fmt;

use crate::cursor::{Cursor, until_nul};
use crate::sections::{SHT_NOTE, Sections};

/// The type of a note in `.note.nv.tkinfo`.
const TOOLKIT_NOTE: u32 = 2000;
/// The type of a note in `.note.nv.cuinfo`, in CUDA 12.9 `.note.nv.cuver`.
const CUDA_NOTE: u32 = 1000;
/// The most notes taken from a section. One a tool is usual.
const MAX_NOTES: usize = 64;

/// A tool that had a part in a cubin, in its own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tool<'data> {
    /// The object's name, often empty.
    pub object: &'data [u8],
    /// `ptxas`
    pub name: &'data [u8],
    /// `Cuda compilation tools, release 13.0, V13.0.88`
    pub version: &'data [u8],
    /// `Build cuda_13.0.r13.0/compiler.36424714_0`
    pub build: &'data [u8],
    /// `-arch sm_90a -m 64`
    pub command: &'data [u8],
}

/// A CUDA release: 13.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// 13 of 13.0.
    pub major: u32,
    /// 0 of 13.0.
    pub minor: u32,
}

/// What `.note.nv.cuinfo` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CudaInfo {
    pub(crate) virtual_arch: u32,
    pub(crate) release: Option<Release>,
}

impl<'data> Tool<'data> {
    /// The release in `version`.
    pub fn release(&self) -> Option<Release> {
        let start = memchr::memmem::find(self.version, b"release ")? + b"release ".len();
        let text = self.version.get(start..)?;
        let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
        let (major, minor) = str::from_utf8(text.get(..end)?).ok()?.split_once('.')?;
        Some(Release { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// The architecture in `command`: `sm_90a` of `-arch sm_90a`.
    pub fn arch(&self) -> Option<&'data [u8]> {
        let mut words = self.command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            match word {
                b"-arch" | b"--gpu-name" | b"-arch=" => return words.next(),
                _ => {}
            }
            if let Some(arch) = word.strip_prefix(b"-arch=").or_else(|| word.strip_prefix(b"--gpu-name=")) {
                return Some(arch);
            }
        }
        None
    }
}

impl Release {
    /// From the release times ten, which is how cubins keep it: 130 for 13.0.
    pub fn from_tens(tens: u32) -> Option<Self> {
        // 1 is the version of ELF; the first release was 1.0.
        (10..10_000).contains(&tens).then_some(Self { major: tens / 10, minor: tens % 10 })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}.{}", self.major, self.minor))
    }
}

pub(crate) fn tools<'data>(sections: &Sections<'data>) -> Vec<Tool<'data>> {
    notes(sections, &[b".note.nv.tkinfo"], TOOLKIT_NOTE).filter_map(tool).collect()
}

pub(crate) fn cuda_info(sections: &Sections<'_>) -> Option<CudaInfo> {
    notes(sections, &[b".note.nv.cuinfo", b".note.nv.cuver"], CUDA_NOTE).find_map(|note| {
        let mut cursor = Cursor::new(note);
        let version = cursor.u16()?;
        let virtual_arch = cursor.u16()?.into();
        let release = (version >= 2).then(|| cursor.u16()).flatten();
        Some(CudaInfo { virtual_arch, release: release.and_then(|tens| Release::from_tens(tens.into())) })
    })
}

fn tool(note: &[u8]) -> Option<Tool<'_>> {
    /// The version and five offsets.
    const HEADER: usize = 24;
    let mut cursor = Cursor::new(note);
    let _version = cursor.u32()?;
    let strings = note.get(HEADER..)?;
    let mut string = || Some(until_nul(strings.get(cursor.u32()? as usize..)?));
    Some(Tool {
        object: string()?,
        name: string()?,
        version: string()?,
        build: string()?,
        command: string()?,
    })
}

/// The content of all notes of NVIDIA's of this type in the sections of these names.
fn notes<'data>(
    sections: &Sections<'data>,
    names: &'static [&'static [u8]],
    kind: u32,
) -> impl Iterator<Item = &'data [u8]> + use<'data> {
    let sections =
        sections.iter().filter(move |section| section.kind == SHT_NOTE && names.contains(&section.name()));
    sections
        .filter_map(|section| section.data().ok())
        .flat_map(|bytes| {
            let mut cursor = Cursor::new(bytes);
            std::iter::from_fn(move || note(&mut cursor)).take(MAX_NOTES)
        })
        .filter(move |(found, owner, _)| *found == kind && until_nul(owner) == b"NVIDIA Corp")
        .map(|(_, _, content)| content)
}

/// A note's type, owner and content.
pub(crate) fn note<'data>(cursor: &mut Cursor<'data>) -> Option<(u32, &'data [u8], &'data [u8])> {
    let (name_size, size, kind) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let name = padded(cursor, name_size)?;
    let content = padded(cursor, size)?;
    Some((kind, name, content))
}

/// Bytes that are padded to a multiple of 4, except perhaps at the end.
fn padded<'data>(cursor: &mut Cursor<'data>, size: u32) -> Option<&'data [u8]> {
    let bytes = cursor.take(size as usize)?;
    let _ = cursor.take(bytes.len().next_multiple_of(4) - bytes.len());
    Some(bytes)
}
