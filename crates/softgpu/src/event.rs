//! Events: places in streams.

use std::sync::{Arc, Mutex, PoisonError};

use cuferry_driver::types::CU_EVENT_DISABLE_TIMING;

use crate::capture::Capture;
use crate::error::{Error, Result};
use crate::handle::object;
use crate::ticket::Ticket;

/// What an event marks.
#[derive(Clone, Default)]
pub(crate) enum Mark {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Work in a stream.
    Work(Arc<Ticket>),
    /// Nodes of a capture.
    Captured(Arc<Capture>, Vec<usize>),
}

/// See the module.
pub(crate) struct Event {
    pub(crate) number: usize,
    pub(crate) context: usize,
    pub(crate) flags: u32,
    mark: Mutex<Mark>,
}

object!(Event, CUevent_st);

impl Event {
    pub(crate) fn new(number: usize, context: usize, flags: u32) -> Self {
        Self { number, context, flags, mark: Mutex::default() }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, mark: Mark) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    /// The work that it marks, if any. An event that a capture recorded cannot be asked.
    pub(crate) fn ticket(&self) -> Result<Option<Arc<Ticket>>> {
        match self.mark() {
            Mark::Nothing => Ok(None),
            Mark::Work(ticket) => Ok(Some(ticket)),
            Mark::Captured(..) => Err(Error::CAPTURED_EVENT),
        }
    }

    fn timed(&self) -> Result<Arc<Ticket>> {
        if self.flags & CU_EVENT_DISABLE_TIMING != 0 {
            return Err(Error::INVALID_HANDLE);
        }
        self.ticket()?.ok_or(Error::INVALID_HANDLE)
    }

    /// Milliseconds from one event to another.
    pub(crate) fn elapsed(start: &Self, end: &Self) -> Result<f32> {
        let (start, end) = (start.timed()?, end.timed()?);
        let (Some(start), Some(end)) = (start.time(), end.time()) else { return Err(Error::NOT_READY) };
        let forward = end.checked_duration_since(start).map(|time| time.as_secs_f64());
        let seconds = forward.unwrap_or_else(|| -start.duration_since(end).as_secs_f64());
        #[expect(clippy::cast_possible_truncation, reason = "the API has no more")]
        Ok((seconds * 1000.0) as f32)
    }
}
