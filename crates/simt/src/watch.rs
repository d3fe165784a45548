//! Watching a block's shared memory, on request: races between warps, and reads of what nobody has written.
//!
//! Each warp has a clock, and knows how far it has seen the others' (vector clocks). Barriers, atomics, ordered accesses and
//! `mbarrier`s hand that knowledge on. Two accesses of a byte by two warps, one of them a store, are a race where the later
//! warp has not seen the earlier access's time. Threads of one warp are not held against one another.
#![expect(unsafe_code, reason = "a block and its warps share it")]

use std::collections::HashMap;
use std::ptr::NonNull;

use crate::code::Op;
use crate::fault::{Access, FaultKind};
use crate::lanes::lanes_in;
use crate::warp::{Earlier, Failure, Stop, Warp};

/// Warps of a block, at most.
const WARPS: usize = 32;

type Clocks = [u32; WARPS];

/// What an access is and does, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u32);

impl Kind {
    pub(crate) const READ: Kind = Kind(1);
    pub(crate) const WRITE: Kind = Kind(2);
    /// Atomics and ordered accesses do not race with one another.
    pub(crate) const ATOMIC: Kind = Kind(4);
    /// What the warp has seen can be seen by who comes to this address later.
    pub(crate) const RELEASE: Kind = Kind(8);
    /// The warp sees what was released at this address.
    pub(crate) const ACQUIRE: Kind = Kind(16);

    pub(crate) const fn with(self, other: Kind) -> Kind {
        Kind(self.0 | other.0)
    }

    fn has(self, other: Kind) -> bool {
        self.0 & other.0 != 0
    }
}

/// An access that was made; its clock is 0 where there was none.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    clock: u32,
    site: u32,
    warp: u8,
    lane: u8,
    atomic: bool,
}

/// A byte: who wrote it last, and who has read it since.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    written: Stamp,
    read: Stamp,
    /// Where several warps have read it side by side: their clocks, among [`Watch::readers`], counted from 1.
    readers: u32,
}

/// What is known of a block's shared memory.
#[derive(Debug)]
pub(crate) struct Watch {
    cells: Vec<Cell>,
    readers: Vec<Clocks>,
    clocks: [Clocks; WARPS],
    /// Of barriers: what those who have arrived have seen.
    arrived: HashMap<u32, Clocks>,
    /// Of addresses: what was released there.
    released: HashMap<u64, Clocks>,
}

/// Keeps what its block and warps reach by its address.
#[derive(Debug)]
pub(crate) struct Keeper(NonNull<Watch>);

impl Keeper {
    pub(crate) fn new(bytes: u32) -> Keeper {
        Keeper(NonNull::from(Box::leak(Box::new(Watch::new(bytes)))))
    }

    pub(crate) fn address(&self) -> *mut Watch {
        self.0.as_ptr()
    }

