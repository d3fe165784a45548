//! The platform tables: GPUs and toolkits, as data compiled in from `data/*.toml`, where each row's source is named.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use crate::{CudaRelease, GpuArch};

/// One compute capability and what carries it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// `87` in `sm_87`.
    pub number: u16,
    /// Products, for people.
    pub products: String,
    /// The integrated GPU of an ARM module: its machine code runs on no desktop GPU.
    #[serde(default)]
    pub jetson: bool,
    /// For a Jetson GPU: the numbers to build for instead on an x86_64 host.
    #[serde(default)]
    pub desktop: Vec<u16>,
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
    /// The newest PTX ISA that it writes, as `MAJOR.MINOR`.
    pub ptx: String,
    /// The newest major version of gcc that it takes.
    pub gcc: u16,
    /// The newest major version of clang that it takes.
    pub clang: u16,
    /// The Linux driver that it shipped with.
    pub driver: String,
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

fn archs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GpuArch>, D::Error> {
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
            for arch in row.archs.iter().filter(|arch| arch.number() >= 35) {
                assert!(gpu(*arch).is_some(), "{arch} of CUDA {} has no row in gpu.toml", row.release);
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
    fn a_release_between_two_rows_takes_the_older_limits() {
        let row = |text: &str| toolkit(text.parse().unwrap()).map(|row| row.release.to_string());
        assert_eq!(row("12.7").as_deref(), Some("12.6"));
        assert_eq!(row("13.9").as_deref(), Some("13.5"));
        assert_eq!(row("14.0"), None);
    }
}
