//! Device memory: one reserved range of addresses, what is allocated in it, and what else the device may touch.
//!
//! A generic address is a host virtual address. Addresses of freed memory are not used again for a long time, so that
//! a late access finds a grave and not another's data. Nothing here knows kernels.

mod arena;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

pub use table::{Allocation, Kind, Nearest};
use table::{Record, Table};
use thiserror::Error;

use arena::Arena;

/// How a [`Memory`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySettings {
    /// Bytes of address space to reserve; less is taken where the machine refuses so much. Not memory: nothing is
    /// committed before it is allocated.
    pub reserve: u64,
    /// Bytes that may be allocated at one time: the device's memory size.
    pub limit: u64,
}

impl Default for MemorySettings {
    fn default() -> Self {
        MemorySettings { reserve: 1 << 40, limit: 16 << 30 }
    }
}

/// Why memory could not be had or given back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// The machine gives no address space.
    #[error("cannot reserve address space: {message}")]
    Reserve {
        /// What the system said.
        message: String,
    },
    /// More than the limit, or more than the machine commits.
    #[error("out of device memory: {requested} bytes asked for, {in_use} of {limit} in use")]
    OutOfMemory {
        /// Bytes asked for.
        requested: u64,
        /// Bytes allocated.
        in_use: u64,
        /// Bytes that may be.
        limit: u64,
    },
    /// Not the start of a live allocation.
    #[error("{address:#x} is not the start of an allocation")]
    NotAllocated {
        /// The address given.
        address: u64,
    },
    /// Given back before.
    #[error("{address:#x} was freed before")]
    AlreadyFreed {
        /// The address given.
        address: u64,
    },
    /// Adopted memory overlaps what is known already.
    #[error("{address:#x} and {size} bytes on overlap known memory")]
    Overlap {
        /// The first address.
        address: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// A host copy leaves its allocation.
    #[error("{size} bytes at {address:#x} are not all within one live allocation")]
    OutOfBounds {
        /// The first address.
        address: u64,
        /// Bytes.
        size: u64,
    },
}

/// What is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes allocated, as asked for; adopted host memory does not count.
    pub bytes: u64,
    /// Live allocations.
    pub allocations: u64,
    /// Bytes that may be allocated in all.
    pub limit: u64,
}

/// Device memory. Shared between threads; every method takes `&self`.
#[derive(Debug)]
pub struct Memory {
    arena: Arena,
    table: RwLock<Table>,
    /// Counts frees: whoever caches a range drops it when this has moved.
    epoch: AtomicU64,
    limit: u64,
}

/// Allocations start at multiples of this, as CUDA's do.
pub const ALIGNMENT: u64 = 256;
/// From here on an allocation is followed by pages that are not mapped.
const LARGE: u64 = 1 << 20;
/// The gap behind a small allocation: belongs to nobody, so that the first byte behind is out of bounds.
const SMALL_GAP: u64 = 256;

impl Memory {
    /// Reserves the address space.
    pub fn new(settings: &MemorySettings) -> Result<Memory, MemoryError> {
        let arena = Arena::reserve(settings.reserve)
            .map_err(|error| MemoryError::Reserve { message: error.to_string() })?;
        let table = Table::new(arena.base(), arena.size());
        Ok(Memory { arena, table: RwLock::new(table), epoch: AtomicU64::new(1), limit: settings.limit })
    }

    /// Memory of `size` bytes (0 counts as 1), aligned to `align` (a power of two) and at least [`ALIGNMENT`].
    /// What is in it is not defined.
    pub fn allocate(&self, size: u64, align: u64, kind: Kind) -> Result<u64, MemoryError> {
        let mut table = self.write_table();
        let in_use = table.bytes_in_use();
        let refused = MemoryError::OutOfMemory { requested: size, in_use, limit: self.limit };
        let counts = kind.counts();
        if counts && size > self.limit.saturating_sub(in_use) {
            return Err(refused);
        }
        let size = size.max(1);
        let align = align.max(ALIGNMENT).next_power_of_two();
        let gap = if size >= LARGE { arena::PAGE } else { SMALL_GAP };
        let span = size.checked_add(gap).and_then(|n| n.checked_next_multiple_of(ALIGNMENT));
        let Some((start, span)) = span.and_then(|span| Some((table.take_span(span, align)?, span))) else {
            return Err(refused);
        };
        if self.arena.commit(start, size).is_err() {
            table.give_span(start, span);
            return Err(refused);
        }
        table.insert(Record { start, size, span, kind, freed: false, serial: 0 });
        Ok(start)
    }

