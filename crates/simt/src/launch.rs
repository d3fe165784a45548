//! A launch: its blocks, in order of their index, over a number of workers.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::block::{Block, ClusterBarrier, Round, stands_at, waiting_for};
use crate::code::{Code, Fixed, Special, Width};
use crate::device::Device;
use crate::fault::{Fault, FaultKind, Standing};
use crate::memory::{Kind, Memory};
use crate::program::{KernelId, Program};
use crate::space::{CLUSTER_SHIFT, Range, Spaces};
use crate::warp::{Failure, Warp};
use crate::watch::Keeper;

/// What to launch, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch<'a> {
    /// Blocks, by dimension.
    pub grid: [u32; 3],
    /// Threads of a block, by dimension.
    pub block: [u32; 3],
    /// Blocks of a cluster, by dimension, where the launch says; else the kernel does.
    pub cluster: Option<[u32; 3]>,
    /// Bytes of dynamic shared memory.
    pub dynamic_shared: u32,
    /// The parameters, laid out as [`crate::KernelFacts::parameters`] says.
    pub parameters: &'a [u8],
    /// Whether blocks may wait for one another (`cuLaunchCooperativeKernel`).
    pub cooperative: bool,
}

/// What a launch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations that warps ran; an instruction may be several, or none.
    pub operations: u64,
    /// Blocks that ran.
    pub blocks: u64,
    /// How long it took.
    pub time: Duration,
}

/// Threads of a block, at most.
const MAX_THREADS: u64 = 1024;
/// Shared memory is handed out in units of so many bytes, which `%total_smem_size` counts.
const SMEM_UNIT: u32 = 128;
/// Bytes of shared memory that the system keeps of each block's, which `%aggr_smem_size` counts.
const SMEM_RESERVED: u32 = 1 << 10;
/// Blocks of a cluster, at most.
const MAX_CLUSTER: u64 = 16;
/// Rounds in which blocks only use up time before another block starts beside them.
const PATIENCE: u32 = 4;
/// Blocks that a worker keeps running at a time, if the launch is not cooperative.
const RESIDENT: usize = 64;

