//! Streams and what is called in their order.

use std::ffi::{c_int, c_uint, c_ulonglong, c_void};

use cuferry_driver::types as t;

use crate::context::current;
use crate::error::{Error, Result};
use crate::handle::{Object as _, take};
use crate::ledger::What;
use crate::operation::{Callback, Host, Operation};
use crate::raw;
use crate::stream::{Default, Kind, LEGACY, Stream, resolve};

/// Smaller numbers are more urgent; they are remembered, and change nothing.
pub(crate) const GREATEST_PRIORITY: c_int = -5;

pub(crate) fn cuStreamCreate(out: *mut t::CUstream, flags: c_uint) -> Result {
    cuStreamCreateWithPriority(out, flags, 0)
}

pub(crate) fn cuStreamCreateWithPriority(out: *mut t::CUstream, flags: c_uint, priority: c_int) -> Result {
    let context = current()?;
    if flags & !t::CU_STREAM_NON_BLOCKING != 0 {
        return Err(Error::INVALID_VALUE);
    }
    let stream = Stream::create(&context, Kind::Made, flags, priority.clamp(GREATEST_PRIORITY, 0));
    raw::put(out, stream.number as t::CUstream)?;
    Stream::handles().insert(stream.number, std::sync::Arc::clone(&stream));
    context.adopt(stream);
    Ok(())
}

pub(crate) fn cuStreamDestroy_v2(raw: t::CUstream) -> Result {
    let stream = take::<Stream>(raw)?;
    let capture = stream.capture().take();
    if let Some(capture) = capture {
        capture.invalidate();
        if capture.begins_with(&stream) {
            capture.finish();
        }
    }
    // What it holds is still done; nobody can ask for it any more.
    stream.close();
    if let Ok(context) = stream.context() {
        if stream.last().is_done() {
            context.drop_stream(stream.number);
        } else {
            context.retire(&stream);
        }
    }
    Ok(())
}

pub(crate) fn cuStreamSynchronize(default: Default, raw: t::CUstream) -> Result {
    resolve(raw, default)?.synchronize()
}

pub(crate) fn cuStreamQuery(default: Default, raw: t::CUstream) -> Result {
    resolve(raw, default)?.query()
}

pub(crate) fn cuStreamGetFlags(default: Default, raw: t::CUstream, flags: *mut c_uint) -> Result {
    raw::put(flags, resolve(raw, default)?.flags)
}

pub(crate) fn cuStreamGetPriority(default: Default, raw: t::CUstream, priority: *mut c_int) -> Result {
    raw::put(priority, resolve(raw, default)?.priority)
}

pub(crate) fn cuStreamGetId(default: Default, raw: t::CUstream, out: *mut c_ulonglong) -> Result {
    let stream = resolve(raw, default)?;
    let id = if stream.kind == Kind::Legacy { LEGACY } else { stream.number };
    raw::put(out, id as c_ulonglong)
}

pub(crate) fn cuStreamGetCtx(default: Default, raw: t::CUstream, context: *mut t::CUcontext) -> Result {
    raw::put(context, resolve(raw, default)?.context()?.handle())
}

pub(crate) fn cuStreamGetCtx_v2(
    default: Default,
    raw: t::CUstream,
    context: *mut t::CUcontext,
    green: *mut t::CUgreenCtx,
) -> Result {
    raw::put_if(green, std::ptr::null_mut());
    cuStreamGetCtx(default, raw, context)
}

pub(crate) fn cuStreamGetDevice(default: Default, raw: t::CUstream, device: *mut t::CUdevice) -> Result {
    resolve(raw, default)?;
    raw::put(device, 0)
}

pub(crate) fn cuStreamWaitEvent(
    default: Default,
    raw: t::CUstream,
    event: t::CUevent,
    flags: c_uint,
) -> Result {
    let stream = resolve(raw, default)?;
    let event = crate::handle::find::<crate::event::Event>(event)?;
    if flags & !t::CU_EVENT_WAIT_EXTERNAL != 0 {
        return Err(Error::INVALID_VALUE);
    }
    crate::capture::wait(&stream, &event, flags & t::CU_EVENT_WAIT_EXTERNAL != 0)
}

