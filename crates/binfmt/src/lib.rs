//! Bytes in, views out. Knows formats, and nothing of files, machines or CUDA.

pub mod elf;
pub mod version;

pub use elf::{ElfClass, ElfError, ElfInfo, ElfKind, VersionNeed};
pub use version::SymbolVersion;
