//! Address spaces: from what a register holds to host addresses, checked, and the accesses themselves.
//!
//! An access is checked once a warp against a range that its operation saw last; what leaves that range is looked at
//! lane by lane. Lanes that don't run are given the first running lane's address, so that no step needs a mask.
#![expect(
    unsafe_code,
    reason = "guest memory is raw: other threads of the program and the device write it at any time"
)]

use std::arch::x86_64::__m128i;
use std::marker::PhantomData;
use std::ptr;

use crate::code::Op;
use crate::device::Device;
use crate::fault::{Access, FaultKind};
use crate::lanes::{Lane, Work, expand, lanes_in};
use crate::memory::Memory;
use crate::warp::{Failure, Stop, Warp};
use crate::watch::{self, Kind, Watch};

mod pairs;

/// The range that an operation's accesses fell into last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    start: u64,
    /// Its size less the access's; negative: no range.
    limit: i64,
}

impl Range {
    pub(crate) const NONE: Range = Range { start: 0, limit: -1 };
}

/// What a warp can reach.
#[derive(Clone, Copy)]
pub(crate) struct Spaces {
    pub(crate) memory: *const Memory,
    /// One a memory operation.
    pub(crate) ranges: *mut Range,
    /// Where the block's shared memory lies, and its size in bytes.
    pub(crate) shared: u64,
    pub(crate) shared_size: u32,
    /// Where the first lane's local memory lies, bytes from one lane's to the next, and the size of each.
    pub(crate) local: u64,
    pub(crate) local_stride: u64,
    pub(crate) local_size: u32,
    pub(crate) checks: bool,
    /// The number of this block in its cluster, and the shared memories of all of them.
    pub(crate) rank: u32,
    pub(crate) peers: *const u64,
    pub(crate) peer_count: u32,
    /// For what kernels print and allocate.
    pub(crate) device: *const Device,
    /// `blockIdx` and `blockDim`.
    pub(crate) block: [u32; 3],
    pub(crate) threads: [u32; 3],
    pub(crate) range_count: u32,
    /// What is known of the block's shared memory, where that is watched; else null.
    pub(crate) watch: *mut Watch,
}

/// Bits of a shared address below the block's number in its cluster. The number is kept plus one: an address without
/// one is in the block's own shared memory.
pub(crate) const CLUSTER_SHIFT: u32 = 24;

impl Spaces {
    /// The shared memories of the blocks of the cluster.
    pub(crate) fn peers(&self) -> &[u64] {
        if self.peers.is_null() {
            return &[];
        }
        // SAFETY: the worker keeps the list for as long as its warps, and changes it only between runs.
        unsafe { std::slice::from_raw_parts(self.peers, self.peer_count as usize) }
    }

    /// Whether an address lies in the shared memory of a block of this cluster.
    pub(crate) fn in_shared(&self, address: u64) -> bool {
        let inside = |base: u64| address.wrapping_sub(base) < u64::from(self.shared_size);
        inside(self.shared) || self.peers().iter().copied().any(inside)
    }

    /// Whether an address lies in the lane's own local memory.
    pub(crate) fn in_local(&self, address: u64, lane: usize) -> bool {
        address.wrapping_sub(self.local_of(lane)) < u64::from(self.local_size)
    }

    pub(crate) fn local_of(&self, lane: usize) -> u64 {
        self.local + self.local_stride * lane as u64
    }

    /// What is known of the block's shared memory, if it is watched.
    pub(crate) fn watch<'a>(&self) -> Option<&'a mut Watch> {
        // SAFETY: the block keeps it for as long as its warps, and one thread alone runs them.
        unsafe { self.watch.as_mut() }
    }

    pub(crate) fn device(&self) -> &Device {
        // SAFETY: the worker holds the device for as long as its warps.
        unsafe { &*self.device }
    }

    pub(crate) fn memory(&self) -> &Memory {
        // SAFETY: the worker holds the device for as long as its warps.
        unsafe { &*self.memory }
    }
}

/// Where an address operand points.
pub(crate) trait Reach {
    /// Whether no other thread of the process reaches it: a block, and a cluster, is run by one worker.
    const OWN: bool;

    /// Host addresses of all lanes; those of lanes that don't run repeat one that does. `None`: the warp stops.
    fn reach(warp: &mut Warp, op: &Op, size: u32, write: bool) -> Option<[u64; 32]>;
}

/// Generic, global, constant and parameter memory, by 64-bit addresses in `a` and `imm` added.
pub(crate) struct Flat;
/// Shared memory, by 32-bit offsets.
pub(crate) struct Shared;
/// Local memory, by 32-bit offsets.
pub(crate) struct Local;

