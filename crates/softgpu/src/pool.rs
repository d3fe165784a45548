//! Memory pools: what `cuMemAllocAsync` takes from. Here a pool keeps accounts alone, for memory is given back at once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::handle::object;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) number: usize,
    /// The most that it may hold, in bytes; 0: no limit.
    pub(crate) most: u64,
    pub(crate) threshold: AtomicU64,
    /// Bit n: the reuse attribute `CU_MEMPOOL_ATTR_…` of number n.
    pub(crate) reuse: AtomicU64,
    used: AtomicU64,
    high: AtomicU64,
}

object!(Pool, CUmemPoolHandle_st);

impl Pool {
    pub(crate) fn new(number: usize, most: u64) -> Self {
        // The three kinds of reuse are on until a program turns them off.
        Self { number, most, reuse: AtomicU64::new(0b1110), ..Self::default() }
    }

    /// Counts memory that is taken, unless the pool may not hold so much.
    pub(crate) fn take(&self, size: u64) -> bool {
        let used = self.used.fetch_add(size, Ordering::Relaxed) + size;
        if self.most != 0 && used > self.most {
            self.used.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        self.high.fetch_max(used, Ordering::Relaxed);
        true
    }

    pub(crate) fn give(&self, size: u64) {
        self.used.fetch_sub(size, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn high(&self) -> u64 {
        self.high.load(Ordering::Relaxed)
    }

    /// Forgets how much there was at most.
    pub(crate) fn reset_high(&self) {
        self.high.store(self.used(), Ordering::Relaxed);
    }
}
