//! `/etc/ld.so.cache`: where the dynamic loader finds a library by its name.
//!
//! The format is glibc's `glibc-ld.so.cache1.1` (`sysdeps/generic/dl-cache.h`, `elf/cache.c`), in little-endian:
//!
//! ```text
//!  0  "glibc-ld.so.cache1.1"
//! 20  u32 count   u32 bytes of strings   u8 flags (2: little-endian)   u8[3]   u32 extensions   u32[3]
//! 48  count × { i32 flags   u32 name   u32 path   u32 (unused)   u64 hwcap }     name and path: offsets in the file
//!     strings, each ended by a NUL
//! ```

use std::cmp::Ordering;

use cuferry_arch::Host;
use thiserror::Error;

const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// `cache_file_new_flags_endian_little`
const LITTLE_ENDIAN: u8 = 2;
/// The most entries read from a cache; a full desktop has a few thousand.
const MAX_ENTRIES: usize = 100_000;
/// The longest name or path read from a cache, in bytes.
const MAX_STRING: usize = 4096;

/// One library that the loader is to find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheEntry {
    /// As programs ask for it: `libc.so.6`.
    pub name: String,
    /// Where it is: absolute.
    pub path: String,
}

/// A loader cache that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("malformed loader cache at offset {offset:#x}")]
pub struct LoaderCacheError {
    /// In bytes, from the start of the file.
    pub offset: usize,
}

/// The cache's bytes. Of several entries with one name the loader takes the first.
///
/// # Panics
/// If the strings are larger than 4 GiB together.
pub fn write(host: Host, entries: &[CacheEntry]) -> Vec<u8> {
    let mut sorted: Vec<&CacheEntry> = entries.iter().collect();
    // The loader searches by halves, in descending order.
    sorted.sort_by(|left, right| compare(&right.name, &left.name));
    let number = |value: usize| u32::try_from(value).expect("far below 4 GiB").to_le_bytes();

    let mut strings = Vec::new();
    let mut table = Vec::new();
    let strings_start = HEADER + ENTRY * sorted.len();
    for entry in sorted {
        let path_offset = strings_start + strings.len();
        strings.extend_from_slice(entry.path.as_bytes());
        strings.push(0);
        // The name is mostly the end of the path, and can then point there.
        let name_offset = if entry.path.ends_with(&entry.name) {
            path_offset + entry.path.len() - entry.name.len()
        } else {
            strings.extend_from_slice(entry.name.as_bytes());
            strings.push(0);
            strings_start + strings.len() - entry.name.len() - 1
        };
        table.extend_from_slice(&flags(host).to_le_bytes());
        table.extend_from_slice(&number(name_offset));
        table.extend_from_slice(&number(path_offset));
        table.extend_from_slice(&[0; 12]);
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&number(entries.len()));
    bytes.extend_from_slice(&number(strings.len()));
    bytes.extend_from_slice(&[LITTLE_ENDIAN, 0, 0, 0]);
    bytes.resize(HEADER, 0);
    bytes.append(&mut table);
    bytes.append(&mut strings);
    bytes
}

/// The entries for `host` of a cache, in its order; those for special CPUs (`glibc-hwcaps`) are left out.
pub fn parse(host: Host, bytes: &[u8]) -> Result<Vec<CacheEntry>, LoaderCacheError> {
    // Older systems put the cache of libc5's time before ours.
    let start = bytes
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)
        .ok_or(LoaderCacheError { offset: 0 })?;
    let cache = &bytes[start..];
    let number = |offset: usize| {
        let field = cache.get(offset..offset + 4).and_then(|field| field.try_into().ok());
        field.map(u32::from_le_bytes).ok_or(LoaderCacheError { offset: start + offset })
    };
    let count = number(20)? as usize;
    if count > MAX_ENTRIES || HEADER + count * ENTRY > cache.len() {
        return Err(LoaderCacheError { offset: start + 20 });
    }
    let string = |offset: usize| {
        let error = LoaderCacheError { offset: start + offset };
        let tail = cache.get(offset..).ok_or(error.clone())?;
        let end = tail.iter().take(MAX_STRING).position(|byte| *byte == 0).ok_or(error.clone())?;
        str::from_utf8(&tail[..end]).map(str::to_owned).map_err(|_| error)
    };
    let mut entries = Vec::new();
    for offset in (0..count).map(|index| HEADER + index * ENTRY) {
        let plain = number(offset + 16)? == 0 && number(offset + 20)? == 0;
        if plain && number(offset)? == flags(host) {
            let name = string(number(offset + 4)? as usize)?;
            entries.push(CacheEntry { name, path: string(number(offset + 8)? as usize)? });
        }
    }
    Ok(entries)
}