/// Gives lanes that don't run the address of the first that does.
#[inline(always)]
fn fill<T: Lane>(warp: &Warp, addresses: &mut [T; 32]) {
    if warp.mask != u32::MAX {
        let first = addresses[(warp.mask.trailing_zeros() & 31) as usize];
        let lanes = expand(warp.mask).0;
        let mut lane = 0;
        while lane < 32 {
            addresses[lane] = T::select(lanes[lane], addresses[lane], first);
            lane += 1;
        }
    }
}

impl Reach for Flat {
    const OWN: bool = false;

    #[inline(always)]
    fn reach(warp: &mut Warp, op: &Op, size: u32, write: bool) -> Option<[u64; 32]> {
        let mut addresses = warp.get::<u64>(op.a);
        let mut lane = 0;
        while lane < 32 {
            addresses[lane] = addresses[lane].wrapping_add(op.imm);
            lane += 1;
        }
        fill(warp, &mut addresses);
        if warp.spaces.checks {
            // SAFETY: the decoder numbers accesses below the count that the ranges were made for.
            let range = unsafe { warp.spaces.ranges.add(op.aux as usize).read() };
            if !pairs::fit(&addresses, range, size) && !check(warp, op, &addresses, size, write) {
                return None;
            }
        }
        Some(addresses)
    }
}

/// Looks at an access lane by lane.
#[cold]
#[inline(never)]
fn check(warp: &mut Warp, op: &Op, addresses: &[u64; 32], size: u32, write: bool) -> bool {
    let mut range = Range::NONE;
    for lane in lanes_in(warp.mask) {
        let address = addresses[lane];
        if address & u64::from(size - 1) != 0 {
            return refuse(warp, op, FaultKind::Misaligned, lane, address, size, write);
        }
        let distance = address.wrapping_sub(range.start).cast_signed();
        if distance | range.limit.wrapping_sub(distance) >= 0 {
            continue;
        }
        match find(warp, lane, address, size, write) {
            Ok(Found::Window) => {}
            Ok(Found::Memory { start, end }) => {
                range = Range { start, limit: (end - start).cast_signed() - i64::from(size) };
                // SAFETY: as in `reach`.
                unsafe { warp.spaces.ranges.add(op.aux as usize).write(range) }
            }
            Err(kind) => return refuse(warp, op, kind, lane, address, size, write),
        }
    }
    true
}

/// Whether a lane may use `size` bytes from an address on, at any alignment; if not, the warp stops.
pub(crate) fn span(warp: &mut Warp, op: &Op, lane: usize, address: u64, size: u32, write: bool) -> bool {
    if !warp.spaces.checks || size == 0 {
        return true;
    }
    match find(warp, lane, address, size, write) {
        Ok(Found::Window) => {
            let kind = if write { Kind::WRITE } else { Kind::READ };
            watch::note(warp, op, 1 << lane, &[address; 32], size, kind)
        }
        Ok(Found::Memory { .. }) => true,
        Err(kind) => refuse(warp, op, kind, lane, address, size, write),
    }
}

/// Where an access lies that a lane may make.
enum Found {
    /// In shared memory of its cluster, or its own local memory.
    Window,
    /// In an allocation.
    Memory { start: u64, end: u64 },
}

fn find(warp: &Warp, lane: usize, address: u64, size: u32, write: bool) -> Result<Found, FaultKind> {
    if let Some(end) = own_window(warp, lane, address) {
        return if end - address < u64::from(size) { Err(FaultKind::OutOfBounds) } else { Ok(Found::Window) };
    }
    match warp.spaces.memory().range(address) {
        Some((_, end, _)) if end - address < u64::from(size) => Err(FaultKind::OutOfBounds),
        Some((_, _, false)) if write => Err(FaultKind::ReadOnly),
        Some((start, end, _)) => Ok(Found::Memory { start, end }),
        None if warp.spaces.memory().find(address).is_some_and(|found| found.freed) => {
            Err(FaultKind::UseAfterFree)
        }
        None => Err(FaultKind::OutOfBounds),
    }
}

/// The end of the shared or local memory that a generic address lies in, if the lane may use that.
fn own_window(warp: &Warp, lane: usize, address: u64) -> Option<u64> {
    let spaces = &warp.spaces;
    let shared = |base: u64| {
        (address.wrapping_sub(base) < u64::from(spaces.shared_size))
            .then(|| base + u64::from(spaces.shared_size))
    };
    if let Some(end) = shared(spaces.shared) {
        return Some(end);
    }
    // A thread may hand a pointer to its local memory to another of its warp only by mistake; that isn't seen here.
    let local = spaces.local_of(lane);
    if address.wrapping_sub(local) < u64::from(spaces.local_size) {
        return Some(local + u64::from(spaces.local_size));
    }
    spaces.peers().iter().copied().find_map(shared)
}

