//! Events.

use std::ffi::c_uint;
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::capture::{Capture, record};
use crate::context::{Context, current};
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::handle::{Object as _, find, fresh, take};
use crate::raw;
use crate::stream::{Default, resolve};

pub(crate) fn cuEventCreate(out: *mut t::CUevent, flags: c_uint) -> Result {
    let context = current()?;
    let known = t::CU_EVENT_BLOCKING_SYNC | t::CU_EVENT_DISABLE_TIMING | t::CU_EVENT_INTERPROCESS;
    // As cuda.h says, an event between processes has no time.
    let untimed = flags & t::CU_EVENT_DISABLE_TIMING != 0;
    if flags & !known != 0 || (flags & t::CU_EVENT_INTERPROCESS != 0 && !untimed) {
        return Err(Error::INVALID_VALUE);
    }
    let number = fresh();
    raw::put(out, number as t::CUevent)?;
    Event::handles().insert(number, Arc::new(Event::new(number, context.number, flags)));
    Ok(())
}

pub(crate) fn cuEventDestroy_v2(raw: t::CUevent) -> Result {
    take::<Event>(raw).map(|_| ())
}

pub(crate) fn cuEventRecord(default: Default, raw: t::CUevent, stream: t::CUstream) -> Result {
    cuEventRecordWithFlags(default, raw, stream, 0)
}

pub(crate) fn cuEventRecordWithFlags(
    default: Default,
    raw: t::CUevent,
    stream: t::CUstream,
    flags: c_uint,
) -> Result {
    let stream = resolve(stream, default)?;
    let event = find::<Event>(raw)?;
    if flags & !t::CU_EVENT_RECORD_EXTERNAL != 0 {
        return Err(Error::INVALID_VALUE);
    }
    if stream.context()?.number != event.context {
        return Err(Error::INVALID_HANDLE);
    }
    record(&stream, &event, flags & t::CU_EVENT_RECORD_EXTERNAL != 0)
}

/// The health of the context that an event belongs to.
fn health(event: &Event) -> Result {
    match Context::handles().get(event.context) {
        Some(context) => context.health(),
        None => Err(Error::CONTEXT_IS_DESTROYED),
    }
}

pub(crate) fn cuEventQuery(raw: t::CUevent) -> Result {
    let event = find::<Event>(raw)?;
    health(&event)?;
    match event.ticket()? {
        Some(ticket) if !ticket.is_done() => Err(Error::NOT_READY),
        _ => {
            driver()?.flush();
            health(&event)
        }
    }
}

pub(crate) fn cuEventSynchronize(raw: t::CUevent) -> Result {
    let event = find::<Event>(raw)?;
    health(&event)?;
    let ticket = event.ticket().inspect_err(|_| {
        let _ = Capture::refuse_any();
    })?;
    if let Some(ticket) = ticket {
        ticket.wait();
    }
    driver()?.flush();
    health(&event)
}

pub(crate) fn cuEventElapsedTime(milliseconds: *mut f32, start: t::CUevent, end: t::CUevent) -> Result {
    let (start, end) = (find::<Event>(start)?, find::<Event>(end)?);
    health(&start)?;
    raw::put(milliseconds, Event::elapsed(&start, &end)?)
}

pub(crate) fn cuEventElapsedTime_v2(milliseconds: *mut f32, start: t::CUevent, end: t::CUevent) -> Result {
    cuEventElapsedTime(milliseconds, start, end)
}
