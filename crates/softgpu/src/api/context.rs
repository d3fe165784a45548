//! Contexts.

use std::ffi::{c_int, c_uint, c_ulonglong};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cuferry_driver::types as t;

use super::device::device;
use crate::capture::Capture;
use crate::context::{Context, current, current_if_any, named, pop_current, push_current, set_current};
use crate::driver::{Primary, driver};
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::handle::{Object as _, find, take};
use crate::module::Library;
use crate::operation::Operation;
use crate::raw;

/// The primary context, in use or not.
pub(crate) fn primary(dev: t::CUdevice) -> Result<Arc<Context>> {
    let driver = device(dev)?;
    Ok(primary_of(&mut driver.primary()))
}

fn primary_of(primary: &mut Primary) -> Arc<Context> {
    let make = || {
        let context = Context::create(true, 0);
        context.reset();
        context
    };
    Arc::clone(primary.context.get_or_insert_with(make))
}

pub(crate) fn cuDevicePrimaryCtxRetain(out: *mut t::CUcontext, dev: t::CUdevice) -> Result {
    let mut primary = device(dev)?.primary();
    let context = primary_of(&mut primary);
    if primary.retained == 0 || !context.is_alive() {
        context.revive(primary.flags);
    }
    primary.retained += 1;
    raw::put(out, context.handle())
}

pub(crate) fn cuDevicePrimaryCtxRelease(dev: t::CUdevice) -> Result {
    cuDevicePrimaryCtxRelease_v2(dev)
}

pub(crate) fn cuDevicePrimaryCtxRelease_v2(dev: t::CUdevice) -> Result {
    let context = {
        let mut primary = device(dev)?.primary();
        primary.retained = primary.retained.checked_sub(1).ok_or(Error::INVALID_CONTEXT)?;
        if primary.retained > 0 {
            return Ok(());
        }
        primary.context.clone()
    };
    // Without the lock: the runtime's destructors call back.
    if let Some(context) = context {
        context.reset();
    }
    Ok(())
}

pub(crate) fn cuDevicePrimaryCtxReset(dev: t::CUdevice) -> Result {
    cuDevicePrimaryCtxReset_v2(dev)
}

pub(crate) fn cuDevicePrimaryCtxReset_v2(dev: t::CUdevice) -> Result {
    let (context, retained, flags) = {
        let primary = device(dev)?.primary();
        (primary.context.clone(), primary.retained, primary.flags)
    };
    if let Some(context) = context {
        context.reset();
        // The libraries stay. Of their variables there is one here for all contexts, which begins anew with this one.
        for library in Library::handles().all() {
            library.loaded.start_anew()?;
        }
        if retained > 0 {
            context.revive(flags);
        }
    }
    Ok(())
}

pub(crate) fn cuDevicePrimaryCtxGetState(dev: t::CUdevice, flags: *mut c_uint, active: *mut c_int) -> Result {
    let primary = device(dev)?.primary();
    raw::put(flags, primary.flags)?;
    raw::put(active, c_int::from(primary.retained > 0))
}

pub(crate) fn cuDevicePrimaryCtxSetFlags(dev: t::CUdevice, flags: c_uint) -> Result {
    cuDevicePrimaryCtxSetFlags_v2(dev, flags)
}

pub(crate) fn cuDevicePrimaryCtxSetFlags_v2(dev: t::CUdevice, flags: c_uint) -> Result {
    let mut primary = device(dev)?.primary();
    primary.flags = checked(flags)?;
    if let Some(context) = &primary.context {
        context.flags.store(flags, Ordering::Relaxed);
    }
    Ok(())
}

/// Flags that exist: one way to wait, and the rest.
fn checked(flags: c_uint) -> Result<c_uint> {
    let way = flags & t::CU_CTX_SCHED_MASK;
    let one = matches!(
        way,
        t::CU_CTX_SCHED_AUTO | t::CU_CTX_SCHED_SPIN | t::CU_CTX_SCHED_YIELD | t::CU_CTX_SCHED_BLOCKING_SYNC
    );
    if one && flags & !t::CU_CTX_FLAGS_MASK == 0 { Ok(flags) } else { Err(Error::INVALID_VALUE) }
}

pub(crate) fn cuCtxCreate_v2(out: *mut t::CUcontext, flags: c_uint, dev: t::CUdevice) -> Result {
    device(dev)?;
    let context = Context::create(false, checked(flags)?);
    push_current(&context);
    raw::put(out, context.handle())
}

pub(crate) fn cuCtxCreate_v3(
    out: *mut t::CUcontext,
    _: *mut t::CUexecAffinityParam,
    count: c_int,
    flags: c_uint,
    dev: t::CUdevice,
) -> Result {
    if count != 0 {
        return Err(refused("cuCtxCreate_v3 with an execution affinity"));
    }
    cuCtxCreate_v2(out, flags, dev)
}

pub(crate) fn cuCtxCreate_v4(
    out: *mut t::CUcontext,
    parameters: *mut t::CUctxCreateParams,
    flags: c_uint,
    dev: t::CUdevice,
) -> Result {
    if !parameters.is_null() {
        let parameters = raw::get(parameters)?;
        if parameters.numExecAffinityParams != 0 || !parameters.cigParams.is_null() {
            return Err(refused("cuCtxCreate_v4 with an execution affinity or a graphics queue"));
        }
    }
    cuCtxCreate_v2(out, flags, dev)
}

