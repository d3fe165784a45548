//! Graphs as wholes: making, asking, instantiating, launching.

use std::ffi::{c_char, c_uint, c_ulonglong, c_void};
use std::fmt::Write as _;

use cuferry_driver::types as t;

use super::device::device;
use super::stream_capture::{nodes_of, plain_edges};
use crate::context::current;
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::graph::{Executable, Graph, Misfit, Node};
use crate::handle::{Object as _, find, take};
use crate::operation::Operation;
use crate::raw;
use crate::stream::{Default, resolve};
use crate::user_object::{References, UserObject};

pub(crate) fn cuGraphCreate(out: *mut t::CUgraph, flags: c_uint) -> Result {
    driver()?;
    if flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(out, Graph::create().number as t::CUgraph)
}

pub(crate) fn cuGraphDestroy(raw: t::CUgraph) -> Result {
    find::<Graph>(raw)?.destroy();
    Ok(())
}

pub(crate) fn cuGraphClone(out: *mut t::CUgraph, original: t::CUgraph) -> Result {
    raw::put(out, find::<Graph>(original)?.duplicate()?.number as t::CUgraph)
}

/// Hands a list out as the API has it: without room only the count; with more room than there is, nulls behind.
pub(crate) fn hand_out(numbers: &[usize], out: *mut t::CUgraphNode, count: *mut usize) -> Result {
    if out.is_null() {
        return raw::put(count, numbers.len());
    }
    let room = raw::get(count)?;
    for index in 0..room {
        let number = numbers.get(index).copied().unwrap_or(0);
        raw::put(out.wrapping_add(index), number as t::CUgraphNode)?;
    }
    raw::put(count, room.min(numbers.len()))
}

pub(crate) fn cuGraphGetNodes(raw: t::CUgraph, nodes: *mut t::CUgraphNode, count: *mut usize) -> Result {
    let numbers: Vec<usize> = find::<Graph>(raw)?.nodes().iter().map(|node| node.number).collect();
    hand_out(&numbers, nodes, count)
}

pub(crate) fn cuGraphGetRootNodes(raw: t::CUgraph, nodes: *mut t::CUgraphNode, count: *mut usize) -> Result {
    hand_out(&find::<Graph>(raw)?.roots(), nodes, count)
}

pub(crate) fn cuGraphGetEdges(
    raw: t::CUgraph,
    from: *mut t::CUgraphNode,
    to: *mut t::CUgraphNode,
    count: *mut usize,
) -> Result {
    let (first, second): (Vec<usize>, Vec<usize>) = find::<Graph>(raw)?.edges().into_iter().unzip();
    if from.is_null() || to.is_null() {
        return raw::put(count, first.len());
    }
    let mut room = raw::get(count)?;
    hand_out(&first, from, &raw mut room)?;
    hand_out(&second, to, count)
}

pub(crate) fn cuGraphGetEdges_v2(
    raw: t::CUgraph,
    from: *mut t::CUgraphNode,
    to: *mut t::CUgraphNode,
    data: *mut t::CUgraphEdgeData,
    count: *mut usize,
) -> Result {
    cuGraphGetEdges(raw, from, to, count)?;
    plain_data(data, count)
}

/// Edges that only say what comes first.
pub(crate) fn plain_data(data: *mut t::CUgraphEdgeData, count: *const usize) -> Result {
    if !data.is_null() {
        for index in 0..raw::get(count)? {
            raw::put(data.wrapping_add(index), t::CUgraphEdgeData::default())?;
        }
    }
    Ok(())
}

fn edges(
    raw: t::CUgraph,
    from: *const t::CUgraphNode,
    to: *const t::CUgraphNode,
    count: usize,
    change: impl Fn(&Graph, usize, usize) -> Result,
) -> Result {
    let graph = find::<Graph>(raw)?;
    let from = nodes_of(&graph, &raw::list(from, count)?)?;
    let to = nodes_of(&graph, &raw::list(to, count)?)?;
    from.into_iter().zip(to).try_for_each(|(from, to)| change(&graph, from, to))
}

pub(crate) fn cuGraphAddDependencies(
    raw: t::CUgraph,
    from: *const t::CUgraphNode,
    to: *const t::CUgraphNode,
    count: usize,
) -> Result {
    edges(raw, from, to, count, Graph::connect)
}

pub(crate) fn cuGraphAddDependencies_v2(
    raw: t::CUgraph,
    from: *const t::CUgraphNode,
    to: *const t::CUgraphNode,
    data: *const t::CUgraphEdgeData,
    count: usize,
) -> Result {
    plain_edges(data, count)?;
    cuGraphAddDependencies(raw, from, to, count)
}

pub(crate) fn cuGraphRemoveDependencies(
    raw: t::CUgraph,
    from: *const t::CUgraphNode,
    to: *const t::CUgraphNode,
    count: usize,
) -> Result {
    edges(raw, from, to, count, Graph::disconnect)
}

