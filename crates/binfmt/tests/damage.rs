//! Files that are damaged, stripped or unusual, where `cuobjdump` fails or keeps silent: what is sound is found, and
//! what is not is named with its offset.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

use cuferry_binfmt::device::{self, DeviceCode, Place, Source};
use cuferry_binfmt::fatbin::{
    Container, EntryKind, FatbinError, FatbinErrorKind, Limits, PayloadErrorKind, Unpacker,
};
use cuferry_binfmt::sections::{SectionErrorKind, Sections};

const OBJECT: &[u8] = include_bytes!("data/store-x86_64.o");
const OLD: &[u8] = include_bytes!("data/old-archs.fatbin");
const GROUP: &[u8] = include_bytes!("data/group.fatbin");
const LTO: &[u8] = include_bytes!("data/lto.fatbin");

/// Writes `new` over the only place that holds `old`.
#[track_caller]
fn patched(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter_map(|(place, window)| (window == old).then_some(place))
        .collect();
    assert_eq!(places.len(), 1, "{}", old.escape_ascii());
    written(bytes, places[0], new)
}

/// Writes `new` at a place.
fn written(bytes: &[u8], place: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + new.len()].copy_from_slice(new);
    bytes
}

/// What was found: kind and architecture of each entry, or what is wrong and where.
fn summary(code: &DeviceCode<'_>) -> Vec<String> {
    let entries = code.containers.iter().flat_map(|found| found.container.images());
    let entries = entries.map(|entry| match entry {
        Ok(entry) => format!("{:?} {}", entry.kind, entry.arch_name()),
        Err(error) => error.to_string(),
    });
    entries.chain(code.problems.iter().map(|problem| format!("problem: {problem}"))).collect()
}

#[track_caller]
fn check(bytes: &[u8], expected: &[&str]) {
    assert_eq!(summary(&device::find(bytes)), expected);
}

