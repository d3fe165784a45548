//! Device and managed memory.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::context::current;
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::hints::{Hint, Hints, Place};
use crate::ledger::{Ledger, What, covers};
use crate::operation::Operation;
use crate::raw;
use crate::stream::{Default, resolve};

pub(crate) fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Result {
    current()?;
    let usage = driver()?.memory.usage();
    raw::put_if(free, usize::try_from(usage.limit.saturating_sub(usage.bytes)).unwrap_or(usize::MAX));
    raw::put_if(total, usize::try_from(usage.limit).unwrap_or(usize::MAX));
    Ok(())
}

fn allocate(out: *mut t::CUdeviceptr, size: usize, what: What) -> Result {
    let context = current()?;
    super::stream_capture::refuse_unsafe()?;
    if size == 0 || out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let driver = driver()?;
    raw::put(out, driver.ledger.allocate(&driver.memory, context.number, size as u64, what)?)
}

pub(crate) fn cuMemAlloc_v2(out: *mut t::CUdeviceptr, size: usize) -> Result {
    allocate(out, size, What::Device)
}

pub(crate) fn cuMemAllocPitch_v2(
    out: *mut t::CUdeviceptr,
    pitch: *mut usize,
    width: usize,
    height: usize,
    element: c_uint,
) -> Result {
    if !matches!(element, 4 | 8 | 16) || width == 0 || height == 0 {
        return Err(Error::INVALID_VALUE);
    }
    let row = width.checked_next_multiple_of(512).ok_or(Error::INVALID_VALUE)?;
    cuMemAlloc_v2(out, row.checked_mul(height).ok_or(Error::OUT_OF_MEMORY)?)?;
    raw::put(pitch, row)
}

pub(crate) fn cuMemAllocManaged(out: *mut t::CUdeviceptr, size: usize, flags: c_uint) -> Result {
    if !matches!(flags, t::CU_MEM_ATTACH_GLOBAL | t::CU_MEM_ATTACH_HOST) {
        return Err(Error::INVALID_VALUE);
    }
    allocate(out, size, What::Managed(Arc::default()))
}

pub(crate) fn cuMemFree_v2(address: t::CUdeviceptr) -> Result {
    let context = current()?;
    if address == 0 {
        return Ok(());
    }
    let driver = driver()?;
    let block = driver.ledger.find(address).filter(|block| block.address == address && !block.is_host());
    let block = block.ok_or(Error::INVALID_VALUE)?;
    if matches!(block.what, What::Array) {
        return Err(Error::INVALID_VALUE);
    }
    // As on a GPU, nothing that still runs loses its memory.
    let health = context.synchronize();
    if let What::Graph(live) = &block.what {
        live.store(false, std::sync::atomic::Ordering::Release);
        return health;
    }
    if let Some(block) = driver.ledger.take(address, |_| true) {
        Ledger::release(&driver.memory, &block);
    }
    health
}

pub(crate) fn cuMemFreeAsync(default: Default, address: t::CUdeviceptr, stream: t::CUstream) -> Result {
    let stream = resolve(stream, default)?;
    if address == 0 {
        return Ok(());
    }
    let block = driver()?.ledger.find(address);
    let block =
        block.filter(|block| block.address == address && !block.is_host()).ok_or(Error::INVALID_VALUE)?;
    if matches!(block.what, What::Array | What::Managed(_)) {
        return Err(Error::INVALID_VALUE);
    }
    stream.submit(Operation::Free(address)).map(|_| ())
}

pub(crate) fn cuMemGetAddressRange_v2(
    base: *mut t::CUdeviceptr,
    size: *mut usize,
    address: t::CUdeviceptr,
) -> Result {
    current()?;
    let found = driver()?.memory.find(address).filter(|found| !found.freed).ok_or(Error::NOT_FOUND)?;
    raw::put_if(base, found.address);
    raw::put_if(size, usize::try_from(found.size).unwrap_or(usize::MAX));
    Ok(())
}

