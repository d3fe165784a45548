//! What stops a kernel, as a value: what, where, which thread, and what lies near.

use std::fmt;

use crate::memory::{Kind, Nearest};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An access outside of every allocation, or of the block's shared or the thread's local memory.
    OutOfBounds,
    /// An access to memory that was freed.
    UseAfterFree,
    /// A store to constant memory.
    ReadOnly,
    /// An address that is not a multiple of the access's size.
    Misaligned,
    /// An indirect call or branch to what is no function or label.
    InvalidTarget,
    /// Calls need more stack than a thread has.
    StackOverflow,
    /// Two warps use a byte of shared memory, one of them to write, and nothing orders the two.
    Race,
    /// A read of shared memory that nobody has written.
    Uninitialised,
    /// `trap`.
    Trap,
    /// A failed `assert`: its text.
    Assert(String),
    /// `brkpt`, with no debugger.
    Breakpoint,
    /// No thread of a block can go on.
    Deadlock,
    /// The launch took more warp instructions than its settings allow.
    OutOfFuel,
    /// The device has not the memory that the launch needs.
    OutOfMemory,
    /// The launch asks for what the kernel or device does not allow.
    BadLaunch(String),
    /// The kernel holds what the machine does not support.
    Unsupported(Vec<Refusal>),
    /// An operand that the instruction does not allow, known only when it ran.
    BadOperand(String),
}

/// An instruction or directive that the machine does not support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The instruction's name, or the directive, as the PTX has it.
    pub what: String,
    /// Why, where there is more to say.
    pub why: String,
    /// The function that holds it.
    pub function: String,
    /// Its line in the PTX, from 1.
    pub line: u32,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { what, why, function, line } = self;
        write!(f, "`{what}` in `{function}`, PTX line {line}")?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
}

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the module.
    pub module: String,
    /// The line in its PTX, from 1.
    pub line: u32,
    /// The instruction's name.
    pub instruction: String,
    /// The source file and line, if the PTX has them (`-lineinfo`).
    pub source: Option<(String, u32)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { module, line, instruction, source } = self;
        if let Some((file, line)) = source {
            write!(f, "{file}:{line} ")?;
        }
        write!(f, "({module} line {line}: `{instruction}`)")
    }
}

/// The memory access that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its address: generic, or an offset in shared or local memory, as `space` says.
    pub address: u64,
    /// Bytes.
    pub size: u32,
    /// `global`, `shared`, `local`, `const`, `param` or `generic`.
    pub space: &'static str,
    /// Whether it writes.
    pub write: bool,
}

/// Where threads of a block stand that cannot go on, or stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The block.
    pub block: [u32; 3],
    /// Its warp.
    pub warp: u32,
    /// The lanes.
    pub lanes: u32,
    /// What they wait for, or did.
    pub waiting: String,
    /// Where.
    pub place: Place,
}

/// What stopped a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// In which kernel.
    pub kernel: String,
    /// At which instruction.
    pub place: Option<Place>,
    /// `blockIdx`.
    pub block: Option<[u32; 3]>,
    /// `threadIdx`.
    pub thread: Option<[u32; 3]>,
    /// The access, if it is one's fault.
    pub access: Option<Access>,
    /// The allocation nearest to the address.
    pub nearest: Option<Nearest>,
    /// Of a deadlock: where threads stand. Of a race: where the access before was made.
    pub standing: Vec<Standing>,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, kernel: &str) -> Fault {
        Fault {
            kind,
            kernel: kernel.to_owned(),
            place: None,
            block: None,
            thread: None,
            access: None,
            nearest: None,
            standing: Vec::new(),
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::OutOfBounds => f.write_str("out of bounds"),
            FaultKind::UseAfterFree => f.write_str("use after free"),
            FaultKind::ReadOnly => f.write_str("write to read-only memory"),
            FaultKind::Misaligned => f.write_str("misaligned address"),
            FaultKind::InvalidTarget => f.write_str("call or branch to an invalid target"),
            FaultKind::StackOverflow => f.write_str("stack overflow"),
            FaultKind::Race => f.write_str("race"),
            FaultKind::Uninitialised => f.write_str("uninitialised"),
            FaultKind::Trap => f.write_str("trap"),
            FaultKind::Assert(text) => write!(f, "assertion failed: {text}"),
            FaultKind::Breakpoint => f.write_str("breakpoint without a debugger"),
            FaultKind::Deadlock => f.write_str("deadlock: no thread of the block can go on"),
            FaultKind::OutOfFuel => f.write_str("out of fuel"),
            FaultKind::OutOfMemory => f.write_str("out of memory"),
            FaultKind::BadLaunch(reason) => write!(f, "bad launch: {reason}"),
            FaultKind::BadOperand(reason) => write!(f, "bad operand: {reason}"),
            FaultKind::Unsupported(refusals) => {
                f.write_str("not supported: ")?;
                for (index, refusal) in refusals.iter().enumerate() {
                    write!(f, "{}{refusal}", if index > 0 { "; " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(Access { address, size, space, write }) = self.access {
            let verb = if write { "write" } else { "read" };
            write!(f, ": {verb} of {size} bytes at {space} address {address:#x}")?;
        }
        write!(f, "\n  kernel  {}", self.kernel)?;
        if let Some(place) = &self.place {
            write!(f, "\n  at      {place}")?;
        }
        if let Some([x, y, z]) = self.block {
            write!(f, "\n  block   ({x}, {y}, {z})")?;
        }
        if let Some([x, y, z]) = self.thread {
            write!(f, ", thread ({x}, {y}, {z})")?;
        }
        if let (Some(nearest), Some(access)) = (&self.nearest, self.access) {
            write!(f, "\n  near    {}", Near { nearest, address: access.address })?;
        }
        for Standing { block: [x, y, z], warp, lanes, waiting, place } in &self.standing {
            write!(f, "\n  block ({x}, {y}, {z}) warp {warp} lanes {lanes:#010x}: {waiting} at {place}")?;
        }
        Ok(())
    }
}

struct Near<'a> {
    nearest: &'a Nearest,
    address: u64,
}

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allocation = self.nearest.allocation;
        let what = match allocation.kind {
            Kind::Device => "device memory",
            Kind::Pinned => "pinned host memory",
            Kind::Registered => "registered host memory",
            Kind::Managed => "managed memory",
            Kind::Global => "a global variable",
            Kind::Constant => "a constant",
            Kind::Heap => "memory of a kernel's malloc",
            Kind::Window => "a block's own memory",
        };
        if let Some(distance) = self.nearest.behind_by(self.address) {
            write!(f, "{distance} bytes behind ")?;
        } else if let Some(distance) = self.nearest.before_by(self.address) {
            write!(f, "{distance} bytes before ")?;
        } else {
            write!(f, "{} bytes into ", self.address - allocation.address)?;
        }
        let freed = if allocation.freed { ", freed" } else { "" };
        write!(
            f,
            "{what} of {} bytes at {:#x} (allocation {}{freed})",
            allocation.size, allocation.address, allocation.serial
        )
    }
}
