//! A warp: its registers, which of its lanes run, and where the others wait.
//!
//! A warp is a list of splits (place in the code, lanes). The lowest place runs first, and splits that meet at one
//! place become one. Handlers work on the split that runs; the rest waits in `others`.
#![expect(unsafe_code, reason = "registers are raw memory whose layout the decoder decides")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr;
use std::rc::Rc;

use crate::code::{Code, Op, Width};
use crate::fault::{Access, FaultKind};
use crate::lanes::{Lane, expand};
use crate::ops::is_odd;
use crate::space::Spaces;

/// Why a warp stops running operations.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing: it runs.
    None,
    /// The running split has to be put beside the others, and the next one chosen.
    Choose,
    /// The same, and it has run long enough for now.
    Rotate,
    /// All lanes of the split are done.
    Exit,
    /// The split waits for lanes of its warp, at the operation that waits.
    Members { members: u32, barrier: bool },
    /// The split has arrived at a barrier of its block.
    Barrier(BarrierCall),
    /// At the cluster's barrier.
    Cluster(ClusterCall),
    /// The split waits until a phase of the `mbarrier` at this address ends, at the operation that waits.
    Phase { address: u64, odd: bool },
    /// A fault.
    Fault(Box<Failure>),
}

/// What a barrier operation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BarrierCall {
    pub(crate) id: u32,
    /// Threads that take part; 0: all of the block.
    pub(crate) count: u32,
    pub(crate) kind: BarrierKind,
    /// The lanes that arrive.
    pub(crate) lanes: u32,
    /// Of a reduction: which of them bring a true predicate.
    pub(crate) truth: u32,
    /// Of a reduction: where its result goes.
    pub(crate) dst: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierKind {
    Sync,
    Arrive,
    Popc,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterCall {
    Arrive,
    Wait,
}

/// What went wrong, in a handler's terms.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FaultKind,
    pub(crate) lane: u32,
    pub(crate) site: u32,
    pub(crate) access: Option<Access>,
    /// The generic address, for finding what is near.
    pub(crate) generic: Option<u64>,
    /// Of a race: the access before.
    pub(crate) earlier: Option<Earlier>,
}

/// The access that another races with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Earlier {
    pub(crate) site: u32,
    pub(crate) warp: u32,
    pub(crate) lane: u32,
    pub(crate) write: bool,
}

/// A call that has not returned.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) parent: Option<Rc<Frame>>,
    pub(crate) depth: u32,
    /// Where it goes on.
    pub(crate) back: u32,
    /// Among [`Code::calls`].
    pub(crate) call: u32,
    /// Among [`Code::functions`].
    pub(crate) callee: u32,
    /// The caller's base in local memory.
    pub(crate) local: u32,
    /// The caller's registers, where the call may come back to it.
    pub(crate) saved: Option<Vec<u8>>,
}

/// What a split waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Ready,
    /// Lanes of this mask have to come to the same place; or, of a warp barrier, to any warp barrier.
    Members {
        members: u32,
        barrier: bool,
    },
    Barrier(BarrierCall),
    Cluster,
    /// The phase of this parity of the `mbarrier` at this address has to end.
    Phase {
        address: u64,
        odd: bool,
    },
}

impl Wait {
    /// Whether it may join splits that come to its place.
    fn joins(self) -> bool {
        matches!(self, Wait::Ready | Wait::Members { .. })
    }
}

/// Lanes that stand at one place.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) pc: u32,
    pub(crate) mask: u32,
    pub(crate) frame: Option<Rc<Frame>>,
    /// Base of its function's local memory.
    pub(crate) local: u32,
    pub(crate) wait: Wait,
    /// Counts runs: of equals, the one that ran longest ago is next when splits take turns.
    pub(crate) turn: u64,
}

impl Split {
    fn depth(&self) -> u32 {
        depth(self.frame.as_ref())
    }

