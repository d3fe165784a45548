//! Functions.

use std::ffi::{c_char, c_int};
use std::sync::atomic::Ordering;

use cuferry_driver::types as t;

use crate::error::{Error, Result};
use crate::function::{Function, resolve};
use crate::handle::find;
use crate::raw;

pub(crate) fn cuFuncGetAttribute(
    out: *mut c_int,
    attribute: t::CUfunction_attribute,
    function: t::CUfunction,
) -> Result {
    raw::put(out, resolve(function)?.attribute(attribute)?)
}

pub(crate) fn cuFuncSetAttribute(
    function: t::CUfunction,
    attribute: t::CUfunction_attribute,
    value: c_int,
) -> Result {
    resolve(function)?.set_attribute(attribute, value)
}

pub(crate) fn set_cache(function: &Function, config: t::CUfunc_cache) -> Result {
    if config > t::CU_FUNC_CACHE_PREFER_EQUAL {
        return Err(Error::INVALID_VALUE);
    }
    function.options.cache.store(config, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn cuFuncSetCacheConfig(function: t::CUfunction, config: t::CUfunc_cache) -> Result {
    set_cache(&*resolve(function)?, config)
}

/// Shared memory has no banks here.
pub(crate) fn cuFuncSetSharedMemConfig(function: t::CUfunction, config: t::CUsharedconfig) -> Result {
    resolve(function)?;
    if config > t::CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE { Err(Error::INVALID_VALUE) } else { Ok(()) }
}

pub(crate) fn cuFuncGetName(out: *mut *const c_char, function: t::CUfunction) -> Result {
    raw::put(out, resolve(function)?.c_name())
}

pub(crate) fn parameter(function: &Function, index: usize, offset: *mut usize, size: *mut usize) -> Result {
    let parameter = function.facts().parameters.get(index).ok_or(Error::INVALID_VALUE)?;
    raw::put(offset, parameter.offset as usize)?;
    raw::put_if(size, parameter.size as usize);
    Ok(())
}

/// A kernel is no function here, unlike elsewhere: NVIDIA's driver tells them apart, too.
pub(crate) fn cuFuncGetParamInfo(
    function: t::CUfunction,
    index: usize,
    offset: *mut usize,
    size: *mut usize,
) -> Result {
    parameter(&*find::<Function>(function)?, index, offset, size)
}

pub(crate) fn cuFuncGetParamCount(function: t::CUfunction, count: *mut usize) -> Result {
    raw::put(count, find::<Function>(function)?.facts().parameters.len())
}

pub(crate) fn cuFuncIsLoaded(state: *mut t::CUfunctionLoadingState, function: t::CUfunction) -> Result {
    resolve(function)?;
    raw::put(state, t::CU_FUNCTION_LOADING_STATE_LOADED)
}

pub(crate) fn cuFuncLoad(function: t::CUfunction) -> Result {
    resolve(function).map(|_| ())
}