#[cold]
#[inline(never)]
pub(crate) fn refuse(
    warp: &mut Warp,
    op: &Op,
    kind: FaultKind,
    lane: usize,
    address: u64,
    size: u32,
    write: bool,
) -> bool {
    let spaces = &warp.spaces;
    let (space, shown) = if spaces.in_shared(address) {
        ("shared", address - spaces.shared.min(address))
    } else if address.wrapping_sub(spaces.local) < spaces.local_stride * 32 {
        ("local", address.wrapping_sub(spaces.local_of(lane)))
    } else {
        ("global", address)
    };
    let access = Some(Access { address: shown, size, space, write });
    let generic = (space == "global").then_some(address);
    let failure = Failure { kind, lane: lane as u32, site: op.site, access, generic, earlier: None };
    let pc = warp.index(op);
    warp.stop_at(pc, Stop::Fault(Box::new(failure)));
    false
}

#[cold]
#[inline(never)]
fn refuse_window(warp: &mut Warp, op: &Op, kind: FaultKind, lane: usize, access: Access) -> bool {
    let failure = Failure {
        kind,
        lane: lane as u32,
        site: op.site,
        access: Some(access),
        generic: None,
        earlier: None,
    };
    let pc = warp.index(op);
    warp.stop_at(pc, Stop::Fault(Box::new(failure)));
    false
}

/// Offsets in a window of the block or thread; lanes that don't run repeat one that does.
#[inline(always)]
fn offsets(warp: &Warp, op: &Op) -> [u32; 32] {
    let mut offsets = warp.get::<u32>(op.a);
    let imm = op.imm as u32;
    let mut lane = 0;
    while lane < 32 {
        offsets[lane] = offsets[lane].wrapping_add(imm);
        lane += 1;
    }
    fill(warp, &mut offsets);
    offsets
}

#[inline(always)]
fn within(offsets: &[u32; 32], window: u32, size: u32) -> bool {
    let limit = window.cast_signed().wrapping_sub(size.cast_signed());
    let (mut outside, mut low) = (limit, 0);
    let mut lane = 0;
    while lane < 32 {
        outside |= offsets[lane].cast_signed() | limit.wrapping_sub(offsets[lane].cast_signed());
        low |= offsets[lane];
        lane += 1;
    }
    outside >= 0 && low & (size - 1) == 0
}

impl Reach for Shared {
    const OWN: bool = true;

    #[inline(always)]
    fn reach(warp: &mut Warp, op: &Op, size: u32, write: bool) -> Option<[u64; 32]> {
        let offsets = offsets(warp, op);
        if !within(&offsets, warp.spaces.shared_size, size) {
            return check_shared(warp, op, &offsets, size, write);
        }
        let mut addresses = [0; 32];
        let mut lane = 0;
        while lane < 32 {
            addresses[lane] = warp.spaces.shared + u64::from(offsets[lane]);
            lane += 1;
        }
        Some(addresses)
    }
}

/// Shared accesses that are not all in the block's own window: of other blocks of the cluster, or wrong.
#[cold]
#[inline(never)]
fn check_shared(warp: &mut Warp, op: &Op, offsets: &[u32; 32], size: u32, write: bool) -> Option<[u64; 32]> {
    let mut addresses = [0; 32];
    for lane in lanes_in(warp.mask) {
        let address = offsets[lane];
        let access = Access { address: address.into(), size, space: "shared", write };
        let Some((base, offset)) = shared_base(warp, address) else {
            refuse_window(warp, op, FaultKind::OutOfBounds, lane, access);
            return None;
        };
        if u64::from(offset) + u64::from(size) > u64::from(warp.spaces.shared_size) {
            refuse_window(warp, op, FaultKind::OutOfBounds, lane, access);
            return None;
        }
        if offset & (size - 1) != 0 {
            refuse_window(warp, op, FaultKind::Misaligned, lane, access);
            return None;
        }
        addresses[lane] = base + u64::from(offset);
    }
    fill(warp, &mut addresses);
    Some(addresses)
}

/// The window and offset of an address of shared memory, of this block or another of the cluster.
pub(crate) fn shared_base(warp: &Warp, address: u32) -> Option<(u64, u32)> {
    let rank = address >> CLUSTER_SHIFT;
    if rank == 0 {
        return Some((warp.spaces.shared, address));
    }
    let base = *warp.spaces.peers().get(rank as usize - 1)?;
    Some((base, address & ((1 << CLUSTER_SHIFT) - 1)))
}

