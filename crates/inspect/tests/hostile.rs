//! Files made to do harm: whatever they say of themselves, an inventory or nothing comes of them.

use cuferry_arch::{GpuArch, Host};
use cuferry_inspect::listing::{self, Scope};
use cuferry_inspect::read::{self, Effort};
use cuferry_inspect::{Question, source, verdict};
use proptest::prelude::*;

/// Everything that is done with a file.
fn inspect(bytes: &[u8]) {
    let sources = source::sources(bytes, &mut |_| ());
    let _ = listing::list("a b.so.1", &sources, Scope::All);
    if let Some(inventory) = read::inventory(bytes, &sources, Effort::All) {
        let question = Question { host: Host::X86_64, gpu: GpuArch::base(90), driver: None };
        let verdict = verdict(&inventory, &question);
        assert!(!verdict.fact.to_string().is_empty());
        for problem in &inventory.problems {
            assert!(!problem.to_string().is_empty());
        }
    }
}

/// An archive with one member.
fn archive(member: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a.o/", 0, 0, 0, 644, member.len())
            .into_bytes();
    bytes.extend_from_slice(member);
    bytes
}

/// An x86_64 ELF64 header whose section table lies at `sections`.
fn elf(sections: u64, count: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[16..18].copy_from_slice(&1_u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&62_u16.to_le_bytes());
    bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
    bytes[40..48].copy_from_slice(&sections.to_le_bytes());
    bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
    bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
    bytes[60..62].copy_from_slice(&count.to_le_bytes());
    bytes
}

/// A fatbin container of these entries, whatever they are.
fn fatbin(entries: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x50\xed\x55\xba\x01\x00\x10\x00".to_vec();
    bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    bytes.extend_from_slice(entries);
    bytes
}

#[test]
fn offsets_at_the_end_of_numbers_are_named_not_added() {
    for sections in [u64::MAX, u64::MAX - 63, 1 << 63, 64] {
        inspect(&elf(sections, 3));
        // Inside an archive the member's own place is added to what the error says: found by fuzzing.
        inspect(&archive(&elf(sections, 3)));
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_any_magic(bytes in prop::collection::vec(any::<u8>(), 0..600), count in any::<u16>()) {
        inspect(&bytes);
        inspect(&fatbin(&bytes));
        inspect(&archive(&fatbin(&bytes)));
        let mut elf = elf(64, count);
        elf.extend_from_slice(&bytes);
        inspect(&elf);
        inspect(&[b"!<arch>\n".as_slice(), &bytes].concat());
        inspect(&[b"!<thin>\n".as_slice(), &bytes].concat());
        inspect(&[b".version 8.0\n.target ".as_slice(), &bytes].concat());
    }
}
