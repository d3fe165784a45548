//! Decoded code: what the machine runs. Operations of one size, operands as places in a warp's register file.

use crate::ops::Video;
use crate::warp::Warp;

/// Runs one operation for a warp; gives the next, or null when the warp's `stop` says why it stops.
///
/// # Safety
/// The warp is valid and not used otherwise, and the operation is one of the code that the warp runs.
pub(crate) type Handler = unsafe fn(*mut Warp, *const Op) -> *const Op;

/// One operation. `dst`, `a` to `d` are mostly byte offsets in the register file; each handler says what they are.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Op {
    pub(crate) run: Handler,
    /// Of a guarded operation: what runs for the lanes whose predicate allows it.
    pub(crate) inner: Handler,
    pub(crate) imm: u64,
    pub(crate) dst: u32,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
    pub(crate) d: u32,
    /// Of a guarded operation: its predicate's place, and in bit 0 whether it is negated.
    pub(crate) guard: u32,
    /// Of a memory access: its place among the cached ranges. Elsewhere free for the handler.
    pub(crate) aux: u32,
    /// Which [`Site`] it was decoded from.
    pub(crate) site: u32,
}

/// The place of an operand that is not there.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Where an operation comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) function: u32,
    /// Among the statements of the function's body.
    pub(crate) statement: u32,
}

/// How wide a register is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Width {
    /// A mask of 32 bits, one a lane.
    Pred,
    W16,
    W32,
    W64,
    W128,
}

impl Width {
    /// Bytes of a lane; predicates have none of their own.
    pub(crate) fn bytes(self) -> u32 {
        match self {
            Width::Pred => 0,
            Width::W16 => 2,
            Width::W32 => 4,
            Width::W64 => 8,
            Width::W128 => 16,
        }
    }

    /// Bytes of a register for the whole warp.
    pub(crate) fn slot(self) -> u32 {
        if self == Width::Pred { 4 } else { self.bytes() * 32 }
    }

    /// The register that holds values of so many bits.
    pub(crate) fn of_bits(bits: u32) -> Option<Width> {
        Some(match bits {
            1 => Width::Pred,
            8 | 16 => Width::W16,
            32 => Width::W32,
            64 => Width::W64,
            128 => Width::W128,
            _ => return None,
        })
    }
}

/// A register that holds one value in all lanes from the start, or a value that differs by lane but never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fixed {
    /// A constant of 16, 32 or 64 bits.
    Value(Width, u64),
    /// All lanes' predicate.
    Truth(bool),
    /// Bytes of the kernel's parameters: offset, size, and whether they are extended with their sign.
    Parameter { offset: u32, size: u32, signed: bool, width: Width },
    /// The address of the kernel's parameters.
    ParameterAddress(u32),
    /// A special register that never changes while the thread runs.
    Special(Special, Width),
}

/// Special registers that are known when a block starts (10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Tid(u8),
    Ntid(u8),
    Ctaid(u8),
    Nctaid(u8),
    LaneId,
    WarpId,
    NwarpId,
    SmId,
    NsmId,
    GridId,
    LanemaskEq,
    LanemaskLe,
    LanemaskLt,
    LanemaskGe,
    LanemaskGt,
    IsExplicitCluster,
    ClusterId(u8),
    NclusterId(u8),
    ClusterCtaid(u8),
    ClusterNctaid(u8),
    ClusterCtarank,
    ClusterNctarank,
    TotalSmemSize,
    AggrSmemSize,
    DynamicSmemSize,
    Envreg(u8),
    ReservedSmem(u8),
}

/// Lane arrays of 32-bit words: a parameter of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) offset: u32,
    pub(crate) count: u32,
}

/// A function within decoded code.
#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionCode {
    pub(crate) entry: u32,
    pub(crate) parameters: Vec<Words>,
    pub(crate) returns: Vec<Words>,
    /// Bytes of local memory that a call of it takes.
    pub(crate) local: u32,
    /// Its registers: place and width. Filled in where calls may come back to it.
    pub(crate) registers: Vec<(u32, Width)>,
    /// Its address; 0 where it isn't taken.
    pub(crate) address: u64,
}

/// A call, as its operation needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallSite {
    /// Among [`Code::functions`]; `None`: the address is in a register.
    pub(crate) callee: Option<u32>,
    pub(crate) arguments: Vec<Words>,
    pub(crate) returns: Vec<Words>,
    /// The caller, if its registers have to be saved because the call may come back to it.
    pub(crate) save: Option<u32>,
    /// Bytes of local memory of the caller.
    pub(crate) frame: u32,
}

/// What an instruction on a texture or surface names, as places in the register file.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// The object's handle, 64 bits.
    pub(crate) handle: u32,
    /// The values that it writes or stores, and how wide they are.
    pub(crate) values: Vec<u32>,
    pub(crate) width: Width,
    /// The layer, where the geometry has layers.
    pub(crate) layer: Option<u32>,
    /// Up to three coordinates, 32 bits each.
    pub(crate) coordinates: Vec<u32>,
    pub(crate) level: Level,
}

/// The level of detail that a fetch asks for.
#[derive(Clone, Debug)]
pub(crate) enum Level {
    /// The largest.
    Base,
    /// What a register says.
    Of(u32),
    /// From the coordinates' steps to the next pixel, along x and along y.
    Steps(Vec<u32>, Vec<u32>),
}

/// A kernel's code, ready to run.
pub(crate) struct Code {
    pub(crate) ops: Vec<Op>,
    pub(crate) sites: Vec<Site>,
    /// The kernel is the first.
    pub(crate) functions: Vec<FunctionCode>,
    /// The module function behind each.
    pub(crate) sources: Vec<usize>,
    pub(crate) calls: Vec<CallSite>,
    /// Of operations on textures and surfaces.
    pub(crate) fetches: Vec<Fetch>,
    /// Of video instructions.
    pub(crate) videos: Vec<Video>,
    /// Targets of `brx.idx`, and registers of matrices.
    pub(crate) tables: Vec<Vec<u32>>,
    pub(crate) fixed: Vec<(Fixed, u32)>,
    /// Bytes of a warp's register file.
    pub(crate) register_bytes: u32,
    /// Memory accesses that have a cached range.
    pub(crate) accesses: u32,
    /// Bytes of static shared memory; dynamic shared memory starts behind it.
    pub(crate) shared: u32,
    /// Bytes of local memory of the deepest chain of calls, where that is known.
    pub(crate) local: Option<u32>,
}
