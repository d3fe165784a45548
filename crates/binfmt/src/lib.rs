//! Bytes in, views out. Knows formats, and nothing of files, machines or CUDA releases.
//!
//! Files are hostile: no read leaves its bytes, nothing is inflated unless asked for, and then within limits. Errors
//! carry the offset and say what is wrong there; what could be read before and behind stays.

pub mod ar;
pub mod cubin;
mod cursor;
pub mod device;
pub mod elf;
pub mod fatbin;
pub mod host;
pub mod kind;
pub mod ptx;
pub mod sections;
pub mod symbols;
pub mod tar;
pub mod version;

pub use elf::{ElfClass, ElfError, ElfInfo, ElfKind, VersionNeed};
pub use kind::{EM_CUDA, FileKind, kind_of};
pub use version::SymbolVersion;
