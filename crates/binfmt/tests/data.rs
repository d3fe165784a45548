//! Files that real tools wrote, which `data/README.md` lists: what the views say of them, tool or no tool at hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

use cuferry_binfmt::cubin::{Abi, Cubin};
use cuferry_binfmt::device::{self, DeviceCode, ImageKind, Place, Source};
use cuferry_binfmt::fatbin::{
    Compression, Entry, EntryKind, Limits, PayloadErrorKind, Suffix, Unpacker, WrapperVersion,
};
use cuferry_binfmt::host::{Host, ReferenceKind};
use cuferry_binfmt::ptx::{self, PtxHeader};
use cuferry_binfmt::{FileKind, kind_of};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name)).as_slice()
    };
}

const STORE: &[u8] = data!("store.ptx");

/// A cubin for `arch`, by a release, in a layout.
#[track_caller]
fn check_cubin(bytes: &[u8], arch: &str, release: &str, abi: Abi, is_relocatable: bool) {
    assert_eq!(kind_of(bytes), FileKind::Cubin);
    let cubin = Cubin::parse(bytes).unwrap();
    assert_eq!(format!("sm_{}{}", cubin.arch(), cubin.suffix()), arch);
    assert_eq!(cubin.release().unwrap().to_string(), release, "{arch}");
    assert_eq!((cubin.abi(), cubin.is_relocatable()), (abi, is_relocatable), "{arch}");
    assert!(!cubin.is_debug() && !cubin.is_stub(), "{arch}");
    let functions = cubin.functions();
    let [store] = functions.as_slice() else { panic!("{functions:?}") };
    assert_eq!((store.name, store.is_kernel), (b"store".as_slice(), true), "{arch}");
    let launch = store.launch();
    let parameters: Vec<(u16, u16, u32)> = launch
        .parameters
        .iter()
        .map(|parameter| (parameter.ordinal, parameter.offset, parameter.size))
        .collect();
    assert_eq!(parameters, [(0, 0, 8), (1, 8, 4)], "{arch}");
    assert_eq!((launch.parameter_size, launch.max_threads), (Some(12), Some([64, 1, 1])), "{arch}");
    assert_eq!(launch.release, cubin.release(), "{arch}");
    // Bank 0 ends with the parameters.
    let (offset, [bank]) = (launch.parameter_offset.unwrap(), store.constants.as_slice()) else {
        panic!("{store:?}")
    };
    assert_eq!((bank.bank, bank.size), (0, u64::from(offset) + 12), "{arch}");
}

#[test]
fn cubins_of_both_layouts() {
    check_cubin(data!("sm_90a-abi7.cubin"), "sm_90a", "12.4", Abi::Seven, false);
    check_cubin(data!("sm_90a-abi8.cubin"), "sm_90a", "13.5", Abi::Eight, false);
    check_cubin(data!("sm_100a.cubin"), "sm_100a", "12.9", Abi::Eight, false);
    check_cubin(data!("sm_100f.cubin"), "sm_100f", "13.5", Abi::Eight, false);
    check_cubin(data!("sm_80-relocatable.cubin"), "sm_80", "12.9", Abi::Seven, true);
}

#[test]
fn tools_sign_their_cubins() {
    let cubin = Cubin::parse(data!("sm_100f.cubin")).unwrap();
    let tools = cubin.tools();
    let [ptxas] = tools.as_slice() else { panic!("{tools:?}") };
    assert_eq!(ptxas.name, b"ptxas");
    assert_eq!(ptxas.version, b"Cuda compilation tools, release 13.5, V13.5.37");
    assert_eq!(ptxas.build, b"Build cuda_13.5.r13.5/compiler.39125733_0");
    assert_eq!(ptxas.arch(), Some(b"sm_100f".as_slice()));
    assert_eq!(Cubin::parse(data!("sm_90a-abi7.cubin")).unwrap().tools(), []);
}

#[track_caller]
fn entries<'data>(code: &DeviceCode<'data>) -> Vec<Entry<'data>> {
    assert_eq!((code.problems.as_slice(), code.images.as_slice()), ([].as_slice(), [].as_slice()));
    code.containers.iter().flat_map(|found| found.container.images()).map(Result::unwrap).collect()
}

#[track_caller]
fn check_entry(entry: &Entry<'_>, kind: EntryKind, name: &str, version: (u16, u16), how: Compression) {
    assert_eq!((entry.kind, entry.arch_name().as_str()), (kind, name));
    assert_eq!((entry.version, entry.compression), (version, how), "{name}");
}

