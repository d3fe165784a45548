//! Signals, where the driver is involved.
//!
//! QEMU notes a signal, and delivers it when the system call returns that the program is in. A program that waits in the
//! driver would hear of nothing meanwhile. So a signal that ends the program ends it from here, too; and one that the
//! program has a handler for stops the driver where it waits, lets the program run its handler, and goes on. A signal that
//! reaches a thread of the driver's, of which QEMU knows nothing, is sent on to the program. And a bad address that the
//! driver is given is named with the call.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cuferry_guest::Entry;

use crate::call;

/// Signals that end a program that has no handler for them.
const ENDING: [c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
/// Signals of bad addresses.
const FAULTS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
/// One behind the largest signal.
const SIGNALS: usize = 65;

thread_local! {
    /// The driver's function that this thread is in.
    static WITHIN: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// Whether this is a thread of the program's.
    static PROGRAM: Cell<bool> = const { Cell::new(false) };
    /// The signal whose action the program is changing.
    static CHANGED: Cell<c_int> = const { Cell::new(0) };
    /// The signals that the program has blocked in this thread, as Linux keeps them: bit n-1 for signal n.
    static BLOCKED: Cell<u64> = const { Cell::new(0) };
}

/// The same for the program's first thread.
static BLOCKED_IN_MAIN: AtomicU64 = AtomicU64::new(0);
/// The signals for which the program has a handler, or which it ignores.
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// Where the driver's code begins and ends.
static DRIVER_START: AtomicUsize = AtomicUsize::new(0);
static DRIVER_END: AtomicUsize = AtomicUsize::new(0);
/// What QEMU does on each signal: a function's address, or 0.
static QEMU: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

/// A thread is in the driver for as long as this lives.
pub(crate) struct Within(Option<&'static str>);

pub(crate) fn within(function: &'static str) -> Within {
    Within(WITHIN.replace(Some(function)))
}

/// It runs the program, for as long as this lives.
pub(crate) fn without() -> Within {
    Within(WITHIN.replace(None))
}

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.set(self.0);
    }
}

/// This thread makes system calls of the program's.
pub(crate) fn thread_is_the_programs() {
    PROGRAM.set(true);
}

/// From now on, signals are looked at before QEMU sees them.
pub(crate) fn watch() {
    for signal in 1..c_int::try_from(SIGNALS).expect("65") {
        wrap(signal);
    }
}

/// Puts the handler of this module before QEMU's, where that is in place.
fn wrap(signal: c_int) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a place for the action; where there is no such signal, nothing is done.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: it has just been filled.
    let mut action = unsafe { action.assume_init() };
    let own = on_signal as *const () as usize;
    // QEMU's handler takes three arguments; what is ignored or left to the kernel stays so.
    if action.sa_flags & libc::SA_SIGINFO == 0 || action.sa_sigaction == own {
        return;
    }
    QEMU[index(signal)].store(action.sa_sigaction, Ordering::Release);
    action.sa_sigaction = own;
    // SAFETY: the action is QEMU's, but for the function, which hands on to QEMU's.
    unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
}

fn index(signal: c_int) -> usize {
    usize::try_from(signal).ok().filter(|signal| *signal < SIGNALS).unwrap_or(0)
}

const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let (within, program) = (WITHIN.get(), PROGRAM.get());
    if within.is_some() || !program {
        if FAULTS.contains(&signal) {
            name_fault(signal, info, within.unwrap_or("a thread of the driver's"));
            if !program {
                end(signal);
            }
        } else if ENDING.contains(&signal) && HANDLED.load(Ordering::Relaxed) & bit(signal) == 0 {
            let blocked = if program { BLOCKED.get() } else { BLOCKED_IN_MAIN.load(Ordering::Relaxed) };
            if blocked & bit(signal) == 0 {
                end(signal);
            }
        }
    }
    if !program {
        // SAFETY: the program's first thread is the process's, and the information that of this signal.
        unsafe {
            let process = libc::getpid();
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, process, signal, info);
        }
        return;
    }
    // SAFETY: the kernel's structure for every signal.
    let stopped = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let mask = stopped.uc_sigmask;
    let qemu = QEMU[index(signal)].load(Ordering::Acquire);
    if qemu != 0 {
        // SAFETY: QEMU's handler, which takes these three.
        unsafe {
            std::mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(qemu)(
                signal, info, context,
            );
        }
    }
    if within.is_some() && !FAULTS.contains(&signal) && HANDLED.load(Ordering::Relaxed) & bit(signal) != 0 {
        // QEMU blocks all signals until it has delivered this one, which may be long from now, or is to be at once.
        stopped.uc_sigmask = mask;
        if may_wait(stopped) {
            deliver();
        }
    }
}

/// Lets the program run, in which QEMU delivers what it has noted; then the driver goes on.
fn deliver() {
    if let Some(nothing) = crate::state::state().and_then(|state| state.address(Entry::Nothing)) {
        call::from_here(nothing, &[]);
    }
}

