//! Memory that the driver allocates and the CPU sees (pinned, managed): QEMU does not know of it, and lets no system call
//! of the program's (`read`, `write`) have an address there. So QEMU is told.
//!
//! It is told when a system call has such an address, not at the allocation: QEMU keeps a record a page, and a managed
//! allocation may be larger than the machine's memory.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::qemu::symbol;
use crate::report;

struct Range {
    end: u64,
    known: bool,
}

/// By their first addresses.
static RANGES: Mutex<BTreeMap<u64, Range>> = Mutex::new(BTreeMap::new());
/// How many of them QEMU does not know: most programs' system calls need look no further.
static HIDDEN: AtomicUsize = AtomicUsize::new(0);

fn ranges() -> MutexGuard<'static, BTreeMap<u64, Range>> {
    RANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// There are `size` bytes at `start`.
pub(crate) fn add(start: u64, size: u64) {
    if start == 0 || size == 0 {
        return;
    }
    let before = ranges().insert(start, Range { end: start.saturating_add(size), known: false });
    if before.is_none_or(|range| range.known) {
        HIDDEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// What begins at `start` is freed.
pub(crate) fn remove(start: u64) {
    let Some(range) = ranges().remove(&start) else { return };
    if range.known {
        tell(start, range.end, 0);
    } else {
        HIDDEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// System calls, by their numbers on aarch64, that have addresses in structures: `readv` to `pwritev`, `sendmsg` to
/// `recvmmsg` and so on.
const INDIRECT: [i64; 14] = [65, 66, 69, 70, 75, 211, 212, 243, 269, 270, 271, 286, 287, 426];

/// A system call of the program's is about to be made.
pub(crate) fn reveal(number: i64, arguments: [u64; 6]) {
    if HIDDEN.load(Ordering::Relaxed) == 0 {
        return;
    }
    let indirect = INDIRECT.contains(&number);
    for (start, range) in &mut *ranges() {
        let named = || arguments.iter().any(|argument| (*start..range.end).contains(argument));
        if !range.known && (indirect || named()) {
            range.known = true;
            HIDDEN.fetch_sub(1, Ordering::Relaxed);
            tell(*start, range.end, READ | WRITE | VALID);
        }
    }
}

/// QEMU's flags of a page (its `include/exec/cpu-all.h`).
const READ: c_int = 1;
const WRITE: c_int = 2;
const VALID: c_int = 8;

/// QEMU's own functions, which it exports for plugins to find, though it does not promise them.
struct Pages {
    lock: unsafe extern "C" fn(),
    unlock: unsafe extern "C" fn(),
    /// The first and the last address, and the flags; newer versions have flags to take away behind them. Before version 8
    /// the second one was the address behind the last, rounded up to a page: the last one means the same there.
    set_flags: unsafe extern "C" fn(u64, u64, c_int, c_int),
}

fn pages() -> Option<&'static Pages> {
    static PAGES: OnceLock<Option<Pages>> = OnceLock::new();
    let found = PAGES.get_or_init(|| {
        let (lock, unlock) = (symbol(c"mmap_lock")?, symbol(c"mmap_unlock")?);
        let set_flags = symbol(c"page_set_flags")?;
        // SAFETY: they are what their names say in all versions that have these names.
        Some(unsafe {
            Pages {
                lock: std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(lock),
                unlock: std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(unlock),
                set_flags: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(u64, u64, c_int, c_int)>(
                    set_flags,
                ),
            }
        })
    });
    found.as_ref()
}

fn tell(start: u64, end: u64, flags: c_int) {
    const PAGE: u64 = 4096;
    let Some(pages) = pages() else {
        report::once(
            "this qemu cannot be told of memory that the driver allocates: the program's system calls on it will fail \
             (EFAULT); `cuferry toolchain install qemu` brings one that can"
                .to_owned(),
        );
        return;
    };
    // SAFETY: QEMU's functions, with the lock that they want; the range is the driver's, which no mapping of the program's
    // overlaps.
    unsafe {
        (pages.lock)();
        (pages.set_flags)(start & !(PAGE - 1), end - 1, flags, if flags == 0 { !0 } else { 0 });
        (pages.unlock)();
    }
}