pub(crate) fn cuGraphRemoveDependencies_v2(
    raw: t::CUgraph,
    from: *const t::CUgraphNode,
    to: *const t::CUgraphNode,
    data: *const t::CUgraphEdgeData,
    count: usize,
) -> Result {
    plain_edges(data, count)?;
    cuGraphRemoveDependencies(raw, from, to, count)
}

fn instantiate(out: *mut t::CUgraphExec, raw: t::CUgraph, flags: u64) -> Result {
    let graph = find::<Graph>(raw)?;
    current()?;
    if flags & u64::from(t::CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0 {
        return Err(crate::entry::refused("a graph that kernels launch"));
    }
    raw::put(out, Executable::create(&graph, flags)?.number as t::CUgraphExec)
}

pub(crate) fn cuGraphInstantiateWithFlags(
    out: *mut t::CUgraphExec,
    raw: t::CUgraph,
    flags: c_ulonglong,
) -> Result {
    instantiate(out, raw, flags)
}

pub(crate) fn cuGraphInstantiateWithParams(
    default: Default,
    out: *mut t::CUgraphExec,
    raw: t::CUgraph,
    parameters: *mut t::CUDA_GRAPH_INSTANTIATE_PARAMS,
) -> Result {
    let mut given = raw::get(parameters.cast_const())?;
    let result = instantiate(out, raw, given.flags);
    given.hErrNode_out = std::ptr::null_mut();
    given.result_out =
        if result.is_ok() { t::CUDA_GRAPH_INSTANTIATE_SUCCESS } else { t::CUDA_GRAPH_INSTANTIATE_ERROR };
    raw::put(parameters, given)?;
    let _ = default;
    result
}

pub(crate) fn cuGraphInstantiate(
    out: *mut t::CUgraphExec,
    raw: t::CUgraph,
    failed: *mut t::CUgraphNode,
    log: *mut c_char,
    room: usize,
) -> Result {
    cuGraphInstantiate_v2(out, raw, failed, log, room)
}

pub(crate) fn cuGraphInstantiate_v2(
    out: *mut t::CUgraphExec,
    raw: t::CUgraph,
    failed: *mut t::CUgraphNode,
    log: *mut c_char,
    room: usize,
) -> Result {
    raw::put_if(failed, std::ptr::null_mut());
    if !log.is_null() && room > 0 {
        raw::put_text(log, room, "")?;
    }
    instantiate(out, raw, 0)
}

pub(crate) fn cuGraphLaunch(default: Default, raw: t::CUgraphExec, stream: t::CUstream) -> Result {
    let executable = find::<Executable>(raw)?;
    executable.launch(&*resolve(stream, default)?)
}

pub(crate) fn cuGraphUpload(default: Default, raw: t::CUgraphExec, stream: t::CUstream) -> Result {
    find::<Executable>(raw)?;
    resolve(stream, default)?.submit(Operation::Empty).map(|_| ())
}

pub(crate) fn cuGraphExecDestroy(raw: t::CUgraphExec) -> Result {
    take::<Executable>(raw)?.destroy();
    Ok(())
}

pub(crate) fn cuGraphExecGetFlags(raw: t::CUgraphExec, flags: *mut u64) -> Result {
    raw::put(flags, find::<Executable>(raw)?.flags)
}

pub(crate) fn cuGraphExecUpdate_v2(
    raw: t::CUgraphExec,
    graph: t::CUgraph,
    out: *mut t::CUgraphExecUpdateResultInfo,
) -> Result {
    let misfit = find::<Executable>(raw)?.update(&*find::<Graph>(graph)?)?;
    let (result, node) = match misfit {
        None => (t::CU_GRAPH_EXEC_UPDATE_SUCCESS, 0),
        Some(Misfit::Shape) => (t::CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, 0),
        Some(Misfit::Type { node }) => (t::CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, node),
    };
    raw::put_if(
        out,
        t::CUgraphExecUpdateResultInfo {
            result,
            errorNode: node as t::CUgraphNode,
            errorFromNode: std::ptr::null_mut(),
        },
    );
    if misfit.is_none() { Ok(()) } else { Err(Error::GRAPH_EXEC_UPDATE_FAILURE) }
}

pub(crate) fn cuGraphExecUpdate(
    raw: t::CUgraphExec,
    graph: t::CUgraph,
    failed: *mut t::CUgraphNode,
    result: *mut t::CUgraphExecUpdateResult,
) -> Result {
    let mut info = t::CUgraphExecUpdateResultInfo::default();
    let answer = cuGraphExecUpdate_v2(raw, graph, &raw mut info);
    raw::put_if(failed, info.errorNode);
    raw::put_if(result, info.result);
    answer
}

pub(crate) fn cuGraphDebugDotPrint(raw: t::CUgraph, path: *const c_char, _: c_uint) -> Result {
    let graph = find::<Graph>(raw)?;
    let mut text = "digraph dot {\n".to_owned();
    for node in graph.nodes() {
        let name = super::graph_node::kind_name(&node.operation());
        let _ = writeln!(text, "  \"{:#x}\" [label=\"{name}\"];", node.number);
    }
    for (from, to) in graph.edges() {
        let _ = writeln!(text, "  \"{from:#x}\" -> \"{to:#x}\";");
    }
    text.push_str("}\n");
    std::fs::write(raw::text(path)?, text).map_err(|_| Error::OPERATING_SYSTEM)
}

pub(crate) fn cuDeviceGraphMemTrim(dev: t::CUdevice) -> Result {
    device(dev).map(|_| ())
}

/// Graphs keep no memory beyond their own.
pub(crate) fn cuDeviceGetGraphMemAttribute(
    dev: t::CUdevice,
    attribute: t::CUgraphMem_attribute,
    value: *mut c_void,
) -> Result {
    let driver = device(dev)?;
    if attribute > t::CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(value.cast::<u64>(), driver.ledger.graph_bytes())
}

pub(crate) fn cuDeviceSetGraphMemAttribute(
    dev: t::CUdevice,
    attribute: t::CUgraphMem_attribute,
    value: *mut c_void,
) -> Result {
    device(dev)?;
    let high =
        [t::CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, t::CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH].contains(&attribute);
    if high && raw::get(value.cast::<u64>())? == 0 { Ok(()) } else { Err(Error::INVALID_VALUE) }
}

pub(crate) fn cuUserObjectCreate(
    out: *mut t::CUuserObject,
    data: *mut c_void,
    destroy: t::CUhostFn,
    references: c_uint,
    flags: c_uint,
) -> Result {
    driver()?;
    if destroy.is_none() || references == 0 || flags != t::CU_USER_OBJECT_NO_DESTRUCTOR_SYNC {
        return Err(Error::INVALID_VALUE);
    }
    if out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(out, UserObject::create(destroy, data as usize, references).number as t::CUuserObject)
}

pub(crate) fn cuUserObjectRetain(raw: t::CUuserObject, count: c_uint) -> Result {
    find::<UserObject>(raw)?.retain(count);
    Ok(())
}

pub(crate) fn cuUserObjectRelease(raw: t::CUuserObject, count: c_uint) -> Result {
    find::<UserObject>(raw)?.release(count)
}

pub(crate) fn cuGraphRetainUserObject(
    graph: t::CUgraph,
    raw: t::CUuserObject,
    count: c_uint,
    flags: c_uint,
) -> Result {
    let graph = find::<Graph>(graph)?;
    let object = find::<UserObject>(raw)?;
    if flags & t::CU_GRAPH_USER_OBJECT_MOVE == 0 {
        object.retain(count);
    }
    graph.objects().push(References::counted(object, count));
    Ok(())
}

pub(crate) fn cuGraphReleaseUserObject(graph: t::CUgraph, raw: t::CUuserObject, count: c_uint) -> Result {
    find::<Graph>(graph)?.release_object(&*find::<UserObject>(raw)?, count)
}

pub(crate) fn cuGraphDestroyNode(raw: t::CUgraphNode) -> Result {
    let node = find::<Node>(raw)?;
    let graph = Graph::handles().get(node.graph).ok_or(Error::INVALID_VALUE)?;
    graph.remove(node.number)
}

/// Numbers that tell graphs and nodes apart, for tools.
pub(crate) fn cuGraphGetId(raw: t::CUgraph, out: *mut c_uint) -> Result {
    raw::put(out, crate::function::as_u32(find::<Graph>(raw)?.number >> 4 & 0xffff_ffff))
}

pub(crate) fn cuGraphExecGetId(raw: t::CUgraphExec, out: *mut c_uint) -> Result {
    raw::put(out, crate::function::as_u32(find::<Executable>(raw)?.number >> 4 & 0xffff_ffff))
}

pub(crate) fn cuGraphNodeSetEnabled(
    executable: t::CUgraphExec,
    node: t::CUgraphNode,
    enabled: c_uint,
) -> Result {
    let node = find::<Node>(node)?;
    if !matches!(node.operation(), Operation::Kernel(_) | Operation::Copy(_) | Operation::Fill(_)) {
        return Err(Error::INVALID_VALUE);
    }
    find::<Executable>(executable)?.change(node.number, |step| {
        step.enabled = enabled != 0;
        Ok(())
    })
}

pub(crate) fn cuGraphNodeGetEnabled(
    executable: t::CUgraphExec,
    node: t::CUgraphNode,
    out: *mut c_uint,
) -> Result {
    let node = find::<Node>(node)?;
    find::<Executable>(executable)?.change(node.number, |step| raw::put(out, c_uint::from(step.enabled)))
}