    fn meets(&self, other: &Split) -> bool {
        let same = match (&self.frame, &other.frame) {
            (None, None) => true,
            (Some(a), Some(b)) => same_frames(a, b),
            _ => false,
        };
        self.pc == other.pc && self.local == other.local && same
    }
}

fn depth(frame: Option<&Rc<Frame>>) -> u32 {
    frame.map_or(0, |frame| frame.depth)
}

fn same_frames(a: &Rc<Frame>, b: &Rc<Frame>) -> bool {
    let (mut a, mut b) = (a, b);
    loop {
        if Rc::ptr_eq(a, b) {
            return true;
        }
        let equal = a.depth == b.depth && a.back == b.back && a.callee == b.callee && a.local == b.local;
        if !equal || a.saved.is_some() || b.saved.is_some() {
            return false;
        }
        match (&a.parent, &b.parent) {
            (None, None) => return true,
            (Some(x), Some(y)) => (a, b) = (x, y),
            _ => return false,
        }
    }
}

/// Registers of a warp: raw, aligned memory, of which each slot belongs to one register.
struct Registers {
    base: *mut u8,
    layout: Layout,
}

impl Registers {
    fn new(bytes: u32) -> Registers {
        let layout = Layout::from_size_align(bytes.max(64) as usize, 64).expect("64 is a power of two");
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        Registers { base, layout }
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { dealloc(self.base, self.layout) }
    }
}

/// A warp and the split that runs.
#[repr(C)]
pub(crate) struct Warp {
    /// The register file.
    pub(crate) regs: *mut u8,
    /// The lanes that run.
    pub(crate) mask: u32,
    /// The lanes that a register may be written for: all, where no other lane of the warp is alive.
    pub(crate) write: u32,
    /// The lowest place where another split waits; 0: look around at every jump.
    pub(crate) meet: u32,
    /// Backward jumps left before others get their turn.
    pub(crate) budget: i32,
    pub(crate) base: *const Op,
    /// `write`, a word a lane: all ones or zero.
    pub(crate) lanes: Expanded,
    pub(crate) code: *const Code,
    pub(crate) spaces: Spaces,
    pub(crate) stop: Stop,
    /// Where the running split goes on when it stops.
    pub(crate) pc: u32,
    pub(crate) frame: Option<Rc<Frame>>,
    /// Base of the running function's local memory.
    pub(crate) local: u32,
    /// Lanes that have not exited.
    pub(crate) alive: u32,
    pub(crate) others: Vec<Split>,
    /// Splits take turns instead of the lowest first, until this one stops.
    forced: bool,
    turns: u64,
    /// Its number in the block.
    pub(crate) number: u32,
    /// Lanes that have arrived at the cluster's barrier and not yet waited there.
    pub(crate) arrived: u32,
    registers: Registers,
}

/// A mask, a word a lane.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Expanded(pub(crate) [u32; 32]);

impl Warp {
    /// A warp for `code`, all registers zero. It has no lanes before [`Warp::start`].
    pub(crate) fn new(code: &Code, spaces: Spaces, number: u32) -> Warp {
        let registers = Registers::new(code.register_bytes);
        Warp {
            regs: registers.base,
            mask: 0,
            write: 0,
            meet: u32::MAX,
            budget: 0,
            base: code.ops.as_ptr(),
            lanes: Expanded([0; 32]),
            code: ptr::from_ref(code),
            spaces,
            stop: Stop::None,
            pc: 0,
            frame: None,
            local: 0,
            alive: 0,
            others: Vec::new(),
            forced: false,
            turns: 0,
            number,
            arrived: 0,
            registers,
        }
    }

    /// Puts all `lanes` at the start of the kernel.
    pub(crate) fn start(&mut self, lanes: u32) {
        self.alive = lanes;
        self.others.clear();
        self.others.push(Split { pc: 0, mask: lanes, frame: None, local: 0, wait: Wait::Ready, turn: 0 });
        self.mask = 0;
        self.arrived = 0;
        self.forced = false;
        self.stop = Stop::None;
    }

