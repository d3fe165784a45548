//! The CPU side: which processor and ABI the host half of a program is compiled for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// A CPU and its ABI, always 64-bit GNU/Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Intel and AMD.
    X86_64,
    /// Jetson, Grace and other ARM servers.
    Aarch64,
}

/// Text that names no host.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown host `{text}`: `x86_64` or `aarch64` expected")]
pub struct ParseHostError {
    /// What was given instead.
    pub text: String,
}

impl Host {
    /// Every host, in a fixed order.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The host that this program itself was compiled for.
    pub const fn of_this_program() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 }
    }

    /// `x86_64` or `aarch64`, as `uname -m` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The GNU triple, which is also Debian's multiarch folder and the prefix of cross compilers.
    pub const fn gnu_triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu",
            Self::Aarch64 => "aarch64-linux-gnu",
        }
    }

    /// The folder under `targets/` of a CUDA toolkit. NVIDIA calls ARM servers (and, since CUDA 13, Jetson) SBSA.
    pub const fn cuda_target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux",
            Self::Aarch64 => "sbsa-linux",
        }
    }

    /// `architecture` of an OCI image configuration (image-spec, config.md; values are Go's GOARCH).
    pub const fn oci_architecture(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// `variant` of an OCI platform, where one is customary.
    pub const fn oci_variant(self) -> Option<&'static str> {
        match self {
            Self::X86_64 => None,
            Self::Aarch64 => Some("v8"),
        }
    }

    /// `e_machine` of an ELF file: `EM_X86_64` or `EM_AARCH64`.
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        }
    }

    /// The dynamic loader's path, as the ABI fixes it (`PT_INTERP`).
    pub const fn loader(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Aarch64 => "/lib/ld-linux-aarch64.so.1",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Host {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x86_64" | "x86-64" | "amd64" => Ok(Self::X86_64),
            "aarch64" | "arm64" => Ok(Self::Aarch64),
            _ => Err(ParseHostError { text: text.to_owned() }),
        }
    }
}

/// For the data files: a list of hosts.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Host>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for host in Host::ALL {
            assert_eq!(host.as_str().parse(), Ok(host));
            assert_eq!(host.oci_architecture().parse(), Ok(host));
        }
        assert!("riscv64".parse::<Host>().is_err());
    }
}
