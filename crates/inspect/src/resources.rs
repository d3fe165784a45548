//! What each function of a file takes, in the words of `cuobjdump -res-usage`.
//!
//! Measured with cuobjdump 13.5. Each entry has a block, whose title lines say what it is; a cubin's go on with its
//! functions, in the order of their sections.

use std::fmt;

use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::fatbin::{Compression, Entry, EntryKind, Flags, Unpacker};

use crate::inventory::{CodeKind, Problem};
use crate::source::{Body, Item};

/// Writes the block of one piece of device code.
pub fn write_item(
    out: &mut impl fmt::Write,
    item: &Item<'_>,
    unpacker: &mut Unpacker,
    problems: &mut Vec<Problem>,
) -> fmt::Result {
    if let Body::Entry(entry) = &item.body {
        title(out, item, entry)?;
    }
    if item.kind() != CodeKind::Sass {
        return Ok(());
    }
    let problem = |what: String| Problem { member: None, offset: Some(item.offset()), what };
    let bytes = match item.unpack(unpacker) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(problem(error.kind.to_string()));
            return Ok(());
        }
    };
    match Cubin::parse(bytes) {
        Ok(cubin) => usage(out, &cubin),
        Err(error) => {
            problems.push(problem(error.kind.to_string()));
            Ok(())
        }
    }
}

fn title(out: &mut impl fmt::Write, item: &Item<'_>, entry: &Entry<'_>) -> fmt::Result {
    if let Some(group) = &item.group {
        heading(out, "", "concatenated entry", group)?;
    }
    // Members of a group stand one tab further in.
    let indent = if entry.part.is_some() { "\t" } else { "" };
    let (what, options) = match item.kind() {
        CodeKind::Sass => ("elf", None),
        CodeKind::Ptx => ("ptx", Some("ptxasOptions")),
        CodeKind::LtoIr => ("nvvm", Some("nvvmOptions")),
        CodeKind::TileIr => ("tile ir", Some("tileIROptions")),
        CodeKind::Unknown(_) => ("<unknown kind>", None),
    };
    heading(out, indent, what, entry)?;
    match (options, entry.options) {
        (Some(name), Some(text)) => writeln!(out, "{indent}{name} = {}", String::from_utf8_lossy(text)),
        _ => Ok(()),
    }
}

fn heading(out: &mut impl fmt::Write, indent: &str, what: &str, entry: &Entry<'_>) -> fmt::Result {
    let title = format!("Fatbin {what} code:");
    writeln!(out, "\n{indent}{title}")?;
    writeln!(out, "{indent}{}", "=".repeat(title.len()))?;
    if entry.kind != EntryKind::Group {
        writeln!(out, "{indent}arch = sm_{}{}", entry.arch, entry.suffix)?;
    }
    writeln!(out, "{indent}code version = [{},{}]", entry.version.0, entry.version.1)?;
    let host = match entry.flags {
        flags if flags.has(Flags::LINUX) => "linux",
        flags if flags.has(Flags::MAC) => "mac",
        flags if flags.has(Flags::WINDOWS) => "windows",
        _ => "<unknown>",
    };
    writeln!(out, "{indent}host = {host}")?;
    let size = if entry.flags.has(Flags::WIDE) { "64bit" } else { "32bit" };
    writeln!(out, "{indent}compile_size = {size}")?;
    if entry.is_debug() {
        writeln!(out, "{indent}has debug info")?;
    }
    if entry.compression != Compression::None && entry.part.is_none() {
        writeln!(out, "{indent}compressed")?;
    }
    match entry.identifier {
        Some(name) if !name.is_empty() => {
            writeln!(out, "{indent}identifier = {}", String::from_utf8_lossy(name))
        }
        _ => Ok(()),
    }
}

fn usage(out: &mut impl fmt::Write, cubin: &Cubin<'_>) -> fmt::Result {
    write!(out, "\nResource usage:\n Common:\n  GLOBAL:{}", cubin.globals())?;
    for constant in cubin.constants() {
        write!(out, " CONSTANT[{}]:{}", constant.bank, constant.size)?;
    }
    writeln!(out)?;
    for function in cubin.functions() {
        writeln!(out, " Function {}:", String::from_utf8_lossy(function.name))?;
        // Of functions that no host launches, cuobjdump reads the code section alone.
        let registers = if function.is_kernel { function.registers } else { function.section_registers };
        write!(out, "  REG:{registers} STACK:")?;
        match function.stack {
            // Recursion: no bound is known.
            Some(u32::MAX) => write!(out, "UNKNOWN")?,
            stack => write!(out, "{}", stack.unwrap_or(0))?,
        }
        write!(out, " SHARED:{} LOCAL:{}", function.shared, function.local)?;
        for constant in &function.constants {
            write!(out, " CONSTANT[{}]:{}", constant.bank, constant.size)?;
        }
        writeln!(out, " TEXTURE:0 SURFACE:0 SAMPLER:0")?;
    }
    Ok(())
}