    pub(crate) fn code(&self) -> &Code {
        // SAFETY: a worker holds the code for as long as its warps.
        unsafe { &*self.code }
    }

    /// A register's lanes.
    #[inline(always)]
    pub(crate) fn get<T: Lane>(&self, offset: u32) -> [T; 32] {
        debug_assert!(offset as usize + size_of::<[T; 32]>() <= self.registers.layout.size());
        // SAFETY: the decoder gives places within the register file, aligned to 64; every bit pattern is a `Lane`.
        unsafe { self.regs.add(offset as usize).cast::<[T; 32]>().read() }
    }

    /// Writes a register for the lanes that run.
    #[inline(always)]
    pub(crate) fn put<T: Lane>(&mut self, offset: u32, mut value: [T; 32]) {
        debug_assert!(offset as usize + size_of::<[T; 32]>() <= self.registers.layout.size());
        // SAFETY: as in `get`.
        let slot = unsafe { &mut *self.regs.add(offset as usize).cast::<[T; 32]>() };
        if self.write != u32::MAX {
            let mut lane = 0;
            while lane < 32 {
                value[lane] = T::select(self.lanes.0[lane], value[lane], slot[lane]);
                lane += 1;
            }
        }
        *slot = value;
    }

    /// Writes a register in all lanes, whoever runs: for values that are fixed before a block starts.
    pub(crate) fn fix<T: Lane>(&mut self, offset: u32, value: [T; 32]) {
        debug_assert!(offset as usize + size_of::<[T; 32]>() <= self.registers.layout.size());
        // SAFETY: as in `get`.
        unsafe { self.regs.add(offset as usize).cast::<[T; 32]>().write(value) }
    }

    /// A predicate.
    #[inline(always)]
    pub(crate) fn pred(&self, offset: u32) -> u32 {
        debug_assert!(offset as usize + 4 <= self.registers.layout.size());
        // SAFETY: as in `get`, aligned to 4.
        unsafe { self.regs.add(offset as usize).cast::<u32>().read() }
    }

    /// Writes a predicate for the lanes that run.
    #[inline(always)]
    pub(crate) fn put_pred(&mut self, offset: u32, value: u32) {
        let old = self.pred(offset);
        self.fix_pred(offset, (old & !self.write) | (value & self.write));
    }

    /// Writes a predicate in all lanes.
    #[inline(always)]
    pub(crate) fn fix_pred(&mut self, offset: u32, value: u32) {
        debug_assert!(offset as usize + 4 <= self.registers.layout.size());
        // SAFETY: as in `pred`.
        unsafe { self.regs.add(offset as usize).cast::<u32>().write(value) }
    }