/// Runs a kernel, and comes back when all its blocks are done or one has failed.
pub fn launch(
    device: &Device,
    program: &Program,
    kernel: KernelId,
    launch: &Launch<'_>,
) -> Result<Stats, Fault> {
    let start = Instant::now();
    let facts = program.facts(kernel);
    let fault = |kind: FaultKind| Fault::new(kind, &facts.name);
    let bad = |reason: String| Err(fault(FaultKind::BadLaunch(reason)));
    let code = match program.decoded(kernel, device) {
        Ok(code) => Arc::clone(code),
        Err(refusals) => return Err(fault(FaultKind::Unsupported(refusals.clone()))),
    };
    let threads: u64 = launch.block.iter().map(|&n| u64::from(n)).product();
    let blocks =
        launch.grid.iter().map(|&n| u64::from(n)).try_fold(1_u64, u64::checked_mul).unwrap_or(u64::MAX);
    if threads == 0 || blocks == 0 || threads > MAX_THREADS || launch.block[2] > 64 {
        return bad(format!("a grid of {:?} blocks of {:?} threads", launch.grid, launch.block));
    }
    if launch.grid[0] > i32::MAX.cast_unsigned() || launch.grid[1] > 65535 || launch.grid[2] > 65535 {
        return bad(format!("a grid of {:?} blocks", launch.grid));
    }
    if let Some(required) = facts.required_threads
        && required != launch.block
    {
        return bad(format!("the kernel requires blocks of {required:?} threads, not {:?}", launch.block));
    }
    if let Some(most) = facts.max_threads
        && threads > most.iter().map(|&n| u64::from(n.max(1))).product()
    {
        return bad(format!("the kernel allows at most {most:?} threads a block, not {threads}"));
    }
    if launch.parameters.len() < facts.parameter_bytes as usize {
        return bad(format!(
            "{} bytes of parameters instead of {}",
            launch.parameters.len(),
            facts.parameter_bytes
        ));
    }
    let cluster = launch.cluster.or(facts.cluster);
    let shape = cluster.unwrap_or([1; 3]).map(|n| n.max(1));
    let cluster_size: u64 = shape.iter().map(|&n| u64::from(n)).product();
    if cluster_size > MAX_CLUSTER || launch.grid.iter().zip(shape).any(|(grid, cluster)| grid % cluster != 0)
    {
        return bad(format!("clusters of {shape:?} blocks in a grid of {:?}", launch.grid));
    }
    let shared = code.shared.saturating_add(launch.dynamic_shared);
    if shared > device.settings().shared_limit {
        return bad(format!("{shared} bytes of shared memory a block"));
    }
    let local = code.local.unwrap_or_else(|| {
        let own = code.functions.first().map_or(0, |kernel| kernel.local);
        own.saturating_add(u32::try_from(device.stack()).unwrap_or(1 << 24)).min(1 << 24)
    });
    let parameters = Buffer::new(device.memory(), launch.parameters.len().max(1) as u64, Kind::Constant)
        .ok_or_else(|| fault(FaultKind::OutOfMemory))?;
    parameters.write(launch.parameters);
    let workspace = if launch.cooperative {
        let buffer = Buffer::new(device.memory(), WORKSPACE, Kind::Device);
        let buffer = buffer.ok_or_else(|| fault(FaultKind::OutOfMemory))?;
        buffer.write(&[0; WORKSPACE as usize]);
        Some(buffer)
    } else {
        None
    };
    let run = Run {
        device,
        program,
        code: &code,
        name: &facts.name,
        launch,
        threads: threads as u32,
        shape,
        cluster_size: cluster_size as usize,
        explicit_cluster: cluster.is_some(),
        shared,
        local,
        number: device.count_launch(),
        parameters: parameters.address,
        workspace: workspace.as_ref().map_or(0, |buffer| buffer.address),
        next: AtomicU64::new(0),
        groups: blocks / cluster_size,
        stop: AtomicBool::new(false),
        fault: Mutex::new(None),
        fuel: AtomicU64::new(0),
    };
    let workers = device.workers().min(usize::try_from(run.groups).unwrap_or(usize::MAX));
    match if workers == 1 { None } else { device.crew() } {
        None => run.work(),
        Some(crew) => crew.together(workers - 1, &|| run.work()),
    }
    let operations = run.fuel.load(Ordering::Relaxed);
    match run.fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(fault) => Err(*fault),
        None => Ok(Stats { operations, blocks, time: start.elapsed() }),
    }
}

/// What a cooperative launch's `%envreg1` and `%envreg2` point to: zeros before it starts.
const WORKSPACE: u64 = 256;

/// Memory of a launch.
struct Buffer<'a> {
    memory: &'a Memory,
    address: u64,
}

impl<'a> Buffer<'a> {
    fn new(memory: &'a Memory, size: u64, kind: Kind) -> Option<Buffer<'a>> {
        memory.allocate(size, 256, kind).ok().map(|address| Buffer { memory, address })
    }

    fn write(&self, bytes: &[u8]) {
        // It was allocated for these bytes.
        let _ = self.memory.write(self.address, bytes);
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let _ = self.memory.free(self.address);
    }
}

/// What the workers of a launch share.
struct Run<'a> {
    device: &'a Device,
    program: &'a Program,
    code: &'a Code,
    name: &'a str,
    launch: &'a Launch<'a>,
    threads: u32,
    shape: [u32; 3],
    cluster_size: usize,
    explicit_cluster: bool,
    shared: u32,
    local: u32,
    /// `%gridid`.
    number: u64,
    parameters: u64,
    workspace: u64,
    next: AtomicU64,
    groups: u64,
    stop: AtomicBool,
    fault: Mutex<Option<Box<Fault>>>,
    /// Operations run so far.
    fuel: AtomicU64,
}

/// A cluster of blocks that run together; mostly one.
struct Group<'a> {
    blocks: Vec<Block>,
    barrier: ClusterBarrier,
    /// The shared memories of its blocks.
    peers: Vec<u64>,
    buffers: Vec<Buffer<'a>>,
    done: bool,
}

