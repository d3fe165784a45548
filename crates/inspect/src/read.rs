//! From a file's bytes to its [`Inventory`]. Headers are read; of what is compressed, only as much is unpacked as the
//! question for toolkits is worth.

use std::collections::{BTreeMap, BTreeSet};

use cuferry_arch::{CudaRelease, GpuArch, PtxIsa, library};
use cuferry_binfmt::cubin::{Cubin, Release};
use cuferry_binfmt::fatbin::Unpacker;
use cuferry_binfmt::host::{self, Host};
use cuferry_binfmt::ptx::PtxHeader;
use cuferry_binfmt::{ElfError, ElfInfo, ElfKind, FileKind, kind_of};

use crate::inventory::{
    Asked, Code, CodeKind, Compression, Form, HostPart, Inventory, Machine, Module, Problem, Runtime,
    ToolkitMark,
};
use crate::source::{Body, Item, Source, place_name};

/// How many bytes may be unpacked to ask cubins for their toolkit.
const SAMPLE: u64 = 48 << 20;
/// A cubin larger than this is not asked unless every one is: unpacking it takes longer than its answer is worth.
const LARGE: u64 = 16 << 20;

/// No cubin without content is larger, in bytes.
const STUB: u64 = 4096;

/// How far to go to learn which toolkits wrote the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// All cubins of small files, some of large ones, spread evenly.
    Sample,
    /// Every cubin.
    All,
}

/// The targets of PTX kept as text: `.target` with a real name, soon after `.version`. The tools that write PTX hold the
/// directives as well, but not with a name behind them.
fn ptx_texts(bytes: &[u8]) -> BTreeSet<GpuArch> {
    const TARGET: &[u8] = b".target sm_";
    const VERSION: &[u8] = b".version ";
    /// Between both stand a version number and a line end, seldom a comment.
    const NEAR: usize = 256;
    let mut archs = BTreeSet::new();
    for place in memchr::memmem::find_iter(bytes, TARGET) {
        let before = &bytes[place.saturating_sub(NEAR)..place];
        let name = &bytes[place + TARGET.len()..];
        let length = name.iter().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let arch = std::str::from_utf8(&name[..length]).ok().and_then(|name| name.parse::<GpuArch>().ok());
        archs.extend(arch.filter(|_| memchr::memmem::find(before, VERSION).is_some()));
    }
    archs
}

