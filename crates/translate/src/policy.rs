//! What a translation is asked for: the host, the toolkit that compiles, the GPUs, and what is added to every compile.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, DeviceCode, GpuArch, Host};
use serde::{Deserialize, Serialize};

/// Everything that decides how a command is translated. Plain data, which a session of wrapped calls keeps in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What the host half is compiled for. On `aarch64` flags of ARM stay as they are: only architectures of GPUs and
    /// the host compiler are looked at.
    #[serde(with = "text")]
    pub host: Host,
    /// The toolkit that compiles: its limits hold.
    pub release: CudaRelease,
    /// Which device code is built.
    pub archs: ArchPolicy,
    /// Whether what is built has to run on other machines: then `-march=native` becomes x86-64-v3.
    pub portable: bool,
    /// The host compiler that nvcc is given when the command names none, or one for ARM.
    pub ccbin: Option<Utf8PathBuf>,
    /// The toolkit's root that stands for `/usr/local/cuda` and `/usr/local/cuda-*` in paths; none: such paths stay.
    pub cuda_root: Option<Utf8PathBuf>,
    /// Static libraries of NVIDIA's that the toolkit lacks, as `-l` names them, with the shared one that it has of each:
    /// `curand_static` and `curand`.
    #[serde(default)]
    pub shared_instead: BTreeMap<String, String>,
    /// Header folders of another version of a package than the one that is here, with the latter's: `/usr/include/pcl-1.10`
    /// and `/usr/include/pcl-1.13`.
    #[serde(default)]
    pub versions_instead: BTreeMap<String, String>,
    /// The oldest C++ that the toolkit's headers take, as two digits (17): nvcc is given that for an older one.
    pub raise_standard: Option<u32>,
    /// Header folders that are searched before all others.
    pub include_first: Vec<Utf8PathBuf>,
    /// Header folders that are searched after all others.
    pub include_last: Vec<Utf8PathBuf>,
    /// Headers that every compile includes before all else.
    pub include_files: Vec<Utf8PathBuf>,
    /// What of ARM's behaviour is kept.
    pub semantics: Semantics,
}

impl Policy {
    /// What is for `host` and CUDA `release`, and nothing more: a command that needs no change gets none.
    pub const fn new(host: Host, release: CudaRelease) -> Self {
        Self {
            host,
            release,
            archs: ArchPolicy::Fitting(Vec::new()),
            portable: false,
            ccbin: None,
            cuda_root: None,
            shared_instead: BTreeMap::new(),
            versions_instead: BTreeMap::new(),
            raise_standard: None,
            include_first: Vec::new(),
            include_last: Vec::new(),
            include_files: Vec::new(),
            semantics: Semantics {
                unsigned_char: false,
                unsigned_wchar: false,
                fused_multiply_add: false,
                conversions: false,
                checked_division: false,
                checked_overflow: false,
                checked_shifts: false,
            },
        }
    }
}

/// Which device code is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchPolicy {
    /// Exactly this, whatever the command asks for.
    Exactly(#[serde(with = "code")] DeviceCode),
    /// What the command asks for, as long as each of these GPUs can run it (empty: some desktop GPU), no architecture is
    /// a Jetson's, and the toolkit has each.
    Fitting(#[serde(with = "archs")] Vec<GpuArch>),
}

/// Where x86_64 behaves otherwise than ARM, and is told to behave as ARM does, or to report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, and any set of them makes sense"
)]
pub struct Semantics {
    /// `char` without a sign is unsigned, on the host and in kernels.
    pub unsigned_char: bool,
    /// `wchar_t` is unsigned, on the host and in kernels, where the host compiler is clang: gcc has no such option.
    pub unsigned_wchar: bool,
    /// The host compiler may fuse a multiplication and an addition, as on ARM, where every CPU can.
    pub fused_multiply_add: bool,
    /// Conversions from floating point to integers that do not fit stop at the integer's limits where the host compiler is
    /// clang. gcc has no such option: there the program ends, and says where.
    pub conversions: bool,
    /// A program ends, and says where, when it divides an integer by zero.
    pub checked_division: bool,
    /// The same where signed arithmetic leaves its type: the least integer divided by -1 is such a case.
    pub checked_overflow: bool,
    /// The same where a value is shifted by its width or more.
    pub checked_shifts: bool,
}

/// A value by its printed form.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Architectures by their names.
mod archs {
    use cuferry_arch::GpuArch;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(archs: &[GpuArch], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(archs.iter().map(|arch| arch.real()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GpuArch>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
    }
}

/// Device code as a list of `sm_` (machine code) and `compute_` (PTX) names.
mod code {
    use cuferry_arch::DeviceCode;
    use cuferry_arch::select::GpuRequest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(code: &DeviceCode, serializer: S) -> Result<S::Ok, S::Error> {
        let real = code.real.iter().map(|arch| arch.real());
        serializer.collect_seq(real.chain(code.ptx.iter().map(|arch| arch.virtual_())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceCode, D::Error> {
        let mut code = DeviceCode::default();
        for name in Vec::<String>::deserialize(deserializer)? {
            match name.parse().map_err(D::Error::custom)? {
                GpuRequest::Real(arch) => code.real.insert(arch),
                GpuRequest::Virtual(arch) => code.ptx.insert(arch),
            };
        }
        Ok(code)
    }
}
