//! Calls everything that the crate offers on some bytes. Nothing may panic, take long or take much memory, whatever
//! they are. The fuzz targets of the workspace call the same functions.

use std::hint::black_box;

use cuferry_binfmt::ar::Members;
use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::device::{self, DeviceCode};
use cuferry_binfmt::fatbin::{Container, EntryKind, Limits, Unpacker};
use cuferry_binfmt::host::Host;
use cuferry_binfmt::ptx::{self, PtxHeader};
use cuferry_binfmt::{ElfInfo, kind_of};

/// Small enough that nothing takes long, large enough that real payloads of a seed fit.
const LIMITS: Limits = Limits { size: 4 << 20, ratio: 1000, always: 1 << 16 };

/// Anything.
pub(crate) fn any(bytes: &[u8]) {
    black_box(kind_of(bytes));
    elf(bytes);
    archive(bytes);
    fatbin(bytes);
    cubin(bytes);
    text(bytes);
}

/// A host's ELF file, and all device code in it.
pub(crate) fn elf(bytes: &[u8]) {
    if let Ok(host) = Host::parse(bytes) {
        black_box((host.runtime(), host.runtime_release(), host.build_id(), host.forward_compatibility()));
        black_box((host.comments().len(), host.references().count()));
        for section in host.sections.iter() {
            black_box((section.name(), section.data()).1.is_ok());
        }
        black_box(host.sections.end());
    }
    let _ = black_box(ElfInfo::parse(bytes));
    let mut passed = 0;
    let code = device::find_with(bytes, &mut |range| {
        assert!(range.start <= range.end && range.end <= bytes.len(), "{range:?} of {}", bytes.len());
        passed += range.len();
    });
    black_box(passed);
    device_code(bytes, &code);
}

/// An archive, and everything in its members.
pub(crate) fn archive(bytes: &[u8]) {
    let Ok(members) = Members::parse(bytes) else { return };
    for member in members {
        match member {
            Ok(member) => {
                if let Some(data) = member.data {
                    let start = usize::try_from(member.offset).unwrap();
                    assert_eq!(bytes[start..start + data.len()], *data);
                    elf(data);
                }
            }
            Err(error) => assert!(error.offset <= bytes.len() as u64 && !error.to_string().is_empty()),
        }
    }
}

/// A container at the start, and all that a search finds.
pub(crate) fn fatbin(bytes: &[u8]) {
    if let Ok(container) = Container::parse(bytes, 0) {
        payloads(&container);
    }
    device_code(bytes, &device::find(bytes));
}

/// A cubin.
pub(crate) fn cubin(bytes: &[u8]) {
    let Ok(cubin) = Cubin::parse(bytes) else { return };
    black_box((cubin.abi(), cubin.arch(), cubin.virtual_arch(), cubin.suffix(), cubin.release()));
    black_box((cubin.is_relocatable(), cubin.is_debug(), cubin.is_stub()));
    black_box((cubin.globals(), cubin.constants(), cubin.compat().count()));
    for tool in cubin.tools() {
        black_box((tool.release(), tool.arch()));
    }
    for function in cubin.functions() {
        black_box((function.registers, function.constants.len(), function.launch().parameters.len()));
    }
}

/// PTX.
pub(crate) fn text(bytes: &[u8]) {
    let _ = black_box(PtxHeader::parse(bytes));
    black_box(ptx::entries(bytes).map(str::len).sum::<usize>());
}

fn device_code(bytes: &[u8], code: &DeviceCode<'_>) {
    let inside = |offset: u64| assert!(offset <= bytes.len() as u64, "{offset:#x}");
    for found in &code.containers {
        inside(found.container.range().end);
        payloads(&found.container);
    }
    for image in &code.images {
        let start = usize::try_from(image.offset).unwrap();
        assert_eq!(bytes[start..start + image.data.len()], *image.data);
        cubin(image.data);
    }
    for problem in &code.problems {
        assert!(!problem.to_string().is_empty());
    }
}

fn payloads(container: &Container<'_>) {
    let mut unpacker = Unpacker::new(LIMITS);
    let mut count = 0;
    unpacker.each(container, |image| {
        let Ok((entry, payload)) = image else { return };
        black_box((entry.arch_name(), entry.compat.map(<[u8]>::len)));
        let Ok(payload) = payload else { return };
        match entry.kind {
            EntryKind::Cubin => cubin(payload),
            EntryKind::Ptx => text(payload),
            _ => {}
        }
        // One by one is dear for groups, since each inflates the whole group.
        count += 1;
        if count <= 8 {
            let alone = entry.payload(&LIMITS);
            assert_eq!(alone.as_deref(), Ok(payload));
        }
    });
    for entry in container.images().take(8).flatten() {
        if let Ok(start) = unpacker.prefix(&entry, 100) {
            assert!(start.len() <= 100);
        }
    }
}