#[test]
fn an_old_gpu_in_a_fatbin() {
    let code = device::find(data!("old-archs.fatbin"));
    let entries = entries(&code);
    let [old, newer, text] = entries.as_slice() else { panic!("{entries:?}") };
    check_entry(old, EntryKind::Cubin, "sm_35", (1, 7), Compression::None);
    check_entry(newer, EntryKind::Cubin, "sm_80", (1, 7), Compression::None);
    check_entry(text, EntryKind::Ptx, "compute_35", (6, 0), Compression::Zstd);
    let payload = old.payload(&Limits::default()).unwrap();
    assert!(matches!(payload, std::borrow::Cow::Borrowed(_)), "what is stored plainly is not copied");
    check_cubin(&payload, "sm_35", "11.8", Abi::Seven, false);
    check_cubin(&newer.payload(&Limits::default()).unwrap(), "sm_80", "11.8", Abi::Seven, false);
    check_text(&text.payload(&Limits::default()).unwrap(), (6, 0), "sm_35");
}

/// PTX that came from `store.ptx`.
#[track_caller]
fn check_text(bytes: &[u8], version: (u32, u32), target: &str) {
    assert_eq!(kind_of(bytes), FileKind::Ptx);
    assert_ne!(bytes.last(), Some(&0), "NULs at the end are not part of the text");
    let header = PtxHeader::parse(bytes).unwrap();
    assert_eq!((header.version, header.target, header.address_size), (version, target, Some(64)));
    assert_eq!(ptx::entries(bytes).collect::<Vec<_>>(), ["store"]);
}

#[test]
fn ptx_of_every_compression() {
    check_text(STORE, (6, 0), "sm_35");
    let code = device::find(data!("lz4.fatbin"));
    let entries = entries(&code);
    let [text] = entries.as_slice() else { panic!("{entries:?}") };
    check_entry(text, EntryKind::Ptx, "compute_35", (6, 0), Compression::Lz4);
    check_text(&text.payload(&Limits::default()).unwrap(), (6, 0), "sm_35");
}

#[test]
fn a_group_is_a_list_of_images() {
    let code = device::find(data!("group.fatbin"));
    let groups: Vec<Entry<'_>> = code.containers[0].container.entries().map(Result::unwrap).collect();
    assert_eq!(groups.iter().map(|group| group.kind).collect::<Vec<_>>(), [EntryKind::Group; 2]);
    let entries = entries(&code);
    let names: Vec<String> = entries.iter().map(Entry::arch_name).collect();
    assert_eq!(names, ["compute_35", "compute_90", "sm_80", "sm_90"]);
    for entry in &entries {
        assert_eq!(entry.identifier, Some(b"store.cu".as_slice()));
        assert_eq!(entry.options, (entry.kind == EntryKind::Ptx).then_some(b"-O3".as_slice()));
    }
    check_text(&entries[0].payload(&Limits::default()).unwrap(), (6, 0), "sm_35");
    check_text(&entries[1].payload(&Limits::default()).unwrap(), (8, 0), "sm_90a");
    check_cubin(&entries[2].payload(&Limits::default()).unwrap(), "sm_80", "13.5", Abi::Eight, false);
    check_cubin(&entries[3].payload(&Limits::default()).unwrap(), "sm_90", "13.5", Abi::Eight, false);

    // All three ways to a payload agree.
    let mut unpacker = Unpacker::default();
    let mut visited = 0;
    unpacker.each(&code.containers[0].container, |image| {
        let (entry, bytes) = image.unwrap();
        assert_eq!(bytes.unwrap(), &*entry.payload(&Limits::default()).unwrap());
        visited += 1;
    });
    assert_eq!(visited, 4);
    for entry in &entries {
        let payload = entry.payload(&Limits::default()).unwrap();
        assert_eq!(unpacker.unpack(entry).unwrap(), &*payload);
        for length in [0, 1, 64, 100_000] {
            let expected = &payload[..length.min(payload.len())];
            assert_eq!(unpacker.prefix(entry, length).unwrap(), expected, "{length}");
        }
    }
}

#[test]
fn obfuscated_code_is_listed_and_not_read() {
    let code = device::find(data!("lto.fatbin"));
    let entries = entries(&code);
    let [ir] = entries.as_slice() else { panic!("{entries:?}") };
    check_entry(ir, EntryKind::NvvmIr, "lto_80", (1, 67), Compression::Zstd);
    assert_eq!((ir.is_obfuscated(), ir.size), (true, 2012));
    assert_eq!(ir.options, Some(b"-ftz=0 -prec_div=1 -prec_sqrt=1 -fmad=1 ".as_slice()));
    assert_eq!(ir.payload(&Limits::default()).unwrap_err().kind, PayloadErrorKind::Obfuscated);
}

