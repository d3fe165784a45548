//! Memory pools.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cuferry_driver::types as t;

use super::device::device;
use super::memory::allocate_async;
use crate::driver::{Driver, driver};
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::handle::{Object as _, find, fresh};
use crate::pool::Pool;
use crate::raw;
use crate::stream::{Default, resolve};

impl Driver {
    /// The pool that the device came with.
    fn default_pool(&self) -> Arc<Pool> {
        Arc::clone(self.pools.0.get_or_init(make))
    }

    /// The pool that `cuMemAllocAsync` takes from.
    fn current_pool(&self) -> Arc<Pool> {
        let set = self.pools.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        set.unwrap_or_else(|| self.default_pool())
    }
}

fn make() -> Arc<Pool> {
    make_limited(0)
}

fn make_limited(most: u64) -> Arc<Pool> {
    let pool = Arc::new(Pool::new(fresh(), most));
    Pool::handles().insert(pool.number, Arc::clone(&pool));
    pool
}

pub(crate) fn cuDeviceGetDefaultMemPool(out: *mut t::CUmemoryPool, dev: t::CUdevice) -> Result {
    raw::put(out, device(dev)?.default_pool().number as t::CUmemoryPool)
}

pub(crate) fn cuDeviceGetMemPool(out: *mut t::CUmemoryPool, dev: t::CUdevice) -> Result {
    raw::put(out, device(dev)?.current_pool().number as t::CUmemoryPool)
}

pub(crate) fn cuDeviceSetMemPool(dev: t::CUdevice, pool: t::CUmemoryPool) -> Result {
    let driver = device(dev)?;
    let pool = find::<Pool>(pool).map_err(|_| Error::INVALID_VALUE)?;
    *driver.pools.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(pool);
    Ok(())
}

pub(crate) fn cuMemPoolCreate(out: *mut t::CUmemoryPool, properties: *const t::CUmemPoolProps) -> Result {
    driver()?;
    let properties = raw::get(properties)?;
    if properties.allocType != t::CU_MEM_ALLOCATION_TYPE_PINNED {
        return Err(Error::INVALID_VALUE);
    }
    if properties.handleTypes != t::CU_MEM_HANDLE_TYPE_NONE {
        return Err(refused("cuMemPoolCreate with handles for other processes"));
    }
    if properties.location.type_ != t::CU_MEM_LOCATION_TYPE_DEVICE {
        return Err(refused("cuMemPoolCreate in host memory"));
    }
    raw::put(out, make_limited(properties.maxSize as u64).number as t::CUmemoryPool)
}

pub(crate) fn cuMemPoolDestroy(raw: t::CUmemoryPool) -> Result {
    let driver = driver()?;
    let pool = find::<Pool>(raw).map_err(|_| Error::INVALID_VALUE)?;
    if Arc::ptr_eq(&pool, &driver.default_pool()) {
        return Err(Error::INVALID_VALUE);
    }
    Pool::handles().remove(pool.number);
    let mut current = driver.pools.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &pool)) {
        *current = None;
    }
    Ok(())
}

pub(crate) fn cuMemPoolTrimTo(raw: t::CUmemoryPool, _: usize) -> Result {
    find::<Pool>(raw).map(|_| ()).map_err(|_| Error::INVALID_VALUE)
}

pub(crate) fn cuMemPoolGetAttribute(
    raw: t::CUmemoryPool,
    attribute: t::CUmemPool_attribute,
    value: *mut c_void,
) -> Result {
    let pool = find::<Pool>(raw).map_err(|_| Error::INVALID_VALUE)?;
    match attribute {
        t::CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES
        | t::CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC
        | t::CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES => {
            let on = pool.reuse.load(Ordering::Relaxed) >> attribute & 1;
            raw::put(value.cast::<i32>(), i32::from(on != 0))
        }
        t::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD => {
            raw::put(value.cast::<u64>(), pool.threshold.load(Ordering::Relaxed))
        }
        t::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT | t::CU_MEMPOOL_ATTR_USED_MEM_CURRENT => {
            raw::put(value.cast::<u64>(), pool.used())
        }
        t::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH | t::CU_MEMPOOL_ATTR_USED_MEM_HIGH => {
            raw::put(value.cast::<u64>(), pool.high())
        }
        _ => Err(Error::INVALID_VALUE),
    }
}

pub(crate) fn cuMemPoolSetAttribute(
    raw: t::CUmemoryPool,
    attribute: t::CUmemPool_attribute,
    value: *mut c_void,
) -> Result {
    let pool = find::<Pool>(raw).map_err(|_| Error::INVALID_VALUE)?;
    match attribute {
        t::CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES
        | t::CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC
        | t::CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES => {
            let bit = 1 << attribute;
            if raw::get(value.cast::<i32>())? != 0 {
                pool.reuse.fetch_or(bit, Ordering::Relaxed);
            } else {
                pool.reuse.fetch_and(!bit, Ordering::Relaxed);
            }
            Ok(())
        }
        t::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD => {
            pool.threshold.store(raw::get(value.cast::<u64>())?, Ordering::Relaxed);
            Ok(())
        }
        t::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH | t::CU_MEMPOOL_ATTR_USED_MEM_HIGH
            if raw::get(value.cast::<u64>())? == 0 =>
        {
            pool.reset_high();
            Ok(())
        }
        _ => Err(Error::INVALID_VALUE),
    }
}

pub(crate) fn cuMemPoolSetAccess(
    raw: t::CUmemoryPool,
    list: *const t::CUmemAccessDesc,
    count: usize,
) -> Result {
    find::<Pool>(raw).map_err(|_| Error::INVALID_VALUE)?;
    let device = |access: &t::CUmemAccessDesc| {
        access.location.type_ == t::CU_MEM_LOCATION_TYPE_DEVICE
            && access.flags == t::CU_MEM_ACCESS_FLAGS_PROT_READWRITE
    };
    if raw::list(list, count)?.iter().all(device) { Ok(()) } else { Err(Error::INVALID_VALUE) }
}

pub(crate) fn cuMemPoolGetAccess(
    out: *mut t::CUmemAccess_flags,
    raw: t::CUmemoryPool,
    location: *mut t::CUmemLocation,
) -> Result {
    find::<Pool>(raw).map_err(|_| Error::INVALID_VALUE)?;
    let location = raw::get(location)?;
    let own = location.type_ == t::CU_MEM_LOCATION_TYPE_DEVICE;
    raw::put(out, if own { t::CU_MEM_ACCESS_FLAGS_PROT_READWRITE } else { t::CU_MEM_ACCESS_FLAGS_PROT_NONE })
}

pub(crate) fn cuMemAllocAsync(
    default: Default,
    out: *mut t::CUdeviceptr,
    size: usize,
    stream: t::CUstream,
) -> Result {
    let stream = resolve(stream, default)?;
    allocate_async(out, size, &driver()?.current_pool(), &stream)
}

pub(crate) fn cuMemAllocFromPoolAsync(
    default: Default,
    out: *mut t::CUdeviceptr,
    size: usize,
    pool: t::CUmemoryPool,
    stream: t::CUstream,
) -> Result {
    let stream = resolve(stream, default)?;
    let pool = find::<Pool>(pool).map_err(|_| Error::INVALID_VALUE)?;
    allocate_async(out, size, &pool, &stream)
}