/// System calls in which a thread waits (x86_64): it holds no lock of the C library's.
const WAITS: [i64; 11] = [0, 7, 16, 23, 35, 202, 230, 232, 270, 271, 281];

/// Whether the driver may stay where it was stopped while the program runs on the same thread: it holds no lock that QEMU
/// or the program's side of this plugin wants, as malloc's. So it is in its own code, or waits in the kernel.
fn may_wait(stopped: &libc::ucontext_t) -> bool {
    let register = |number: c_int| stopped.uc_mcontext.gregs[usize::try_from(number).unwrap_or(0)];
    let place = usize::try_from(register(libc::REG_RIP)).unwrap_or(0);
    if (DRIVER_START.load(Ordering::Relaxed)..DRIVER_END.load(Ordering::Relaxed)).contains(&place) {
        return true;
    }
    // `syscall`, which is made again, or was given up (EINTR).
    let is_call = |address: usize| {
        // SAFETY: code that this thread was running; two bytes at and before its next instruction.
        unsafe { (address as *const [u8; 2]).read_unaligned() == [0x0f, 0x05] }
    };
    let answer = register(libc::REG_RAX);
    (is_call(place) && WAITS.contains(&answer)) || (answer == -i64::from(libc::EINTR) && is_call(place - 2))
}

/// Where the driver's code lies.
pub(crate) fn driver_lies_at(text: Range<usize>) {
    DRIVER_START.store(text.start, Ordering::Relaxed);
    DRIVER_END.store(text.end, Ordering::Relaxed);
}

/// An address that is not mapped at all: QEMU has faults of its own, on pages that it protects, which are no errors.
fn name_fault(signal: c_int, info: *mut libc::siginfo_t, function: &str) {
    const NOT_MAPPED: c_int = 1;
    // SAFETY: the kernel's structure for this signal.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    if code != NOT_MAPPED {
        return;
    }
    // No memory may be allocated here.
    let mut line = Line::EMPTY;
    line.add(b"cuferry: signal ");
    line.add(if signal == libc::SIGBUS { &b"SIGBUS"[..] } else { b"SIGSEGV" });
    line.add(b" in ");
    line.add(function.as_bytes());
    line.add(b": nothing is mapped at 0x");
    for shift in (0..16).rev() {
        let digit = (address >> (shift * 4)) & 15;
        line.add(&b"0123456789abcdef"[digit..=digit]);
    }
    line.add(b"\n");
    line.write();
}

/// A line that is put together without memory from the allocator.
struct Line {
    bytes: [u8; 200],
    length: usize,
}

impl Line {
    const EMPTY: Self = Self { bytes: [0; 200], length: 0 };

    fn add(&mut self, text: &[u8]) {
        let room = self.bytes.len() - self.length;
        let text = &text[..text.len().min(room)];
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    fn write(&self) {
        // SAFETY: so many bytes are there; a handler may write.
        unsafe { libc::write(libc::STDERR_FILENO, self.bytes.as_ptr().cast(), self.length) };
    }
}

/// Ends the process as the signal does.
fn end(signal: c_int) {
    // SAFETY: functions that a handler may call (signal-safety(7)).
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::raise(signal);
    }
}

/// `rt_sigprocmask(how, set, …)` of the program's.
pub(crate) fn mask_changes(how: u64, set: u64) {
    let Some(set) = peek(set) else { return };
    let blocked = BLOCKED.get();
    let blocked = match how {
        0 => blocked | set,
        1 => blocked & !set,
        2 => set,
        _ => blocked,
    };
    BLOCKED.set(blocked);
    // SAFETY: both only return numbers.
    if unsafe { libc::gettid() == libc::getpid() } {
        BLOCKED_IN_MAIN.store(blocked, Ordering::Relaxed);
    }
}

/// `rt_sigaction(signal, action, …)` of the program's is about to be made.
pub(crate) fn action_changes(signal: u64, action: u64) {
    let Some(signal) = c_int::try_from(signal).ok().filter(|signal| index(*signal) != 0) else { return };
    // The structure begins with the handler: 0 is what the kernel does, 1 nothing.
    let Some(handler) = peek(action) else { return };
    if handler == 0 {
        HANDLED.fetch_and(!bit(signal), Ordering::Relaxed);
    } else {
        HANDLED.fetch_or(bit(signal), Ordering::Relaxed);
    }
    CHANGED.set(signal);
}

/// It has been made: QEMU may have put its own handler in place.
pub(crate) fn action_changed() {
    let signal = CHANGED.replace(0);
    if signal != 0 && crate::state::state().is_some() {
        wrap(signal);
    }
}

/// Eight bytes of the program's, at an address that may be a bad one: QEMU answers that, and not a fault here.
fn peek(address: u64) -> Option<u64> {
    if address == 0 {
        return None;
    }
    let mut value = 0_u64;
    let size = size_of::<u64>();
    let local = libc::iovec { iov_base: (&raw mut value).cast(), iov_len: size };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: size };
    // SAFETY: the kernel checks both.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    (read == isize::try_from(size).unwrap_or(0)).then_some(value)
}
