//! A block that runs: its warps, its barriers, and how its warps take turns.
#![expect(unsafe_code, reason = "the loop that calls handlers")]

use std::mem;

use crate::code::Op;
use crate::warp::{BarrierCall, BarrierKind, ClusterCall, Failure, Split, Stop, Wait, Warp};
use crate::watch::Keeper;

/// Backward jumps that a warp makes before others have their turn. What may be part of a spin loop counts as more.
pub(crate) const QUANTUM: i32 = 1 << 16;
/// What an atomic or volatile access counts as.
pub(crate) const SPIN: i32 = 1 << 10;
/// Barriers of a block (9.7.13.1).
pub(crate) const BARRIERS: usize = 16;
/// The number of the cluster's, for the watch.
const CLUSTER: u32 = 16;

/// How a block stands after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// All its threads are done.
    Done,
    /// Something happened that lets it go on: a barrier opened, or a warp ended.
    Progress,
    /// Its warps have used up their time.
    Busy,
    /// Nothing can run before the cluster's barrier opens.
    Waiting,
    /// Nothing can run.
    Stuck,
}

#[derive(Clone, Copy, Debug, Default)]
struct Barrier {
    arrived: u32,
    count: u32,
    truth: u32,
}

/// The barrier of a cluster: counts threads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClusterBarrier {
    pub(crate) arrived: u32,
    pub(crate) alive: u32,
    /// Moves when it opens.
    pub(crate) generation: u64,
}

impl ClusterBarrier {
    fn look(&mut self) {
        if self.arrived > 0 && self.arrived >= self.alive {
            self.arrived = 0;
            self.generation += 1;
        }
    }
}

pub(crate) struct Block {
    pub(crate) id: [u32; 3],
    pub(crate) warps: Vec<Warp>,
    barriers: [Barrier; BARRIERS],
    alive: u32,
    generation: u64,
    /// Where shared memory is watched.
    watch: Option<Keeper>,
    /// Warp operations run.
    pub(crate) steps: u64,
}

impl Block {
    /// With `watch`, the block's shared memory is watched; its warps have to know the address.
    pub(crate) fn new(warps: Vec<Warp>, watch: Option<Keeper>) -> Block {
        Block {
            watch,
            id: [0; 3],
            warps,
            barriers: [Barrier::default(); BARRIERS],
            alive: 0,
            generation: 0,
            steps: 0,
        }
    }

    /// Puts `threads` threads at the start.
    pub(crate) fn start(&mut self, id: [u32; 3], threads: u32) {
        self.id = id;
        self.alive = threads;
        self.barriers = [Barrier::default(); BARRIERS];
        self.generation = 0;
        if let Some(watch) = &mut self.watch {
            watch.watch().start();
        }
        for (number, warp) in (0..).zip(&mut self.warps) {
            let here = threads.saturating_sub(number * 32).min(32);
            warp.start(u32::MAX.checked_shr(32 - here).unwrap_or(0));
        }
    }

    /// Lets each warp that can run do so for its time.
    pub(crate) fn round(&mut self, cluster: &mut ClusterBarrier) -> Result<Round, (usize, Box<Failure>)> {
        if self.generation != cluster.generation {
            self.generation = cluster.generation;
            self.open_cluster();
        }
        let (before, mut ran, mut busy) = (self.alive, false, false);
        for index in 0..self.warps.len() {
            match self.run_warp(index, cluster).map_err(|failure| (index, failure))? {
                Ran::Not => {}
                Ran::Blocked => ran = true,
                Ran::OutOfTime => (ran, busy) = (true, true),
            }
        }
        let waiting = |split: &Split| split.wait == Wait::Cluster;
        Ok(match self.alive {
            0 => Round::Done,
            _ if busy && self.alive == before => Round::Busy,
            _ if ran => Round::Progress,
            _ if self.warps.iter().any(|warp| warp.others.iter().any(waiting)) => Round::Waiting,
            _ => Round::Stuck,
        })
    }

