//! The device as kernels see it: settings, memory, and where their output goes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::crew::Crew;
use crate::isa::Isa;
use crate::memory::Memory;
use crate::texture::Objects;

/// Threads of a launch, at most.
const MAX_WORKERS: usize = 256;

/// How a device runs, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads that run blocks. With one, equal launches give equal bits, floating-point atomics included.
    pub workers: usize,
    /// Which build of the machine to use; `None`: the best that this CPU runs.
    pub isa: Option<Isa>,
    /// Whether each access is checked: bounds, alignment, use after free.
    pub checks: bool,
    /// Whether shared memory is watched for races between warps and for reads of what nobody wrote. Slow.
    pub watch: bool,
    /// Warp instructions that a launch may take before it is stopped; `None`: any number.
    pub fuel: Option<u64>,
    /// Compute capability, major and minor.
    pub capability: (u32, u32),
    /// Multiprocessors: what `%nsmid` says, and so how many blocks programs think fit at once.
    pub multiprocessors: u32,
    /// What `%clock` counts in, in kHz.
    pub clock_khz: u32,
    /// Stack of a thread, in bytes, where calls recurse or are indirect (`CU_LIMIT_STACK_SIZE`).
    pub stack: u64,
    /// Bytes for the kernels' own `malloc` (`CU_LIMIT_MALLOC_HEAP_SIZE`).
    pub heap: u64,
    /// Shared memory that a block may have, in bytes.
    pub shared_limit: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            isa: None,
            checks: true,
            watch: false,
            fuel: None,
            capability: (9, 0),
            multiprocessors: 16,
            clock_khz: 1_000_000,
            stack: 1 << 14,
            heap: 8 << 20,
            shared_limit: 227 << 10,
        }
    }
}

/// Takes what kernels print.
pub trait Output: Send {
    /// One `printf`'s text.
    fn print(&mut self, text: &[u8]);

    /// One `assert`'s text, which GPUs send to standard error. Without a stream of its own it goes where `print` writes.
    fn complain(&mut self, text: &[u8]) {
        self.print(text);
    }
}

impl Output for Vec<u8> {
    fn print(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }
}

impl<T: Output> Output for Arc<Mutex<T>> {
    fn print(&mut self, text: &[u8]) {
        self.lock().unwrap_or_else(PoisonError::into_inner).print(text);
    }

    fn complain(&mut self, text: &[u8]) {
        self.lock().unwrap_or_else(PoisonError::into_inner).complain(text);
    }
}

/// A device. Shared between threads; launches may overlap.
pub struct Device {
    settings: Settings,
    isa: Isa,
    memory: Arc<Memory>,
    objects: Objects,
    output: Mutex<Box<dyn Output>>,
    stack: AtomicU64,
    heap: AtomicU64,
    heap_used: AtomicU64,
    launches: AtomicU64,
    crew: OnceLock<Option<Crew>>,
}

impl Device {
    /// A device with this memory.
    ///
    /// An [`Isa`] that this CPU lacks gives way to the best that it has.
    pub fn new(settings: Settings, memory: Arc<Memory>, output: Box<dyn Output>) -> Device {
        let isa = settings.isa.filter(|isa| isa.is_available()).unwrap_or_else(Isa::best);
        let (stack, heap) = (AtomicU64::new(settings.stack), AtomicU64::new(settings.heap));
        Device {
            settings,
            isa,
            memory,
            objects: Objects::default(),
            output: Mutex::new(output),
            stack,
            heap,
            heap_used: AtomicU64::new(0),
            launches: AtomicU64::new(0),
            crew: OnceLock::new(),
        }
    }

    /// The threads that help the one that launches.
    pub(crate) fn crew(&self) -> Option<&Crew> {
        self.crew.get_or_init(|| Crew::new(self.workers() - 1)).as_ref()
    }

    /// Threads that a launch may use, this one included.
    pub(crate) fn workers(&self) -> usize {
        self.settings.workers.clamp(1, MAX_WORKERS)
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The build of the machine in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Its memory.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The textures and surfaces that its kernels may use.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Sets the stack of a thread, in bytes, for launches from now on.
    pub fn set_stack(&self, bytes: u64) {
        self.stack.store(bytes, Ordering::Relaxed);
    }

    /// The stack of a thread, in bytes.
    pub fn stack(&self) -> u64 {
        self.stack.load(Ordering::Relaxed)
    }

    /// Sets how many bytes the kernels' own `malloc` may give out.
    pub fn set_heap(&self, bytes: u64) {
        self.heap.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes the kernels' own `malloc` may give out.
    pub fn heap(&self) -> u64 {
        self.heap.load(Ordering::Relaxed)
    }

    /// Takes `size` bytes of the heap's budget.
    pub(crate) fn take_heap(&self, size: u64) -> bool {
        let budget = self.heap();
        let take = |used: u64| used.checked_add(size).filter(|&sum| sum <= budget);
        self.heap_used.try_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Gives `size` bytes of the heap's budget back.
    pub(crate) fn give_heap(&self, size: u64) {
        self.heap_used.fetch_sub(size, Ordering::Relaxed);
    }

    /// The number of a new launch, from 1.
    pub(crate) fn count_launch(&self) -> u64 {
        self.launches.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sends an assertion's text to where the program has its errors.
    pub(crate) fn complain(&self, text: &[u8]) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).complain(text);
    }

    /// Sends text to the program's output.
    pub(crate) fn print(&self, text: &[u8]) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).print(text);
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("settings", &self.settings)
            .field("isa", &self.isa)
            .finish_non_exhaustive()
    }
}
