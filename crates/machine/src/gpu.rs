//! This machine's GPUs, as NVIDIA's driver reports them. No driver is a normal state.

use cuferry_arch::{CudaRelease, GpuArch};

/// What the driver says; empty without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpus {
    /// The newest CUDA release that the driver serves, if there is a driver.
    pub driver: Option<CudaRelease>,
    /// The GPUs, in the driver's order.
    pub gpus: Vec<Gpu>,
    /// Why a driver that is there reports nothing, in its own words.
    pub trouble: Option<String>,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Its compute capability.
    pub arch: GpuArch,
}

impl Gpus {
    /// Each compute capability once, sorted.
    pub fn archs(&self) -> Vec<GpuArch> {
        let mut archs: Vec<_> = self.gpus.iter().map(|gpu| gpu.arch).collect();
        archs.sort_unstable();
        archs.dedup();
        archs
    }
}

/// Asks the driver, which is loaded for that. Without a driver the answer is empty.
pub fn gpus() -> Gpus {
    driver::gpus()
}

#[expect(unsafe_code, reason = "the driver's functions are foreign")]
mod driver {
    use cudarc::driver::result::{self, DriverError};
    use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute};
    use cuferry_arch::{CudaRelease, GpuArch};

    use super::{Gpu, Gpus};

    pub(super) fn gpus() -> Gpus {
        // SAFETY: loads `libcuda.so.1`, as every CUDA program does on its start; nothing is called yet.
        if !unsafe { sys::is_culib_present() } {
            return Gpus::default();
        }
        let mut version = 0;
        // SAFETY: writes one int, and may be called before `cuInit`.
        let driver = unsafe { sys::cuDriverGetVersion(&raw mut version) }.result().ok();
        let driver = driver.and_then(|()| CudaRelease::from_driver_version(version));
        match devices() {
            Ok(gpus) => Gpus { driver, gpus, trouble: None },
            Err(error) => Gpus { driver, gpus: Vec::new(), trouble: Some(words(error)) },
        }
    }

    fn devices() -> Result<Vec<Gpu>, DriverError> {
        result::init()?;
        (0..result::device::get_count()?).map(device).collect()
    }

    fn device(ordinal: i32) -> Result<Gpu, DriverError> {
        let device = result::device::get(ordinal)?;
        let attribute = |attribute| {
            // SAFETY: `device` is a handle that the driver just gave.
            unsafe { result::device::get_attribute(device, attribute) }
                .map(|value| u16::try_from(value).unwrap_or(0))
        };
        let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        Ok(Gpu { name: result::device::get_name(device)?, arch: GpuArch::from_capability(major, minor) })
    }

    fn words(error: DriverError) -> String {
        let text = error.error_string().map(|text| text.to_string_lossy().into_owned());
        text.unwrap_or_else(|_| format!("error {}", error.0 as u32))
    }
}
