//! Host compilers: g++ and clang++, and which of them a CUDA release takes.

use std::fmt;

use camino::Utf8PathBuf;
use cuferry_arch::Host;

/// A C++ compiler on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCompiler {
    /// g++ or clang++.
    pub family: Family,
    /// The C++ driver: an absolute path.
    pub path: Utf8PathBuf,
    /// What it says of itself.
    pub version: CompilerVersion,
    /// What it compiles for.
    pub host: Host,
}

/// Which compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// GNU's.
    Gcc,
    /// LLVM's.
    Clang,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Gcc, Self::Clang];
}

/// `12.2.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompilerVersion {
    /// What CUDA's limits are about.
    pub major: u16,
    /// For display and identity.
    pub minor: u16,
    /// For display and identity.
    pub patch: u16,
}

impl fmt::Display for CompilerVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Gcc => "g++",
            Self::Clang => "clang++",
        })
    }
}
