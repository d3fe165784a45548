//! The device: there is one, number 0.

use std::ffi::{c_char, c_int, c_uint};

use cuferry_driver::types as t;

use crate::driver::{Driver, driver};
use crate::error::{Error, Result};
use crate::properties::{PCI, Properties};
use crate::raw;

/// The driver, if a device's number is that of the only one.
pub(crate) fn device(number: t::CUdevice) -> Result<&'static Driver> {
    let driver = driver()?;
    if number == 0 { Ok(driver) } else { Err(Error::INVALID_DEVICE) }
}

pub(crate) fn cuDeviceGet(out: *mut t::CUdevice, ordinal: c_int) -> Result {
    device(ordinal)?;
    raw::put(out, 0)
}

pub(crate) fn cuDeviceGetCount(count: *mut c_int) -> Result {
    driver()?;
    raw::put(count, 1)
}

pub(crate) fn cuDeviceGetName(name: *mut c_char, room: c_int, dev: t::CUdevice) -> Result {
    let driver = device(dev)?;
    raw::put_text(name, usize::try_from(room).unwrap_or(0), &driver.properties.name)
}

pub(crate) fn cuDeviceTotalMem_v2(bytes: *mut usize, dev: t::CUdevice) -> Result {
    raw::put(bytes, usize::try_from(device(dev)?.properties.memory).unwrap_or(usize::MAX))
}

pub(crate) fn cuDeviceGetAttribute(
    value: *mut c_int,
    attribute: t::CUdevice_attribute,
    dev: t::CUdevice,
) -> Result {
    raw::put(value, device(dev)?.properties.attribute(attribute)?)
}

pub(crate) fn cuDeviceComputeCapability(major: *mut c_int, minor: *mut c_int, dev: t::CUdevice) -> Result {
    let (first, second) = device(dev)?.properties.capability;
    raw::put(major, first.cast_signed())?;
    raw::put(minor, second.cast_signed())
}

pub(crate) fn cuDeviceGetProperties(out: *mut t::CUdevprop, dev: t::CUdevice) -> Result {
    let properties = &device(dev)?.properties;
    let number = |attribute| properties.attribute(attribute);
    let signed = |size: [u32; 3]| size.map(u32::cast_signed);
    raw::put(
        out,
        t::CUdevprop {
            maxThreadsPerBlock: properties.max_threads_per_block.cast_signed(),
            maxThreadsDim: signed(properties.max_block),
            maxGridSize: signed(properties.max_grid),
            sharedMemPerBlock: number(t::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK)?,
            totalConstantMemory: number(t::CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY)?,
            SIMDWidth: number(t::CU_DEVICE_ATTRIBUTE_WARP_SIZE)?,
            memPitch: number(t::CU_DEVICE_ATTRIBUTE_MAX_PITCH)?,
            regsPerBlock: number(t::CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK)?,
            clockRate: number(t::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?,
            textureAlign: number(t::CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT)?,
        },
    )
}

pub(crate) fn cuDeviceGetUuid(uuid: *mut t::CUuuid, dev: t::CUdevice) -> Result {
    cuDeviceGetUuid_v2(uuid, dev)
}

pub(crate) fn cuDeviceGetUuid_v2(uuid: *mut t::CUuuid, dev: t::CUdevice) -> Result {
    let bytes = device(dev)?.properties.uuid();
    raw::put(uuid, t::CUuuid { bytes: bytes.map(u8::cast_signed) })
}

pub(crate) fn cuDeviceGetPCIBusId(text: *mut c_char, room: c_int, dev: t::CUdevice) -> Result {
    device(dev)?;
    raw::put_text(text, usize::try_from(room).unwrap_or(0), &Properties::pci_id())
}

pub(crate) fn cuDeviceGetByPCIBusId(out: *mut t::CUdevice, text: *const c_char) -> Result {
    driver()?;
    let text = raw::text(text)?;
    // `[domain:]bus:device[.function]`, in hexadecimal.
    let place = text.split('.').next().unwrap_or_default();
    let words: Option<Vec<u32>> = place.split(':').map(|word| u32::from_str_radix(word, 16).ok()).collect();
    let here = match words.as_deref() {
        Some([domain, bus, device]) => [*domain, *bus, *device] == PCI,
        Some([bus, device]) => [0, *bus, *device] == PCI,
        _ => return Err(Error::INVALID_VALUE),
    };
    if here { raw::put(out, 0) } else { Err(Error::INVALID_DEVICE) }
}

pub(crate) fn cuDeviceGetTexture1DLinearMaxWidth(
    width: *mut usize,
    format: t::CUarray_format,
    channels: c_uint,
    dev: t::CUdevice,
) -> Result {
    let elements =
        device(dev)?.properties.attribute(t::CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH)?;
    crate::array::element(format, channels)?;
    raw::put(width, usize::try_from(elements).unwrap_or(0))
}

pub(crate) fn cuDeviceGetExecAffinitySupport(
    value: *mut c_int,
    _: t::CUexecAffinityType,
    dev: t::CUdevice,
) -> Result {
    device(dev)?;
    raw::put(value, 0)
}

pub(crate) fn cuDeviceGetHostAtomicCapabilities(
    capabilities: *mut c_uint,
    operations: *const t::CUatomicOperation,
    count: c_uint,
    dev: t::CUdevice,
) -> Result {
    device(dev)?;
    let operations = raw::list(operations, count as usize)?;
    // Host memory is the device's own: every atomic there is a CPU's, of any width.
    let all = t::CU_ATOMIC_CAPABILITY_SIGNED
        | t::CU_ATOMIC_CAPABILITY_UNSIGNED
        | t::CU_ATOMIC_CAPABILITY_SCALAR_32
        | t::CU_ATOMIC_CAPABILITY_SCALAR_64;
    raw::put_list(capabilities, &vec![all; operations.len()])
}