pub(crate) fn cuStreamAddCallback(
    default: Default,
    raw: t::CUstream,
    function: t::CUstreamCallback,
    data: *mut c_void,
    flags: c_uint,
) -> Result {
    let stream = resolve(raw, default)?;
    if function.is_none() || flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    if let Some(capture) = stream.capturing()? {
        capture.invalidate();
        return Err(Error::STREAM_CAPTURE_UNSUPPORTED);
    }
    let callback = Callback { function, stream: raw as usize, data: data as usize };
    stream.submit(Operation::Callback(callback)).map(|_| ())
}

pub(crate) fn cuLaunchHostFunc(
    default: Default,
    raw: t::CUstream,
    function: t::CUhostFn,
    data: *mut c_void,
) -> Result {
    let stream = resolve(raw, default)?;
    if function.is_none() {
        return Err(Error::INVALID_VALUE);
    }
    stream.submit(Operation::Host(Host { function, data: data as usize })).map(|_| ())
}

pub(crate) fn cuLaunchHostFunc_v2(
    default: Default,
    raw: t::CUstream,
    function: t::CUhostFn,
    data: *mut c_void,
    _: c_uint,
) -> Result {
    cuLaunchHostFunc(default, raw, function, data)
}

pub(crate) fn cuStreamAttachMemAsync(
    default: Default,
    raw: t::CUstream,
    address: t::CUdeviceptr,
    _: usize,
    flags: c_uint,
) -> Result {
    let stream = resolve(raw, default)?;
    let block = crate::driver::driver()?.ledger.find(address).ok_or(Error::INVALID_VALUE)?;
    let ways = [t::CU_MEM_ATTACH_GLOBAL, t::CU_MEM_ATTACH_HOST, t::CU_MEM_ATTACH_SINGLE];
    if !matches!(block.what, What::Managed(_)) || !ways.contains(&flags) {
        return Err(Error::INVALID_VALUE);
    }
    // Managed memory is everybody's at any time.
    stream.submit(Operation::Empty).map(|_| ())
}

pub(crate) fn cuStreamGetAttribute(
    default: Default,
    raw: t::CUstream,
    attribute: t::CUstreamAttrID,
    value: *mut t::CUstreamAttrValue,
) -> Result {
    let stream = resolve(raw, default)?;
    let mut answer = t::CUstreamAttrValue::default();
    match attribute {
        t::CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY => answer.syncPolicy = t::CU_SYNC_POLICY_AUTO,
        t::CU_LAUNCH_ATTRIBUTE_PRIORITY => answer.priority = stream.priority,
        t::CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW
        | t::CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN
        | t::CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP => {}
        _ => return Err(Error::INVALID_VALUE),
    }
    raw::put(value, answer)
}

/// What streams can be told of caches and of ways to wait changes nothing here.
pub(crate) fn cuStreamSetAttribute(
    default: Default,
    raw: t::CUstream,
    attribute: t::CUstreamAttrID,
    value: *const t::CUstreamAttrValue,
) -> Result {
    resolve(raw, default)?;
    raw::get(value)?;
    match attribute {
        t::CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW
        | t::CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY
        | t::CU_LAUNCH_ATTRIBUTE_PRIORITY
        | t::CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN
        | t::CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP => Ok(()),
        _ => Err(Error::INVALID_VALUE),
    }
}

pub(crate) fn cuStreamCopyAttributes(default: Default, to: t::CUstream, from: t::CUstream) -> Result {
    resolve(to, default)?;
    resolve(from, default).map(|_| ())
}

/// No stream is a green context's.
pub(crate) fn cuStreamGetGreenCtx(raw: t::CUstream, out: *mut t::CUgreenCtx) -> Result {
    resolve(raw, Default::Legacy)?;
    raw::put(out, std::ptr::null_mut())
}
