//! Reads a project's files, one after another: what each asks for, and how it is built.

mod archs;
mod collector;
mod condition;
mod expression;
mod file_kind;
mod makefile;
mod mask;
mod notes;
mod paths;
mod rank;
mod reach;
mod source;
mod text;
mod toolkit;
mod uses;
mod ways;

use camino::Utf8Path;

use crate::needs::Needs;
use collector::Collector;
use file_kind::{Kind, Language};
use text::Text;

pub use file_kind::{Wanted, is_skipped_folder, wanted};

/// What a pointer of Git LFS starts with (Git LFS specification, "The Pointer").
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Reads files, each given as its path from the project's folder and as much of its content as [`wanted`] says. What the
/// answer says does not depend on their order.
pub fn read<P: AsRef<Utf8Path>, T: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, T)>) -> Needs {
    let mut collector = Collector::default();
    for (path, text) in files {
        read_file(path.as_ref(), text.as_ref(), &mut collector);
    }
    collector.finish()
}

fn read_file(path: &Utf8Path, content: &[u8], collector: &mut Collector) {
    if content.starts_with(POINTER) {
        collector.needs.pointers.push(path.to_owned());
        return;
    }
    if is_arm(content) {
        collector.needs.prebuilt.push(path.to_owned());
        return;
    }
    let Some(kind) = file_kind::kind(path) else { return };
    if kind == Kind::Machine {
        if machine(content) == Some(X86_64) {
            collector.needs.native.extend(path.file_name().map(str::to_owned));
        }
        return;
    }
    let text = Text::new(path, kind, content);
    if let Kind::Source(language) = kind {
        if language == Language::Header {
            collector.header(path);
        }
        if language == Language::Cuda {
            collector.cuda_folders.insert(text.folder());
        }
        source::read(&text, collector);
        collector.reach.source(&text);
        return;
    }
    if kind == Kind::CMake && is_find_module(path) {
        return;
    }
    collector.reach.build_file(&text);
    archs::read(&text, collector);
    toolkit::read(&text, collector);
    uses::read(&text, collector);
    paths::read(&text, collector);
    notes::read(&text, collector);
    ways::read(&text, collector);
}

/// A module of `find_package` says what can be looked for, not what the project uses.
fn is_find_module(path: &Utf8Path) -> bool {
    let found = |part: &str| part.starts_with("Find");
    path.file_name().is_some_and(found) || path.components().any(|part| part.as_str() == "FindCUDA")
}

/// `e_machine` of x86-64.
const X86_64: u16 = 62;

/// ELF for AArch64 (`e_machine` 183) or 32-bit ARM (40).
fn is_arm(content: &[u8]) -> bool {
    matches!(machine(content), Some(183 | 40))
}

/// `e_machine` of a little-endian ELF file; or of the first such member of an archive.
fn machine(content: &[u8]) -> Option<u16> {
    let content = if content.starts_with(b"!<arch>\n") {
        let head = &content[..content.len().min(64 << 10)];
        &content[memchr::memmem::find(head, b"\x7fELF")?..]
    } else {
        content
    };
    let is_little = content.starts_with(b"\x7fELF") && content.get(5) == Some(&1);
    let machine = content.get(18..20).filter(|_| is_little)?;
    Some(u16::from_le_bytes([machine[0], machine[1]]))
}
