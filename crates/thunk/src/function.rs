//! The functions of the driver API: called as they are, but for those that give or take addresses of code, or memory that
//! the program's own system calls are to reach.

use cuferry_driver::functions::{Lookup, lookup};
use cuferry_driver::types::{
    CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, CU_GRAPH_NODE_TYPE_HOST, CUDA_ERROR_NO_DEVICE,
    CUDA_ERROR_NOT_FOUND, CUDA_ERROR_NOT_SUPPORTED, CUDA_ERROR_OUT_OF_MEMORY, CUDA_HOST_NODE_PARAMS,
    CUgraphNodeParams, CUgraphNodeType,
};
use cuferry_driver::{FUNCTIONS, Function};
use cuferry_guest::{Entry, Frame, entry};

use crate::arguments::{Arguments, Shape};
use crate::call::Guest;
use crate::native::Address;
use crate::state::{State, state};
use crate::{callback, memory, report, signal, table, trace, worker};

/// What is to be done for a function, beside calling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    special: Special,
}

/// What is special about a function. Numbers are those of its integer parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Nothing,
    /// It looks a function up.
    Lookup,
    /// It looks a private table up.
    Table,
    /// It takes a function of the program's.
    Callback(usize),
    /// It takes a structure that holds one.
    HostNode(usize),
    /// It fills such a structure.
    HostNodeBack(usize),
    /// It takes a structure that may hold one, and may fill other parts of it.
    Node(usize),
    /// It fills such a structure.
    NodeBack(usize),
    /// It allocates memory that the CPU sees: where its address goes, and its size.
    Allocates {
        address: usize,
        size: usize,
    },
    /// It finds memory that the CPU may see: where its address and its size go.
    Finds {
        address: usize,
        size: usize,
    },
    /// It frees memory.
    Frees(usize),
}

/// The parameter types that are functions of the program's.
const CALLBACKS: [&str; 7] = [
    "CUasyncCallback",
    "CUcoredumpStatusCallback",
    "CUgraphRecaptureCallback",
    "CUhostFn",
    "CUlogsCallback",
    "CUoccupancyB2DSize",
    "CUstreamCallback",
];

/// One for each function, in the order of the entries.
pub(crate) fn plans() -> Vec<Plan> {
    let functions = (0..).map_while(|index| match entry(index) {
        Some(Entry::Function { function, .. }) => Some(function),
        _ => None,
    });
    functions.map(plan).collect()
}

fn plan(function: &Function) -> Plan {
    let shape = Shape::of(function.parameters);
    let integers: Vec<&str> = function
        .parameters
        .iter()
        .map(|parameter| parameter.rust_type)
        .filter(|kind| *kind != "f32")
        .collect();
    let position = |wanted: &str| integers.iter().position(|kind| *kind == wanted);
    let callback = integers.iter().position(|kind| CALLBACKS.contains(kind));
    let special = match function.name {
        "cuGetProcAddress" => Special::Lookup,
        "cuGetExportTable" => Special::Table,
        "cuMemAllocHost" | "cuMemHostAlloc" | "cuMemAllocManaged" => {
            Special::Allocates { address: 0, size: 1 }
        }
        "cuLibraryGetManaged" | "cuModuleGetGlobal" => Special::Finds { address: 0, size: 1 },
        "cuMemFreeHost" | "cuMemFree" => Special::Frees(0),
        "cuGraphNodeGetParams" => Special::NodeBack(1),
        _ => callback
            .map(Special::Callback)
            .or_else(|| position("*const CUDA_HOST_NODE_PARAMS").map(Special::HostNode))
            .or_else(|| position("*mut CUDA_HOST_NODE_PARAMS").map(Special::HostNodeBack))
            .or_else(|| position("*mut CUgraphNodeParams").map(Special::Node))
            .unwrap_or(Special::Nothing),
    };
    Plan { shape, special }
}

