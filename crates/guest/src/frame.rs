//! What the guest hands to the host with each call, and gets back.

/// The number of the system call (`x8`). Linux's numbers end below 1000; an unknown one does nothing.
pub const NUMBER: i64 = 0xC0DA;

/// The argument registers and the answer of one call, on the guest's stack. Its address is the system call's first argument.
///
/// The guest makes the system call again and again until [`upcall`](Self::upcall) is 0 behind it.
#[derive(Debug)]
#[repr(C)]
pub struct Frame {
    /// Which function was called: an index as [`entry`](crate::entry()) takes it.
    pub entry: u64,
    /// What it returns, from the host. Before any answer: `CUDA_ERROR_OPERATING_SYSTEM`, for who runs without the plugin.
    pub result: u64,
    /// `x0` to `x7`.
    pub integers: [u64; 8],
    /// `d0` to `d7`.
    pub floats: [u64; 8],
    /// The address of the arguments that did not fit the registers, 8 bytes each.
    pub stack: u64,
    /// A function of the guest that is to be called next, from the host; 0: none, the call is over.
    pub upcall: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// What it returned.
    pub returned: u64,
    /// The host's own: which of its calls waits for the upcall; 0 where none does.
    pub call: u64,
    /// `x29` and `x30`: the frame record that debuggers follow.
    pub record: [u64; 2],
}

/// What the library tells when it has been loaded: the arguments of [`Entry::Start`](crate::Entry::Start), in this order.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Start {
    /// The address of the first entry; the others follow, [`STRIDE`](crate::STRIDE) bytes each.
    pub entries: u64,
    /// `pthread_create`.
    pub pthread_create: u64,
    /// `pthread_sigmask`.
    pub pthread_sigmask: u64,
    /// `pthread_self`.
    pub pthread_self: u64,
    /// `fwrite`.
    pub fwrite: u64,
    /// The address of the variable `stdout`.
    pub stdout: u64,
}

/// The functions and variables of the C library that [`Start`] names, in its order.
pub(crate) const IMPORTS: [&str; 5] =
    ["pthread_create", "pthread_sigmask", "pthread_self", "fwrite", "stdout"];

/// `CUDA_ERROR_OPERATING_SYSTEM`.
pub(crate) const WITHOUT_PLUGIN: u16 = 304;