/// What a file holds whose device code is in `sources`. None if it is neither ELF, nor an archive of ELF files, nor device
/// code.
pub fn inventory(bytes: &[u8], sources: &[Source<'_>], effort: Effort) -> Option<Inventory> {
    let kind = kind_of(bytes);
    let has_code = sources.iter().any(|source| !source.items.is_empty());
    let mut problems: Vec<Problem> = sources.iter().flat_map(|source| source.problems.clone()).collect();
    let mut elf = |bytes, member: Option<&str>| match ElfInfo::parse(bytes) {
        Ok(info) => Some(info),
        Err(error) => {
            problems.push(elf_problem(&error, member));
            None
        }
    };
    let (form, host) = match kind {
        FileKind::HostElf => {
            let info = elf(bytes, None);
            let form = info.as_ref().map_or(Form::OtherElf, elf_form);
            (form, info.map(|info| host_part(&info, bytes)))
        }
        FileKind::Archive | FileKind::ThinArchive => {
            let members = sources.iter().filter(|source| kind_of(source.bytes) == FileKind::HostElf);
            let parts: Vec<HostPart> = members
                .filter_map(|source| {
                    Some(host_part(&elf(source.bytes, source.member.as_deref())?, source.bytes))
                })
                .collect();
            if parts.is_empty() && !has_code {
                return None;
            }
            (Form::Archive, join(parts))
        }
        FileKind::Fatbin | FileKind::OffloadBinary => (Form::Fatbin, None),
        FileKind::Cubin => (Form::Cubin, None),
        FileKind::Ptx => (Form::Ptx, None),
        FileKind::Other if has_code => (Form::Fatbin, None),
        FileKind::Other => return None,
    };
    let modules = modules(sources);
    let (toolkits, asked) = toolkits(sources, effort, &mut problems);
    // Other files that hold none are not read as text.
    let ptx_texts = if kind == FileKind::HostElf && modules.iter().all(|module| module.stub) {
        ptx_texts(bytes)
    } else {
        BTreeSet::new()
    };
    let size = bytes.len() as u64;
    Some(Inventory { form, size, host, modules, ptx_texts, toolkits, asked, problems })
}

/// The inventory of a shared library of no bytes; none for any other empty file.
pub fn placeholder(file_name: &str) -> Option<Inventory> {
    let is_library = file_name.starts_with("lib") && file_name.split('.').any(|part| part == "so");
    is_library.then(|| Inventory {
        form: Form::Placeholder,
        size: 0,
        host: None,
        modules: Vec::new(),
        ptx_texts: BTreeSet::new(),
        toolkits: Vec::new(),
        asked: Asked::default(),
        problems: Vec::new(),
    })
}

fn elf_problem(error: &ElfError, member: Option<&str>) -> Problem {
    Problem {
        member: member.map(str::to_owned),
        offset: Some(error.offset),
        what: format!("ELF: {}", error.kind),
    }
}

/// A program and a shared library are the same to ELF: what has an interpreter, or no `DT_SONAME` and no dynamic
/// section at all, is started.
fn elf_form(info: &ElfInfo) -> Form {
    match info.kind {
        ElfKind::Executable => Form::Program,
        ElfKind::Dynamic if info.interpreter.is_some() && info.soname.is_none() => Form::Program,
        ElfKind::Dynamic => Form::SharedLibrary,
        ElfKind::Relocatable => Form::Object,
        ElfKind::Other(_) => Form::OtherElf,
    }
}

fn host_part(info: &ElfInfo, bytes: &[u8]) -> HostPart {
    let host = Host::parse(bytes).ok();
    let folders = [&info.rpath, &info.runpath].into_iter().flatten();
    HostPart {
        machine: Machine::from_elf(info.machine),
        interpreter: info.interpreter.clone(),
        soname: info.soname.clone(),
        needed: info.needed.clone(),
        search: folders
            .flat_map(|path| path.split(':'))
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        glibc: info.highest_need("GLIBC"),
        glibcxx: info.highest_need("GLIBCXX"),
        runtime: runtime(info, host.as_ref()),
        compilers: host
            .iter()
            .flat_map(Host::comments)
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect(),
    }
}

fn runtime(info: &ElfInfo, host: Option<&Host<'_>>) -> Runtime {
    if let Some(soname) = info.needed.iter().find(|name| name.starts_with("libcudart.so")) {
        let major =
            soname.strip_prefix("libcudart.so.").and_then(|rest| rest.split('.').next()?.parse().ok());
        return Runtime::Shared { soname: soname.clone(), major };
    }
    // The runtime itself is no user of it.
    let is_runtime = info
        .soname
        .as_deref()
        .is_some_and(|name| library::component(name) == library::component("libcudart.so"));
    match host.and_then(|host| host.runtime().map(|runtime| (host, runtime))) {
        Some((host, host::Runtime::Static)) if !is_runtime => {
            Runtime::Static { release: host.runtime_release().and_then(release) }
        }
        _ => Runtime::None,
    }
}

fn release(release: Release) -> Option<CudaRelease> {
    Some(CudaRelease::new(release.major.try_into().ok()?, release.minor.try_into().ok()?))
}

/// One host part for an archive: what its members say together.
fn join(parts: Vec<HostPart>) -> Option<HostPart> {
    let machines: BTreeSet<Machine> = parts.iter().map(|part| part.machine).collect();
    let machine = match machines.len() {
        1 => machines.into_iter().next()?,
        _ => return None,
    };
    let mut joined = HostPart { machine, ..HostPart::default() };
    for part in parts {
        joined.compilers.extend(part.compilers);
    }
    Some(joined)
}

fn modules(sources: &[Source<'_>]) -> Vec<Module> {
    let mut unpacker = Unpacker::default();
    let mut modules: Vec<Module> = Vec::new();
    for source in sources {
        for items in source.items.chunk_by(|left, right| left.module == right.module) {
            let codes: Vec<Code> = items.iter().filter_map(|item| code(source, item)).collect();
            let Some(first) = items.first().filter(|_| !codes.is_empty()) else { continue };
            modules.push(Module {
                member: source.member.clone(),
                place: place_name(first.place),
                offset: source.offset.saturating_add(first.module),
                relocatable: first.relocatable,
                stub: is_stub(items, &mut unpacker),
                codes,
            });
        }
    }
    modules
}

/// Whether all code of a module is what device linking leaves where there was nothing to link. Such cubins are small:
/// larger ones are not unpacked to see.
fn is_stub(items: &[Item<'_>], unpacker: &mut Unpacker) -> bool {
    items.iter().all(|item| {
        let small = match &item.body {
            Body::Entry(entry) => entry.size.max(entry.stored.len() as u64) <= STUB && entry.part.is_none(),
            Body::Image(_) => false,
        };
        small
            && item.kind() == CodeKind::Sass
            && item.unpack(unpacker).is_ok_and(|bytes| Cubin::parse(bytes).is_ok_and(|cubin| cubin.is_stub()))
    })
}

fn code(source: &Source<'_>, item: &Item<'_>) -> Option<Code> {
    let kind = item.kind();
    let offset = source.offset.saturating_add(item.offset());
    let arch = item.arch()?;
    Some(match &item.body {
        Body::Entry(entry) => Code {
            kind,
            arch,
            isa: (kind == CodeKind::Ptx).then(|| PtxIsa::new(entry.version.0, entry.version.1)),
            offset,
            stored: entry.stored.len() as u64,
            size: entry.size,
            compression: entry.compression,
            debug: entry.is_debug(),
            identifier: entry.identifier.map(|name| String::from_utf8_lossy(name).into_owned()),
        },
        Body::Image(image) => Code {
            kind,
            arch,
            isa: match kind {
                CodeKind::Ptx => PtxHeader::parse(image.data).ok().and_then(|head| {
                    Some(PtxIsa::new(head.version.0.try_into().ok()?, head.version.1.try_into().ok()?))
                }),
                _ => None,
            },
            offset,
            stored: image.data.len() as u64,
            size: image.data.len() as u64,
            compression: Compression::None,
            debug: false,
            identifier: None,
        },
    })
}

/// Asks cubins which toolkit wrote them.
fn toolkits(
    sources: &[Source<'_>],
    effort: Effort,
    problems: &mut Vec<Problem>,
) -> (Vec<ToolkitMark>, Asked) {
    let cubins: Vec<(&Source<'_>, &Item<'_>)> = sources
        .iter()
        .flat_map(|source| source.items.iter().map(move |item| (source, item)))
        .filter(|(_, item)| item.kind() == CodeKind::Sass)
        .collect();
    let mut unpacker = Unpacker::default();
    let mut marks: BTreeMap<CudaRelease, usize> = BTreeMap::new();
    let mut asked = Asked { read: 0, of: cubins.len() };
    for index in chosen(&cubins, effort) {
        let (source, item) = cubins[index];
        match item.unpack(&mut unpacker) {
            Ok(bytes) => {
                asked.read += 1;
                let toolkit = Cubin::parse(bytes).ok().and_then(|cubin| cubin.release()).and_then(release);
                if let Some(toolkit) = toolkit {
                    *marks.entry(toolkit).or_default() += 1;
                }
            }
            Err(error) => problems.push(Problem {
                member: source.member.clone(),
                offset: Some(source.offset.saturating_add(item.offset())),
                what: error.kind.to_string(),
            }),
        }
    }
    let marks = marks.into_iter().map(|(release, entries)| ToolkitMark { release, entries });
    (marks.collect(), asked)
}

/// Which cubins are asked: all that the effort allows, otherwise every n-th, so that each part of the file has its say.
fn chosen(cubins: &[(&Source<'_>, &Item<'_>)], effort: Effort) -> Vec<usize> {
    let cost = |index: usize| match &cubins[index].1.body {
        // What is stored plainly is read where it lies; its headers and notes cost some pages.
        Body::Entry(entry) if entry.compression == Compression::None && entry.part.is_none() => 64 << 10,
        Body::Entry(entry) => entry.part.map_or(entry.size, |part| part.of).max(1),
        Body::Image(_) => 0,
    };
    let all: Vec<usize> = (0..cubins.len()).collect();
    let total: u64 = all.iter().map(|index| cost(*index)).fold(0, u64::saturating_add);
    if effort == Effort::All || total <= SAMPLE {
        return all;
    }
    let step = usize::try_from(total / SAMPLE + 1).unwrap_or(usize::MAX);
    let mut budget = SAMPLE;
    let mut chosen: Vec<usize> =
        all.into_iter().step_by(step).filter(|index| cost(*index) <= LARGE).collect();
    chosen.retain(|index| {
        let left = budget.checked_sub(cost(*index));
        budget = left.unwrap_or(budget);
        left.is_some()
    });
    chosen
}