    /// Copies registers of a function out.
    pub(crate) fn save(&self, registers: &[(u32, Width)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(offset, width) in registers {
            let slot = width.slot() as usize;
            debug_assert!(offset as usize + slot <= self.registers.layout.size());
            // SAFETY: the slot lies within the register file.
            bytes.extend_from_slice(unsafe {
                std::slice::from_raw_parts(self.regs.add(offset as usize), slot)
            });
        }
        bytes
    }

    /// Puts saved registers back, for the lanes that run.
    pub(crate) fn restore(&mut self, registers: &[(u32, Width)], bytes: &[u8]) {
        let mut at = 0;
        for &(offset, width) in registers {
            let slot = &bytes[at..at + width.slot() as usize];
            at += slot.len();
            match width {
                Width::Pred => {
                    self.put_pred(offset, u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]]));
                }
                Width::W16 => self.put(offset, lanes_of::<u16>(slot)),
                Width::W32 => self.put(offset, lanes_of::<u32>(slot)),
                Width::W64 => self.put(offset, lanes_of::<u64>(slot)),
                Width::W128 => self.put(offset, lanes_of::<u128>(slot)),
            }
        }
    }

    /// The place of an operation.
    #[inline(always)]
    pub(crate) fn index(&self, op: *const Op) -> u32 {
        (op.addr().wrapping_sub(self.base.addr()) / size_of::<Op>()) as u32
    }

    /// Which lanes run from now on.
    #[inline(always)]
    pub(crate) fn set_mask(&mut self, mask: u32) {
        self.mask = mask;
        self.write = if self.others.is_empty() { u32::MAX } else { mask };
        self.lanes = expand(self.write);
    }

    /// Stops, to go on at `pc`.
    #[cold]
    #[inline(never)]
    pub(crate) fn stop_at(&mut self, pc: u32, stop: Stop) -> *const Op {
        self.pc = pc;
        self.stop = stop;
        ptr::null()
    }

    /// Stops for good.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, op: &Op, kind: FaultKind, lane: u32) -> *const Op {
        let failure = Failure { kind, lane, site: op.site, access: None, generic: None, earlier: None };
        self.stop_at(self.index(op), Stop::Fault(Box::new(failure)))
    }

    /// Sends some of the running lanes elsewhere; they wait there for their turn.
    #[inline(never)]
    pub(crate) fn part(&mut self, mask: u32, pc: u32) {
        let split = Split {
            pc,
            mask,
            frame: self.frame.clone(),
            local: self.local,
            wait: Wait::Ready,
            turn: self.turns,
        };
        self.others.push(split);
        self.meet = self.meet.min(pc);
        self.set_mask(self.mask & !mask);
    }

    /// Puts the running split beside the others, waiting for `wait`.
    fn put_aside(&mut self, wait: Wait) {
        if self.mask != 0 {
            let frame = self.frame.take();
            let (pc, mask, local, turn) = (self.pc, self.mask, self.local, self.turns);
            self.others.push(Split { pc, mask, frame, local, wait, turn });
            self.mask = 0;
        }
    }

    /// Parks the running split.
    pub(crate) fn park(&mut self, wait: Wait) {
        self.put_aside(wait);
        self.forced = false;
    }

    /// Ends the running split; gives its lanes.
    pub(crate) fn finish(&mut self) -> u32 {
        let lanes = self.mask;
        self.alive &= !lanes;
        self.mask = 0;
        self.frame = None;
        self.forced = false;
        lanes
    }

    /// Joins splits that stand at one place.
    fn join(&mut self) {
        let mut index = 0;
        while index < self.others.len() {
            let mut other = index + 1;
            while other < self.others.len() {
                let (a, b) = (&self.others[index], &self.others[other]);
                if a.wait.joins() && b.wait.joins() && a.meets(b) {
                    let gone = self.others.swap_remove(other);
                    let kept = &mut self.others[index];
                    kept.mask |= gone.mask;
                    kept.wait = Wait::Ready;
                    kept.turn = kept.turn.max(gone.turn);
                } else {
                    other += 1;
                }
            }
            index += 1;
        }
    }

    /// Makes the running split wait its turn, and takes the next: the deepest in calls, then the lowest place; or, in
    /// turns, the one that waits longest. `false`: none is ready.
    pub(crate) fn choose(&mut self, in_turn: bool) -> bool {
        let current = (self.mask != 0).then_some(self.turns);
        self.put_aside(Wait::Ready);
        for split in &mut self.others {
            if let Wait::Phase { address, odd } = split.wait
                && is_odd(address) != odd
            {
                split.wait = Wait::Ready;
            }
        }
        if self.others.len() > 1 {
            self.join();
        }
        let ready = self.others.iter().enumerate().filter(|(_, split)| split.wait == Wait::Ready);
        let chosen = if in_turn {
            ready.min_by_key(|(_, split)| split.turn)
        } else if let (true, Some(turn)) = (self.forced, current) {
            // The one that ran goes on, met or not.
            ready.max_by_key(|(_, split)| u64::from(split.turn == turn))
        } else {
            ready.min_by_key(|(_, split)| (u32::MAX - split.depth(), split.pc))
        };
        let Some((index, _)) = chosen else { return false };
        let split = self.others.swap_remove(index);
        self.forced = (in_turn || self.forced) && !self.others.is_empty();
        self.turns += 1;
        self.pc = split.pc;
        self.frame = split.frame;
        self.local = split.local;
        self.meet = self.meeting_place(depth(self.frame.as_ref()));
        self.set_mask(split.mask);
        true
    }

    fn meeting_place(&self, depth: u32) -> u32 {
        if self.forced && !self.others.is_empty() {
            return 0;
        }
        let meet = |split: &Split| match split.depth().cmp(&depth) {
            std::cmp::Ordering::Greater if split.wait == Wait::Ready => 0,
            std::cmp::Ordering::Equal if split.wait.joins() => split.pc,
            _ => u32::MAX,
        };
        self.others.iter().map(meet).min().unwrap_or(u32::MAX)
    }

    /// Looks for the place to meet anew: after a call or return.
    pub(crate) fn look_around(&mut self) {
        self.meet = self.meeting_place(depth(self.frame.as_ref()));
    }

    /// Whether another split waits at this place for lanes to come.
    pub(crate) fn awaited_at(&self, pc: u32) -> bool {
        self.others.iter().any(|split| split.pc == pc && split.wait.joins())
    }

    /// Lets every split that waits for lanes of the warp look again: some have exited.
    pub(crate) fn wake_members(&mut self) {
        for split in &mut self.others {
            if matches!(split.wait, Wait::Members { .. }) {
                split.wait = Wait::Ready;
            }
        }
    }

    /// Opens a warp barrier that lanes have reached at different places. `true`: it did.
    pub(crate) fn open_warp_barrier(&mut self) -> bool {
        let waiting = |split: &Split| match split.wait {
            Wait::Members { members, barrier: true } => Some(members),
            _ => None,
        };
        for members in self.others.iter().filter_map(waiting).collect::<Vec<_>>() {
            let here = |split: &&mut Split| waiting(split) == Some(members);
            let arrived = self.others.iter_mut().filter(here).fold(0, |lanes, split| lanes | split.mask);
            if members & self.alive & !arrived == 0 {
                for split in self.others.iter_mut().filter(here) {
                    split.wait = Wait::Ready;
                    split.pc += 1;
                }
                return true;
            }
        }
        false
    }

    /// Opens a barrier for all splits that wait there, and gives each what the barrier's reduction says.
    pub(crate) fn open_barrier(&mut self, id: u32, result: impl Fn(BarrierKind) -> u32) {
        for index in 0..self.others.len() {
            let Wait::Barrier(call) = self.others[index].wait else { continue };
            if call.id != id {
                continue;
            }
            self.others[index].wait = Wait::Ready;
            let (write, lanes) = (self.write, self.lanes);
            self.write = call.lanes;
            self.lanes = expand(call.lanes);
            match call.kind {
                BarrierKind::Sync | BarrierKind::Arrive => {}
                BarrierKind::Popc => self.put(call.dst, [result(call.kind); 32]),
                BarrierKind::And | BarrierKind::Or => {
                    self.put_pred(call.dst, 0_u32.wrapping_sub(result(call.kind)));
                }
            }
            (self.write, self.lanes) = (write, lanes);
        }
    }

    /// Whether some of its lanes wait at a barrier of the block.
    pub(crate) fn waits_at(&self, id: u32) -> bool {
        self.others.iter().any(|split| matches!(split.wait, Wait::Barrier(call) if call.id == id))
    }

    /// Opens the cluster's barrier for the splits that wait there.
    pub(crate) fn open_cluster(&mut self) {
        for split in &mut self.others {
            if split.wait == Wait::Cluster {
                split.wait = Wait::Ready;
            }
        }
    }
}

fn lanes_of<T: Lane>(bytes: &[u8]) -> [T; 32] {
    assert_eq!(bytes.len(), size_of::<[T; 32]>());
    // SAFETY: the length was just checked, and every bit pattern is a `Lane`.
    unsafe { bytes.as_ptr().cast::<[T; 32]>().read_unaligned() }
}
