//! Driver libraries to link against where there is no driver: small ELF shared objects that export the functions which
//! a header declares. NVIDIA's wheels lack them, and writing them needs no compiler.
//!
//! Each function only returns the error that NVIDIA's own stubs return.

use std::collections::BTreeSet;

use cuferry_arch::Host;

/// A driver library, and how its header declares functions.
#[derive(Debug, PartialEq, Eq)]
pub struct Driver {
    /// The name that `-l` finds.
    pub file: &'static str,
    /// The name that programs linked against it ask for: the driver's own.
    pub soname: &'static str,
    /// The header.
    pub header: &'static str,
    /// The macro before a declared function's name.
    marker: &'static str,
    /// What its functions begin with.
    prefix: &'static str,
    /// What each function returns.
    answer: u8,
}

/// The driver API. 34 is `CUDA_ERROR_STUB_LIBRARY`.
pub static CUDA: Driver = Driver {
    file: "libcuda.so",
    soname: "libcuda.so.1",
    header: "cuda.h",
    marker: "CUDAAPI",
    prefix: "cu",
    answer: 34,
};

/// The management library. 12 is `NVML_ERROR_LIBRARY_NOT_FOUND`.
pub static NVML: Driver = Driver {
    file: "libnvidia-ml.so",
    soname: "libnvidia-ml.so.1",
    header: "nvml.h",
    marker: "DECLDIR",
    prefix: "nvml",
    answer: 12,
};

/// The functions that `header` declares, in every version: those after the marker, and those that a macro gives another
/// name (`#define cuMemAlloc cuMemAlloc_v2`, `__CUDA_API_PTSZ(cuLaunchKernel)`).
pub fn functions(driver: &Driver, header: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let is_function = |name: &str| {
        name.strip_prefix(driver.prefix)
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
            && !name.ends_with("_t")
    };
    for (at, _) in header.match_indices(driver.marker) {
        let (name, rest) = word(&header[at + driver.marker.len()..]);
        if is_function(name) && rest.trim_start().starts_with('(') {
            names.insert(name.to_owned());
        }
    }
    for line in header.lines() {
        let Some(define) =
            line.trim_start().strip_prefix('#').and_then(|rest| rest.trim_start().strip_prefix("define"))
        else {
            continue;
        };
        let (alias, rest) = word(define);
        let (name, inner) = word(rest);
        if !is_function(alias) || rest.starts_with('(') {
            continue;
        }
        if let Some(suffix) = per_thread_suffix(name) {
            let (name, _) = word(inner.trim_start_matches('('));
            if is_function(name) {
                names.insert(name.to_owned());
                names.insert(format!("{name}{suffix}"));
            }
        } else if is_function(name) && !inner.trim_start().starts_with('(') {
            names.insert(name.to_owned());
        }
    }
    names
}

/// What cuda.h's macros append where the default stream is each thread's own.
fn per_thread_suffix(word: &str) -> Option<&'static str> {
    match word {
        "__CUDA_API_PTDS" => Some("_ptds"),
        "__CUDA_API_PTSZ" => Some("_ptsz"),
        _ => None,
    }
}

/// The C identifier that `text` begins with after white space, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    text.split_at(end)
}