impl Reach for Local {
    const OWN: bool = true;

    #[inline(always)]
    fn reach(warp: &mut Warp, op: &Op, size: u32, write: bool) -> Option<[u64; 32]> {
        let offsets = offsets(warp, op);
        if !within(&offsets, warp.spaces.local_size, size) {
            return check_local(warp, op, &offsets, size, write);
        }
        let mut addresses = [0; 32];
        let mut lane = 0;
        while lane < 32 {
            addresses[lane] =
                warp.spaces.local + warp.spaces.local_stride * lane as u64 + u64::from(offsets[lane]);
            lane += 1;
        }
        // Lanes that don't run must not reach into their own memory, which they may not have.
        fill(warp, &mut addresses);
        Some(addresses)
    }
}

#[cold]
#[inline(never)]
fn check_local(warp: &mut Warp, op: &Op, offsets: &[u32; 32], size: u32, write: bool) -> Option<[u64; 32]> {
    for lane in lanes_in(warp.mask) {
        let address = offsets[lane];
        let access = Access { address: address.into(), size, space: "local", write };
        if u64::from(address) + u64::from(size) > u64::from(warp.spaces.local_size) {
            refuse_window(warp, op, FaultKind::OutOfBounds, lane, access);
            return None;
        }
        if address & (size - 1) != 0 {
            refuse_window(warp, op, FaultKind::Misaligned, lane, access);
            return None;
        }
    }
    unreachable!("some lane was outside, or `within` would have held")
}

/// Takes note of an access before it is made, or behind it: the address as the access has it, `b` its bytes, `c` its kind.
pub(crate) struct Note<S>(PhantomData<S>);

impl Work for Note<Shared> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let offsets = warp.get::<u32>(op.a);
        let base = warp.spaces.shared;
        let addresses = offsets.map(|offset| base + u64::from(offset.wrapping_add(op.imm as u32)));
        watch::note(warp, op, warp.mask, &addresses, op.b, Kind(op.c))
    }
}

impl Work for Note<Flat> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let addresses = warp.get::<u64>(op.a).map(|address| address.wrapping_add(op.imm));
        watch::note(warp, op, warp.mask, &addresses, op.b, Kind(op.c))
    }
}

/// Reads a value at each address.
///
/// The addresses have been checked, or checks are off.
#[inline(always)]
pub(crate) fn load<T: Lane>(addresses: &[u64; 32]) -> [T; 32] {
    let mut values = [T::default(); 32];
    let mut half = 0;
    while half < 32 {
        let base = addresses[half];
        // SAFETY: every address was checked to lie in memory that is mapped and readable, or the program asked for
        // no checks and then takes the fault. The reads may race with other threads', and take whatever they find.
        unsafe {
            if pairs::apart(addresses, half, size_of::<T>() as u64) {
                let part = (base as *const [T; 16]).read_unaligned();
                let mut lane = 0;
                while lane < 16 {
                    values[half + lane] = part[lane];
                    lane += 1;
                }
            } else if pairs::apart(addresses, half, 0) {
                let value = (base as *const T).read_unaligned();
                let mut lane = 0;
                while lane < 16 {
                    values[half + lane] = value;
                    lane += 1;
                }
            } else {
                let mut lane = 0;
                while lane < 16 {
                    values[half + lane] = (addresses[half + lane] as *const T).read_unaligned();
                    lane += 1;
                }
            }
        }
        half += 16;
    }
    values
}

/// Writes a value at each address, for the lanes of `mask`, lowest first.
///
/// The addresses have been checked, or checks are off.
#[inline(always)]
pub(crate) fn store<T: Lane>(mask: u32, addresses: &[u64; 32], values: &[T; 32]) {
    let mut half = 0;
    while half < 32 {
        let running = (mask >> half) & 0xffff;
        let base = addresses[half];
        // SAFETY: as in `load`, and writable.
        unsafe {
            if running == 0xffff && pairs::apart(addresses, half, size_of::<T>() as u64) {
                let mut part = [T::default(); 16];
                let mut lane = 0;
                while lane < 16 {
                    part[lane] = values[half + lane];
                    lane += 1;
                }
                (base as *mut [T; 16]).write_unaligned(part);
            } else {
                let mut left = running;
                while left != 0 {
                    let lane = half + left.trailing_zeros() as usize;
                    (addresses[lane] as *mut T).write_unaligned(values[lane & 31]);
                    left &= left - 1;
                }
            }
        }
        half += 16;
    }
}