/// Whether a range is managed memory, or anything else that hints may be given about: then what keeps them, if anything
/// does, for variables are only known to be some module's.
fn managed(address: u64, size: usize) -> Result<Option<Arc<Hints>>> {
    let driver = driver()?;
    let hints = driver.ledger.find(address).and_then(|block| match block.what {
        What::Managed(hints) => Some(hints),
        _ => None,
    });
    let is_managed = hints.is_some()
        || driver.memory.find(address).is_some_and(|found| found.kind == cuferry_simt::Kind::Global);
    if size > 0 && is_managed && covers(&driver.memory, address, size as u64) {
        Ok(hints)
    } else {
        Err(Error::INVALID_VALUE)
    }
}

fn hint(address: u64, size: usize, hint: Hint) -> Result {
    if let Some(hints) = managed(address, size)? {
        hints.say(address..address + size as u64, hint);
    }
    Ok(())
}

/// The place that a device's number says; CU_DEVICE_CPU is -1.
fn place(device: t::CUdevice) -> Result<Place> {
    match device {
        0 => Ok(Place { kind: t::CU_MEM_LOCATION_TYPE_DEVICE, id: 0 }),
        -1 => Ok(Place { kind: t::CU_MEM_LOCATION_TYPE_HOST, id: 0 }),
        _ => Err(Error::INVALID_DEVICE),
    }
}

#[expect(unsafe_code, reason = "a C union is read")]
fn place_of(location: t::CUmemLocation) -> Result<Place> {
    // SAFETY: every member is plain data.
    let id = unsafe { location.__bindgen_anon_1.id };
    match location.type_ {
        t::CU_MEM_LOCATION_TYPE_DEVICE if id != 0 => Err(Error::INVALID_DEVICE),
        t::CU_MEM_LOCATION_TYPE_DEVICE
        | t::CU_MEM_LOCATION_TYPE_HOST
        | t::CU_MEM_LOCATION_TYPE_HOST_NUMA
        | t::CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT => Ok(Place { kind: location.type_, id }),
        _ => Err(Error::INVALID_VALUE),
    }
}

fn advise(address: u64, size: usize, advice: t::CUmem_advise, place: impl Fn() -> Result<Place>) -> Result {
    let advice = match advice {
        t::CU_MEM_ADVISE_SET_READ_MOSTLY => Hint::ReadMostly(true),
        t::CU_MEM_ADVISE_UNSET_READ_MOSTLY => Hint::ReadMostly(false),
        t::CU_MEM_ADVISE_SET_PREFERRED_LOCATION => Hint::Preferred(Some(place()?)),
        t::CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION => Hint::Preferred(None),
        // The host reaches everything anyway.
        t::CU_MEM_ADVISE_SET_ACCESSED_BY | t::CU_MEM_ADVISE_UNSET_ACCESSED_BY
            if place()?.kind != t::CU_MEM_LOCATION_TYPE_DEVICE =>
        {
            return managed(address, size).map(|_| ());
        }
        t::CU_MEM_ADVISE_SET_ACCESSED_BY => Hint::Reached(true),
        t::CU_MEM_ADVISE_UNSET_ACCESSED_BY => Hint::Reached(false),
        _ => return Err(Error::INVALID_VALUE),
    };
    hint(address, size, advice)
}

pub(crate) fn cuMemAdvise(
    address: t::CUdeviceptr,
    size: usize,
    advice: t::CUmem_advise,
    device: t::CUdevice,
) -> Result {
    current()?;
    advise(address, size, advice, || place(device))
}

pub(crate) fn cuMemAdvise_v2(
    address: t::CUdeviceptr,
    size: usize,
    advice: t::CUmem_advise,
    location: t::CUmemLocation,
) -> Result {
    current()?;
    advise(address, size, advice, || place_of(location))
}

fn prefetch(
    default: Default,
    address: t::CUdeviceptr,
    size: usize,
    place: Place,
    stream: t::CUstream,
) -> Result {
    let stream = resolve(stream, default)?;
    hint(address, size, Hint::Brought(Some(place)))?;
    stream.submit(Operation::Empty).map(|_| ())
}

pub(crate) fn cuMemPrefetchAsync(
    default: Default,
    address: t::CUdeviceptr,
    size: usize,
    device: t::CUdevice,
    stream: t::CUstream,
) -> Result {
    prefetch(default, address, size, place(device)?, stream)
}

pub(crate) fn cuMemPrefetchAsync_v2(
    default: Default,
    address: t::CUdeviceptr,
    size: usize,
    location: t::CUmemLocation,
    flags: c_uint,
    stream: t::CUstream,
) -> Result {
    if flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    prefetch(default, address, size, place_of(location)?, stream)
}