/// Calls the function whose entry has that index.
pub(crate) fn call(
    index: usize,
    function: &'static Function,
    symbol: &'static str,
    frame: &Frame,
    guest: Guest<'_>,
) -> u64 {
    // A program that calls before its library's start has run: there is none.
    let Some(state) = state() else { return CUDA_ERROR_NO_DEVICE.into() };
    let Some(native) = &state.native else { return CUDA_ERROR_NO_DEVICE.into() };
    let Some(address) = native.function(index) else {
        report::once(format!(
            "{symbol} (since CUDA {}.{}) is not in the driver of this machine, which is of CUDA {}.{}: error 801",
            function.since / 1000,
            function.since % 1000 / 10,
            native.version() / 1000,
            native.version() % 1000 / 10
        ));
        return CUDA_ERROR_NOT_SUPPORTED.into();
    };
    let plan = state.plans[index];
    let arguments = plan.shape.read(frame);
    let call = Call { address, plan, arguments, floats: frame.floats, symbol };
    let traced = trace::enter();
    let result = call.make(state, guest);
    if let Some(begun) = traced {
        trace::leave(begun, function, symbol, &call.arguments, &call.floats, result);
    }
    result
}

struct Call {
    address: Address,
    plan: Plan,
    arguments: Arguments,
    floats: [u64; 8],
    symbol: &'static str,
}

impl Call {
    fn make(&self, state: &State, guest: Guest<'_>) -> u64 {
        let at = |index: usize| self.arguments.0[index];
        match self.plan.special {
            Special::Nothing => self.native(&self.arguments),
            Special::Lookup => self.look_up(state),
            Special::Table => table::find(at(0), at(1), &|| self.native(&self.arguments), state),
            Special::Callback(index) => {
                worker::ensure(guest);
                let Some(stub) = callback::to_host(at(index)) else { return CUDA_ERROR_OUT_OF_MEMORY.into() };
                self.native(&self.with(index, stub))
            }
            Special::HostNode(index) => {
                worker::ensure(guest);
                self.with_host_node(index)
            }
            Special::HostNodeBack(index) => {
                let result = self.native(&self.arguments);
                if result == 0 {
                    // SAFETY: the driver has just filled it.
                    unsafe { back(at(index) as *mut u64) };
                }
                result
            }
            Special::Node(index) => {
                worker::ensure(guest);
                self.with_node(index)
            }
            Special::NodeBack(index) => {
                let result = self.native(&self.arguments);
                let node = at(index) as *mut CUgraphNodeParams;
                // SAFETY: the driver has just filled it.
                if result == 0 && unsafe { is_host(node) } {
                    unsafe { back(function_of(node)) };
                }
                result
            }
            Special::Allocates { address, size } => {
                let result = self.native(&self.arguments);
                if result == 0 {
                    // SAFETY: the driver has just written it.
                    memory::add(unsafe { (at(address) as *const u64).read_unaligned() }, at(size));
                }
                result
            }
            Special::Finds { address, size } => {
                // The program need not ask for the size.
                let mut found = 0_u64;
                let place = if at(size) == 0 { (&raw mut found) as u64 } else { at(size) };
                let result = self.native(&self.with(size, place));
                if result == 0 && at(address) != 0 {
                    // SAFETY: the driver has just written both.
                    unsafe {
                        let (address, size) = (at(address) as *const u64, place as *const u64);
                        memory::add(address.read_unaligned(), size.read_unaligned());
                    }
                }
                result
            }
            Special::Frees(index) => {
                memory::remove(at(index));
                self.native(&self.arguments)
            }
        }
    }

    fn native(&self, arguments: &Arguments) -> u64 {
        let _within = signal::within(self.symbol);
        // A `CUresult`, of 32 bits: what is above means nothing.
        worker::native(self.address, self.plan.shape, arguments, &self.floats) & 0xffff_ffff
    }

    fn with(&self, index: usize, value: u64) -> Arguments {
        let mut arguments = self.arguments;
        arguments.0[index] = value;
        arguments
    }

