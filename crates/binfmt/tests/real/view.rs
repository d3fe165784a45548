//! A file's device code in the words of `cuobjdump`, from the crate's views: for comparison, not for people.

use std::fmt::Write as _;

use cuferry_binfmt::ar::Members;
use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::device::{self, DeviceCode};
use cuferry_binfmt::fatbin::{Entry, EntryKind, Suffix, Unpacker};

/// A line for each PTX and cubin, as [`listed`] makes it of cuobjdump's.
pub(crate) fn list(code: &DeviceCode<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for found in &code.containers {
        for entry in found.container.images() {
            let entry = entry.unwrap();
            let label = match entry.kind {
                EntryKind::Cubin => "ELF",
                EntryKind::Ptx => "PTX",
                _ => continue,
            };
            // Of a cubin, cuobjdump's names do not tell the `f`.
            let suffix = match entry.suffix {
                Suffix::F if entry.kind == EntryKind::Cubin => Suffix::None,
                suffix => suffix,
            };
            lines.push(format!("{label} sm_{}{suffix}", entry.arch));
        }
    }
    // cuobjdump lists PTX and cubins by themselves.
    lines.sort_by_key(|line| line.starts_with("PTX"));
    lines
}

/// What `cuobjdump -lelf -lptx` prints, without names and numbers: `ELF sm_90a`.
pub(crate) fn listed(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let (label, name) = line.split_once(" file ")?;
            let name = name.rsplit_once('.')?.0;
            let arch = name.rsplit_once('.')?.1;
            Some(format!("{label} {arch}"))
        })
        .collect();
    lines.sort_by_key(|line| line.starts_with("PTX"));
    lines
}

/// The lines of `cuobjdump -res-usage` that give numbers.
pub(crate) fn usage(code: &DeviceCode<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    cubins(code, |_, bytes| {
        let cubin = Cubin::parse(bytes).unwrap();
        let mut line = format!("GLOBAL:{}", cubin.globals());
        for constant in cubin.constants() {
            write!(line, " CONSTANT[{}]:{}", constant.bank, constant.size).unwrap();
        }
        lines.push(line);
        for function in cubin.functions() {
            lines.push(format!("Function {}:", String::from_utf8_lossy(function.name)));
            let stack = match function.stack {
                Some(u32::MAX) => "UNKNOWN".to_owned(),
                stack => stack.unwrap_or_default().to_string(),
            };
            // Of functions that no host launches, cuobjdump reads the code section alone.
            let registers = if function.is_kernel { function.registers } else { function.section_registers };
            let (shared, local) = (function.shared, function.local);
            let mut line = format!("REG:{registers} STACK:{stack} SHARED:{shared} LOCAL:{local}");
            for constant in &function.constants {
                write!(line, " CONSTANT[{}]:{}", constant.bank, constant.size).unwrap();
            }
            lines.push(line + " TEXTURE:0 SURFACE:0 SAMPLER:0");
        }
    });
    lines
}

/// The same of what cuobjdump prints.
pub(crate) fn used(text: &str) -> Vec<String> {
    let starts = ["GLOBAL:", "Function ", "REG:"];
    let lines = text.lines().map(str::trim).filter(|line| starts.iter().any(|start| line.starts_with(start)));
    lines.map(str::to_owned).collect()
}

/// Every cubin, unpacked.
pub(crate) fn cubins(code: &DeviceCode<'_>, visit: impl FnMut(Entry<'_>, &[u8])) {
    images(code, EntryKind::Cubin, visit);
}

/// Every image of one kind, unpacked.
pub(crate) fn images(code: &DeviceCode<'_>, kind: EntryKind, mut visit: impl FnMut(Entry<'_>, &[u8])) {
    let mut unpacker = Unpacker::default();
    for found in &code.containers {
        unpacker.each(&found.container, |image| {
            let (entry, bytes) = image.unwrap();
            if entry.kind == kind {
                visit(entry, bytes.unwrap());
            }
        });
    }
}

/// All device code of a file, without a complaint.
#[track_caller]
pub(crate) fn find(bytes: &[u8]) -> DeviceCode<'_> {
    let code = device::find(bytes);
    assert_eq!(code.problems, []);
    code
}

/// The file itself, or the members of an archive.
pub(crate) fn files(bytes: &[u8]) -> Vec<&[u8]> {
    match Members::parse(bytes) {
        Ok(members) => members.filter_map(|member| member.unwrap().data).collect(),
        Err(_) => vec![bytes],
    }
}
