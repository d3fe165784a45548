//! Nodes of graphs: adding them, and reading and changing what they do.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;

use cuferry_driver::types as t;

use super::copy::volume;
use super::graph::{hand_out, plain_data};
use super::launch::Wanted;
use super::stream_capture::{nodes_of, plain_edges};
use super::stream_word::words;
use crate::context::current;
use crate::copy::Fill;
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::graph::{Child, Executable, Graph, GraphMemory, Node};
use crate::handle::{Object as _, find};
use crate::launch::{Attributes, Launch, arguments};
use crate::operation::{Host, Operation};
use crate::raw;

/// Where a node goes.
struct At {
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
}

impl At {
    fn add(&self, operation: Operation) -> Result {
        let graph = find::<Graph>(self.graph)?;
        let after = nodes_of(&graph, &raw::list(self.after, self.count)?)?;
        if self.out.is_null() {
            return Err(Error::INVALID_VALUE);
        }
        raw::put(self.out, graph.add(&after, operation)?.number as t::CUgraphNode)
    }
}

fn kernel(given: &t::CUDA_KERNEL_NODE_PARAMS) -> Result<Operation> {
    let handle = if given.func.is_null() { given.kern.cast() } else { given.func };
    let function = crate::function::resolve(handle)?;
    let parameters = arguments(&function, given.kernelParams, given.extra)?;
    let launch = Launch {
        function,
        grid: [given.gridDimX, given.gridDimY, given.gridDimZ],
        block: [given.blockDimX, given.blockDimY, given.blockDimZ],
        cluster: None,
        shared: given.sharedMemBytes,
        parameters,
        cooperative: false,
        attributes: Attributes::default(),
    };
    launch.check()?;
    Ok(Operation::Kernel(launch))
}

/// The first form has neither kernel nor context.
fn widened(given: &t::CUDA_KERNEL_NODE_PARAMS_v1) -> t::CUDA_KERNEL_NODE_PARAMS {
    t::CUDA_KERNEL_NODE_PARAMS {
        func: given.func,
        gridDimX: given.gridDimX,
        gridDimY: given.gridDimY,
        gridDimZ: given.gridDimZ,
        blockDimX: given.blockDimX,
        blockDimY: given.blockDimY,
        blockDimZ: given.blockDimZ,
        sharedMemBytes: given.sharedMemBytes,
        kernelParams: given.kernelParams,
        extra: given.extra,
        kern: std::ptr::null_mut(),
        ctx: std::ptr::null_mut(),
    }
}

fn fill(given: &t::CUDA_MEMSET_NODE_PARAMS) -> Result<Operation> {
    let width = match given.elementSize {
        1 => 1,
        2 => 2,
        4 => 4,
        _ => return Err(Error::INVALID_VALUE),
    };
    let fill = Fill {
        address: given.dst,
        pitch: given.pitch as u64,
        value: given.value,
        width,
        columns: given.width as u64,
        rows: given.height as u64,
    };
    fill.check()?;
    Ok(Operation::Fill(fill))
}

fn host(given: &t::CUDA_HOST_NODE_PARAMS) -> Result<Operation> {
    if given.fn_.is_none() {
        return Err(Error::INVALID_VALUE);
    }
    Ok(Operation::Host(Host { function: given.fn_, data: given.userData as usize }))
}

fn child(graph: t::CUgraph) -> Result<Operation> {
    Ok(Operation::Child(Child::new(find::<Graph>(graph)?.duplicate()?)))
}

pub(crate) fn cuGraphAddKernelNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS_v1,
) -> Result {
    At { out, graph, after, count }.add(kernel(&widened(&raw::get(parameters)?))?)
}

