//! What pointers point to.

use std::ffi::{c_uint, c_void};

use cuferry_driver::types as t;
use cuferry_simt::Kind;

use crate::context::current;
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::ledger::{Block, What};
use crate::raw;

/// What is known of the memory that an address lies in.
struct Known {
    start: u64,
    size: u64,
    kind: Kind,
    block: Option<Block>,
}

fn known(address: u64) -> Result<Option<Known>> {
    let driver = driver()?;
    let found = driver.memory.find(address).filter(|found| !found.freed);
    let found = found.filter(|found| !matches!(found.kind, Kind::Window | Kind::Heap | Kind::Constant));
    let block = driver.ledger.find(address).filter(|block| !matches!(block.what, What::Array));
    Ok(found.map(|found| Known { start: found.address, size: found.size, kind: found.kind, block }))
}

pub(crate) fn cuPointerGetAttribute(
    data: *mut c_void,
    attribute: t::CUpointer_attribute,
    address: t::CUdeviceptr,
) -> Result {
    current()?;
    if data.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let known = known(address)?.ok_or(Error::INVALID_VALUE)?;
    answer(data, attribute, address, &known)
}

/// For memory that is not known each attribute has a value that says so.
pub(crate) fn cuPointerGetAttributes(
    count: c_uint,
    attributes: *mut t::CUpointer_attribute,
    data: *mut *mut c_void,
    address: t::CUdeviceptr,
) -> Result {
    current()?;
    let attributes = raw::list(attributes.cast_const(), count as usize)?;
    let data = raw::list(data.cast_const(), count as usize)?;
    let known = known(address)?;
    for (attribute, data) in attributes.into_iter().zip(data) {
        match &known {
            Some(known) => {
                if answer(data, attribute, address, known).is_err() {
                    nothing(data, attribute)?;
                }
            }
            None => nothing(data, attribute)?,
        }
    }
    Ok(())
}

#[expect(clippy::match_same_arms, reason = "a table")]
fn answer(data: *mut c_void, attribute: t::CUpointer_attribute, address: u64, known: &Known) -> Result {
    let context = known.block.as_ref().map(|block| block.context);
    let host = matches!(known.kind, Kind::Pinned | Kind::Registered);
    let managed = known.kind == Kind::Managed;
    match attribute {
        t::CU_POINTER_ATTRIBUTE_CONTEXT => {
            let context = context.map_or_else(|| current().map(|context| context.number), Ok)?;
            raw::put(data.cast::<t::CUcontext>(), context as t::CUcontext)
        }
        t::CU_POINTER_ATTRIBUTE_MEMORY_TYPE => {
            let kind = if host { t::CU_MEMORYTYPE_HOST } else { t::CU_MEMORYTYPE_DEVICE };
            raw::put(data.cast::<t::CUmemorytype>(), kind)
        }
        t::CU_POINTER_ATTRIBUTE_DEVICE_POINTER => raw::put(data.cast::<u64>(), address),
        t::CU_POINTER_ATTRIBUTE_HOST_POINTER if host || managed => raw::put(data.cast::<u64>(), address),
        t::CU_POINTER_ATTRIBUTE_SYNC_MEMOPS => raw::put(data.cast::<i32>(), 0),
        t::CU_POINTER_ATTRIBUTE_BUFFER_ID => {
            raw::put(data.cast::<u64>(), known.block.as_ref().map_or(known.start, |block| block.number))
        }
        t::CU_POINTER_ATTRIBUTE_IS_MANAGED => raw::put(data.cast::<u32>(), u32::from(managed)),
        t::CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL => raw::put(data.cast::<i32>(), 0),
        t::CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE
        | t::CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE => raw::put(data.cast::<i32>(), 0),
        t::CU_POINTER_ATTRIBUTE_RANGE_START_ADDR => raw::put(data.cast::<u64>(), known.start),
        t::CU_POINTER_ATTRIBUTE_RANGE_SIZE => raw::put(data.cast::<u64>(), known.size),
        t::CU_POINTER_ATTRIBUTE_MAPPED => raw::put(data.cast::<i32>(), 1),
        t::CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES => raw::put(data.cast::<u64>(), 0),
        t::CU_POINTER_ATTRIBUTE_ACCESS_FLAGS => {
            raw::put(data.cast::<u64>(), t::CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE.into())
        }
        t::CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE => {
            let pool = match known.block.as_ref().map(|block| &block.what) {
                Some(What::Pooled(pool)) => pool.number,
                _ => 0,
            };
            raw::put(data.cast::<u64>(), pool as u64)
        }
        t::CU_POINTER_ATTRIBUTE_MAPPING_SIZE => raw::put(data.cast::<u64>(), known.size),
        t::CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR => raw::put(data.cast::<u64>(), known.start),
        t::CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID => raw::put(data.cast::<u64>(), known.start),
        _ => Err(Error::INVALID_VALUE),
    }
}

fn nothing(data: *mut c_void, attribute: t::CUpointer_attribute) -> Result {
    match attribute {
        t::CU_POINTER_ATTRIBUTE_MEMORY_TYPE
        | t::CU_POINTER_ATTRIBUTE_SYNC_MEMOPS
        | t::CU_POINTER_ATTRIBUTE_IS_MANAGED
        | t::CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE
        | t::CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE
        | t::CU_POINTER_ATTRIBUTE_MAPPED => raw::put(data.cast::<u32>(), 0),
        // CU_DEVICE_INVALID.
        t::CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL => raw::put(data.cast::<i32>(), -2),
        _ if attribute <= t::CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID => raw::put(data.cast::<u64>(), 0),
        _ => Err(Error::INVALID_VALUE),
    }
}

/// Copies wait where they have to; being asked to wait always changes nothing.
pub(crate) fn cuPointerSetAttribute(
    value: *const c_void,
    attribute: t::CUpointer_attribute,
    address: t::CUdeviceptr,
) -> Result {
    current()?;
    raw::get(value.cast::<u32>())?;
    known(address)?.ok_or(Error::INVALID_VALUE)?;
    if attribute == t::CU_POINTER_ATTRIBUTE_SYNC_MEMOPS { Ok(()) } else { Err(Error::INVALID_VALUE) }
}
