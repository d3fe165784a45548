//! Page-locked host memory.

use std::ffi::{c_uint, c_void};

use cuferry_driver::types as t;

use crate::context::current;
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, What};
use crate::raw;

pub(crate) fn cuMemAllocHost_v2(out: *mut *mut c_void, size: usize) -> Result {
    cuMemHostAlloc(out, size, 0)
}

pub(crate) fn cuMemHostAlloc(out: *mut *mut c_void, size: usize, flags: c_uint) -> Result {
    let context = current()?;
    let known = t::CU_MEMHOSTALLOC_PORTABLE | t::CU_MEMHOSTALLOC_DEVICEMAP | t::CU_MEMHOSTALLOC_WRITECOMBINED;
    if size == 0 || out.is_null() || flags & !known != 0 {
        return Err(Error::INVALID_VALUE);
    }
    let driver = driver()?;
    // With unified addressing all of it is mapped, asked for or not.
    let what = What::Pinned(flags | t::CU_MEMHOSTALLOC_DEVICEMAP);
    let address = driver.ledger.allocate(&driver.memory, context.number, size as u64, what)?;
    raw::put(out, address as *mut c_void)
}

pub(crate) fn cuMemFreeHost(pointer: *mut c_void) -> Result {
    let context = current()?;
    if pointer.is_null() {
        return Ok(());
    }
    let driver = driver()?;
    let pinned = |block: &crate::ledger::Block| matches!(block.what, What::Pinned(_));
    let known = driver.ledger.find(pointer as u64);
    if !known.is_some_and(|block| block.address == pointer as u64 && pinned(&block)) {
        return Err(Error::INVALID_VALUE);
    }
    let health = context.synchronize();
    if let Some(block) = driver.ledger.take(pointer as u64, pinned) {
        Ledger::release(&driver.memory, &block);
    }
    health
}

pub(crate) fn cuMemHostRegister_v2(pointer: *mut c_void, size: usize, flags: c_uint) -> Result {
    let context = current()?;
    let known = t::CU_MEMHOSTREGISTER_PORTABLE
        | t::CU_MEMHOSTREGISTER_DEVICEMAP
        | t::CU_MEMHOSTREGISTER_IOMEMORY
        | t::CU_MEMHOSTREGISTER_READ_ONLY;
    if pointer.is_null() || size == 0 || flags & !known != 0 {
        return Err(Error::INVALID_VALUE);
    }
    if flags & t::CU_MEMHOSTREGISTER_IOMEMORY != 0 {
        return Err(crate::entry::refused("cuMemHostRegister with memory of another device"));
    }
    let driver = driver()?;
    let flags = flags | t::CU_MEMHOSTREGISTER_DEVICEMAP;
    driver.ledger.register(&driver.memory, context.number, pointer as u64, size as u64, flags)
}

pub(crate) fn cuMemHostUnregister(pointer: *mut c_void) -> Result {
    let context = current()?;
    let driver = driver()?;
    let registered = |block: &crate::ledger::Block| matches!(block.what, What::Registered(_));
    match driver.ledger.find(pointer as u64) {
        Some(block) if registered(&block) && block.address == pointer as u64 => {}
        _ => return Err(Error::HOST_MEMORY_NOT_REGISTERED),
    }
    let health = context.synchronize();
    if let Some(block) = driver.ledger.take(pointer as u64, registered) {
        Ledger::release(&driver.memory, &block);
    }
    health
}

pub(crate) fn cuMemHostGetDevicePointer_v2(
    out: *mut t::CUdeviceptr,
    pointer: *mut c_void,
    flags: c_uint,
) -> Result {
    current()?;
    let block = driver()?.ledger.find(pointer as u64).filter(crate::ledger::Block::is_host);
    if flags != 0 || block.is_none() {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(out, pointer as u64)
}

pub(crate) fn cuMemHostGetFlags(out: *mut c_uint, pointer: *mut c_void) -> Result {
    current()?;
    match driver()?.ledger.find(pointer as u64).map(|block| block.what) {
        Some(What::Pinned(flags)) => raw::put(out, flags),
        Some(What::Registered(flags)) => raw::put(out, flags & 0b11),
        _ => Err(Error::INVALID_VALUE),
    }
}
