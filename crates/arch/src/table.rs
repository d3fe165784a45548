//! The platform tables: GPUs and toolkits, as data compiled in from `data/*.toml`, where each row's source is named.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use crate::driver::{self, DriverVersion};
use crate::{CudaRelease, GpuArch, Host, PtxIsa, host};

pub use crate::gpu_name::{UnknownGpuName, gpus_named};

/// One compute capability and what carries it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// `87` in `sm_87`.
    pub number: u16,
    /// Products, for people.
    pub products: String,
    /// Product names as people type them, in lower case and without the maker's name: `rtx 4090`.
    pub names: Vec<String>,
    /// The CPUs of the machines that it comes in; empty where NVIDIA names no product.
    #[serde(deserialize_with = "host::list")]
    pub hosts: Vec<Host>,
    /// The first CUDA release that knows it.
    pub first: CudaRelease,
    /// The integrated GPU of an ARM module: its machine code runs on no desktop GPU.
    #[serde(default)]
    pub jetson: bool,
    /// For a Jetson GPU: the numbers to build for instead on an x86_64 host.
    #[serde(default)]
    pub desktop: Vec<u16>,
    /// The lowest number of the family whose members share code with the suffix `f`; none where there is no such code.
    #[serde(default)]
    pub family: Option<u16>,
    /// The number by which later toolkits call the same GPU.
    #[serde(default)]
    pub renamed: Option<u16>,
    /// Where all this is said.
    pub source: String,
}

/// How a row's facts were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The release's own tools and headers were asked.
    Tool,
    /// Read in documents.
    Documentation,
}

/// One CUDA release and its limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolkitRow {
    /// Which release.
    pub release: CudaRelease,
    /// What it assembles.
    #[serde(deserialize_with = "archs")]
    pub archs: Vec<GpuArch>,
    /// The newest PTX ISA that it writes.
    pub ptx: PtxIsa,
    /// The newest major version of gcc that it takes.
    pub gcc: u16,
    /// The newest major version of clang that it takes.
    pub clang: u16,
    /// The Linux driver that it shipped with: the first that serves all of it.
    #[serde(deserialize_with = "driver::bound")]
    pub driver: DriverVersion,
    /// How `archs`, `ptx`, `gcc` and `clang` were found; `driver` is always from documents.
    pub basis: Basis,
    /// Where all this is said.
    pub source: String,
}

impl ToolkitRow {
    /// Whether it can assemble `arch`.
    pub fn assembles(&self, arch: GpuArch) -> bool {
        self.archs.contains(&arch)
    }
}

#[derive(Deserialize)]
struct GpuFile {
    gpu: Vec<Gpu>,
}

#[derive(Deserialize)]
struct ToolkitFile {
    toolkit: Vec<ToolkitRow>,
}

static GPUS: LazyLock<Vec<Gpu>> = LazyLock::new(|| {
    let file: GpuFile =
        toml::from_str(include_str!("../data/gpu.toml")).expect("data/gpu.toml is checked by a test");
    file.gpu
});

static TOOLKITS: LazyLock<Vec<ToolkitRow>> = LazyLock::new(|| {
    let file: ToolkitFile =
        toml::from_str(include_str!("../data/toolkit.toml")).expect("data/toolkit.toml is checked by a test");
    file.toolkit
});

/// Every GPU known, by number.
pub fn gpus() -> &'static [Gpu] {
    &GPUS
}

/// The row of `arch`, whatever its suffix.
pub fn gpu(arch: GpuArch) -> Option<&'static Gpu> {
    GPUS.iter().find(|gpu| gpu.number == arch.number())
}

/// Every toolkit known, oldest first.
pub fn toolkits() -> &'static [ToolkitRow] {
    &TOOLKITS
}

/// The row of `release`; for a release between two rows the older one, whose limits are the safe ones.
pub fn toolkit(release: CudaRelease) -> Option<&'static ToolkitRow> {
    TOOLKITS.iter().rev().find(|row| row.release.major == release.major && row.release <= release)
}

/// For the data files: a list of architectures.
pub(crate) fn archs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GpuArch>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole_and_sorted() {
        assert!(gpus().is_sorted_by(|left, right| left.number < right.number));
        assert!(toolkits().is_sorted_by(|left, right| left.release < right.release));
        for row in toolkits() {
            assert!(row.archs.is_sorted_by_key(|arch| arch.number()), "CUDA {}", row.release);
            assert!(!row.source.is_empty(), "CUDA {}", row.release);
            for arch in row.archs.iter().filter(|arch| arch.number() >= 35) {
                let gpu = gpu(*arch);
                let gpu =
                    gpu.unwrap_or_else(|| panic!("{arch} of CUDA {} has no row in gpu.toml", row.release));
                assert!(gpu.first <= row.release, "{arch} is of CUDA {}, and in {}", gpu.first, row.release);
            }
        }
        for pair in toolkits().windows(2) {
            let [older, newer] = pair else { unreachable!("windows of two") };
            assert!(older.ptx <= newer.ptx && older.gcc <= newer.gcc && older.clang <= newer.clang);
            assert!(older.driver <= newer.driver, "CUDA {}", newer.release);
        }
    }

    #[test]
    fn a_gpu_is_first_known_where_its_row_says() {
        for gpu in gpus() {
            let arch = GpuArch::base(gpu.number);
            let first = toolkits().iter().find(|row| row.assembles(arch)).map(|row| row.release);
            let oldest = toolkits().first().map(|row| row.release);
            if first != oldest {
                assert_eq!(Some(gpu.first), first, "{arch}");
            }
        }
    }

    #[test]
    fn every_jetson_gpu_has_a_desktop_answer() {
        for row in gpus() {
            assert_eq!(row.jetson, !row.desktop.is_empty(), "sm_{}", row.number);
            for number in &row.desktop {
                assert!(gpu(GpuArch::base(*number)).is_some_and(|gpu| !gpu.jetson), "sm_{number}");
            }
        }
    }

    #[test]
    fn rows_of_gpus_agree_with_one_another() {
        for row in gpus() {
            let number = row.number;
            assert!(!row.source.is_empty() && !row.products.is_empty(), "sm_{number}");
            assert_eq!(row.names.is_empty(), row.hosts.is_empty() || row.renamed.is_some(), "sm_{number}");
            assert!(!row.jetson || row.hosts == [Host::Aarch64], "sm_{number}");
            if let Some(now) = row.renamed {
                let now = gpu(GpuArch::base(now)).expect("the new number has a row");
                assert_eq!(
                    (now.jetson, now.family, now.renamed),
                    (row.jetson, row.family, None),
                    "sm_{number}"
                );
            }
            // A family is there exactly if some toolkit assembles code with the suffix `f`.
            let suffixed = GpuArch::new(number, crate::Flavor::Family);
            let assembled = toolkits().iter().any(|toolkit| toolkit.assembles(suffixed));
            assert_eq!(row.family.is_some(), assembled, "sm_{number}");
            if let Some(family) = row.family {
                let first = gpus().iter().find(|gpu| gpu.family == Some(family) && gpu.renamed.is_none());
                assert_eq!(first.map(|gpu| gpu.number), Some(family), "sm_{number}");
            }
        }
    }

    #[test]
    fn a_release_between_two_rows_takes_the_older_limits() {
        let row = |text: &str| toolkit(text.parse().unwrap()).map(|row| row.release.to_string());
        assert_eq!(row("12.7").as_deref(), Some("12.6"));
        assert_eq!(row("13.9").as_deref(), Some("13.5"));
        assert_eq!(row("14.0"), None);
    }
}