impl<'a> Run<'a> {
    /// Takes blocks and runs them until there are none.
    fn work(&self) {
        let mut ranges = vec![Range::NONE; self.code.accesses as usize];
        let mut idle: Vec<Group<'a>> = Vec::new();
        let mut running: Vec<Group<'a>> = Vec::new();
        let limit = if self.launch.cooperative { usize::MAX } else { RESIDENT };
        let patient = if self.launch.cooperative { 0 } else { PATIENCE };
        let mut epoch = self.device.memory().epoch();
        let mut patience = 0;
        let mut more = true;
        loop {
            if more && (running.is_empty() || patience >= patient && running.len() < limit) {
                patience = 0;
                match self.claim() {
                    Some(index) => {
                        let group = idle.pop().or_else(|| self.group(ranges.as_mut_ptr()));
                        let Some(mut group) = group else {
                            self.fail(Fault::new(FaultKind::OutOfMemory, self.name));
                            return;
                        };
                        self.start(&mut group, index);
                        running.push(group);
                    }
                    None => more = false,
                }
            }
            if running.is_empty() {
                return;
            }
            let now = self.device.memory().epoch();
            if now != epoch {
                epoch = now;
                ranges.fill(Range::NONE);
            }
            let mut busy = false;
            for group in &mut running {
                match self.turn(group) {
                    Ok(still) => busy |= still,
                    Err(fault) => return self.fail(*fault),
                }
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let (done, left) = running.into_iter().partition(|group| group.done);
            running = left;
            idle.extend::<Vec<_>>(done);
            patience += u32::from(busy);
        }
    }

    fn claim(&self) -> Option<u64> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.groups && !self.stop.load(Ordering::Relaxed)).then_some(index)
    }

    fn fail(&self, fault: Fault) {
        self.stop.store(true, Ordering::Relaxed);
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Box::new(fault));
    }

    /// Runs a group's blocks for their time. `true`: they have more to do, and only that.
    fn turn(&self, group: &mut Group<'_>) -> Result<bool, Box<Fault>> {
        let Group { blocks, barrier, .. } = group;
        loop {
            let (mut done, mut busy, mut progress) = (0, false, false);
            let mut stuck = 0;
            for block in blocks.iter_mut() {
                let before = block.steps;
                let round = block.round(barrier);
                self.burn(block.steps - before)?;
                match round.map_err(|(warp, failure)| self.fault(block, warp, &failure))? {
                    Round::Done => done += 1,
                    Round::Busy => busy = true,
                    Round::Progress => progress = true,
                    Round::Waiting | Round::Stuck => stuck += 1,
                }
            }
            if done == blocks.len() {
                group.done = true;
                return Ok(false);
            }
            if busy {
                return Ok(true);
            }
            if !progress && stuck + done == blocks.len() {
                return Err(self.deadlock(blocks));
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
        }
    }

    fn burn(&self, steps: u64) -> Result<(), Box<Fault>> {
        let burnt = self.fuel.fetch_add(steps, Ordering::Relaxed) + steps;
        match self.device.settings().fuel {
            Some(fuel) if burnt > fuel => Err(Box::new(Fault::new(FaultKind::OutOfFuel, self.name))),
            _ => Ok(()),
        }
    }

    /// The memory and warps of a group.
    fn group(&self, ranges: *mut Range) -> Option<Group<'a>> {
        let memory: &'a Memory = self.device.memory();
        let warps = self.threads.div_ceil(32);
        let mut group = Group {
            blocks: Vec::new(),
            barrier: ClusterBarrier::default(),
            peers: Vec::new(),
            buffers: Vec::new(),
            done: false,
        };
        for _ in 0..self.cluster_size {
            let buffer = Buffer::new(memory, u64::from(self.shared.max(16)), Kind::Window)?;
            group.peers.push(buffer.address);
            group.buffers.push(buffer);
        }
        // Odd multiples of a cache line keep the threads' memories from falling into the same sets.
        let stride = (u64::from(self.local).div_ceil(64) | 1) * 64;
        for rank in 0..self.cluster_size {
            let local = if self.local == 0 {
                0
            } else {
                let buffer = Buffer::new(memory, stride * 32 * u64::from(warps), Kind::Window)?;
                group.buffers.push(buffer);
                group.buffers.last()?.address
            };
            let watch = self.device.settings().watch.then(|| Keeper::new(self.shared));
            let watched = watch.as_ref().map_or(ptr::null_mut(), Keeper::address);
            let mut list = Vec::new();
            for number in 0..warps {
                let spaces = Spaces {
                    memory: ptr::from_ref(memory),
                    ranges,
                    shared: group.peers[rank],
                    shared_size: self.shared,
                    local: local + stride * 32 * u64::from(number),
                    local_stride: stride,
                    local_size: self.local,
                    checks: self.device.settings().checks,
                    rank: rank as u32,
                    peers: group.peers.as_ptr(),
                    peer_count: self.cluster_size as u32,
                    device: ptr::from_ref(self.device),
                    block: [0; 3],
                    threads: self.launch.block,
                    range_count: self.code.accesses,
                    watch: watched,
                };
                let mut warp = Warp::new(self.code, spaces, number);
                self.fix(&mut warp, number);
                list.push(warp);
            }
            group.blocks.push(Block::new(list, watch));
        }
        Some(group)
    }

    /// Puts a group at the start of its blocks.
    fn start(&self, group: &mut Group<'_>, index: u64) {
        let clusters = [0, 1, 2].map(|axis| u64::from(self.launch.grid[axis] / self.shape[axis]));
        let cluster =
            [index % clusters[0], index / clusters[0] % clusters[1], index / clusters[0] / clusters[1]];
        group.done = false;
        group.barrier =
            ClusterBarrier { alive: self.threads * self.cluster_size as u32, ..ClusterBarrier::default() };
        for (rank, block) in (0..).zip(&mut group.blocks) {
            let [x, y, _] = self.shape;
            let inner = [rank % x, rank / x % y, rank / x / y];
            let id = [0, 1, 2].map(|axis| cluster[axis] as u32 * self.shape[axis] + inner[axis]);
            block.start(id, self.threads);
            for warp in &mut block.warps {
                warp.spaces.block = id;
            }
            for &(fixed, place) in &self.code.fixed {
                let Fixed::Special(special, Width::W32) = fixed else { continue };
                let value = match special {
                    Special::Ctaid(axis) => id[usize::from(axis)],
                    Special::ClusterId(axis) => cluster[usize::from(axis)] as u32,
                    Special::ClusterCtaid(axis) => inner[usize::from(axis)],
                    Special::ClusterCtarank => rank,
                    Special::SmId => {
                        (index % u64::from(self.device.settings().multiprocessors.max(1))) as u32
                    }
                    _ => continue,
                };
                for warp in &mut block.warps {
                    warp.fix(place, [value; 32]);
                }
            }
        }
    }

    /// Fills the registers that never change.
    fn fix(&self, warp: &mut Warp, number: u32) {
        for &(fixed, place) in &self.code.fixed {
            match fixed {
                Fixed::Value(width, bits) => fix(warp, place, width, bits),
                Fixed::Truth(truth) => warp.fix_pred(place, 0_u32.wrapping_sub(u32::from(truth))),
                Fixed::Parameter { offset, size, signed, width } => {
                    fix(warp, place, width, self.parameter(offset, size, signed));
                }
                Fixed::ParameterAddress(offset) => {
                    fix(warp, place, Width::W64, self.parameters + u64::from(offset));
                }
                Fixed::Special(Special::IsExplicitCluster, _) => {
                    warp.fix_pred(place, 0_u32.wrapping_sub(u32::from(self.explicit_cluster)));
                }
                Fixed::Special(special, width) => match self.special(special, number) {
                    Lanes::Same(value) => fix(warp, place, width, value),
                    Lanes::Each(values) => warp.fix(place, values),
                },
            }
        }
    }

    fn parameter(&self, offset: u32, size: u32, signed: bool) -> u64 {
        let mut bytes = [0; 8];
        let from = self.launch.parameters.get(offset as usize..(offset + size) as usize).unwrap_or_default();
        bytes[..from.len()].copy_from_slice(from);
        let value = u64::from_le_bytes(bytes);
        let up = 64 - 8 * size;
        if signed { ((value << up).cast_signed() >> up).cast_unsigned() } else { value }
    }

    fn special(&self, special: Special, number: u32) -> Lanes {
        let [x, y, _] = self.launch.block;
        let thread = |lane: usize| number * 32 + lane as u32;
        let each = |of: &dyn Fn(usize) -> u32| Lanes::Each(std::array::from_fn(of));
        let same = |value: u32| Lanes::Same(value.into());
        match special {
            Special::Tid(0) => each(&|lane| thread(lane) % x),
            Special::Tid(1) => each(&|lane| thread(lane) / x % y),
            Special::Tid(_) => each(&|lane| thread(lane) / x / y),
            Special::Ntid(axis) => same(self.launch.block[usize::from(axis)]),
            Special::Nctaid(axis) => same(self.launch.grid[usize::from(axis)]),
            Special::NclusterId(axis) => {
                same(self.launch.grid[usize::from(axis)] / self.shape[usize::from(axis)])
            }
            Special::ClusterNctaid(axis) => same(self.shape[usize::from(axis)]),
            Special::ClusterNctarank => same(self.cluster_size as u32),
            Special::LaneId => each(&|lane| lane as u32),
            Special::WarpId => same(number),
            Special::NwarpId => same(64),
            Special::NsmId => same(self.device.settings().multiprocessors),
            Special::LanemaskEq => each(&|lane| 1 << lane),
            Special::LanemaskLt => each(&|lane| (1 << lane) - 1),
            Special::LanemaskLe => each(&|lane| u32::MAX >> (31 - lane)),
            Special::LanemaskGt => each(&|lane| !(u32::MAX >> (31 - lane))),
            Special::LanemaskGe => each(&|lane| u32::MAX << lane),
            Special::TotalSmemSize => same(self.shared.next_multiple_of(SMEM_UNIT)),
            Special::AggrSmemSize => same(self.shared + SMEM_RESERVED),
            Special::DynamicSmemSize => same(self.launch.dynamic_shared),
            Special::Envreg(1) => same((self.workspace >> 32) as u32),
            Special::Envreg(2) => same(self.workspace as u32),
            Special::Envreg(_) | Special::ReservedSmem(_) => same(0),
            Special::GridId => Lanes::Same(self.number),
            // What differs by block is filled in when one starts.
            Special::Ctaid(_)
            | Special::ClusterId(_)
            | Special::ClusterCtaid(_)
            | Special::ClusterCtarank
            | Special::SmId
            | Special::IsExplicitCluster => same(0),
        }
    }

    fn fault(&self, block: &Block, warp: usize, failure: &Failure) -> Box<Fault> {
        let mut fault = Fault::new(failure.kind.clone(), self.name);
        fault.place = self.program.place(self.code, failure.site);
        fault.block = Some(block.id);
        fault.thread = Some(block.warps[warp].thread(failure.lane as usize));
        fault.access = failure.access;
        if let Some(earlier) = failure.earlier
            && let Some(place) = self.program.place(self.code, earlier.site)
        {
            let waiting = if earlier.write { "wrote there before" } else { "read there before" }.to_owned();
            let (block, warp, lanes) = (block.id, earlier.warp, 1 << earlier.lane);
            fault.standing.push(Standing { block, warp, lanes, waiting, place });
        }
        fault.nearest = failure.generic.and_then(|address| self.device.memory().nearest(address));
        Box::new(fault)
    }

    fn deadlock(&self, blocks: &[Block]) -> Box<Fault> {
        let mut fault = Fault::new(FaultKind::Deadlock, self.name);
        for block in blocks {
            for warp in &block.warps {
                for split in &warp.others {
                    let site = self.code.ops[stands_at(split) as usize].site;
                    let Some(place) = self.program.place(self.code, site) else { continue };
                    let waiting = waiting_for(split.wait);
                    let (block, warp, lanes) = (block.id, warp.number, split.mask);
                    fault.standing.push(Standing { block, warp, lanes, waiting, place });
                }
            }
        }
        if let Some(first) = fault.standing.first() {
            fault.block = Some(first.block);
            fault.place = Some(first.place.clone());
        }
        Box::new(fault)
    }
}

enum Lanes {
    Same(u64),
    Each([u32; 32]),
}

fn fix(warp: &mut Warp, place: u32, width: Width, bits: u64) {
    match width {
        Width::Pred => warp.fix_pred(place, 0_u32.wrapping_sub((bits & 1) as u32)),
        Width::W16 => warp.fix(place, [bits as u16; 32]),
        Width::W32 => warp.fix(place, [bits as u32; 32]),
        Width::W64 => warp.fix(place, [bits; 32]),
        Width::W128 => warp.fix(place, [u128::from(bits); 32]),
    }
}

const _: () = assert!(1 << CLUSTER_SHIFT > (256 << 10), "a block's shared memory fits below its number");