/// `FLAG_ELF_LIBC6` and the ABI: `FLAG_X8664_LIB64`, `FLAG_AARCH64_LIB64`.
const fn flags(host: Host) -> u32 {
    match host {
        Host::X86_64 => 0x0303,
        Host::Aarch64 => 0x0a03,
    }
}

/// glibc's `_dl_cache_libcmp`: runs of digits compare as numbers, and rank above other characters.
fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        match (left.first(), right.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(first), Some(second)) => match (first.is_ascii_digit(), second.is_ascii_digit()) {
                (true, true) => match take_number(&mut left).cmp(&take_number(&mut right)) {
                    Ordering::Equal => {}
                    order => return order,
                },
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) => match first.cmp(second) {
                    Ordering::Equal => (left, right) = (&left[1..], &right[1..]),
                    order => return order,
                },
            },
        }
    }
}

/// Takes the digits at the start. glibc adds them up in an `int`, and where that overflows, so does this.
fn take_number(text: &mut &[u8]) -> i32 {
    let mut value = 0_i32;
    while let Some((digit, rest)) = text.split_first().filter(|(digit, _)| digit.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'));
        *text = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str, folder: &str) -> CacheEntry {
        CacheEntry { name: name.to_owned(), path: format!("{folder}/{name}") }
    }

    #[test]
    fn orders_as_glibc_does() {
        let mut names = ["liba.so.9", "liba.so.10", "libab.so", "liba.so", "liba1.so", "liba-1.so"];
        names.sort_by(|left, right| compare(left, right));
        assert_eq!(names, ["liba-1.so", "liba.so", "liba.so.9", "liba.so.10", "libab.so", "liba1.so"]);
    }

    #[test]
    fn a_cache_has_these_bytes() {
        let bytes = write(Host::X86_64, &[entry("liba.so", "/l"), entry("libb.so", "/l")]);
        assert_eq!(&bytes[..20], MAGIC);
        assert_eq!(bytes[20..32], [2, 0, 0, 0, 22, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[48..60], [3, 3, 0, 0, 99, 0, 0, 0, 96, 0, 0, 0]);
        assert_eq!(&bytes[96..], b"/l/libb.so\0/l/liba.so\0");
    }

    #[test]
    fn reads_what_another_cpu_and_another_time_wrote() {
        let mut bytes = b"ld.so-1.7.0\0\0\0\0\0".to_vec();
        bytes.extend(write(Host::Aarch64, &[entry("libc.so.6", "/lib")]));
        assert_eq!(parse(Host::Aarch64, &bytes), Ok(vec![entry("libc.so.6", "/lib")]));
        assert_eq!(parse(Host::X86_64, &bytes), Ok(Vec::new()));
        assert_eq!(parse(Host::X86_64, b""), Err(LoaderCacheError { offset: 0 }));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(names in prop::collection::btree_set("[a-z0-9.]{1,20}", 0..20)) {
            let entries: Vec<CacheEntry> = names
                .iter()
                .map(|name| CacheEntry { name: name.clone(), path: format!("/lib/{name}x") })
                .collect();
            let mut read = parse(Host::X86_64, &write(Host::X86_64, &entries)).unwrap();
            prop_assert!(read.is_sorted_by(|left, right| compare(&left.name, &right.name).is_ge()));
            read.sort();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn survives_any_change(changes in prop::collection::vec((0_usize..200, any::<u8>()), 0..8), cut in 0_usize..200) {
            let mut bytes = write(Host::X86_64, &[entry("liba.so", "/l"), entry("libb.so", "/l"), entry("libc.so", "/l")]);
            for (place, value) in changes {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let _ = parse(Host::X86_64, &bytes);
        }
    }
}