    pub(crate) fn watch(&mut self) -> &mut Watch {
        // SAFETY: made by `new`, and used by one thread at a time: the one that runs the block.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // SAFETY: made by `new` from a box, and dropped once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

fn join(into: &mut Clocks, other: &Clocks) {
    for (mine, theirs) in into.iter_mut().zip(other) {
        *mine = (*mine).max(*theirs);
    }
}

impl Watch {
    fn new(bytes: u32) -> Watch {
        Watch {
            cells: vec![Cell::default(); bytes as usize],
            readers: Vec::new(),
            clocks: [[0; WARPS]; WARPS],
            arrived: HashMap::new(),
            released: HashMap::new(),
        }
    }

    /// Forgets everything: another block begins.
    pub(crate) fn start(&mut self) {
        self.cells.fill(Cell::default());
        self.readers.clear();
        self.arrived.clear();
        self.released.clear();
        for (warp, clocks) in self.clocks.iter_mut().enumerate() {
            *clocks = [0; WARPS];
            clocks[warp] = 1;
        }
    }

    /// A warp arrives at a barrier.
    pub(crate) fn arrive(&mut self, warp: u32, barrier: u32) {
        let warp = warp as usize % WARPS;
        join(self.arrived.entry(barrier).or_default(), &self.clocks[warp]);
        self.clocks[warp][warp] += 1;
    }

    /// A barrier opens for a warp.
    pub(crate) fn leave(&mut self, warp: u32, barrier: u32) {
        if let Some(seen) = self.arrived.get(&barrier) {
            join(&mut self.clocks[warp as usize % WARPS], seen);
        }
    }

    fn release(&mut self, warp: usize, address: u64) {
        join(self.released.entry(address).or_default(), &self.clocks[warp]);
        self.clocks[warp][warp] += 1;
    }

    fn acquire(&mut self, warp: usize, address: u64) {
        if let Some(seen) = self.released.get(&address) {
            join(&mut self.clocks[warp], seen);
        }
    }

    /// Whether a warp has seen an access, or made it.
    fn seen(&self, warp: usize, stamp: Stamp) -> bool {
        usize::from(stamp.warp) == warp || stamp.clock <= self.clocks[warp][usize::from(stamp.warp)]
    }

    fn access(&mut self, at: usize, now: Stamp, kind: Kind) -> Result<(), Conflict> {
        let warp = usize::from(now.warp);
        let cell = self.cells[at];
        if kind.has(Kind::READ) && cell.written.clock == 0 {
            return Err(Conflict::Unwritten);
        }
        if cell.written.clock > 0 && !self.seen(warp, cell.written) && !(now.atomic && cell.written.atomic) {
            return Err(Conflict::Race(cell.written, true));
        }
        if kind.has(Kind::WRITE) {
            if cell.read.clock > 0 && !self.seen(warp, cell.read) && !(now.atomic && cell.read.atomic) {
                return Err(Conflict::Race(cell.read, false));
            }
            if let Some(&clocks) = self.readers.get((cell.readers as usize).wrapping_sub(1)) {
                for (reader, clock) in (0..).zip(clocks) {
                    let stamp = Stamp { clock, warp: reader, ..cell.read };
                    if clock > 0 && !self.seen(warp, stamp) && !(now.atomic && cell.read.atomic) {
                        return Err(Conflict::Race(stamp, false));
                    }
                }
            }
            self.cells[at] = Cell { written: now, ..Cell::default() };
            return Ok(());
        }
        let cell_read = cell.read;
        let alone = cell_read.clock == 0 || cell.readers == 0 && self.seen(warp, cell_read);
        let cell = &mut self.cells[at];
        cell.read = now;
        if !alone {
            if cell.readers == 0 {
                let mut clocks = [0; WARPS];
                clocks[usize::from(cell_read.warp)] = cell_read.clock;
                self.readers.push(clocks);
                cell.readers = self.readers.len() as u32;
            }
            self.readers[cell.readers as usize - 1][warp] = now.clock;
        }
        Ok(())
    }
}

enum Conflict {
    Unwritten,
    /// With this earlier access, a store or not.
    Race(Stamp, bool),
}

/// Takes note of an access of `size` bytes at each lane's address, of those that lie in the block's own shared memory. `false`:
/// the warp stops with a fault.
pub(crate) fn note(
    warp: &mut Warp,
    op: &Op,
    mask: u32,
    addresses: &[u64; 32],
    size: u32,
    kind: Kind,
) -> bool {
    let base = warp.spaces.shared;
    let number = warp.number as usize % WARPS;
    let Some(watch) = warp.spaces.watch() else { return true };
    for lane in lanes_in(mask) {
        let address = addresses[lane];
        if kind.has(Kind::READ.with(Kind::WRITE)) {
            let now = Stamp {
                clock: watch.clocks[number][number],
                site: op.site,
                warp: number as u8,
                lane: lane as u8,
                atomic: kind.has(Kind::ATOMIC),
            };
            let start = address.wrapping_sub(base);
            // What lies outside, or only in part inside, is another check's.
            let inside =
                start < watch.cells.len() as u64 && start + u64::from(size) <= watch.cells.len() as u64;
            let bytes = if inside { start..start + u64::from(size) } else { 0..0 };
            for at in bytes {
                if let Err(conflict) = watch.access(at as usize, now, kind) {
                    return stop(warp, op, lane, start, size, kind, &conflict);
                }
            }
        }
        if kind.has(Kind::RELEASE) {
            watch.release(number, address);
        }
        if kind.has(Kind::ACQUIRE) {
            watch.acquire(number, address);
        }
    }
    true
}

#[cold]
fn stop(
    warp: &mut Warp,
    op: &Op,
    lane: usize,
    address: u64,
    size: u32,
    kind: Kind,
    conflict: &Conflict,
) -> bool {
    let access = Some(Access { address, size, space: "shared", write: kind.has(Kind::WRITE) });
    let (kind, earlier) = match *conflict {
        Conflict::Unwritten => (FaultKind::Uninitialised, None),
        Conflict::Race(stamp, write) => {
            let Stamp { site, warp, lane, .. } = stamp;
            (FaultKind::Race, Some(Earlier { site, warp: warp.into(), lane: lane.into(), write }))
        }
    };
    let failure = Failure { kind, lane: lane as u32, site: op.site, access, generic: None, earlier };
    let pc = warp.index(op);
    warp.stop_at(pc, Stop::Fault(Box::new(failure)));
    false
}
