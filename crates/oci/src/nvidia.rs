//! What NVIDIA's container runtime reads from an image's environment (nvidia-container-toolkit, `internal/config/image`).

use std::collections::BTreeMap;

use cuferry_arch::{CudaRelease, GpuArch};

/// The environment that asks for all GPUs, and for a host whose driver and GPUs can run the image.
///
/// `cuda` is the oldest CUDA release whose driver suffices; `arch` the lowest architecture that the program has code for.
/// The names that a user gives win over these: merge them in later.
pub fn environment(cuda: CudaRelease, arch: Option<GpuArch>) -> BTreeMap<String, String> {
    // In a requirement a comma is "and", and a space is "or".
    let arch = arch.map(|arch| format!(",arch>={}.{}", arch.major(), arch.minor()));
    let pairs = [
        ("NVIDIA_VISIBLE_DEVICES", "all".to_owned()),
        ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility".to_owned()),
        ("NVIDIA_REQUIRE_CUDA", format!("cuda>={cuda}{}", arch.unwrap_or_default())),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_spelled_as_the_runtime_reads_them() {
        let require = |arch| environment(CudaRelease::new(13, 0), arch)["NVIDIA_REQUIRE_CUDA"].clone();
        assert_eq!(require(Some(GpuArch::base(75))), "cuda>=13.0,arch>=7.5");
        assert_eq!(require(Some(GpuArch::base(120))), "cuda>=13.0,arch>=12.0");
        assert_eq!(require(None), "cuda>=13.0");
    }
}