pub(crate) fn cuGraphAddKernelNode_v2(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS,
) -> Result {
    At { out, graph, after, count }.add(kernel(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphAddMemcpyNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_MEMCPY3D,
    _: t::CUcontext,
) -> Result {
    At { out, graph, after, count }.add(Operation::Copy(volume(&raw::get(parameters)?)?))
}

pub(crate) fn cuGraphAddMemsetNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_MEMSET_NODE_PARAMS,
    _: t::CUcontext,
) -> Result {
    At { out, graph, after, count }.add(fill(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphAddHostNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_HOST_NODE_PARAMS,
) -> Result {
    At { out, graph, after, count }.add(host(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphAddChildGraphNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    inner: t::CUgraph,
) -> Result {
    At { out, graph, after, count }.add(child(inner)?)
}

pub(crate) fn cuGraphAddEmptyNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
) -> Result {
    At { out, graph, after, count }.add(Operation::Empty)
}

pub(crate) fn cuGraphAddEventRecordNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    event: t::CUevent,
) -> Result {
    At { out, graph, after, count }.add(Operation::Record(find::<Event>(event)?))
}

pub(crate) fn cuGraphAddEventWaitNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    event: t::CUevent,
) -> Result {
    At { out, graph, after, count }.add(Operation::Wait(find::<Event>(event)?))
}

pub(crate) fn cuGraphAddMemAllocNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *mut t::CUDA_MEM_ALLOC_NODE_PARAMS,
) -> Result {
    let mut given = raw::get(parameters.cast_const())?;
    if given.bytesize == 0 {
        return Err(Error::INVALID_VALUE);
    }
    let memory = GraphMemory::allocate(current()?.number, given.bytesize as u64)?;
    given.dptr = memory.address;
    At { out, graph, after, count }.add(Operation::Allocate(memory))?;
    raw::put(parameters, given)
}

pub(crate) fn cuGraphAddMemFreeNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    address: t::CUdeviceptr,
) -> Result {
    driver()?.ledger.find(address).filter(|block| block.address == address).ok_or(Error::INVALID_VALUE)?;
    At { out, graph, after, count }.add(Operation::Free(address))
}

pub(crate) fn cuGraphAddBatchMemOpNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *const t::CUDA_BATCH_MEM_OP_NODE_PARAMS,
) -> Result {
    let given = raw::get(parameters)?;
    At { out, graph, after, count }.add(Operation::Words(words(given.paramArray, given.count)?))
}

/// What a node of any type is given. Memory that it allocates is told there.
#[expect(unsafe_code, reason = "a C union is read")]
fn any(parameters: *mut t::CUgraphNodeParams) -> Result<Operation> {
    let mut given = raw::get(parameters.cast_const())?;
    let members = &mut given.__bindgen_anon_1;
    // SAFETY: every member is plain data, and the type says which one the caller wrote.
    unsafe {
        match given.type_ {
            t::CU_GRAPH_NODE_TYPE_KERNEL => {
                let k = members.kernel;
                kernel(&t::CUDA_KERNEL_NODE_PARAMS {
                    func: k.func,
                    gridDimX: k.gridDimX,
                    gridDimY: k.gridDimY,
                    gridDimZ: k.gridDimZ,
                    blockDimX: k.blockDimX,
                    blockDimY: k.blockDimY,
                    blockDimZ: k.blockDimZ,
                    sharedMemBytes: k.sharedMemBytes,
                    kernelParams: k.kernelParams,
                    extra: k.extra,
                    kern: k.kern,
                    ctx: std::ptr::null_mut(),
                })
            }
            t::CU_GRAPH_NODE_TYPE_MEMCPY => Ok(Operation::Copy(volume(&members.memcpy.copyParams)?)),
            t::CU_GRAPH_NODE_TYPE_MEMSET => {
                let m = members.memset;
                fill(&t::CUDA_MEMSET_NODE_PARAMS {
                    dst: m.dst,
                    pitch: m.pitch,
                    value: m.value,
                    elementSize: m.elementSize,
                    width: m.width,
                    height: m.height,
                })
            }
            t::CU_GRAPH_NODE_TYPE_HOST => {
                host(&t::CUDA_HOST_NODE_PARAMS { fn_: members.host.fn_, userData: members.host.userData })
            }
            t::CU_GRAPH_NODE_TYPE_GRAPH => child(members.graph.graph),
            t::CU_GRAPH_NODE_TYPE_EMPTY => Ok(Operation::Empty),
            t::CU_GRAPH_NODE_TYPE_WAIT_EVENT => Ok(Operation::Wait(find::<Event>(members.eventWait.event)?)),
            t::CU_GRAPH_NODE_TYPE_EVENT_RECORD => {
                Ok(Operation::Record(find::<Event>(members.eventRecord.event)?))
            }
            t::CU_GRAPH_NODE_TYPE_MEM_ALLOC => {
                let size = members.alloc.bytesize as u64;
                let memory = GraphMemory::allocate(current()?.number, size)?;
                members.alloc.dptr = memory.address;
                raw::put(parameters, given)?;
                Ok(Operation::Allocate(memory))
            }
            t::CU_GRAPH_NODE_TYPE_MEM_FREE => Ok(Operation::Free(members.free.dptr)),
            t::CU_GRAPH_NODE_TYPE_BATCH_MEM_OP => {
                Ok(Operation::Words(words(members.memOp.paramArray, members.memOp.count)?))
            }
            t::CU_GRAPH_NODE_TYPE_CONDITIONAL => Err(refused("a conditional node in a graph")),
            t::CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL | t::CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT => {
                Err(refused("a node for a semaphore of another API in a graph"))
            }
            _ => Err(Error::INVALID_VALUE),
        }
    }
}