pub(crate) fn cuCtxDestroy_v2(raw: t::CUcontext) -> Result {
    driver()?;
    let context = find::<Context>(raw).map_err(|_| Error::INVALID_CONTEXT)?;
    if context.primary {
        return Err(Error::INVALID_CONTEXT);
    }
    context.reset();
    take::<Context>(raw)?;
    if current_if_any()?.is_none() {
        // It was on top of this thread's stack.
        let _ = pop_current();
    }
    Ok(())
}

pub(crate) fn cuCtxPushCurrent_v2(raw: t::CUcontext) -> Result {
    driver()?;
    push_current(&*find::<Context>(raw).map_err(|_| Error::INVALID_CONTEXT)?);
    Ok(())
}

pub(crate) fn cuCtxPopCurrent_v2(out: *mut t::CUcontext) -> Result {
    driver()?;
    let number = pop_current()?;
    raw::put_if(out, number as t::CUcontext);
    Ok(())
}

pub(crate) fn cuCtxSetCurrent(raw: t::CUcontext) -> Result {
    driver()?;
    if raw.is_null() {
        set_current(None);
    } else {
        set_current(Some(&*find::<Context>(raw).map_err(|_| Error::INVALID_CONTEXT)?));
    }
    Ok(())
}

pub(crate) fn cuCtxGetCurrent(out: *mut t::CUcontext) -> Result {
    let context = current_if_any()?;
    raw::put(out, context.map_or(std::ptr::null_mut(), |context| context.handle()))
}

pub(crate) fn cuCtxGetDevice(out: *mut t::CUdevice) -> Result {
    current_if_any()?.ok_or(Error::INVALID_CONTEXT)?;
    raw::put(out, 0)
}

pub(crate) fn cuCtxGetDevice_v2(out: *mut t::CUdevice, context: t::CUcontext) -> Result {
    named(context)?;
    raw::put(out, 0)
}

pub(crate) fn cuCtxGetFlags(out: *mut c_uint) -> Result {
    raw::put(out, current()?.flags.load(Ordering::Relaxed))
}

pub(crate) fn cuCtxSetFlags(flags: c_uint) -> Result {
    current()?.flags.store(checked(flags)?, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn cuCtxGetId(context: t::CUcontext, out: *mut c_ulonglong) -> Result {
    raw::put(out, named(context)?.number as c_ulonglong)
}

pub(crate) fn cuCtxGetApiVersion(context: t::CUcontext, out: *mut c_uint) -> Result {
    named(context)?;
    // What NVIDIA's drivers say since CUDA 4.
    raw::put(out, 3020)
}

pub(crate) fn cuCtxSynchronize() -> Result {
    let context = current()?;
    Capture::refuse_any()?;
    context.synchronize()
}

pub(crate) fn cuCtxSynchronize_v2(raw: t::CUcontext) -> Result {
    let context = named(raw)?;
    context.health()?;
    Capture::refuse_any()?;
    context.synchronize()
}

pub(crate) fn cuCtxRecordEvent(raw: t::CUcontext, event: t::CUevent) -> Result {
    let context = named(raw)?;
    let event = find::<crate::event::Event>(event)?;
    // The legacy stream waits for all blocking ones; the others are few.
    for stream in context.streams() {
        stream.last().wait();
    }
    Operation::Record(event).enqueue(&context.legacy()).map(|_| ())
}

pub(crate) fn cuCtxWaitEvent(raw: t::CUcontext, event: t::CUevent) -> Result {
    let context = named(raw)?;
    let event = find::<crate::event::Event>(event)?;
    for stream in context.streams() {
        Operation::Wait(Arc::clone(&event)).enqueue(&stream)?;
    }
    Ok(())
}

pub(crate) fn cuCtxGetStreamPriorityRange(least: *mut c_int, greatest: *mut c_int) -> Result {
    current()?;
    raw::put_if(least, 0);
    raw::put_if(greatest, crate::api::stream::GREATEST_PRIORITY);
    Ok(())
}

pub(crate) fn cuCtxGetCacheConfig(out: *mut t::CUfunc_cache) -> Result {
    raw::put(out, current()?.cache.load(Ordering::Relaxed))
}

pub(crate) fn cuCtxSetCacheConfig(config: t::CUfunc_cache) -> Result {
    if config > t::CU_FUNC_CACHE_PREFER_EQUAL {
        return Err(Error::INVALID_VALUE);
    }
    current()?.cache.store(config, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn cuCtxGetSharedMemConfig(out: *mut t::CUsharedconfig) -> Result {
    let banks = current()?.banks.load(Ordering::Relaxed);
    raw::put(out, if banks == 0 { t::CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE } else { banks })
}

pub(crate) fn cuCtxSetSharedMemConfig(config: t::CUsharedconfig) -> Result {
    if config > t::CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE {
        return Err(Error::INVALID_VALUE);
    }
    current()?.banks.store(config, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn cuCtxResetPersistingL2Cache() -> Result {
    current().map(|_| ())
}

pub(crate) fn cuCtxGetExecAffinity(_: *mut t::CUexecAffinityParam, _: t::CUexecAffinityType) -> Result {
    current()?;
    Err(refused("cuCtxGetExecAffinity"))
}

pub(crate) fn cuCtxGetLimit(out: *mut usize, limit: t::CUlimit) -> Result {
    current()?;
    let driver = driver()?;
    raw::put(out, driver.limit(limit)?)
}

pub(crate) fn cuCtxSetLimit(limit: t::CUlimit, value: usize) -> Result {
    current()?;
    driver()?.set_limit(limit, value)
}
