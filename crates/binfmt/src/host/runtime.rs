//! The CUDA runtime of a host program: from `libcudart.so`, or linked into it, and then of which release.
//!
//! A static cudart leaves no version string. But `cudaRuntimeGetVersion` and its twin in the table of functions both
//! store the release as a constant through a pointer, and nothing else in cudart stores such a number so. Checked on
//! the libcudart of 11.7, 11.8, 12.1, 12.4, 12.9, 13.0 and 13.5, of both hosts where NVIDIA ships both.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memmem;

use crate::cubin::Release;
use crate::cursor::{Cursor, slice, until_nul};
use crate::host::Host;
use crate::sections::{SHF_EXECINSTR, Section, Sections};

/// Names a file of shared memory; only cudart holds it, in every release seen, and `strip` leaves it.
const MARK: &[u8] = b"/cudart.shm.%";
/// The function by which a program's start-up code hands over its fatbins.
const REGISTER: &[u8] = b"__cudaRegisterFatBinary";
/// `sh_type`: the dynamic linker's symbols.
const SHT_DYNSYM: u32 = 11;
/// `sh_flags`: loaded.
const SHF_ALLOC: u64 = 2;
/// How much is searched at once, in bytes.
const CHUNK: usize = 4 << 20;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// Where a program has its CUDA runtime from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// From `libcudart.so`: the loader binds it.
    Shared,
    /// It is linked in: statically, or the file is libcudart itself.
    Static,
}

impl Host<'_> {
    /// Where the file has its CUDA runtime from; none if it uses none, or is an object file that is not linked yet.
    pub fn runtime(&self) -> Option<Runtime> {
        self.runtime_with(&mut |_| ())
    }

    /// Like [`Host::runtime`]; tells `done` each range that was searched and is not needed any more. Constants are
    /// searched only if the dynamic symbols don't tell.
    pub fn runtime_with(&self, done: &mut dyn FnMut(Range<usize>)) -> Option<Runtime> {
        if imports(&self.sections, REGISTER) {
            return Some(Runtime::Shared);
        }
        // Constants lie in read-only data, and before GNU binutils 2.31 in one segment with the code.
        let constants = |section: &Section<'_>| {
            section.kind == 1
                && section.flags & SHF_ALLOC != 0
                && section.flags & SHF_EXECINSTR == 0
                && memmem::find(section.name(), b"rodata").is_some()
        };
        let linked = matches!(self.sections.header.kind, 2 | 3);
        let found = linked
            && self.sections.iter().filter(constants).any(|section| {
                pieces(&section, MARK.len()).any(|(range, piece)| {
                    let found = memmem::find(piece, MARK).is_some();
                    done(range);
                    found
                })
            });
        found.then_some(Runtime::Static)
    }

    /// The release of the CUDA runtime that is linked in, if the code shows it: all of it is searched. None where two
    /// answers fit, and on hosts other than x86_64 and aarch64. Ask only if [`Host::runtime`] says `Static`.
    pub fn runtime_release(&self) -> Option<Release> {
        self.runtime_release_with(&mut |_| ())
    }

    /// Like [`Host::runtime_release`]; tells `done` each range that was searched and is not needed any more.
    pub fn runtime_release_with(&self, done: &mut dyn FnMut(Range<usize>)) -> Option<Release> {
        let mut counts = Counts::default();
        let machine = self.sections.header.machine;
        for section in self.sections.iter().filter(|section| section.flags & SHF_EXECINSTR != 0) {
            for (range, piece) in pieces(&section, 16) {
                match machine {
                    EM_X86_64 => x86_64(piece, &mut counts),
                    EM_AARCH64 => aarch64(piece, &mut counts),
                    _ => return None,
                }
                done(range);
            }
        }
        counts.winner()
    }
}

/// Whether the loader is to bind this function.
fn imports(sections: &Sections<'_>, name: &[u8]) -> bool {
    sections.iter().filter(|section| section.kind == SHT_DYNSYM).any(|table| {
        let names = sections.get(table.link as usize).and_then(|names| names.data().ok()).unwrap_or_default();
        let wide = sections.header.class == 2;
        let size = if wide { 24 } else { 16 };
        table.data().unwrap_or_default().chunks_exact(size).any(|record| {
            let mut cursor = Cursor::new(record);
            let start = cursor.u32();
            // `st_shndx` follows the name in ELF64, and everything else in ELF32.
            let defined = Cursor::at(record, if wide { 6 } else { 14 }).u16() != Some(0);
            let text = start.and_then(|start| names.get(start as usize..));
            !defined && text.is_some_and(|text| text.starts_with(name) && until_nul(text) == name)
        })
    })
}