/// The shared object: for `ld` as much as for `dlopen`.
///
/// ```text
/// ELF header, program headers   ┐
/// .hash .dynsym .dynstr .text   ┘ one segment, read and execute
/// .dynamic                        one segment, read and write (the loader relocates it in place)
/// .shstrtab, section headers      ld reads .dynsym by way of these
/// ```
/// Field values are those of the ELF gABI (chapters 4 and 5).
pub fn shared_object(driver: &Driver, host: Host, functions: &BTreeSet<String>) -> Vec<u8> {
    let code = code(host, driver.answer);
    let mut strings = vec![0];
    let soname = add_string(&mut strings, driver.soname);
    let names: Vec<u32> = functions.iter().map(|name| add_string(&mut strings, name)).collect();

    let hash = hash_table(functions);
    let hash_at = align(HEADERS, 8);
    let symbols_at = align(hash_at + hash.len(), 8);
    let strings_at = symbols_at + 24 * (functions.len() + 1);
    let code_at = align(strings_at + strings.len(), 16);
    let dynamic_at = align(code_at + code.len(), 8);
    let section_names_at = dynamic_at + 16 * DYNAMIC_ENTRIES;
    let sections_at = align(section_names_at + SECTION_NAMES.len(), 8);

    let mut elf = Vec::with_capacity(sections_at + 64 * SECTIONS);
    elf.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    put16(&mut elf, &[3, host.elf_machine()]); // ET_DYN
    put32(&mut elf, &[1]);
    put64(&mut elf, &[0, 64, sections_at]);
    put32(&mut elf, &[0]);
    put16(&mut elf, &[64, 56, 4, 64, short(SECTIONS), short(SECTIONS - 1)]);

    let segments = [
        (1, 5, 0, 0, code_at + code.len(), SEGMENT), // PT_LOAD, R X
        (1, 6, dynamic_at, dynamic_at + SEGMENT, 16 * DYNAMIC_ENTRIES, SEGMENT), // PT_LOAD, R W
        (2, 6, dynamic_at, dynamic_at + SEGMENT, 16 * DYNAMIC_ENTRIES, 8), // PT_DYNAMIC
        (0x6474_e551, 6, 0, 0, 0, 16),               // PT_GNU_STACK
    ];
    for (kind, flags, offset, address, size, alignment) in segments {
        put32(&mut elf, &[kind, flags]);
        put64(&mut elf, &[offset, address, address, size, size, alignment]);
    }

    pad(&mut elf, hash_at);
    elf.extend(&hash);
    pad(&mut elf, symbols_at);
    elf.extend([0; 24]);
    for name in names {
        put32(&mut elf, &[name]);
        elf.extend([0x12, 0]); // STB_GLOBAL, STT_FUNC; STV_DEFAULT
        put16(&mut elf, &[TEXT]);
        put64(&mut elf, &[code_at, code.len()]);
    }
    elf.extend(&strings);
    pad(&mut elf, code_at);
    elf.extend(&code);
    pad(&mut elf, dynamic_at);
    let dynamic: [(usize, usize); DYNAMIC_ENTRIES] = [
        (14, soname as usize), // DT_SONAME
        (4, hash_at),          // DT_HASH
        (5, strings_at),       // DT_STRTAB
        (6, symbols_at),       // DT_SYMTAB
        (10, strings.len()),   // DT_STRSZ
        (11, 24),              // DT_SYMENT
        (0, 0),
    ];
    for (tag, value) in dynamic {
        put64(&mut elf, &[tag, value]);
    }
    elf.extend(SECTION_NAMES);
    pad(&mut elf, sections_at);

    let sections = [
        Section::default(),
        Section {
            name: 1,
            kind: 5,
            flags: 2,
            at: hash_at,
            size: hash.len(),
            link: 2,
            align: 8,
            entry: 4,
            ..Section::default()
        },
        Section {
            name: 7,
            kind: 11,
            flags: 2,
            at: symbols_at,
            size: strings_at - symbols_at,
            link: 3,
            info: 1,
            align: 8,
            entry: 24,
            ..Section::default()
        },
        Section {
            name: 15,
            kind: 3,
            flags: 2,
            at: strings_at,
            size: strings.len(),
            align: 1,
            ..Section::default()
        },
        Section {
            name: 23,
            kind: 1,
            flags: 6,
            at: code_at,
            size: code.len(),
            align: 16,
            ..Section::default()
        },
        Section {
            name: 29,
            kind: 6,
            flags: 3,
            at: dynamic_at,
            shift: SEGMENT,
            size: 16 * DYNAMIC_ENTRIES,
            link: 3,
            align: 8,
            entry: 16,
            ..Section::default()
        },
        Section {
            name: 38,
            kind: 3,
            at: section_names_at,
            size: SECTION_NAMES.len(),
            align: 1,
            ..Section::default()
        },
    ];
    for section in sections {
        let address = if section.flags == 0 { 0 } else { section.at + section.shift };
        put32(&mut elf, &[section.name, section.kind]);
        put64(&mut elf, &[section.flags, address, section.at, section.size]);
        put32(&mut elf, &[section.link, section.info]);
        put64(&mut elf, &[section.align, section.entry]);
    }
    elf
}

/// A section header; `shift` is how far its address lies beyond its offset.
#[derive(Default)]
struct Section {
    name: u32,
    kind: u32,
    flags: usize,
    at: usize,
    shift: usize,
    size: usize,
    link: u32,
    info: u32,
    align: usize,
    entry: usize,
}

/// The ELF header and four program headers.
const HEADERS: usize = 64 + 4 * 56;
/// The largest page of either host: 64 KiB on ARM.
const SEGMENT: usize = 0x1_0000;
const DYNAMIC_ENTRIES: usize = 7;
const SECTIONS: usize = 7;
/// The index of `.text`.
const TEXT: u16 = 4;
const SECTION_NAMES: &[u8] = b"\0.hash\0.dynsym\0.dynstr\0.text\0.dynamic\0.shstrtab\0";