/// What the attributes say of a place: a device's number, where it is one (else CU_DEVICE_CPU, or CU_DEVICE_INVALID), its
/// type, and its number in that type.
fn told(place: Option<Place>) -> [i32; 3] {
    match place {
        None => [-2, t::CU_MEM_LOCATION_TYPE_INVALID.cast_signed(), -2],
        Some(place) => {
            let device = match place.kind {
                t::CU_MEM_LOCATION_TYPE_DEVICE => place.id,
                t::CU_MEM_LOCATION_TYPE_HOST => -1,
                _ => -2,
            };
            [device, place.kind.cast_signed(), place.id]
        }
    }
}

pub(crate) fn cuMemRangeGetAttribute(
    data: *mut c_void,
    size: usize,
    attribute: t::CUmem_range_attribute,
    address: t::CUdeviceptr,
    length: usize,
) -> Result {
    current()?;
    let hints = managed(address, length)?;
    let range = address..address + length as u64;
    let over = |otherwise| hints.as_ref().map_or(otherwise, |hints| hints.over(range.clone(), otherwise));
    let preferred = || match over(Hint::Preferred(None)) {
        Hint::Preferred(place) => told(place),
        _ => told(None),
    };
    let brought = || match over(Hint::Brought(None)) {
        Hint::Brought(place) => told(place),
        _ => told(None),
    };
    if attribute == t::CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY {
        if size < 4 || !size.is_multiple_of(4) {
            return Err(Error::INVALID_VALUE);
        }
        let mut devices = vec![-2; size / 4];
        if over(Hint::Reached(false)) == Hint::Reached(true) {
            devices[0] = 0;
        }
        return raw::put_list(data.cast::<i32>(), &devices);
    }
    let value = match attribute {
        _ if size != 4 => return Err(Error::INVALID_VALUE),
        t::CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY => {
            i32::from(over(Hint::ReadMostly(false)) == Hint::ReadMostly(true))
        }
        t::CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION => preferred()[0],
        t::CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE => preferred()[1],
        t::CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID => preferred()[2],
        t::CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION => brought()[0],
        t::CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE => brought()[1],
        t::CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID => brought()[2],
        _ => return Err(Error::INVALID_VALUE),
    };
    raw::put(data.cast::<i32>(), value)
}

pub(crate) fn cuMemRangeGetAttributes(
    data: *mut *mut c_void,
    sizes: *mut usize,
    attributes: *mut t::CUmem_range_attribute,
    count: usize,
    address: t::CUdeviceptr,
    length: usize,
) -> Result {
    let data = raw::list(data.cast_const(), count)?;
    let sizes = raw::list(sizes.cast_const(), count)?;
    let attributes = raw::list(attributes.cast_const(), count)?;
    for ((data, size), attribute) in data.into_iter().zip(sizes).zip(attributes) {
        cuMemRangeGetAttribute(data, size, attribute, address, length)?;
    }
    Ok(())
}

pub(crate) fn cuMemGetAllocationGranularity(
    out: *mut usize,
    _: *const t::CUmemAllocationProp,
    _: t::CUmemAllocationGranularity_flags,
) -> Result {
    driver()?;
    raw::put(out, 2 << 20)
}

/// For a pool's allocations: one that a graph captures becomes a node of it.
pub(crate) fn allocate_async(
    out: *mut t::CUdeviceptr,
    size: usize,
    pool: &Arc<crate::pool::Pool>,
    stream: &Arc<crate::stream::Stream>,
) -> Result {
    if size == 0 || out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let driver = driver()?;
    let context = stream.context()?.number;
    if let Some(capture) = stream.capturing()? {
        let memory = crate::graph::GraphMemory::allocate(context, size as u64)?;
        raw::put(out, memory.address)?;
        return capture.append(stream, Operation::Allocate(memory));
    }
    if !pool.take(size as u64) {
        return Err(Error::OUT_OF_MEMORY);
    }
    let what = What::Pooled(Arc::clone(pool));
    let address = driver
        .ledger
        .allocate(&driver.memory, context, size as u64, what)
        .inspect_err(|_| pool.give(size as u64))?;
    raw::put(out, address)
}