pub(crate) fn cuGraphAddNode(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    count: usize,
    parameters: *mut t::CUgraphNodeParams,
) -> Result {
    find::<Graph>(graph)?;
    At { out, graph, after, count }.add(any(parameters)?)
}

pub(crate) fn cuGraphAddNode_v2(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    edges: *const t::CUgraphEdgeData,
    count: usize,
    parameters: *mut t::CUgraphNodeParams,
) -> Result {
    plain_edges(edges, count)?;
    cuGraphAddNode(out, graph, after, count, parameters)
}

pub(crate) fn cuGraphAddNode_v3(
    out: *mut t::CUgraphNode,
    graph: t::CUgraph,
    after: *const t::CUgraphNode,
    edges: *const t::CUgraphEdgeData,
    count: usize,
    parameters: *mut t::CUgraphNodeParams,
) -> Result {
    cuGraphAddNode_v2(out, graph, after, edges, count, parameters)
}

fn kind(operation: &Operation) -> (t::CUgraphNodeType, &'static str) {
    match operation {
        Operation::Kernel(_) => (t::CU_GRAPH_NODE_TYPE_KERNEL, "kernel"),
        Operation::Copy(_) => (t::CU_GRAPH_NODE_TYPE_MEMCPY, "memcpy"),
        Operation::Fill(_) => (t::CU_GRAPH_NODE_TYPE_MEMSET, "memset"),
        Operation::Host(_) | Operation::Callback(_) => (t::CU_GRAPH_NODE_TYPE_HOST, "host"),
        Operation::Child(_) => (t::CU_GRAPH_NODE_TYPE_GRAPH, "graph"),
        Operation::Wait(_) | Operation::Await(_) => (t::CU_GRAPH_NODE_TYPE_WAIT_EVENT, "event wait"),
        Operation::Record(_) | Operation::Finish(_) => (t::CU_GRAPH_NODE_TYPE_EVENT_RECORD, "event record"),
        Operation::Allocate(_) => (t::CU_GRAPH_NODE_TYPE_MEM_ALLOC, "mem alloc"),
        Operation::Free(_) => (t::CU_GRAPH_NODE_TYPE_MEM_FREE, "mem free"),
        Operation::Words(_) => (t::CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, "batch mem op"),
        Operation::Empty => (t::CU_GRAPH_NODE_TYPE_EMPTY, "empty"),
    }
}

pub(crate) fn kind_name(operation: &Operation) -> &'static str {
    kind(operation).1
}

pub(crate) fn cuGraphNodeGetType(raw: t::CUgraphNode, out: *mut t::CUgraphNodeType) -> Result {
    raw::put(out, kind(&find::<Node>(raw)?.operation()).0)
}

/// Changes a node to another operation of its own kind.
fn set(raw: t::CUgraphNode, operation: Operation) -> Result {
    let node = find::<Node>(raw)?;
    if kind(&node.operation()).0 != kind(&operation).0 {
        return Err(Error::INVALID_VALUE);
    }
    node.set(operation);
    Ok(())
}

/// The same for a step of an instantiated graph.
fn set_step(executable: t::CUgraphExec, raw: t::CUgraphNode, operation: Operation) -> Result {
    let executable = find::<Executable>(executable)?;
    let operation = match operation {
        Operation::Child(child) => Operation::Child(Child::with_steps(Arc::clone(child.graph()))?),
        other => other,
    };
    // The graph, and with it the node, may be gone already: only its number counts.
    executable.change(raw as usize, |step| {
        if kind(&step.operation).0 != kind(&operation).0 {
            return Err(Error::INVALID_VALUE);
        }
        step.operation = operation;
        Ok(())
    })
}

pub(crate) fn cuGraphNodeSetParams(raw: t::CUgraphNode, parameters: *mut t::CUgraphNodeParams) -> Result {
    set(raw, any(parameters)?)
}

pub(crate) fn cuGraphNodeSetParams_v2(raw: t::CUgraphNode, parameters: *mut t::CUgraphNodeParams) -> Result {
    cuGraphNodeSetParams(raw, parameters)
}

