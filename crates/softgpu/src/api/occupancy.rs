//! How many blocks fit.

use std::ffi::{c_int, c_uint};

use cuferry_driver::types as t;

use crate::driver::driver;
use crate::error::{Error, Result};
use crate::function::{Function, resolve};
use crate::raw;

fn resident(function: &Function, block: c_int, shared: usize) -> Result<u32> {
    let driver = driver()?;
    let block = u32::try_from(block).ok().filter(|block| *block > 0).ok_or(Error::INVALID_VALUE)?;
    // Nor does a block fit whose launch would be refused (`cudaOccMaxBlocksPerSMSmemLimit` in cuda_occupancy.h).
    let shared = u32::try_from(shared).unwrap_or(u32::MAX);
    if block > function.max_threads(driver) || shared > function.dynamic_shared(driver) {
        return Ok(0);
    }
    Ok(driver.properties.resident_blocks(function, block, function.shared(driver).saturating_add(shared)))
}

pub(crate) fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    out: *mut c_int,
    function: t::CUfunction,
    block: c_int,
    shared: usize,
) -> Result {
    raw::put(out, resident(&*resolve(function)?, block, shared)?.cast_signed())
}

pub(crate) fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    out: *mut c_int,
    function: t::CUfunction,
    block: c_int,
    shared: usize,
    flags: c_uint,
) -> Result {
    if flags > t::CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE {
        return Err(Error::INVALID_VALUE);
    }
    cuOccupancyMaxActiveBlocksPerMultiprocessor(out, function, block, shared)
}

pub(crate) fn cuOccupancyAvailableDynamicSMemPerBlock(
    out: *mut usize,
    function: t::CUfunction,
    blocks: c_int,
    block: c_int,
) -> Result {
    let function = resolve(function)?;
    let blocks = u32::try_from(blocks).ok().filter(|blocks| *blocks > 0).ok_or(Error::INVALID_VALUE)?;
    resident(&function, block, 0)?;
    raw::put(out, driver()?.properties.shared_for(blocks, function.shared(driver()?)) as usize)
}

pub(crate) fn cuOccupancyMaxPotentialBlockSize(
    grid: *mut c_int,
    block: *mut c_int,
    function: t::CUfunction,
    shared_of: t::CUoccupancyB2DSize,
    shared: usize,
    limit: c_int,
) -> Result {
    cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, function, shared_of, shared, limit, 0)
}

/// The largest block with which the most threads fit: sizes are tried in steps of a warp, from the largest down.
pub(crate) fn cuOccupancyMaxPotentialBlockSizeWithFlags(
    grid: *mut c_int,
    block: *mut c_int,
    function: t::CUfunction,
    shared_of: t::CUoccupancyB2DSize,
    shared: usize,
    limit: c_int,
    _: c_uint,
) -> Result {
    let function = resolve(function)?;
    let driver = driver()?;
    let most = function.max_threads(driver).cast_signed();
    let most = if limit > 0 { most.min(limit) } else { most };
    let (mut best, mut best_threads) = ((0, 0), 0);
    for size in std::iter::once(most).chain((1..=(most - 1) / 32).rev().map(|warps| warps * 32)) {
        let shared = shared_of.map_or(shared, |shared_of| ask(shared_of, size));
        let blocks = resident(&function, size, shared)?.cast_signed();
        if blocks * size > best_threads {
            best_threads = blocks * size;
            best = (blocks, size);
        }
        if best_threads.cast_unsigned() >= driver.properties.threads_per_multiprocessor() {
            break;
        }
    }
    raw::put(grid, best.0 * driver.properties.multiprocessors.cast_signed())?;
    raw::put(block, best.1)
}

#[expect(unsafe_code, reason = "the program's function is called")]
fn ask(function: unsafe extern "C" fn(c_int) -> usize, block: c_int) -> usize {
    // SAFETY: the program gave it to be called with a block's size.
    unsafe { function(block) }
}

pub(crate) fn cuOccupancyMaxPotentialClusterSize(
    out: *mut c_int,
    function: t::CUfunction,
    config: *const t::CUlaunchConfig,
) -> Result {
    resolve(function)?;
    raw::get(config)?;
    raw::put(out, driver()?.properties.max_cluster.cast_signed())
}

pub(crate) fn cuOccupancyMaxActiveClusters(
    out: *mut c_int,
    function: t::CUfunction,
    config: *const t::CUlaunchConfig,
) -> Result {
    let function = resolve(function)?;
    let config = raw::get(config)?;
    let attributes = raw::list(config.attrs.cast_const(), config.numAttrs as usize)?;
    let wanted = super::launch::Wanted::read(&attributes)?;
    let cluster: u32 = wanted.cluster.or(function.facts().cluster).unwrap_or([1; 3]).iter().product();
    let threads = config.blockDimX * config.blockDimY * config.blockDimZ;
    let blocks = resident(&function, threads.cast_signed(), config.sharedMemBytes as usize)?;
    let properties = &driver()?.properties;
    if cluster == 0 || cluster > properties.max_cluster {
        return Err(Error(t::CUDA_ERROR_INVALID_CLUSTER_SIZE));
    }
    raw::put(out, (blocks * properties.multiprocessors / cluster).cast_signed())
}
