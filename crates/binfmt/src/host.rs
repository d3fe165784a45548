//! What a host's ELF file tells beside what the loader wants to know: who compiled it, which kernels it refers to,
//! and where it has its CUDA runtime from.

mod runtime;

use std::collections::BTreeSet;

use crate::cubin::note;
use crate::cursor::{Cursor, slice, until_nul};
use crate::sections::{SHT_NOTE, SectionError, Sections};

pub use runtime::Runtime;

/// The section by which a compatibility package's libcuda says what it is compatible with.
const COMPATIBILITY_SECTION: &[u8] = b".note.cuda.fwd_compatibility";
/// The type of the note that holds the build id.
const NT_GNU_BUILD_ID: u32 = 3;
/// The most references, comments and notes taken from one section.
const MAX_ITEMS: usize = 1 << 16;
/// The most note segments looked at. Two are usual.
const MAX_SEGMENTS: usize = 16;
/// `p_type`: notes.
const PT_NOTE: u32 = 4;

/// A host's ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'data> {
    /// Its sections.
    pub sections: Sections<'data>,
}

/// A reference from host code to a symbol of device code, which relocatable device code leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostReference<'data> {
    /// The symbol. A `*` stands for any characters: instances of templates share a reference.
    pub pattern: &'data [u8],
    /// What it is.
    pub kind: ReferenceKind,
    /// Whether other object files see it.
    pub is_external: bool,
}

/// What a host reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// A kernel.
    Kernel,
    /// A `__device__` variable.
    Variable,
    /// A `__constant__` variable.
    Constant,
}

/// The sections of host references.
const REFERENCE_SECTIONS: &[(&[u8], ReferenceKind, bool)] = &[
    (b".nvHRKE", ReferenceKind::Kernel, true),
    (b".nvHRKI", ReferenceKind::Kernel, false),
    (b".nvHRDE", ReferenceKind::Variable, true),
    (b".nvHRDI", ReferenceKind::Variable, false),
    (b".nvHRCE", ReferenceKind::Constant, true),
    (b".nvHRCI", ReferenceKind::Constant, false),
];

impl<'data> Host<'data> {
    /// Reads the ELF header and finds the sections. The header gives `e_machine` and `e_flags`.
    pub fn parse(bytes: &'data [u8]) -> Result<Self, SectionError> {
        Ok(Self { sections: Sections::parse(bytes)? })
    }

    /// The strings of `.comment`, each once and sorted: what compiled the file, and what its static libraries were
    /// compiled by.
    pub fn comments(&self) -> BTreeSet<&'data [u8]> {
        self.strings(b".comment").collect()
    }

    /// `NT_GNU_BUILD_ID`: as many bytes as the linker was asked for, 20 as a rule.
    pub fn build_id(&self) -> Option<&'data [u8]> {
        self.notes().find(|(kind, owner, _)| *kind == NT_GNU_BUILD_ID && *owner == b"GNU").map(|(.., id)| id)
    }

    /// What a compatibility package's `libcuda.so` says of the drivers it works with: JSON.
    pub fn forward_compatibility(&self) -> Option<&'data [u8]> {
        let section = self.sections.named(COMPATIBILITY_SECTION)?;
        let mut cursor = Cursor::new(section.data().ok()?);
        note::note(&mut cursor).map(|(_, _, content)| until_nul(content))
    }

    /// The references to device code that `.nvHRKE` and its like hold.
    pub fn references(&self) -> impl Iterator<Item = HostReference<'data>> + use<'data> {
        let host = *self;
        REFERENCE_SECTIONS.iter().flat_map(move |(section, kind, is_external)| {
            host.strings(section).map(|pattern| HostReference {
                pattern,
                kind: *kind,
                is_external: *is_external,
            })
        })
    }

    /// Names of the kernels that host code refers to, as patterns; empty unless it was compiled with `-rdc=true`.
    pub fn kernels(&self) -> impl Iterator<Item = &'data [u8]> + use<'data> {
        self.references()
            .filter(|reference| reference.kind == ReferenceKind::Kernel)
            .map(|reference| reference.pattern)
    }

    /// The strings of a section of this name.
    fn strings(&self, name: &[u8]) -> impl Iterator<Item = &'data [u8]> + use<'data> {
        let bytes = self.sections.named(name).and_then(|section| section.data().ok()).unwrap_or_default();
        bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty()).take(MAX_ITEMS)
    }

    /// Type, owner and content of all notes: of note sections, or of note segments in a file without sections.
    fn notes(&self) -> impl Iterator<Item = (u32, &'data [u8], &'data [u8])> + use<'data> {
        let sections = self.sections;
        let file = sections.bytes();
        let in_sections = sections
            .iter()
            .filter(|section| section.kind == SHT_NOTE)
            .filter_map(|section| section.data().ok());
        let in_segments = sections
            .segments()
            .filter(move |segment| segment.kind == PT_NOTE && sections.is_empty())
            .take(MAX_SEGMENTS)
            .filter_map(move |segment| slice(file, segment.offset, segment.size));
        in_sections
            .chain(in_segments)
            .flat_map(|bytes| {
                let mut cursor = Cursor::new(bytes);
                std::iter::from_fn(move || note::note(&mut cursor)).take(MAX_ITEMS)
            })
            .map(|(kind, owner, content)| (kind, until_nul(owner), content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::tests::file;

    fn padded(bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn noted(kind: u32, owner: &[u8], content: &[u8]) -> Vec<u8> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [size(owner).as_slice(), &size(content), &kind.to_le_bytes(), &padded(owner), &padded(content)]
            .concat()
    }

    #[test]
    fn reads_notes() {
        let json = br#"{"CUDA Version": "13.0", "Driver": ["535"]}"#;
        let compatibility = noted(0, b"NVIDIA Corporation\0", json);
        let others = [
            noted(1, b"GNU\0", b"abi"),
            noted(NT_GNU_BUILD_ID, b"Go\0", b"go"),
            noted(NT_GNU_BUILD_ID, b"GNU\0", b"id"),
        ];
        let bytes = file(
            2,
            &[
                (".note.ABI-tag", SHT_NOTE, &others.concat()),
                (".note.cuda.fwd_compatibility", SHT_NOTE, &compatibility),
            ],
        );
        let host = Host::parse(&bytes).unwrap();
        assert_eq!(host.build_id(), Some(b"id".as_slice()));
        assert_eq!(host.forward_compatibility(), Some(json.as_slice()));
        let none = file(2, &[(".note.ABI-tag", SHT_NOTE, b"cut off")]);
        let host = Host::parse(&none).unwrap();
        assert_eq!((host.build_id(), host.forward_compatibility()), (None, None));
    }

    #[test]
    fn reads_strings() {
        let bytes = file(
            2,
            &[
                (".comment", 1, b"GCC: 13\0clang 19\0GCC: 13\0"),
                (".nvHRKI", 1, b"one\0"),
                (".nvHRKE", 1, b"_Z4fill*\0saxpy\0"),
                (".nvHRDE", 1, b"\0"),
                (".nvHRCI", 1, b"table\0"),
            ],
        );
        let host = Host::parse(&bytes).unwrap();
        assert_eq!(host.comments().into_iter().collect::<Vec<_>>(), [b"GCC: 13".as_slice(), b"clang 19"]);
        assert_eq!(host.kernels().collect::<Vec<_>>(), [b"_Z4fill*".as_slice(), b"saxpy", b"one"]);
        let constant = HostReference { pattern: b"table", kind: ReferenceKind::Constant, is_external: false };
        assert_eq!(host.references().last(), Some(constant));
    }
}