pub(crate) fn cuGraphExecNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *mut t::CUgraphNodeParams,
) -> Result {
    set_step(executable, raw, any(parameters)?)
}

pub(crate) fn cuGraphKernelNodeSetParams(
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS_v1,
) -> Result {
    set(raw, kernel(&widened(&raw::get(parameters)?))?)
}

pub(crate) fn cuGraphKernelNodeSetParams_v2(
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS,
) -> Result {
    set(raw, kernel(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphExecKernelNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS_v1,
) -> Result {
    set_step(executable, raw, kernel(&widened(&raw::get(parameters)?))?)
}

pub(crate) fn cuGraphExecKernelNodeSetParams_v2(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_KERNEL_NODE_PARAMS,
) -> Result {
    set_step(executable, raw, kernel(&raw::get(parameters)?)?)
}

/// The launch of a kernel's node.
fn launch_of(raw: t::CUgraphNode) -> Result<(Arc<Node>, Launch)> {
    let node = find::<Node>(raw)?;
    match node.operation() {
        Operation::Kernel(launch) => Ok((node, launch)),
        _ => Err(Error::INVALID_VALUE),
    }
}

pub(crate) fn cuGraphKernelNodeGetParams_v2(
    raw: t::CUgraphNode,
    out: *mut t::CUDA_KERNEL_NODE_PARAMS,
) -> Result {
    let (node, launch) = launch_of(raw)?;
    let kernel = launch.function.kernel.unwrap_or(0);
    raw::put(
        out,
        t::CUDA_KERNEL_NODE_PARAMS {
            func: launch.function.number as t::CUfunction,
            gridDimX: launch.grid[0],
            gridDimY: launch.grid[1],
            gridDimZ: launch.grid[2],
            blockDimX: launch.block[0],
            blockDimY: launch.block[1],
            blockDimZ: launch.block[2],
            sharedMemBytes: launch.shared,
            kernelParams: node.pointers(&launch) as *mut *mut c_void,
            extra: std::ptr::null_mut(),
            kern: kernel as t::CUkernel,
            ctx: std::ptr::null_mut(),
        },
    )
}

pub(crate) fn cuGraphKernelNodeGetParams(
    raw: t::CUgraphNode,
    out: *mut t::CUDA_KERNEL_NODE_PARAMS_v1,
) -> Result {
    let mut wide = t::CUDA_KERNEL_NODE_PARAMS::default();
    cuGraphKernelNodeGetParams_v2(raw, &raw mut wide)?;
    raw::put(
        out,
        t::CUDA_KERNEL_NODE_PARAMS_v1 {
            func: if wide.func.is_null() { wide.kern.cast() } else { wide.func },
            gridDimX: wide.gridDimX,
            gridDimY: wide.gridDimY,
            gridDimZ: wide.gridDimZ,
            blockDimX: wide.blockDimX,
            blockDimY: wide.blockDimY,
            blockDimZ: wide.blockDimZ,
            sharedMemBytes: wide.sharedMemBytes,
            kernelParams: wide.kernelParams,
            extra: wide.extra,
        },
    )
}

pub(crate) fn cuGraphKernelNodeGetAttribute(
    raw: t::CUgraphNode,
    attribute: t::CUkernelNodeAttrID,
    out: *mut t::CUkernelNodeAttrValue,
) -> Result {
    let (_, launch) = launch_of(raw)?;
    let set = launch.attributes.0.iter().find(|other| other.id == attribute).map(|other| other.value);
    raw::put(out, set.unwrap_or_default())
}

pub(crate) fn cuGraphKernelNodeSetAttribute(
    raw: t::CUgraphNode,
    attribute: t::CUkernelNodeAttrID,
    value: *const t::CUkernelNodeAttrValue,
) -> Result {
    let (node, mut launch) = launch_of(raw)?;
    launch.attributes.0.retain(|other| other.id != attribute);
    launch.attributes.0.push(t::CUlaunchAttribute { id: attribute, pad: [0; 4], value: raw::get(value)? });
    with_attributes(&node, launch)
}

pub(crate) fn cuGraphKernelNodeCopyAttributes(to: t::CUgraphNode, from: t::CUgraphNode) -> Result {
    let (_, source) = launch_of(from)?;
    let (node, mut launch) = launch_of(to)?;
    launch.attributes = source.attributes;
    with_attributes(&node, launch)
}

fn with_attributes(node: &Node, mut launch: Launch) -> Result {
    let wanted = Wanted::read(&launch.attributes.0)?;
    launch.cluster = wanted.cluster;
    launch.cooperative = wanted.cooperative;
    node.set(Operation::Kernel(launch));
    Ok(())
}

pub(crate) fn cuGraphMemcpyNodeSetParams(raw: t::CUgraphNode, parameters: *const t::CUDA_MEMCPY3D) -> Result {
    set(raw, Operation::Copy(volume(&raw::get(parameters)?)?))
}

pub(crate) fn cuGraphExecMemcpyNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_MEMCPY3D,
    _: t::CUcontext,
) -> Result {
    let parameters = raw::get(parameters)?;
    let Operation::Copy(before) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    // What is instantiated can be changed only from one row to another (CUDA's manual, the function's constraints).
    let before = before.describe();
    if [&parameters, &before].iter().any(|copy| copy.Height > 1 || copy.Depth > 1) {
        return Err(Error::INVALID_VALUE);
    }
    set_step(executable, raw, Operation::Copy(volume(&parameters)?))
}

pub(crate) fn cuGraphMemcpyNodeGetParams(raw: t::CUgraphNode, out: *mut t::CUDA_MEMCPY3D) -> Result {
    match find::<Node>(raw)?.operation() {
        Operation::Copy(copy) => raw::put(out, copy.describe()),
        _ => Err(Error::INVALID_VALUE),
    }
}

pub(crate) fn cuGraphMemsetNodeSetParams(
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_MEMSET_NODE_PARAMS,
) -> Result {
    set(raw, fill(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphExecMemsetNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_MEMSET_NODE_PARAMS,
    _: t::CUcontext,
) -> Result {
    set_step(executable, raw, fill(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphMemsetNodeGetParams(
    raw: t::CUgraphNode,
    out: *mut t::CUDA_MEMSET_NODE_PARAMS,
) -> Result {
    let Operation::Fill(fill) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    raw::put(
        out,
        t::CUDA_MEMSET_NODE_PARAMS {
            dst: fill.address,
            pitch: usize::try_from(fill.pitch).unwrap_or(0),
            value: fill.value,
            elementSize: fill.width.into(),
            width: usize::try_from(fill.columns).unwrap_or(0),
            height: usize::try_from(fill.rows).unwrap_or(0),
        },
    )
}

pub(crate) fn cuGraphHostNodeSetParams(
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_HOST_NODE_PARAMS,
) -> Result {
    set(raw, host(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphExecHostNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_HOST_NODE_PARAMS,
) -> Result {
    set_step(executable, raw, host(&raw::get(parameters)?)?)
}

pub(crate) fn cuGraphHostNodeGetParams(raw: t::CUgraphNode, out: *mut t::CUDA_HOST_NODE_PARAMS) -> Result {
    let Operation::Host(host) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    raw::put(out, t::CUDA_HOST_NODE_PARAMS { fn_: host.function, userData: host.data as *mut c_void })
}

pub(crate) fn cuGraphChildGraphNodeGetGraph(raw: t::CUgraphNode, out: *mut t::CUgraph) -> Result {
    let operation = find::<Node>(raw)?.operation();
    raw::put(out, operation.child().ok_or(Error::INVALID_VALUE)?.number as t::CUgraph)
}

pub(crate) fn cuGraphExecChildGraphNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    graph: t::CUgraph,
) -> Result {
    set_step(executable, raw, child(graph)?)
}

pub(crate) fn cuGraphEventRecordNodeGetEvent(raw: t::CUgraphNode, out: *mut t::CUevent) -> Result {
    let Operation::Record(event) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    raw::put(out, event.number as t::CUevent)
}

pub(crate) fn cuGraphEventRecordNodeSetEvent(raw: t::CUgraphNode, event: t::CUevent) -> Result {
    set(raw, Operation::Record(find::<Event>(event)?))
}

pub(crate) fn cuGraphExecEventRecordNodeSetEvent(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    event: t::CUevent,
) -> Result {
    set_step(executable, raw, Operation::Record(find::<Event>(event)?))
}

pub(crate) fn cuGraphEventWaitNodeGetEvent(raw: t::CUgraphNode, out: *mut t::CUevent) -> Result {
    let Operation::Wait(event) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    raw::put(out, event.number as t::CUevent)
}

pub(crate) fn cuGraphEventWaitNodeSetEvent(raw: t::CUgraphNode, event: t::CUevent) -> Result {
    set(raw, Operation::Wait(find::<Event>(event)?))
}

pub(crate) fn cuGraphExecEventWaitNodeSetEvent(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    event: t::CUevent,
) -> Result {
    set_step(executable, raw, Operation::Wait(find::<Event>(event)?))
}

pub(crate) fn cuGraphMemAllocNodeGetParams(
    raw: t::CUgraphNode,
    out: *mut t::CUDA_MEM_ALLOC_NODE_PARAMS,
) -> Result {
    let Operation::Allocate(memory) = find::<Node>(raw)?.operation() else {
        return Err(Error::INVALID_VALUE);
    };
    let mut answer = t::CUDA_MEM_ALLOC_NODE_PARAMS::default();
    answer.poolProps.allocType = t::CU_MEM_ALLOCATION_TYPE_PINNED;
    answer.poolProps.location.type_ = t::CU_MEM_LOCATION_TYPE_DEVICE;
    answer.bytesize = usize::try_from(memory.size).unwrap_or(0);
    answer.dptr = memory.address;
    raw::put(out, answer)
}

pub(crate) fn cuGraphMemFreeNodeGetParams(raw: t::CUgraphNode, out: *mut t::CUdeviceptr) -> Result {
    let Operation::Free(address) = find::<Node>(raw)?.operation() else { return Err(Error::INVALID_VALUE) };
    raw::put(out, address)
}

pub(crate) fn cuGraphBatchMemOpNodeSetParams(
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_BATCH_MEM_OP_NODE_PARAMS,
) -> Result {
    let given = raw::get(parameters)?;
    set(raw, Operation::Words(words(given.paramArray, given.count)?))
}

pub(crate) fn cuGraphExecBatchMemOpNodeSetParams(
    executable: t::CUgraphExec,
    raw: t::CUgraphNode,
    parameters: *const t::CUDA_BATCH_MEM_OP_NODE_PARAMS,
) -> Result {
    let given = raw::get(parameters)?;
    set_step(executable, raw, Operation::Words(words(given.paramArray, given.count)?))
}

pub(crate) fn cuGraphNodeFindInClone(
    out: *mut t::CUgraphNode,
    original: t::CUgraphNode,
    clone: t::CUgraph,
) -> Result {
    let nodes = find::<Graph>(clone)?.nodes();
    let node = nodes.iter().find(|node| node.original == original as usize).ok_or(Error::INVALID_VALUE)?;
    raw::put(out, node.number as t::CUgraphNode)
}

pub(crate) fn cuGraphNodeGetContainingGraph(raw: t::CUgraphNode, out: *mut t::CUgraph) -> Result {
    raw::put(out, find::<Node>(raw)?.graph as t::CUgraph)
}

pub(crate) fn cuGraphNodeGetLocalId(raw: t::CUgraphNode, out: *mut c_uint) -> Result {
    raw::put(out, crate::function::as_u32((raw as usize >> 4) & 0xffff_ffff))?;
    find::<Node>(raw).map(|_| ())
}

pub(crate) fn cuGraphNodeGetDependencies(
    raw: t::CUgraphNode,
    nodes: *mut t::CUgraphNode,
    count: *mut usize,
) -> Result {
    hand_out(&find::<Node>(raw)?.before(), nodes, count)
}

pub(crate) fn cuGraphNodeGetDependencies_v2(
    raw: t::CUgraphNode,
    nodes: *mut t::CUgraphNode,
    edges: *mut t::CUgraphEdgeData,
    count: *mut usize,
) -> Result {
    cuGraphNodeGetDependencies(raw, nodes, count)?;
    plain_data(edges, count)
}

pub(crate) fn cuGraphNodeGetDependentNodes(
    raw: t::CUgraphNode,
    nodes: *mut t::CUgraphNode,
    count: *mut usize,
) -> Result {
    let node = find::<Node>(raw)?;
    let graph = Graph::handles().get(node.graph).ok_or(Error::INVALID_VALUE)?;
    let after: Vec<usize> =
        graph.edges().into_iter().filter(|(from, _)| *from == node.number).map(|(_, to)| to).collect();
    hand_out(&after, nodes, count)
}

pub(crate) fn cuGraphNodeGetDependentNodes_v2(
    raw: t::CUgraphNode,
    nodes: *mut t::CUgraphNode,
    edges: *mut t::CUgraphEdgeData,
    count: *mut usize,
) -> Result {
    cuGraphNodeGetDependentNodes(raw, nodes, count)?;
    plain_data(edges, count)
}
