//! Streams: queues of work in a context, and who waits for whom.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cuferry_driver::types::{CU_STREAM_NON_BLOCKING, CUstream};

use crate::capture::Capture;
use crate::context::{Context, current};
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::handle::{Object as _, fresh, object};
use crate::operation::Operation;
use crate::queue::{Queue, Task};
use crate::report;
use crate::ticket::Ticket;

/// What stream 0 means to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    /// The one that all threads share.
    Legacy,
    /// The calling thread's own.
    PerThread,
}

/// Which stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The context's stream 0: it waits for all blocking streams, and they for it.
    Legacy,
    /// A thread's stream 0.
    PerThread,
    /// One that the program made.
    Made,
}

/// See the module.
pub(crate) struct Stream {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) flags: u32,
    pub(crate) priority: i32,
    context: Weak<Context>,
    queue: Arc<Queue>,
    last: Mutex<Arc<Ticket>>,
    capture: Mutex<Option<Arc<Capture>>>,
    closed: AtomicBool,
}

object!(Stream, CUstream_st);

/// The handles that stand for default streams (`CU_STREAM_LEGACY`, `CU_STREAM_PER_THREAD`).
pub(crate) const LEGACY: usize = 1;
pub(crate) const PER_THREAD: usize = 2;

/// The stream of a handle, in the current context.
pub(crate) fn resolve(raw: CUstream, default: Default) -> Result<Arc<Stream>> {
    let context = current()?;
    match (raw as usize, default) {
        (LEGACY, _) | (0, Default::Legacy) => Ok(context.legacy()),
        (PER_THREAD, _) | (0, Default::PerThread) => Ok(context.per_thread()),
        (number, _) => {
            let stream = Stream::handles().get(number).ok_or(Error::INVALID_HANDLE)?;
            stream.context()?.health()?;
            Ok(stream)
        }
    }
}

impl Stream {
    pub(crate) fn create(context: &Arc<Context>, kind: Kind, flags: u32, priority: i32) -> Arc<Self> {
        Arc::new(Self {
            number: fresh(),
            kind,
            flags,
            priority,
            context: Arc::downgrade(context),
            queue: Arc::default(),
            last: Mutex::new(Arc::new(Ticket::done_now())),
            capture: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn context(&self) -> Result<Arc<Context>> {
        self.context.upgrade().ok_or(Error::CONTEXT_IS_DESTROYED)
    }

    /// Whether it waits for the legacy stream, and that for it.
    fn is_blocking(&self) -> bool {
        self.flags & CU_STREAM_NON_BLOCKING == 0
    }

    /// The ticket of what was put in last.
    pub(crate) fn last(&self) -> Arc<Ticket> {
        Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn capture(&self) -> MutexGuard<'_, Option<Arc<Capture>>> {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What has to be done before work that is put in now, besides what this stream holds.
    fn awaited(&self, context: &Context) -> Vec<Arc<Ticket>> {
        let others =
            context.streams().into_iter().filter(|other| other.number != self.number && other.is_blocking());
        let others = others.filter(|other| match self.kind {
            Kind::Legacy => true,
            _ => self.is_blocking() && other.kind == Kind::Legacy,
        });
        others.map(|other| other.last()).filter(|ticket| !ticket.is_done()).collect()
    }

    /// Puts work in. It is given the context's state: after a fault nothing runs any more, but callbacks may want to know.
    pub(crate) fn enqueue(
        &self,
        work: impl FnOnce(Result) -> Result + Send + 'static,
    ) -> Result<Arc<Ticket>> {
        let context = self.context()?;
        let _order = context.order();
        let ticket = Arc::new(Ticket::default());
        let after = self.awaited(&context);
        let job = {
            let context = Arc::clone(&context);
            move || match catch_unwind(AssertUnwindSafe(|| work(context.health()))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => context.fail(error),
                Err(_) => {
                    report::line(
                        "work in a stream failed by a defect of the software device (the lines above say where)",
                    );
                    context.fail(Error::UNKNOWN);
                }
            }
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ticket);
        self.queue.push(Task { after, work: Box::new(job), ticket: Arc::clone(&ticket) });
        Ok(ticket)
    }

    /// Carries an operation out in its turn, or, while the stream is captured, makes a node of it.
    pub(crate) fn submit(self: &Arc<Self>, operation: Operation) -> Result<Option<Arc<Ticket>>> {
        if let Some(capture) = self.capturing()? {
            capture.append(self, operation)?;
            return Ok(None);
        }
        operation.enqueue(self).map(Some)
    }

    /// The same, and waits until it is done. Not while the stream is captured.
    pub(crate) fn submit_and_wait(self: &Arc<Self>, operation: Operation) -> Result {
        self.refuse_capture()?;
        let ticket = operation.enqueue(self)?;
        ticket.wait();
        driver()?.flush();
        self.context()?.health()
    }

    /// The capture that takes what is put in now.
    pub(crate) fn capturing(&self) -> Result<Option<Arc<Capture>>> {
        let capture = self.capture().clone();
        if let Some(capture) = &capture {
            capture.health()?;
        } else if self.kind == Kind::Legacy && Capture::any_blocking() {
            // As on a GPU: the legacy stream would wait for a stream that is being captured.
            Capture::invalidate_blocking();
            return Err(Error(cuferry_driver::types::CUDA_ERROR_STREAM_CAPTURE_IMPLICIT));
        }
        Ok(capture)
    }

    /// For what cannot be captured: it spoils the capture, as on a GPU.
    pub(crate) fn refuse_capture(&self) -> Result {
        match self.capturing()? {
            None => Ok(()),
            Some(capture) => {
                capture.invalidate();
                Err(Error::STREAM_CAPTURE_UNSUPPORTED)
            }
        }
    }

    /// Waits for all that was put in before.
    pub(crate) fn synchronize(&self) -> Result {
        self.refuse_capture()?;
        let context = self.context()?;
        for ticket in self.pending(&context) {
            ticket.wait();
        }
        driver()?.flush();
        context.health()
    }

    /// Whether all of it is done.
    pub(crate) fn query(&self) -> Result {
        self.refuse_capture()?;
        let context = self.context()?;
        context.health()?;
        if self.pending(&context).iter().all(|ticket| ticket.is_done()) {
            driver()?.flush();
            context.health()
        } else {
            Err(Error::NOT_READY)
        }
    }

    /// The legacy stream's work is not done while it would have to wait.
    fn pending(&self, context: &Context) -> Vec<Arc<Ticket>> {
        let mut pending = if self.kind == Kind::Legacy { self.awaited(context) } else { Vec::new() };
        pending.push(self.last());
        pending
    }
}
