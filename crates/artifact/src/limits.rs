//! How much of this machine an artifact may take, whoever made it.

use camino::Utf8PathBuf;

/// Bounds on memory and disk, and where unpacked content goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The folder for unpacked content, which lies in files without a name and is gone when the artifact is dropped.
    /// `None` is `/var/tmp`, or `/tmp` where that is missing: on many systems `/tmp` is memory.
    pub temporary: Option<Utf8PathBuf>,
    /// The most bytes of unpacked content at a time. The largest CUDA images unpack to some 30 GB.
    pub unpacked: u64,
    /// The most bytes that a byte of compressed data may become, once it is more than 16 MiB in all. Deflate can't reach
    /// 1033 (its longest match is 258 bytes in two bits), so gzip and zip are never refused by this; zstd and xz can.
    pub ratio: u64,
    /// The most files, folders and links, of all trees together. A full desktop has a few hundred thousand; each takes
    /// about 200 bytes of memory.
    pub entries: u64,
    /// The most bytes of all their paths together.
    pub names: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { temporary: None, unpacked: 64 << 30, ratio: 1100, entries: 4_000_000, names: 512 << 20 }
    }
}

/// Unpacked content below this, in bytes, is never called a bomb.
pub(crate) const RATIO_FREE: u64 = 16 << 20;
/// Unpacked content up to this, in bytes, stays in memory.
pub(crate) const IN_MEMORY: u64 = 1 << 20;
/// The largest text read whole, in bytes: manifests, configurations (distribution-spec: 4 MiB), package metadata.
pub(crate) const MAX_TEXT: u64 = 4 << 20;
/// The longest path, in bytes (Linux: `PATH_MAX`).
pub(crate) const MAX_PATH: usize = 4096;
/// The most folders in one another. Packages of JavaScript, the deepest known, have a few dozen.
pub(crate) const MAX_DEPTH: usize = 255;
/// How many symbolic links a path may pass, as in Linux.
pub(crate) const MAX_LINKS: usize = 40;
