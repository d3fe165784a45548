//! A program: PTX modules, linked. Names are resolved over all modules, global variables laid out and initialised;
//! kernels are decoded when they are first asked for.

mod facts;
mod globals;
mod link;

use std::fmt;
use std::sync::{Arc, OnceLock};

use cuferry_ptx::Statement;
use self_cell::self_cell;
use thiserror::Error;

use crate::code::Code;
use crate::decode::decode;
use crate::device::Device;
use crate::fault::{Place, Refusal};
use crate::memory::{Memory, MemoryError};

pub(crate) use facts::size_and_align as variable_layout;
pub use facts::{KernelFacts, Parameter};
pub use globals::Global;
pub(crate) use globals::bits_of;
pub(crate) use link::{FunctionIndex, Linked, Meaning};

/// A module's PTX text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What to call it in messages.
    pub name: String,
    /// The PTX.
    pub text: String,
}

/// Why modules could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The PTX has errors outside of kernels' and functions' bodies, or is no PTX.
    #[error("{module} line {line}: {message}")]
    Parse {
        /// The module's name.
        module: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Two modules define one name.
    #[error("`{name}` is defined twice, in {first} and in {second}")]
    Duplicate {
        /// The name.
        name: String,
        /// A module.
        first: String,
        /// Another, or the same.
        second: String,
    },
    /// A variable that the machine cannot make.
    #[error("{module} line {line}: variable `{name}`: {why}")]
    Variable {
        /// The module's name.
        module: String,
        /// The line, from 1.
        line: u32,
        /// The variable.
        name: String,
        /// What is in the way.
        why: String,
    },
    /// There is no memory for the variables.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A kernel of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelId(usize);

self_cell!(
    struct Cell {
        owner: Vec<Source>,
        #[covariant]
        dependent: Linked,
    }
);

type Decoded = Result<Arc<Code>, Vec<Refusal>>;

struct Kernel {
    facts: KernelFacts,
    function: FunctionIndex,
    code: OnceLock<Decoded>,
}

/// Modules that were loaded together. Its variables live as long as it does.
pub struct Program {
    cell: Cell,
    kernels: Vec<Kernel>,
    memory: Arc<Memory>,
    allocations: Vec<u64>,
}

impl Program {
    /// Parses and links modules, and makes their variables. Several modules are linked as `nvlink` would: `.extern`
    /// names are found in others, of `.weak` definitions one is taken.
    ///
    /// What kernels hold is looked at when they are first asked for.
    pub fn load(device: &Device, sources: Vec<Source>) -> Result<Program, LoadError> {
        let memory = Arc::clone(device.memory());
        let mut allocations = Vec::new();
        let linked = Cell::try_new(sources, |sources| Linked::new(sources, &memory, &mut allocations));
        let cell = linked.inspect_err(|_| release(&memory, &allocations))?;
        let kernels = cell.borrow_dependent().kernels().map(|(function, facts)| Kernel {
            facts,
            function,
            code: OnceLock::new(),
        });
        let kernels = kernels.collect();
        Ok(Program { cell, kernels, memory, allocations })
    }

    /// What is known of each kernel, in the order of the modules.
    pub fn kernels(&self) -> impl Iterator<Item = &KernelFacts> {
        self.kernels.iter().map(|kernel| &kernel.facts)
    }

    /// The kernel of this name.
    pub fn kernel(&self, name: &str) -> Option<KernelId> {
        self.kernels.iter().position(|kernel| kernel.facts.name == name).map(KernelId)
    }

    /// What is known of a kernel of this program.
    pub fn facts(&self, kernel: KernelId) -> &KernelFacts {
        &self.kernels[kernel.0].facts
    }

    /// A variable that other modules or the host see.
    pub fn global(&self, name: &str) -> Option<&Global> {
        self.linked().global(name)
    }

    /// Every variable of the modules that has an address, in the order of the modules.
    pub fn globals(&self) -> impl Iterator<Item = &Global> {
        self.linked().globals()
    }

    /// Gives every variable again what it started with: what a new context finds. Managed ones stay, for they are the
    /// host's as well.
    pub fn start_anew(&self) -> Result<(), LoadError> {
        self.linked().initialise(self.cell.borrow_owner(), &self.memory, |global| !global.managed)
    }

    /// What keeps a kernel from running; nothing: it can. Decodes it, if that hasn't happened.
    pub fn unsupported(&self, kernel: KernelId, device: &Device) -> &[Refusal] {
        match self.decoded(kernel, device) {
            Ok(_) => &[],
            Err(refusals) => refusals,
        }
    }

    /// Bytes of local memory of each thread of a kernel, where that is known; 0 for one that can't run.
    pub fn local_bytes(&self, kernel: KernelId, device: &Device) -> u32 {
        self.decoded(kernel, device).as_ref().map_or(0, |code| code.local.unwrap_or(0))
    }

    /// Bytes of shared memory of each block of a kernel, without dynamic one; 0 for one that can't run.
    pub fn shared_bytes(&self, kernel: KernelId, device: &Device) -> u32 {
        self.decoded(kernel, device).as_ref().map_or(0, |code| code.shared)
    }

    pub(crate) fn decoded(&self, kernel: KernelId, device: &Device) -> &Decoded {
        let Kernel { function, code, .. } = &self.kernels[kernel.0];
        code.get_or_init(|| decode(self.linked(), *function, device).map(Arc::new))
    }

    fn linked(&self) -> &Linked<'_> {
        self.cell.borrow_dependent()
    }

    /// Where an operation of a kernel stands in the PTX and in the sources.
    pub(crate) fn place(&self, code: &Code, site: u32) -> Option<Place> {
        let site = code.sites.get(site as usize)?;
        let function = FunctionIndex(*code.sources.get(site.function as usize)?);
        let linked = self.linked();
        let body = linked.function(function).body.as_ref()?;
        let Statement::Instruction(instruction) = body.statements.get(site.statement as usize)? else {
            return None;
        };
        let module = linked.module_of(function);
        let loc = instruction.loc.and_then(|loc| body.loc(loc)).filter(|loc| loc.line > 0);
        let source = loc.and_then(|loc| Some((linked.file(module, loc.file)?.to_owned(), loc.line)));
        let instruction_name = instruction.opcode.text.to_owned();
        let name = self.cell.borrow_owner()[module].name.clone();
        Some(Place { module: name, line: instruction.line, instruction: instruction_name, source })
    }
}

fn release(memory: &Memory, allocations: &[u64]) {
    for &address in allocations {
        // It was allocated by `load`, and nobody else frees it; a program that did has had its error.
        let _ = memory.free(address);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        release(&self.memory, &self.allocations);
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("kernels", &self.kernels.len()).finish_non_exhaustive()
    }
}
