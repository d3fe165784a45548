//! Address space from the system: reserved as a whole, made usable piece by piece, and copied in and out of for the
//! host. Knows pages and raw addresses only.
#![expect(unsafe_code, reason = "mapping memory, and copying at raw addresses")]

use std::ptr;

use rustix::io;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

/// The system's page size on `x86_64`.
pub(super) const PAGE: u64 = 4096;
/// From here on the pages of freed memory go back to the system.
const DISCARD: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Arena {
    base: u64,
    size: u64,
}

impl Arena {
    /// Reserves `size` bytes, or as large a part as the machine allows.
    pub(super) fn reserve(size: u64) -> io::Result<Arena> {
        let mut size = size.max(1 << 20).next_multiple_of(PAGE);
        loop {
            let length = usize::try_from(size).unwrap_or(usize::MAX);
            // SAFETY: a new private mapping at an address of the system's choice touches nothing that exists.
            let mapped = unsafe {
                mmap_anonymous(
                    ptr::null_mut(),
                    length,
                    ProtFlags::empty(),
                    MapFlags::PRIVATE | MapFlags::NORESERVE,
                )
            };
            match mapped {
                Ok(base) => return Ok(Arena { base: base as u64, size }),
                Err(error) if size <= 1 << 26 => return Err(error),
                Err(_) => size /= 2,
            }
        }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Makes the pages around a range readable and writable.
    pub(super) fn commit(&self, start: u64, size: u64) -> io::Result<()> {
        let (first, length) = pages_around(start, size);
        debug_assert!(first >= self.base && first + length as u64 <= self.base + self.size);
        // SAFETY: the range lies in this arena's own mapping; more rights never break who uses it.
        unsafe { mprotect(first as *mut _, length, MprotectFlags::READ | MprotectFlags::WRITE) }
    }

    /// Gives the whole pages within a range back to the system; they read as zeros from now on.
    pub(super) fn discard(&self, start: u64, size: u64) {
        debug_assert!(start >= self.base && start + size <= self.base + self.size);
        let first = start.next_multiple_of(PAGE);
        let end = (start + size) / PAGE * PAGE;
        if size >= DISCARD && end > first {
            let length = usize::try_from(end - first).unwrap_or(0);
            // SAFETY: the pages hold nothing but freed device memory, which nobody borrows.
            let _ = unsafe { madvise(first as *mut _, length, Advice::LinuxDontNeed) };
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let length = usize::try_from(self.size).unwrap_or(usize::MAX);
        // SAFETY: the mapping is this arena's, and the arena is at its end.
        let _ = unsafe { munmap(self.base as *mut _, length) };
    }
}

fn pages_around(start: u64, size: u64) -> (u64, usize) {
    let first = start / PAGE * PAGE;
    let end = (start + size).next_multiple_of(PAGE);
    (first, usize::try_from(end - first).unwrap_or(usize::MAX))
}

/// Copies from device memory. The caller has checked that the range is one live allocation.
pub(super) fn copy_out(address: u64, bytes: &mut [u8]) {
    // SAFETY: the range was found in a live allocation, which is mapped and readable; kernels may race with a host
    // copy, as they may on a GPU, and then the bytes are whatever they are.
    unsafe { ptr::copy(address as *const u8, bytes.as_mut_ptr(), bytes.len()) }
}

/// Copies to device memory. The caller has checked that the range is one live allocation.
pub(super) fn copy_in(address: u64, bytes: &[u8]) {
    // SAFETY: as in `copy_out`, and writable.
    unsafe { ptr::copy(bytes.as_ptr(), address as *mut u8, bytes.len()) }
}

/// Sets device memory. The caller has checked that the range is one live allocation.
pub(super) fn fill(address: u64, value: u8, size: u64) {
    // SAFETY: as in `copy_in`.
    unsafe { ptr::write_bytes(address as *mut u8, value, usize::try_from(size).unwrap_or(0)) }
}