    /// Gives an allocation back. Its contents are gone, its addresses stay unused for long.
    pub fn free(&self, address: u64) -> Result<(), MemoryError> {
        let mut table = self.write_table();
        let record = table.exact(address).ok_or(MemoryError::NotAllocated { address })?;
        if record.freed {
            return Err(MemoryError::AlreadyFreed { address });
        }
        if record.span == 0 {
            return Err(MemoryError::NotAllocated { address }); // adopted: `forget` is for that
        }
        self.epoch.fetch_add(1, Ordering::Release);
        self.arena.discard(record.start, record.size);
        table.bury(address);
        Ok(())
    }

    /// Makes host memory known that the device may touch: pinned, registered, managed or mapped.
    pub fn adopt(&self, address: u64, size: u64, kind: Kind) -> Result<(), MemoryError> {
        let mut table = self.write_table();
        if size == 0 || address.checked_add(size).is_none() || table.overlaps(address, size) {
            return Err(MemoryError::Overlap { address, size });
        }
        table.insert(Record { start: address, size, span: 0, kind, freed: false, serial: 0 });
        Ok(())
    }

    /// The opposite of [`Memory::adopt`].
    pub fn forget(&self, address: u64) -> Result<(), MemoryError> {
        let mut table = self.write_table();
        match table.exact(address) {
            Some(record) if record.span == 0 => {
                self.epoch.fetch_add(1, Ordering::Release);
                table.remove(address);
                Ok(())
            }
            _ => Err(MemoryError::NotAllocated { address }),
        }
    }

    /// The allocation, live or freed, that `address` lies in.
    pub fn find(&self, address: u64) -> Option<Allocation> {
        self.read_table().containing(address).map(Allocation::from)
    }

    /// The allocation nearest to `address`, and how far away it is.
    pub fn nearest(&self, address: u64) -> Option<Nearest> {
        self.read_table().nearest(address)
    }

    /// What is in use now.
    pub fn usage(&self) -> Usage {
        let table = self.read_table();
        Usage { bytes: table.bytes_in_use(), allocations: table.live(), limit: self.limit }
    }

    /// Every live allocation that a program has made and not freed, in order of address.
    pub fn allocations(&self) -> Vec<Allocation> {
        self.read_table().records().filter(|record| !record.freed).map(Allocation::from).collect()
    }

    /// Whether `address` lies in the reserved range, allocated or not.
    pub fn owns(&self, address: u64) -> bool {
        address.wrapping_sub(self.arena.base()) < self.arena.size()
    }

    /// Copies bytes out, for the host. All of them have to lie in one live allocation.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len() as u64)?;
        arena::copy_out(address, bytes);
        Ok(())
    }

    /// Copies bytes in, for the host. All of them have to lie in one live allocation.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len() as u64)?;
        arena::copy_in(address, bytes);
        Ok(())
    }

    /// Sets bytes, for the host. All of them have to lie in one live allocation.
    pub fn fill(&self, address: u64, value: u8, size: u64) -> Result<(), MemoryError> {
        self.check(address, size)?;
        arena::fill(address, value, size);
        Ok(())
    }

    fn check(&self, address: u64, size: u64) -> Result<(), MemoryError> {
        let whole = |record: Record| !record.freed && record.end() - address >= size;
        match self.read_table().containing(address) {
            Some(record) if whole(record) => Ok(()),
            _ if size == 0 => Ok(()),
            _ => Err(MemoryError::OutOfBounds { address, size }),
        }
    }

    /// The live range around an address, for a cache: first byte, byte behind the last, and whether it may be written.
    pub(crate) fn range(&self, address: u64) -> Option<(u64, u64, bool)> {
        let record = self.read_table().containing(address)?;
        let usable = !record.freed && record.kind != Kind::Window;
        usable.then(|| (record.start, record.end(), record.kind != Kind::Constant))
    }

    /// Moves with every free.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn read_table(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_table(&self) -> std::sync::RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
