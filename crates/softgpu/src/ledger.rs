//! Who allocated what: beside the memory itself, which knows addresses and sizes alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuferry_simt::{Kind, Memory, MemoryError};

use crate::error::{Error, Result};
use crate::hints::Hints;
use crate::pool::Pool;
use crate::report;

/// How memory came to be known.
#[derive(Clone)]
pub(crate) enum What {
    /// `cuMemAlloc` and its kin.
    Device,
    /// From a pool, in a stream's order.
    Pooled(Arc<Pool>),
    /// Allocated for the host, with its flags (`CU_MEMHOSTALLOC_…`).
    Pinned(u32),
    /// The host's own, registered, with its flags (`CU_MEMHOSTREGISTER_…`).
    Registered(u32),
    /// Managed: everybody's.
    Managed(Arc<Hints>),
    /// An array's, which programs have no address of.
    Array,
    /// A graph's allocation node's, and whether it is allocated now.
    Graph(Arc<AtomicBool>),
}

/// An allocation.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// The context that owns it.
    pub(crate) context: usize,
    pub(crate) what: What,
    /// Unlike the address, no other allocation of the process has it.
    pub(crate) number: u64,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ledger {
    blocks: Mutex<BTreeMap<u64, Block>>,
    numbers: AtomicU64,
    /// Whether the program has ended: what was not freed by then is said.
    over: AtomicBool,
}

impl What {
    fn kind(&self) -> Kind {
        match self {
            What::Device | What::Pooled(_) | What::Array | What::Graph(_) => Kind::Device,
            What::Pinned(_) => Kind::Pinned,
            What::Registered(_) => Kind::Registered,
            What::Managed(_) => Kind::Managed,
        }
    }
}

impl Block {
    pub(crate) fn is_host(&self) -> bool {
        matches!(self.what, What::Pinned(_) | What::Registered(_))
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, address: u64, size: u64, context: usize, what: What) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(address, Block { address, size, context, what, number });
    }

    pub(crate) fn allocate(&self, memory: &Memory, context: usize, size: u64, what: What) -> Result<u64> {
        // GPUs align what texture units may read to 512.
        let address = memory.allocate(size, 512, what.kind()).map_err(|_| Error::OUT_OF_MEMORY)?;
        self.insert(address, size, context, what);
        Ok(address)
    }

    pub(crate) fn register(
        &self,
        memory: &Memory,
        context: usize,
        address: u64,
        size: u64,
        flags: u32,
    ) -> Result {
        let what = What::Registered(flags);
        match memory.adopt(address, size, what.kind()) {
            Ok(()) => {
                self.insert(address, size, context, what);
                Ok(())
            }
            Err(MemoryError::Overlap { .. }) => Err(Error::HOST_MEMORY_ALREADY_REGISTERED),
            Err(_) => Err(Error::INVALID_VALUE),
        }
    }

    /// The allocation that an address lies in.
    pub(crate) fn find(&self, address: u64) -> Option<Block> {
        let blocks = self.lock();
        let (_, block) = blocks.range(..=address).next_back()?;
        (address - block.address < block.size).then(|| block.clone())
    }

    /// Takes an allocation that starts at an address out, if `wanted` says that it is meant.
    pub(crate) fn take(&self, address: u64, wanted: impl Fn(&Block) -> bool) -> Option<Block> {
        let mut blocks = self.lock();
        blocks.get(&address).filter(|block| wanted(block))?;
        blocks.remove(&address)
    }

    /// Gives memory back that was taken out.
    pub(crate) fn release(memory: &Memory, block: &Block) {
        let result = match block.what {
            What::Registered(_) => memory.forget(block.address),
            _ => memory.free(block.address),
        };
        debug_assert!(result.is_ok(), "{result:?}");
        if let What::Pooled(pool) = &block.what {
            pool.give(block.size);
        }
    }

    /// Bytes that graphs hold.
    pub(crate) fn graph_bytes(&self) -> u64 {
        let blocks = self.lock();
        blocks.values().filter(|block| matches!(block.what, What::Graph(_))).map(|block| block.size).sum()
    }

    /// Names what a program allocated and did not free, in one context that goes, or in all as the program ends.
    pub(crate) fn report_leaks(&self, context: Option<usize>) {
        if self.over.fetch_or(context.is_none(), Ordering::Relaxed) {
            return;
        }
        let blocks = self.lock();
        let own = blocks.values().filter(|block| context.is_none_or(|context| block.context == context));
        for Block { address, size, what, number, .. } in own {
            let kind = match what {
                What::Device => "device memory",
                What::Pooled(_) => "device memory of a pool",
                What::Pinned(_) => "pinned host memory",
                What::Managed(_) => "managed memory",
                What::Array => "an array",
                What::Registered(_) | What::Graph(_) => continue,
            };
            report::line(&format!("never freed: {kind}, {size} bytes at {address:#x} (allocation {number})"));
        }
    }

    /// Gives all back that belongs to a context.
    pub(crate) fn forget_context(&self, memory: &Memory, context: usize) {
        let gone: Vec<Block> = {
            let mut blocks = self.lock();
            let addresses: Vec<u64> =
                blocks.values().filter(|block| block.context == context).map(|block| block.address).collect();
            addresses.iter().filter_map(|address| blocks.remove(address)).collect()
        };
        for block in gone {
            Self::release(memory, &block);
        }
    }
}

/// Whether all of a range lies in one live allocation that the device may touch.
pub(crate) fn covers(memory: &Memory, address: u64, size: u64) -> bool {
    memory.find(address).is_some_and(|found| {
        !found.freed && found.kind != Kind::Window && found.size - (address - found.address) >= size
    })
}