/// Reads one value with the order of `volatile`, `relaxed` and `acquire`, which `x86_64` gives every load.
#[inline(always)]
pub(crate) fn load_ordered<T: Lane>(address: u64) -> T {
    // SAFETY: as in `load`.
    unsafe { ptr::read_volatile(address as *const T) }
}

/// Writes one value with the order of `volatile`, `relaxed` and `release`, which `x86_64` gives every store.
#[inline(always)]
pub(crate) fn store_ordered<T: Lane>(address: u64, value: T) {
    // SAFETY: as in `store`.
    unsafe { ptr::write_volatile(address as *mut T, value) }
}

/// The elements of a vector, in memory's order; only the first `count` mean something.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Whole<T>(pub(crate) [T; 4]);

/// Pieces of so many bytes are read and written at once: what one thread writes as a vector of 16 bytes, another reads whole or
/// not at all. GPUs do so, and look-back scans rely on it.
const PIECE: u64 = 16;

/// Reads a vector of up to four elements as [`load_ordered`] does.
#[inline(always)]
pub(crate) fn load_whole<T: Lane>(address: u64, count: u32) -> Whole<T> {
    let mut whole = Whole([T::default(); 4]);
    let bytes = u64::from(count) * size_of::<T>() as u64;
    let to = (&raw mut whole).cast::<u8>();
    // SAFETY: as in `load`; the vector has room for four elements, of which `count` are read.
    unsafe {
        if bytes == 8 {
            to.cast::<u64>().write(load_ordered(address));
        } else if bytes.is_multiple_of(PIECE) && address.is_multiple_of(PIECE) {
            // One access on every CPU with AVX.
            let mut at = 0;
            while at < bytes {
                let piece = ptr::read_volatile((address + at) as *const __m128i);
                to.add(at as usize).cast::<__m128i>().write(piece);
                at += PIECE;
            }
        } else {
            for element in 0..count as usize {
                whole.0[element] = load_ordered(address + (element * size_of::<T>()) as u64);
            }
        }
    }
    whole
}

/// Writes a vector as [`store_ordered`] does.
#[inline(always)]
pub(crate) fn store_whole<T: Lane>(address: u64, count: u32, whole: &Whole<T>) {
    let bytes = u64::from(count) * size_of::<T>() as u64;
    let from = ptr::from_ref(whole).cast::<u8>();
    // SAFETY: as in `store`; the vector has four elements, of which `count` are written.
    unsafe {
        if bytes == 8 {
            store_ordered(address, from.cast::<u64>().read());
        } else if bytes.is_multiple_of(PIECE) && address.is_multiple_of(PIECE) {
            let mut at = 0;
            while at < bytes {
                let piece = from.add(at as usize).cast::<__m128i>().read();
                ptr::write_volatile((address + at) as *mut __m128i, piece);
                at += PIECE;
            }
        } else {
            for element in 0..count as usize {
                store_ordered(address + (element * size_of::<T>()) as u64, whole.0[element]);
            }
        }
    }
}

/// How many bytes from an address on a lane may read; `None`: none. Without checks, whatever it asks for.
pub(crate) fn readable(warp: &Warp, lane: usize, address: u64) -> Option<u64> {
    if !warp.spaces.checks {
        return Some(u64::MAX >> 1);
    }
    let end = own_window(warp, lane, address).or_else(|| Some(warp.spaces.memory().range(address)?.1))?;
    Some(end - address)
}

impl Warp {
    /// Drops the ranges that accesses were checked against: memory was freed.
    pub(crate) fn forget_ranges(&mut self) {
        for index in 0..self.spaces.range_count as usize {
            // SAFETY: there are so many, and this worker alone uses them.
            unsafe { self.spaces.ranges.add(index).write(Range::NONE) }
        }
    }

    /// `threadIdx` of a lane.
    pub(crate) fn thread(&self, lane: usize) -> [u32; 3] {
        let [x, y, _] = self.spaces.threads;
        let thread = self.number * 32 + lane as u32;
        [thread % x, thread / x % y, thread / x / y]
    }
}

/// Copies bytes from guest memory that has been checked.
pub(crate) fn read_bytes(address: u64, bytes: &mut [u8]) {
    // SAFETY: as in `load`.
    unsafe { ptr::copy_nonoverlapping(address as *const u8, bytes.as_mut_ptr(), bytes.len()) }
}

/// Copies bytes into guest memory that has been checked.
pub(crate) fn write_bytes(address: u64, bytes: &[u8]) {
    // SAFETY: as in `store`.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, bytes.len()) }
}
