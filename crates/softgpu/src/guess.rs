//! The compute capability to report where no setting says it: 9.0, or what the program's PTX asks for, if that is more.
//! A program whose only PTX is for 12.0 could not run otherwise.

use std::collections::BTreeSet;
use std::fs::File;

use cuferry_binfmt::device;
use cuferry_binfmt::fatbin::{EntryKind, Suffix};

const DEFAULT: (u32, u32) = (9, 0);

/// From the files that are mapped into this process now: the program, and the libraries that it was linked with.
pub(crate) fn capability() -> (u32, u32) {
    let highest = mapped().iter().filter_map(|path| highest_ptx(path)).max().unwrap_or(0);
    DEFAULT.max((highest / 10, highest % 10))
}

fn mapped() -> BTreeSet<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| line[at..].to_owned()));
    paths
        .filter(|path| {
            !path.starts_with("/dev/") && !path.contains("/libc.so") && !path.ends_with(" (deleted)")
        })
        .collect()
}

#[expect(unsafe_code, reason = "a file is mapped")]
fn highest_ptx(path: &str) -> Option<u32> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    // SAFETY: the program runs from this very file, mapped as it is here: whoever truncates it has stopped the program.
    let bytes = unsafe { memmap2::Mmap::map(&file) }.ok()?;
    // Most libraries hold no device code, and have no such section's name either.
    if !contains(&bytes, device::FATBIN_SECTION) && !contains(&bytes, device::RELOCATABLE_SECTION) {
        return None;
    }
    let found = device::find(&bytes);
    let entries = found.containers.iter().flat_map(|found| found.container.images()).filter_map(Result::ok);
    let plain = entries.filter(|entry| entry.kind == EntryKind::Ptx && entry.suffix == Suffix::None);
    plain.map(|entry| entry.arch).max()
}

/// Section names stand at a file's end, in a table that is small beside the rest.
fn contains(bytes: &[u8], name: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(1 << 16)..];
    tail.windows(name.len()).any(|window| window == name)
}