    fn run_warp(&mut self, index: usize, cluster: &mut ClusterBarrier) -> Result<Ran, Box<Failure>> {
        let warp = &mut self.warps[index];
        let mut in_turn = warp.budget < 0;
        warp.budget = QUANTUM;
        let mut ran = Ran::Not;
        loop {
            let warp = &mut self.warps[index];
            if !warp.choose(in_turn) {
                if warp.open_warp_barrier() {
                    continue;
                }
                warp.budget = QUANTUM;
                return Ok(ran);
            }
            in_turn = false;
            ran = Ran::Blocked;
            self.steps += run(warp);
            match mem::replace(&mut warp.stop, Stop::None) {
                Stop::None | Stop::Choose => {}
                Stop::Rotate => {
                    warp.budget = -1;
                    return Ok(Ran::OutOfTime);
                }
                Stop::Exit => {
                    let gone = warp.finish();
                    warp.arrived &= !gone;
                    warp.wake_members();
                    self.alive -= gone.count_ones();
                    cluster.alive -= gone.count_ones();
                    cluster.look();
                    for id in 0..BARRIERS {
                        self.look_at(id);
                    }
                }
                Stop::Members { members, barrier } => warp.park(Wait::Members { members, barrier }),
                Stop::Barrier(call) => {
                    if call.kind != BarrierKind::Arrive {
                        warp.park(Wait::Barrier(call));
                    }
                    self.arrive(call, index);
                }
                Stop::Cluster(call) => self.cluster(index, call, cluster),
                Stop::Phase { address, odd } => warp.park(Wait::Phase { address, odd }),
                Stop::Fault(failure) => return Err(failure),
            }
        }
    }

    fn arrive(&mut self, call: BarrierCall, warp: usize) {
        if let Some(watch) = &mut self.watch {
            watch.watch().arrive(self.warps[warp].number, call.id);
        }
        let barrier = &mut self.barriers[call.id as usize];
        barrier.arrived += call.lanes.count_ones();
        barrier.truth += (call.truth & call.lanes).count_ones();
        barrier.count = call.count;
        self.look_at(call.id as usize);
    }

    /// Opens a barrier that all have reached.
    fn look_at(&mut self, id: usize) {
        let Barrier { arrived, count, truth } = self.barriers[id];
        let expected = if count == 0 { self.alive } else { count };
        if arrived == 0 || arrived < expected {
            return;
        }
        self.barriers[id] = Barrier::default();
        for warp in &mut self.warps {
            if let Some(watch) = &mut self.watch
                && warp.waits_at(id as u32)
            {
                watch.watch().leave(warp.number, id as u32);
            }
            warp.open_barrier(id as u32, |kind| match kind {
                BarrierKind::Popc => truth,
                BarrierKind::And => u32::from(truth == arrived),
                _ => u32::from(truth > 0),
            });
        }
    }

    fn open_cluster(&mut self) {
        for warp in &mut self.warps {
            warp.arrived = 0;
            if let Some(watch) = &mut self.watch {
                watch.watch().leave(warp.number, CLUSTER);
            }
            warp.open_cluster();
        }
    }

    fn cluster(&mut self, index: usize, call: ClusterCall, cluster: &mut ClusterBarrier) {
        let warp = &mut self.warps[index];
        match call {
            ClusterCall::Arrive => {
                if let Some(watch) = &mut self.watch {
                    watch.watch().arrive(warp.number, CLUSTER);
                }
                warp.arrived |= warp.mask;
                cluster.arrived += warp.mask.count_ones();
                cluster.look();
                if cluster.generation != self.generation {
                    self.generation = cluster.generation;
                    self.open_cluster();
                }
            }
            ClusterCall::Wait => {
                if warp.arrived & warp.mask != 0 {
                    warp.park(Wait::Cluster);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ran {
    Not,
    Blocked,
    OutOfTime,
}

/// Runs operations until the warp stops; gives their number.
fn run(warp: &mut Warp) -> u64 {
    let mut steps = 0;
    let mut op: *const Op = warp.base.wrapping_add(warp.pc as usize);
    // SAFETY: `pc` lies within the code, each handler gives another operation of the code or null, and the warp is
    // borrowed by nobody else meanwhile.
    unsafe {
        loop {
            let next = ((*op).run)(warp, op);
            steps += 1;
            if next.is_null() {
                return steps;
            }
            op = next;
        }
    }
}

/// What a split waits for, in words.
pub(crate) fn waiting_for(wait: Wait) -> String {
    match wait {
        Wait::Ready => "can run".to_owned(),
        Wait::Members { members, .. } => format!("waits for lanes {members:#010x} of its warp"),
        Wait::Barrier(call) if call.count > 0 => {
            format!("waits at barrier {} for {} threads", call.id, call.count)
        }
        Wait::Barrier(call) => format!("waits at barrier {}", call.id),
        Wait::Cluster => "waits at the cluster's barrier".to_owned(),
        Wait::Phase { address, odd } => {
            let parity = u32::from(odd);
            format!("waits for the phase of parity {parity} of the mbarrier at {address:#x}")
        }
    }
}

/// The operation that a split stands at: the one before, of one that has arrived.
pub(crate) fn stands_at(split: &Split) -> u32 {
    match split.wait {
        Wait::Barrier(_) | Wait::Cluster => split.pc.saturating_sub(1),
        _ => split.pc,
    }
}
