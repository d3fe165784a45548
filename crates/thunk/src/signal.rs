//! Signals while a thread of the program's is in the driver.
//!
//! QEMU notes a signal, and delivers it when the system call returns: a program that waits for a kernel that never ends
//! could not be interrupted. So a signal that would end the program ends it from here, too; and one that the driver itself
//! causes (a bad address) is named with the call.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Signals that end a program that has no handler for them.
const ENDING: [c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
/// Signals of bad addresses.
const FAULTS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

thread_local! {
    /// The driver's function that this thread is in.
    static WITHIN: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// The signals that the program has blocked in this thread, as Linux keeps them: bit n-1 for signal n.
    static BLOCKED: Cell<u64> = const { Cell::new(0) };
}

/// What QEMU did on a signal.
static BEFORE: OnceLock<Vec<(c_int, libc::sigaction)>> = OnceLock::new();

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

/// From now on, signals are looked at before QEMU sees them. A signal that the program sets a handler for is QEMU's alone
/// again: it replaces this one.
pub(crate) fn watch() {
    let mut before = Vec::new();
    for signal in ENDING.into_iter().chain(FAULTS) {
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: places for old and new actions; the new one is the old one with another function.
        unsafe {
            if libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) != 0 {
                continue;
            }
            let old = old.assume_init();
            // One that is ignored, or not QEMU's, is left alone.
            if old.sa_flags & libc::SA_SIGINFO == 0 {
                continue;
            }
            before.push((signal, old));
        }
    }
    if BEFORE.set(before).is_err() {
        return;
    }
    for (signal, old) in BEFORE.get().into_iter().flatten() {
        let mut new = *old;
        new.sa_sigaction = on_signal as *const () as usize;
        // SAFETY: as above.
        unsafe { libc::sigaction(*signal, &raw const new, std::ptr::null_mut()) };
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if let Some(function) = WITHIN.get() {
        if FAULTS.contains(&signal) {
            name_fault(signal, info, function);
        } else if BLOCKED.get() & (1 << (signal - 1)) == 0 {
            end(signal);
        }
    }
    let Some((_, old)) = BEFORE.get().into_iter().flatten().find(|(known, _)| *known == signal) else {
        return;
    };
    // SAFETY: QEMU's handler, which takes these three.
    unsafe {
        std::mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(
            old.sa_sigaction,
        )(signal, info, context);
    }
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
    if set == 0 {
        return;
    }
    let Some(set) = peek(set) else { return };
    let blocked = BLOCKED.get();
    BLOCKED.set(match how {
        0 => blocked | set,
        1 => blocked & !set,
        2 => set,
        _ => blocked,
    });
}

/// Eight bytes of the program's, at an address that may be a bad one: QEMU answers that, and not a fault here.
fn peek(address: u64) -> Option<u64> {
    let mut value = 0_u64;
    let size = size_of::<u64>();
    let local = libc::iovec { iov_base: (&raw mut value).cast(), iov_len: size };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: size };
    // SAFETY: the kernel checks both.
    let read =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    (read == isize::try_from(size).unwrap_or(0)).then_some(value)
}
