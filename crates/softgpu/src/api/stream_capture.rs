//! Capturing streams into graphs.

use std::cell::{Cell, RefCell};
use std::ffi::c_uint;
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::capture::Capture;
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::graph::{Graph, Node};
use crate::handle::find;
use crate::raw;
use crate::stream::{Default, resolve};

thread_local! {
    static MODE: Cell<t::CUstreamCaptureMode> = const { Cell::new(t::CU_STREAM_CAPTURE_MODE_GLOBAL) };
    /// What `cuStreamGetCaptureInfo` gave out last: it stays valid until the next such call.
    static PLACE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn cuStreamBeginCapture(default: Default, raw: t::CUstream) -> Result {
    cuStreamBeginCapture_v2(default, raw, t::CU_STREAM_CAPTURE_MODE_GLOBAL)
}

pub(crate) fn cuStreamBeginCapture_v2(
    default: Default,
    raw: t::CUstream,
    mode: t::CUstreamCaptureMode,
) -> Result {
    Capture::begin(&resolve(raw, default)?, Graph::create(), Vec::new(), mode)
}

pub(crate) fn cuStreamBeginCaptureToGraph(
    default: Default,
    raw: t::CUstream,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    edges: *const t::CUgraphEdgeData,
    count: usize,
    mode: t::CUstreamCaptureMode,
) -> Result {
    let stream = resolve(raw, default)?;
    let graph = find::<Graph>(graph)?;
    plain_edges(edges, count)?;
    let after = nodes_of(&graph, &raw::list(after, count)?)?;
    Capture::begin(&stream, graph, after, mode)
}

/// Numbers of nodes, which have to be a graph's own.
pub(crate) fn nodes_of(graph: &Graph, handles: &[t::CUgraphNode]) -> Result<Vec<usize>> {
    let number = |handle: &t::CUgraphNode| {
        let node = find::<Node>(*handle).map_err(|_| Error::INVALID_VALUE)?;
        if node.graph == graph.number { Ok(node.number) } else { Err(Error::INVALID_VALUE) }
    };
    handles.iter().map(number).collect()
}

/// Edges that only say what comes first. Those that let a kernel begin before another ends are taken for such: later is
/// never wrong.
pub(crate) fn plain_edges(edges: *const t::CUgraphEdgeData, count: usize) -> Result {
    if !edges.is_null() && raw::list(edges, count)?.iter().any(|edge| edge.type_ > 1) {
        return Err(Error::INVALID_VALUE);
    }
    Ok(())
}

pub(crate) fn cuStreamEndCapture(default: Default, raw: t::CUstream, out: *mut t::CUgraph) -> Result {
    let stream = resolve(raw, default)?;
    match Capture::end(&stream) {
        Ok(graph) => raw::put(out, graph.number as t::CUgraph),
        Err(error) => {
            raw::put_if(out, std::ptr::null_mut());
            Err(error)
        }
    }
}

fn status(capture: Option<&Arc<Capture>>) -> t::CUstreamCaptureStatus {
    match capture {
        None => t::CU_STREAM_CAPTURE_STATUS_NONE,
        Some(capture) if capture.is_valid() => t::CU_STREAM_CAPTURE_STATUS_ACTIVE,
        Some(_) => t::CU_STREAM_CAPTURE_STATUS_INVALIDATED,
    }
}

pub(crate) fn cuStreamIsCapturing(
    default: Default,
    raw: t::CUstream,
    out: *mut t::CUstreamCaptureStatus,
) -> Result {
    raw::put(out, status(resolve(raw, default)?.capture().as_ref()))
}

pub(crate) fn cuStreamGetCaptureInfo(
    default: Default,
    raw: t::CUstream,
    out: *mut t::CUstreamCaptureStatus,
    id: *mut u64,
) -> Result {
    let null = std::ptr::null_mut();
    cuStreamGetCaptureInfo_v3(
        default,
        raw,
        out,
        id,
        null,
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    )
}

pub(crate) fn cuStreamGetCaptureInfo_v2(
    default: Default,
    raw: t::CUstream,
    out: *mut t::CUstreamCaptureStatus,
    id: *mut u64,
    graph: *mut t::CUgraph,
    nodes: *mut *const t::CUgraphNode,
    count: *mut usize,
) -> Result {
    cuStreamGetCaptureInfo_v3(default, raw, out, id, graph, nodes, std::ptr::null_mut(), count)
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuStreamGetCaptureInfo_v3(
    default: Default,
    raw: t::CUstream,
    out: *mut t::CUstreamCaptureStatus,
    id: *mut u64,
    graph: *mut t::CUgraph,
    nodes: *mut *const t::CUgraphNode,
    edges: *mut *const t::CUgraphEdgeData,
    count: *mut usize,
) -> Result {
    let stream = resolve(raw, default)?;
    let capture = stream.capture().clone();
    raw::put(out, status(capture.as_ref()))?;
    let Some(capture) = capture.filter(|capture| capture.is_valid()) else { return Ok(()) };
    raw::put_if(id, capture.id);
    raw::put_if(graph, capture.graph.number as t::CUgraph);
    raw::put_if(edges, std::ptr::null());
    PLACE.with(|place| {
        let mut place = place.borrow_mut();
        *place = capture.place(&stream);
        raw::put_if(nodes, place.as_ptr().cast());
        raw::put_if(count, place.len());
    });
    Ok(())
}

pub(crate) fn cuStreamUpdateCaptureDependencies(
    default: Default,
    raw: t::CUstream,
    nodes: *mut t::CUgraphNode,
    count: usize,
    flags: c_uint,
) -> Result {
    let stream = resolve(raw, default)?;
    let capture = stream.capturing()?.ok_or(Error(t::CUDA_ERROR_ILLEGAL_STATE))?;
    let mut place = nodes_of(&capture.graph, &raw::list(nodes.cast_const(), count)?)?;
    match flags {
        t::CU_STREAM_SET_CAPTURE_DEPENDENCIES => {}
        t::CU_STREAM_ADD_CAPTURE_DEPENDENCIES => {
            let old = capture.place(&stream);
            place.extend(old.into_iter().filter(|node| !place.contains(node)).collect::<Vec<_>>());
        }
        _ => return Err(Error::INVALID_VALUE),
    }
    capture.set_place(&stream, place);
    Ok(())
}

pub(crate) fn cuStreamUpdateCaptureDependencies_v2(
    default: Default,
    raw: t::CUstream,
    nodes: *mut t::CUgraphNode,
    edges: *const t::CUgraphEdgeData,
    count: usize,
    flags: c_uint,
) -> Result {
    plain_edges(edges, count)?;
    cuStreamUpdateCaptureDependencies(default, raw, nodes, count, flags)
}

pub(crate) fn cuThreadExchangeStreamCaptureMode(mode: *mut t::CUstreamCaptureMode) -> Result {
    driver()?;
    let new = raw::get(mode)?;
    if new > t::CU_STREAM_CAPTURE_MODE_RELAXED {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(mode, MODE.with(|mode| mode.replace(new)))
}

/// Refuses what the calling thread may not do while streams are captured.
pub(crate) fn refuse_unsafe() -> Result {
    Capture::refuse_unsafe(MODE.with(Cell::get))
}

pub(crate) fn cuStreamBeginRecaptureToGraph(
    default: Default,
    raw: t::CUstream,
    _: t::CUstreamCaptureMode,
    _: t::CUgraph,
    _: t::CUgraphRecaptureCallback,
    _: *mut std::ffi::c_void,
) -> Result {
    resolve(raw, default)?;
    Err(refused("cuStreamBeginRecaptureToGraph"))
}