#[track_caller]
fn check_place(bytes: &[u8], place: &str, source: Source) {
    let code = device::find(bytes);
    let [found] = code.containers.as_slice() else { panic!("{code:?}") };
    let name = match found.place {
        Place::Section { name, .. } => String::from_utf8_lossy(name).into_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!((name.as_str(), found.source), (place, source));
    assert_eq!(found.container.offset, 0x168);
    assert_eq!(summary(&code)[0], "Ptx compute_80");
}

#[test]
fn sections_by_other_names() {
    check_place(OBJECT, ".nv_fatbin", Source::Section);
    // The last part of `.rela.nvFatBinSegment` is the name of the section it is for.
    let renamed = patched(OBJECT, b"\0.nv_fatbin\0", b"\0.xx_fatbin\0");
    check_place(&renamed, ".xx_fatbin", Source::Wrapper);
    let renamed = patched(&renamed, b".nvFatBinSegment\0", b".xxFatBinSegment\0");
    check_place(&renamed, ".xx_fatbin", Source::Search);
}

#[test]
fn no_section_table() {
    let stripped = written(&written(OBJECT, 0x28, &[0; 8]), 0x3c, &[0; 4]);
    check_place(&stripped, "File", Source::Search);
    // A table that lies outside is a problem, and no reason to give up.
    let cut = written(OBJECT, 0x28, &0x0100_0000_u64.to_le_bytes());
    check_place(&cut, "File", Source::Search);
    check(&cut, &["Ptx compute_80", "problem: section header table outside the file at offset 0x1000000"]);
    assert_eq!(Sections::parse(&cut).unwrap_err().kind, SectionErrorKind::Table);
}

#[test]
fn one_broken_entry() {
    let all = ["Cubin sm_35", "Cubin sm_80", "Ptx compute_35"];
    check(OLD, &all);
    // The second entry starts at 0x7f8. A broken header hides those behind it, not those before it.
    let broken = written(OLD, 0x7f8 + 2, &[7]);
    check(&broken, &["Cubin sm_35", "entry of unknown version 0x107 at offset 0x7f8"]);
    let broken = written(OLD, 0x7f8 + 4, &[63]);
    check(&broken, &["Cubin sm_35", "entry header of impossible size 63 at offset 0x7f8"]);
    let broken = written(OLD, 0x7f8 + 12, &[1]);
    let message = "entry of 4294970024 bytes where 3000 are left at offset 0x7f8";
    check(&broken, &["Cubin sm_35", message]);
    // If its sizes are sound, those behind it come, too: here its identifier lies outside.
    let broken = written(OLD, 0x7f8 + 32, &[0xff]);
    check(&broken, &["Cubin sm_35", "identifier outside the entry header at offset 0x7f8", "Ptx compute_35"]);
    let broken = written(OLD, 0x12a0 + 16, &[0xff]);
    let message = "compressed payload of 255 bytes in a room of 192 at offset 0x12a0";
    check(&broken, &["Cubin sm_35", "Cubin sm_80", message]);
    let broken = written(OLD, 0x12a0 + 20, &[0xff]);
    check(&broken, &["Cubin sm_35", "Cubin sm_80", "options outside the entry header at offset 0x12a0"]);
}

#[test]
fn containers_behind_a_broken_one() {
    let [first, second] = [OLD, LTO];
    let both = [first, second].concat();
    let ir = "NvvmIr lto_80";
    check(&both, &["Cubin sm_35", "Cubin sm_80", "Ptx compute_35", ir]);
    // A broken entry.
    let broken = "entry of unknown version 0x107 at offset 0x7f8";
    check(&written(&both, 0x7f8 + 2, &[7]), &["Cubin sm_35", broken, ir]);
    // A size that takes in the next container: it is found where the entries break off.
    let swallowed = written(&both, 8, &(OLD.len() as u64 + 512).to_le_bytes());
    let found = summary(&device::find(&swallowed));
    assert_eq!((found[0].as_str(), found.last().unwrap().as_str()), ("Cubin sm_35", ir), "{found:?}");
    // A size that leads out of the file.
    let outside = written(&both, 8, &u64::MAX.to_le_bytes());
    let found = summary(&device::find(&outside));
    assert_eq!((found[0].as_str(), found.last().unwrap().as_str()), ("Cubin sm_35", ir), "{found:?}");
    // Something else between the two.
    let between = [first, b"something else..", second].concat();
    let message = format!("problem: no fatbin magic at offset {:#x}", first.len());
    check(&between, &["Cubin sm_35", "Cubin sm_80", "Ptx compute_35", ir, &message]);
    // Zeros between the two are padding.
    let padded = [first, &[0; 1000], second, &[0; 24]].concat();
    check(&padded, &["Cubin sm_35", "Cubin sm_80", "Ptx compute_35", ir]);
}

#[test]
fn truncated_at_every_byte() {
    let whole = summary(&device::find(OLD));
    for length in 0..OLD.len() {
        let code = device::find(&OLD[..length]);
        let found = summary(&code);
        let sound = found.iter().take_while(|line| whole.contains(line)).count();
        assert_eq!(found[..sound], whole[..sound], "{length}");
        // What is missing is always said, from the magic on.
        assert!(length < 4 || found.len() == sound + 1, "{length}: {found:?}");
    }
}

#[test]
fn old_and_unknown_formats() {
    check(b"\x01\x5a\xe5\x1e\0\0\0\0", &["problem: fatbin of a format older than CUDA 4 at offset 0x0"]);
    check(&written(OLD, 4, &[2]), &["problem: unknown or truncated fatbin header at offset 0x0"]);
    // Kinds and flags that nobody knows yet.
    check(&written(LTO, 16, &[0x80, 0]), &["TileIr sm_80"]);
    check(&written(LTO, 16, &[0x34, 0x12]), &["Unknown(4660) sm_80"]);
    check(&written(OLD, 16, &[4]), &["OldCubin sm_35", "Cubin sm_80", "Ptx compute_35"]);
}

#[test]
fn broken_groups() {
    let text = ["Ptx compute_35", "Ptx compute_90"];
    let all = [text[0], text[1], "Cubin sm_80", "Cubin sm_90"];
    check(GROUP, &all);
    let broken = "broken table of a group at offset 0x10";
    let cubins = ["Cubin sm_80", "Cubin sm_90"];
    // Count; size of the table; place, size, version and flags of the second member.
    let (count, table, member) = (0x10 + 0x40, 0x10 + 0x44, 0x10 + 0x48 + 0x60);
    check(&written(GROUP, count, &[3]), &[text[0], text[1], broken, cubins[0], cubins[1]]);
    check(&written(GROUP, count, &[0]), &cubins);
    check(&written(GROUP, table, &[0xff, 0xff]), &[broken, cubins[0], cubins[1]]);
    check(&written(GROUP, member + 4, &[0, 1]), &[text[0], broken, cubins[0], cubins[1]]);
    check(&written(GROUP, member + 8, &[0xff]), &[text[0], broken, cubins[0], cubins[1]]);
    check(&written(GROUP, member + 2, &[2]), &[text[0], broken, cubins[0], cubins[1]]);
    check(&written(GROUP, member + 41, &[0x80]), &[text[0], broken, cubins[0], cubins[1]]);
    // Groups in groups.
    check(&written(GROUP, member, &[0, 1]), &[text[0], broken, cubins[0], cubins[1]]);
}

#[track_caller]
fn check_payload(bytes: &[u8], limits: &Limits, expected: PayloadErrorKind) {
    let container = Container::parse(bytes, 0).unwrap();
    let entry = container.images().last().unwrap().unwrap();
    assert_eq!(entry.payload(limits).unwrap_err().kind, expected);
    let mut unpacker = Unpacker::new(*limits);
    assert_eq!(unpacker.unpack(&entry).unwrap_err().kind, expected);
    assert_eq!(unpacker.unpack(&entry).unwrap_err().offset, entry.offset);
}

#[test]
fn payloads_that_claim_too_much() {
    let limits = Limits { size: 1 << 20, ratio: 100, always: 1000 };
    // The last entry's uncompressed size.
    let size = |size: u64| written(OLD, 0x12a0 + 56, &size.to_le_bytes());
    let stored = 186;
    check_payload(&size(246), &limits, PayloadErrorKind::Broken("Zstandard"));
    check_payload(&size(248), &limits, PayloadErrorKind::Length { size: 248, found: 247 });
    check_payload(&size(18_699), &limits, PayloadErrorKind::Length { size: 18_699, found: 247 });
    check_payload(&size(18_700), &limits, PayloadErrorKind::Bomb { stored, size: 18_700 });
    check_payload(&size(1 << 20), &limits, PayloadErrorKind::Bomb { stored, size: 1 << 20 });
    let large = (1 << 20) + 1;
    check_payload(&size(large), &limits, PayloadErrorKind::TooLarge { size: large, limit: 1 << 20 });
    check_payload(&size(u64::MAX), &limits, PayloadErrorKind::TooLarge { size: u64::MAX, limit: 1 << 20 });
    check_payload(
        &size(248),
        &Limits { size: 247, ..limits },
        PayloadErrorKind::TooLarge { size: 248, limit: 247 },
    );
    // Without limits nothing is reserved that there is no memory for.
    let none = Limits { size: u64::MAX, ratio: u64::MAX, always: 0 };
    check_payload(&size(u64::MAX), &none, PayloadErrorKind::Memory { size: u64::MAX });
    check_payload(LTO, &limits, PayloadErrorKind::Obfuscated);
}

#[test]
fn payloads_that_are_broken() {
    let limits = Limits::default();
    let lz4 = include_bytes!("data/lz4.fatbin").as_slice();
    // Behind the header of 80 bytes.
    check_payload(&written(OLD, 0x12a0 + 80, &[0; 4]), &limits, PayloadErrorKind::Broken("Zstandard"));
    check_payload(&written(lz4, 16 + 80, &[0xff; 40]), &limits, PayloadErrorKind::Broken("LZ4"));
    let longer = written(lz4, 16 + 56, &1000_u64.to_le_bytes());
    check_payload(&longer, &limits, PayloadErrorKind::Length { size: 1000, found: 247 });
    check_payload(&written(GROUP, 0x1e0 + 232, &[0; 4]), &limits, PayloadErrorKind::Broken("Zstandard"));
}

#[test]
fn payloads_that_are_no_cubins_stay_whole() {
    let broken = written(OLD, 0x50, b"?");
    let container = Container::parse(&broken, 0).unwrap();
    let entry = container.entries().next().unwrap().unwrap();
    assert_eq!((entry.kind, entry.payload(&Limits::default()).unwrap().len()), (EntryKind::Cubin, 1960));
}

#[test]
fn a_bare_container_needs_its_magic() {
    let error = |offset, kind| Some(FatbinError { offset, kind });
    assert_eq!(Container::parse(OLD, 8).err(), error(8, FatbinErrorKind::BadMagic));
    assert_eq!(Container::parse(OLD, u64::MAX).err(), error(u64::MAX, FatbinErrorKind::BadMagic));
    assert_eq!(Container::parse(&OLD[..12], 0).err(), error(0, FatbinErrorKind::Header));
}