/// A function that returns `answer`.
fn code(host: Host, answer: u8) -> Vec<u8> {
    match host {
        // mov eax, answer; ret
        Host::X86_64 => vec![0xb8, answer, 0, 0, 0, 0xc3],
        // movz w0, answer; ret
        Host::Aarch64 => {
            let movz = 0x5280_0000 | u32::from(answer) << 5;
            [movz, 0xd65f_03c0].into_iter().flat_map(u32::to_le_bytes).collect()
        }
    }
}

/// `DT_HASH` (gABI, "Hash Table"): the symbols are numbered from 1 in the order of `functions`.
fn hash_table(functions: &BTreeSet<String>) -> Vec<u8> {
    let bucket_count = functions.len().max(1);
    let mut buckets = vec![0; bucket_count];
    let mut chains = vec![0; functions.len() + 1];
    for (index, name) in functions.iter().enumerate() {
        let bucket = hash(name) as usize % bucket_count;
        chains[index + 1] = buckets[bucket];
        buckets[bucket] = word32(index + 1);
    }
    let mut bytes = Vec::new();
    put32(&mut bytes, &[word32(bucket_count), word32(chains.len())]);
    put32(&mut bytes, &buckets);
    put32(&mut bytes, &chains);
    bytes
}

/// The gABI's hash function.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

fn add_string(strings: &mut Vec<u8>, text: &str) -> u32 {
    let at = word32(strings.len());
    strings.extend(text.bytes());
    strings.push(0);
    at
}

fn align(offset: usize, alignment: usize) -> usize {
    offset.next_multiple_of(alignment)
}

fn pad(bytes: &mut Vec<u8>, length: usize) {
    bytes.resize(length, 0);
}

fn put16(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(bytes: &mut Vec<u8>, values: &[u32]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put64(bytes: &mut Vec<u8>, values: &[usize]) {
    bytes.extend(values.iter().flat_map(|value| (*value as u64).to_le_bytes()));
}

fn short(value: usize) -> u16 {
    u16::try_from(value).expect("counts of headers are single digits")
}

fn word32(value: usize) -> u32 {
    u32::try_from(value).expect("the names come from one header, which is far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(driver: &Driver, header: &str, expected: &[&str]) {
        assert_eq!(
            functions(driver, header).iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
            "in `{header}`"
        );
    }

    #[test]
    fn reads_functions_in_every_version() {
        check(&CUDA, "CUresult CUDAAPI cuInit(unsigned int Flags);", &["cuInit"]);
        check(
            &CUDA,
            "CUresult CUDAAPI\ncuImportExternalMemory(\n    CUexternalMemory *x);",
            &["cuImportExternalMemory"],
        );
        check(&CUDA, "#define cuMemAlloc    cuMemAlloc_v2\n", &["cuMemAlloc_v2"]);
        check(&CUDA, " #  define cuMemcpy __CUDA_API_PTDS(cuMemcpy)", &["cuMemcpy", "cuMemcpy_ptds"]);
        check(
            &CUDA,
            "#define cuMemcpyHtoDAsync __CUDA_API_PTSZ(cuMemcpyHtoDAsync_v2)",
            &["cuMemcpyHtoDAsync_v2", "cuMemcpyHtoDAsync_v2_ptsz"],
        );
        check(
            &CUDA,
            "#define CUDAAPI\n#define CUDA_VERSION 13000\ntypedef void (CUDA_CB *CUhostFn)(void *);",
            &[],
        );
        check(&NVML, "nvmlReturn_t DECLDIR nvmlInit_v2(void);", &["nvmlInit_v2"]);
        check(&NVML, "#define nvmlBlacklistDeviceInfo_t nvmlExcludedDeviceInfo_t", &[]);
        check(&NVML, "#define nvmlMemory_v2 NVML_STRUCT_VERSION(Memory, 2)", &[]);
    }

    #[test]
    fn hashes_as_the_specification_does() {
        // The value that `readelf` and glibc compute for this name.
        assert_eq!(hash("printf"), 0x077_905a6);
    }

    #[test]
    fn the_same_functions_give_the_same_bytes() {
        let names = ["cuInit", "cuMemAlloc_v2"].map(str::to_owned).into();
        for host in Host::ALL {
            let elf = shared_object(&CUDA, host, &names);
            assert_eq!(elf, shared_object(&CUDA, host, &names));
            assert_eq!(u16::from_le_bytes([elf[18], elf[19]]), host.elf_machine());
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in "(\\PC|CUDAAPI|#define |cuA|\\(|\n){0,60}") {
            let names = functions(&CUDA, &header);
            _ = shared_object(&CUDA, Host::X86_64, &names);
        }
    }
}