    /// `cuGetProcAddress`: the driver says whether there is such a function; the program gets its own library's.
    fn look_up(&self, state: &State) -> u64 {
        let [name, address, version, flags, ..] = self.arguments.0;
        let result = self.native(&self.arguments);
        if result != 0 || address == 0 || name == 0 {
            return result;
        }
        // Where it is asked for the reason, too, it calls it a success that there is no such function.
        // SAFETY: the driver has just written it.
        if unsafe { (address as *const u64).read_unaligned() } == 0 {
            return result;
        }
        // SAFETY: the driver has read it, too.
        let name = unsafe { std::ffi::CStr::from_ptr(name as *const std::ffi::c_char) }.to_string_lossy();
        let per_thread = flags & u64::from(CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
        let version = u32::try_from(version & 0xffff_ffff).unwrap_or(0);
        let found = match lookup(&name, version, per_thread) {
            Lookup::Found(symbol) => {
                // Which function it is does not matter: an entry is found by its symbol.
                state.address(Entry::Function { function: &FUNCTIONS[0], symbol })
            }
            // The runtime looks all functions up: who calls this one is to hear of it.
            Lookup::Unknown | Lookup::TooNew { .. } => table::unknown(&name, state),
        };
        // SAFETY: the driver has just written it.
        unsafe { (address as *mut u64).write_unaligned(found.unwrap_or(0)) };
        if found.is_some() { 0 } else { CUDA_ERROR_NOT_FOUND.into() }
    }

    /// The structure may be constant: the driver gets a copy.
    fn with_host_node(&self, index: usize) -> u64 {
        let from = self.arguments.0[index] as *const CUDA_HOST_NODE_PARAMS;
        if from.is_null() {
            return self.native(&self.arguments);
        }
        // SAFETY: the program's structure, which the driver would read.
        let mut copy = unsafe { from.read_unaligned() };
        let function = (&raw mut copy.fn_).cast::<u64>();
        // SAFETY: the first member, a function's address or 0.
        let Some(stub) = callback::to_host(unsafe { function.read() }) else {
            return CUDA_ERROR_OUT_OF_MEMORY.into();
        };
        unsafe { function.write(stub) };
        self.native(&self.with(index, (&raw const copy) as u64))
    }

    /// The driver fills parts of the structure: it gets the program's own, with the function changed while the call lasts.
    fn with_node(&self, index: usize) -> u64 {
        let node = self.arguments.0[index] as *mut CUgraphNodeParams;
        // SAFETY: the program's structure, which the driver would read and write.
        if node.is_null() || !unsafe { is_host(node) } {
            return self.native(&self.arguments);
        }
        let function = function_of(node);
        let guest = unsafe { function.read_unaligned() };
        let Some(stub) = callback::to_host(guest) else { return CUDA_ERROR_OUT_OF_MEMORY.into() };
        unsafe { function.write_unaligned(stub) };
        let result = self.native(&self.arguments);
        unsafe { function.write_unaligned(guest) };
        result
    }
}

/// # Safety
///
/// `node` is the address of such a structure.
unsafe fn is_host(node: *mut CUgraphNodeParams) -> bool {
    // SAFETY: the caller's promise; the type is the first member.
    !node.is_null() && unsafe { node.cast::<CUgraphNodeType>().read_unaligned() } == CU_GRAPH_NODE_TYPE_HOST
}

/// Where a host node's structure holds its function.
fn function_of(node: *mut CUgraphNodeParams) -> *mut u64 {
    let offset = std::mem::offset_of!(CUgraphNodeParams, __bindgen_anon_1);
    node.cast::<u8>().wrapping_add(offset).cast()
}

/// # Safety
///
/// `function` is the address of a function's address, or null.
unsafe fn back(function: *mut u64) {
    if !function.is_null() {
        // SAFETY: the caller's promise.
        unsafe { function.write_unaligned(callback::to_guest(function.read_unaligned())) };
    }
}