/// An object file with one container, which a wrapper leads to.
#[track_caller]
fn check_object(bytes: &[u8], section: &str, container: u64, is_relocatable: bool) {
    let code = device::find(bytes);
    let [found] = code.containers.as_slice() else { panic!("{code:?}") };
    let Place::Section { name, .. } = found.place else { panic!("{found:?}") };
    assert_eq!(String::from_utf8_lossy(name), section);
    assert_eq!((found.container.offset, found.source), (container, Source::Section));
    assert_eq!(found.is_relocatable(), is_relocatable);
    let wrapper = found.wrapper.unwrap();
    assert_eq!((wrapper.version, wrapper.container), (WrapperVersion::Plain, container));
    assert_eq!(entries(&code).len(), 1);
    assert_eq!(Host::parse(bytes).unwrap().runtime(), None, "an object file is bound to no runtime yet");
}

#[test]
fn object_files_of_both_hosts() {
    check_object(data!("store-x86_64.o"), ".nv_fatbin", 0x168, false);
    check_object(data!("store-aarch64.o"), ".nv_fatbin", 0x500, false);
    check_object(data!("store-rdc-x86_64.o"), "__nv_relfatbin", 0x440, true);
}

#[test]
fn host_references_name_kernels() {
    let host = Host::parse(data!("store-rdc-x86_64.o")).unwrap();
    let kernels: Vec<_> = host.references().filter(|reference| reference.is_external).collect();
    let [store] = kernels.as_slice() else { panic!("{kernels:?}") };
    assert_eq!((store.pattern, store.kind), (b"store".as_slice(), ReferenceKind::Kernel));
    assert!(host.comments().iter().any(|comment| comment.starts_with(b"GCC: ")));
}

#[test]
fn bare_images() {
    for (bytes, kind) in [(STORE, ImageKind::Ptx), (data!("sm_100f.cubin"), ImageKind::Cubin)] {
        let code = device::find(bytes);
        let [image] = code.images.as_slice() else { panic!("{code:?}") };
        assert_eq!((image.kind, image.offset, image.data, image.place), (kind, 0, bytes, Place::File));
        assert!(code.containers.is_empty() && code.problems.is_empty());
    }
}

#[test]
fn clang_embeds_images_of_its_own() {
    let code = device::find(data!("offload-x86_64.o"));
    assert_eq!(code.problems, []);
    let images: Vec<_> = code
        .images
        .iter()
        .map(|image| (image.kind, image.offset, image.data.len(), image.arch.map(String::from_utf8_lossy)))
        .collect();
    let expected = [
        (ImageKind::Cubin, 0xd0, 3316, Some("sm_90a".into())),
        (ImageKind::Ptx, 0xe58, STORE.len(), Some("sm_35".into())),
    ];
    assert_eq!(images, expected);
    assert!(code.images.iter().all(|image| image.triple == Some(b"nvptx64-nvidia-cuda")));
    check_cubin(code.images[0].data, "sm_90a", "13.5", Abi::Eight, false);
    let [found] = code.containers.as_slice() else { panic!("{code:?}") };
    assert_eq!((found.container.offset, found.source), (0xff8, Source::Offload));
    let Place::Section { name, .. } = found.place else { panic!("{found:?}") };
    assert_eq!(name, b".llvm.offloading");
}

/// Each container is shown once, with its wrapper, before its range is given back.
#[test]
fn containers_are_shown_as_they_are_found() {
    let object = data!("store-x86_64.o");
    let events = std::cell::RefCell::new(Vec::new());
    let code = device::find_each(
        object,
        &mut |range| events.borrow_mut().push((range.start as u64, range.end as u64, None)),
        &mut |found| {
            let range = found.container.range();
            events.borrow_mut().push((range.start, range.end, Some(*found)));
        },
    );
    let events = events.into_inner();
    let shown: Vec<_> = events.iter().filter_map(|(.., found)| *found).collect();
    assert_eq!(shown, code.containers);
    assert_eq!(code.containers, device::find(object).containers);
    let (start, end) = (shown[0].container.range().start, shown[0].container.range().end);
    let first = |wanted: bool| {
        events.iter().position(|(from, to, found)| *from <= start && end <= *to && found.is_some() == wanted)
    };
    assert!(first(true).unwrap() < first(false).unwrap(), "{events:?}");
}

#[test]
fn suffixes_come_from_entries_where_there_are_any() {
    let code = device::find(data!("group.fatbin"));
    // The second PTX was for `sm_90a`, but fatbinary was told `sm=90`: the entry's word counts for the entry.
    assert_eq!(entries(&code)[1].suffix, Suffix::None);
}