/// A section in pieces that overlap by less than `width`, each with its range in the file, overlap not counted.
fn pieces<'data>(
    section: &Section<'data>,
    width: usize,
) -> impl Iterator<Item = (Range<usize>, &'data [u8])> + use<'data> {
    let bytes = section.data().unwrap_or_default();
    let base = usize::try_from(section.offset).unwrap_or_default();
    (0..bytes.len()).step_by(CHUNK).filter_map(move |start| {
        let end = (start + CHUNK).min(bytes.len());
        let reach = (end + width - 1).min(bytes.len());
        let piece = slice(bytes, start as u64, (reach - start) as u64)?;
        Some((base + start..base + end, piece))
    })
}

/// How often each release was stored.
#[derive(Default)]
struct Counts(BTreeMap<u32, u32>);

impl Counts {
    /// Takes a number that may be `CUDART_VERSION`: 12040 for 12.4.
    fn add(&mut self, value: u32) {
        if (7000..50_000).contains(&value) && value.is_multiple_of(10) && value % 1000 < 200 {
            *self.0.entry(value).or_default() += 1;
        }
    }

    /// The one stored twice or more, and more often than any other.
    fn winner(&self) -> Option<Release> {
        let most = self.0.values().copied().max().filter(|most| *most >= 2)?;
        let mut winners = self.0.iter().filter(|(_, count)| **count == most);
        let (version, _) = winners.next()?;
        if winners.next().is_some() {
            return None;
        }
        Some(Release { major: version / 1000, minor: version % 1000 / 10 })
    }
}

/// `movl $version, (%rdi)`
fn x86_64(code: &[u8], counts: &mut Counts) {
    for place in memmem::find_iter(code, b"\xc7\x07") {
        if let Some(value) = Cursor::at(code, place + 2).u32() {
            counts.add(value);
        }
    }
}

/// `mov wN, #version`, and within two instructions `str wN, [xM]`.
fn aarch64(code: &[u8], counts: &mut Counts) {
    let words = code.as_chunks::<4>().0;
    for (place, word) in words.iter().enumerate() {
        let word = u32::from_le_bytes(*word);
        // MOVZ (32-bit), no shift.
        if word & 0xffe0_0000 != 0x5280_0000 {
            continue;
        }
        let register = word & 31;
        // STR (immediate, 32-bit, unsigned offset), offset 0.
        let stores = |next: &[u8; 4]| {
            let next = u32::from_le_bytes(*next);
            next & 0xffff_fc00 == 0xb900_0000 && next & 31 == register
        };
        if words.iter().skip(place + 1).take(2).any(stores) {
            counts.add((word >> 5) & 0xffff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which release some machine code shows.
    #[track_caller]
    fn check(search: fn(&[u8], &mut Counts), code: &[&[u8]], expected: Option<&str>) {
        let mut counts = Counts::default();
        search(&code.concat(), &mut counts);
        assert_eq!(counts.winner().map(|release| release.to_string()).as_deref(), expected);
    }

    #[test]
    fn finds_the_release_in_x86_64_code() {
        let old: &[u8] = b"\xc7\x07\x48\x2b\0\0"; // movl $11080, (%rdi)
        let new: &[u8] = b"\xc7\x07\xfa\x32\0\0"; // movl $13050, (%rdi)
        let small: &[u8] = b"\xc7\x07\x01\0\0\0";
        let cut: &[u8] = b"\xc7\x07\xfa\x32";
        check(x86_64, &[b"\x90", new, b"\xc3", new, small, small, small], Some("13.5"));
        check(x86_64, &[old, new, new], Some("13.5"));
        // Once may be chance, and two that are as frequent say nothing.
        check(x86_64, &[new], None);
        check(x86_64, &[old, old, new, new], None);
        check(x86_64, &[new, cut], None);
        check(x86_64, &[], None);
    }

    #[test]
    fn finds_the_release_in_aarch64_code() {
        let mov: &[u8] = &0x5286_5f42_u32.to_le_bytes(); // mov w2, #13050
        let zero: &[u8] = &0x5280_0000_u32.to_le_bytes(); // mov w0, #0
        let str: &[u8] = &0xb900_0022_u32.to_le_bytes(); // str w2, [x1]
        let other: &[u8] = &0xb900_0023_u32.to_le_bytes(); // str w3, [x1]
        let far: &[u8] = &0xb900_0422_u32.to_le_bytes(); // str w2, [x1, #4]
        check(aarch64, &[mov, zero, str, mov, str], Some("13.5"));
        check(aarch64, &[mov, zero, str, mov, zero, zero, str], None);
        check(aarch64, &[mov, other, mov, other], None);
        check(aarch64, &[mov, far, mov, far], None);
        check(aarch64, &[mov, zero, str, b"\0", mov, zero, str], None);
    }

    #[test]
    fn pieces_overlap_where_something_may_lie_across() {
        let mut bytes = crate::sections::tests::file(2, &[(".text", 1, &vec![0; CHUNK + 4])]);
        let place = 64 + CHUNK - 2;
        bytes[place..place + 6].copy_from_slice(b"\xc7\x07\xfa\x32\0\0");
        bytes[64..70].copy_from_slice(b"\xc7\x07\xfa\x32\0\0");
        let section = Sections::parse(&bytes).unwrap().named(b".text").unwrap();
        let mut counts = Counts::default();
        let mut ranges = Vec::new();
        for (range, piece) in pieces(&section, 16) {
            x86_64(piece, &mut counts);
            ranges.push(range);
        }
        assert_eq!(counts.winner().unwrap().to_string(), "13.5");
        assert_eq!(ranges, [64..64 + CHUNK, 64 + CHUNK..64 + CHUNK + 4]);
    }
}
