//! Capture: a stream's work becomes a graph instead of being done. Other streams join by waiting for events.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;

use cuferry_driver::types as t;

use crate::error::{Error, Result};
use crate::event::{Event, Mark};
use crate::graph::Graph;
use crate::handle::Object as _;
use crate::operation::Operation;
use crate::stream::Stream;

/// See the module.
pub(crate) struct Capture {
    pub(crate) id: u64,
    pub(crate) graph: Arc<Graph>,
    origin: usize,
    mode: t::CUstreamCaptureMode,
    thread: ThreadId,
    /// Whether the legacy stream would have to wait for it.
    blocking: bool,
    invalid: AtomicBool,
    over: AtomicBool,
    /// Where each stream stands: the nodes that its next one comes after.
    streams: Mutex<BTreeMap<usize, Vec<usize>>>,
}

static ACTIVE: Mutex<Vec<Weak<Capture>>> = Mutex::new(Vec::new());

fn active() -> Vec<Arc<Capture>> {
    let mut active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    active.retain(|capture| capture.upgrade().is_some_and(|capture| !capture.is_over()));
    active.iter().filter_map(Weak::upgrade).collect()
}

impl Capture {
    /// Begins one, in a graph of its own or into a given one after those nodes.
    pub(crate) fn begin(
        stream: &Arc<Stream>,
        graph: Arc<Graph>,
        after: Vec<usize>,
        mode: t::CUstreamCaptureMode,
    ) -> Result {
        if stream.kind == crate::stream::Kind::Legacy {
            return Err(Error::STREAM_CAPTURE_UNSUPPORTED);
        }
        if mode > t::CU_STREAM_CAPTURE_MODE_RELAXED {
            return Err(Error::INVALID_VALUE);
        }
        let mut slot = stream.capture();
        if slot.is_some() {
            return Err(Error::INVALID_VALUE);
        }
        let capture = Arc::new(Self {
            id: crate::handle::fresh() as u64,
            graph,
            origin: stream.number,
            mode,
            thread: std::thread::current().id(),
            blocking: stream.flags & t::CU_STREAM_NON_BLOCKING == 0,
            invalid: AtomicBool::new(false),
            over: AtomicBool::new(false),
            streams: Mutex::new(BTreeMap::from([(stream.number, after)])),
        });
        ACTIVE.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&capture));
        *slot = Some(capture);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Vec<usize>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn invalidate(&self) {
        self.invalid.store(true, Ordering::Release);
    }

    /// Whether it has ended. Events that it recorded may still point to it.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Whether it began in that stream.
    pub(crate) fn begins_with(&self, stream: &Stream) -> bool {
        self.origin == stream.number
    }

    /// Ends it, whatever comes of it: its streams are streams again.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Release);
        for number in self.lock().keys() {
            if let Some(stream) = Stream::handles().get(*number) {
                *stream.capture() = None;
            }
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        !self.invalid.load(Ordering::Acquire)
    }

    pub(crate) fn health(&self) -> Result {
        if self.is_valid() { Ok(()) } else { Err(Error::STREAM_CAPTURE_INVALIDATED) }
    }

    /// Whether a capture is going on that the legacy stream would have to wait for.
    pub(crate) fn any_blocking() -> bool {
        active().iter().any(|capture| capture.blocking)
    }

    pub(crate) fn invalidate_blocking() {
        active().iter().filter(|capture| capture.blocking).for_each(|capture| capture.invalidate());
    }

    /// What waits for all work cannot be done while any is captured.
    pub(crate) fn refuse_any() -> Result {
        let active = active();
        if active.is_empty() {
            return Ok(());
        }
        active.iter().for_each(|capture| capture.invalidate());
        Err(Error::STREAM_CAPTURE_UNSUPPORTED)
    }

    /// What may wait for the device's work is not for a thread in that mode while a capture forbids it
    /// (`cuThreadExchangeStreamCaptureMode`).
    pub(crate) fn refuse_unsafe(mode: t::CUstreamCaptureMode) -> Result {
        let thread = std::thread::current().id();
        let forbids = |capture: &&Arc<Self>| match mode {
            t::CU_STREAM_CAPTURE_MODE_RELAXED => false,
            _ if capture.thread == thread => capture.mode != t::CU_STREAM_CAPTURE_MODE_RELAXED,
            mode => [mode, capture.mode] == [t::CU_STREAM_CAPTURE_MODE_GLOBAL; 2],
        };
        let active = active();
        let forbidding: Vec<_> = active.iter().filter(forbids).collect();
        if forbidding.is_empty() {
            return Ok(());
        }
        forbidding.iter().for_each(|capture| capture.invalidate());
        Err(Error::STREAM_CAPTURE_UNSUPPORTED)
    }

    /// Where a stream stands.
    pub(crate) fn place(&self, stream: &Stream) -> Vec<usize> {
        self.lock().get(&stream.number).cloned().unwrap_or_default()
    }

    pub(crate) fn set_place(&self, stream: &Stream, nodes: Vec<usize>) {
        self.lock().insert(stream.number, nodes);
    }

    /// Adds an operation where a stream stands.
    pub(crate) fn append(&self, stream: &Stream, operation: Operation) -> Result {
        let node = self.graph.add(&self.place(stream), operation)?;
        self.set_place(stream, vec![node.number]);
        Ok(())
    }

    /// Ends it: the graph, or none if it was spoilt.
    pub(crate) fn end(stream: &Arc<Stream>) -> Result<Arc<Graph>> {
        let capture = stream.capture().clone().ok_or(Error(t::CUDA_ERROR_ILLEGAL_STATE))?;
        if capture.origin != stream.number {
            // As an H200's driver does: whoever ends the wrong stream has spoilt the capture.
            capture.invalidate();
            return Err(Error::STREAM_CAPTURE_UNMATCHED);
        }
        if capture.mode != t::CU_STREAM_CAPTURE_MODE_RELAXED && capture.thread != std::thread::current().id()
        {
            return Err(Error::STREAM_CAPTURE_WRONG_THREAD);
        }
        capture.finish();
        // The threads' own default streams have no handle.
        *stream.capture() = None;
        let places = capture.lock().clone();
        capture.health()?;
        let joined = places.get(&stream.number).cloned().unwrap_or_default();
        let captured = |number: &&usize| places.values().any(|place| place.contains(number));
        let leaves = capture.graph.leaves();
        if leaves.iter().filter(captured).any(|leaf| !joined.contains(leaf)) {
            return Err(Error::STREAM_CAPTURE_UNJOINED);
        }
        Ok(Arc::clone(&capture.graph))
    }
}

