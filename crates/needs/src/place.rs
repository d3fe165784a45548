//! Where something stands, and whether it counts there.

use std::fmt;

use camino::Utf8PathBuf;
use cuferry_arch::CudaRelease;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// As the caller named the file, or as a compiler printed it.
    pub path: Utf8PathBuf,
    /// From 1; 0 where only the file is known.
    pub line: u32,
}

/// When a line is part of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// In every build.
    Always,
    /// With the CUDA releases from `from` on and before `before`, as a condition on CUDA's version says.
    Cuda {
        /// The first release, included.
        from: Option<CudaRelease>,
        /// The first release that is not.
        before: Option<CudaRelease>,
    },
    /// Where a condition holds that only the build knows.
    Sometimes,
    /// On ARM alone.
    Arm,
}

impl When {
    /// Whether a build for x86_64 with `release` is sure to have the line.
    pub fn is_certain(self, release: CudaRelease) -> bool {
        match self {
            Self::Always => true,
            Self::Cuda { from, before } => {
                from.is_none_or(|from| release >= from) && before.is_none_or(|before| release < before)
            }
            Self::Sometimes | Self::Arm => false,
        }
    }

    /// Whether a build for x86_64 can have the line.
    pub const fn is_possible(self) -> bool {
        !matches!(self, Self::Arm)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(formatter, "{}", self.path)
        } else {
            write!(formatter, "{}:{}", self.path, self.line)
        }
    }
}