/// Records an event in a stream: its place in the queue, or in the graph that is captured.
pub(crate) fn record(stream: &Arc<Stream>, event: &Arc<Event>, external: bool) -> Result {
    match stream.capturing()? {
        Some(capture) if !external => {
            let place = capture.place(stream);
            event.set(Mark::Captured(capture, place));
            Ok(())
        }
        _ => stream.submit(Operation::Record(Arc::clone(event))).map(|_| ()),
    }
}

/// Makes a stream wait for an event. One of a capture takes the stream into it.
pub(crate) fn wait(stream: &Arc<Stream>, event: &Arc<Event>, external: bool) -> Result {
    let own = stream.capturing()?;
    match (own, event.mark()) {
        (own, Mark::Captured(capture, nodes)) if !external => {
            capture.health()?;
            match own {
                Some(own) if !Arc::ptr_eq(&own, &capture) => {
                    own.invalidate();
                    capture.invalidate();
                    return Err(Error::STREAM_CAPTURE_MERGE);
                }
                Some(_) => {}
                None => *stream.capture() = Some(Arc::clone(&capture)),
            }
            let mut place = capture.place(stream);
            for node in nodes {
                if !place.contains(&node) {
                    place.push(node);
                }
            }
            capture.set_place(stream, place);
            Ok(())
        }
        (Some(capture), Mark::Work(_)) if !external => {
            capture.invalidate();
            Err(Error::STREAM_CAPTURE_ISOLATION)
        }
        _ => stream.submit(Operation::Wait(Arc::clone(event))).map(|_| ()),
    }
}
