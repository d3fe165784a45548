//! What is allocated where: records by address, free spans of address space, and graves. No memory is touched here.

use std::collections::{BTreeMap, VecDeque};

/// What an allocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `cuMemAlloc` and its kin.
    Device,
    /// Page-locked host memory that the driver allocated.
    Pinned,
    /// Memory of the program's own that was registered.
    Registered,
    /// Managed memory.
    Managed,
    /// A module's `.global` variable.
    Global,
    /// A module's `.const` variable, or a launch's parameters: kernels only read it.
    Constant,
    /// A kernel's own `malloc`.
    Heap,
    /// Shared or local memory of blocks that run: reached by their own threads only.
    Window,
}

impl Kind {
    /// Whether it counts as device memory in use.
    pub fn counts(self) -> bool {
        matches!(self, Kind::Device | Kind::Managed | Kind::Global | Kind::Constant | Kind::Heap)
    }
}

/// An allocation, or the grave of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The first address.
    pub address: u64,
    /// Bytes, as asked for.
    pub size: u64,
    /// What it is for.
    pub kind: Kind,
    /// Whether it was given back.
    pub freed: bool,
    /// Counts allocations from 1: the order in which a program made them.
    pub serial: u64,
}

/// The allocation nearest to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// It.
    pub allocation: Allocation,
}

impl Nearest {
    /// Bytes from the allocation's end to the address, if that lies behind it (0: the first byte behind).
    pub fn behind_by(&self, address: u64) -> Option<u64> {
        address.checked_sub(self.allocation.address.saturating_add(self.allocation.size))
    }

    /// Bytes from the address to the allocation's start, if that lies before it.
    pub fn before_by(&self, address: u64) -> Option<u64> {
        self.allocation.address.checked_sub(address).filter(|&distance| distance > 0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) start: u64,
    pub(super) size: u64,
    /// Address space taken, gap included; 0 for adopted memory.
    pub(super) span: u64,
    pub(super) kind: Kind,
    pub(super) freed: bool,
    pub(super) serial: u64,
}

impl Record {
    pub(super) fn end(&self) -> u64 {
        self.start + self.size
    }
}

impl From<Record> for Allocation {
    fn from(record: Record) -> Self {
        let Record { start: address, size, kind, freed, serial, .. } = record;
        Allocation { address, size, kind, freed, serial }
    }
}

/// Graves kept at most: each costs a record.
const GRAVES: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct Table {
    records: BTreeMap<u64, Record>,
    /// Unused address space: start to length.
    free: BTreeMap<u64, u64>,
    graves: VecDeque<u64>,
    grave_space: u64,
    size: u64,
    bytes: u64,
    live: u64,
    serial: u64,
}

impl Table {
    pub(super) fn new(base: u64, size: u64) -> Table {
        Table {
            records: BTreeMap::new(),
            free: BTreeMap::from([(base, size)]),
            graves: VecDeque::new(),
            grave_space: 0,
            size,
            bytes: 0,
            live: 0,
            serial: 0,
        }
    }

    pub(super) fn bytes_in_use(&self) -> u64 {
        self.bytes
    }

    pub(super) fn live(&self) -> u64 {
        self.live
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.records.values().copied()
    }

    /// The first span that fits; graves are opened, oldest first, where there is none.
    pub(super) fn take_span(&mut self, span: u64, align: u64) -> Option<u64> {
        loop {
            if let Some(start) = self.first_fit(span, align) {
                return Some(start);
            }
            self.open_grave()?;
        }
    }

    fn first_fit(&mut self, span: u64, align: u64) -> Option<u64> {
        let fit = self.free.iter().find_map(|(&start, &length)| {
            let aligned = start.checked_next_multiple_of(align)?;
            let left = length.checked_sub(aligned - start)?;
            (left >= span).then_some((start, length, aligned))
        });
        let (start, length, aligned) = fit?;
        self.free.remove(&start);
        if aligned > start {
            self.free.insert(start, aligned - start);
        }
        let behind = start + length - (aligned + span);
        if behind > 0 {
            self.free.insert(aligned + span, behind);
        }
        Some(aligned)
    }

    /// Puts address space back, joined with its neighbours.
    pub(super) fn give_span(&mut self, start: u64, span: u64) {
        let (mut start, mut span) = (start, span);
        if let Some((&before, &length)) = self.free.range(..start).next_back()
            && before + length == start
        {
            self.free.remove(&before);
            (start, span) = (before, span + length);
        }
        if let Some(length) = self.free.remove(&(start + span)) {
            span += length;
        }
        self.free.insert(start, span);
    }

    fn open_grave(&mut self) -> Option<()> {
        let start = self.graves.pop_front()?;
        let record = self.records.remove(&start)?;
        self.grave_space -= record.span;
        self.give_span(record.start, record.span);
        Some(())
    }

    pub(super) fn insert(&mut self, mut record: Record) {
        self.serial += 1;
        record.serial = self.serial;
        if record.kind.counts() && record.span > 0 {
            self.bytes += record.size;
        }
        if record.kind != Kind::Window {
            self.live += 1;
        }
        self.records.insert(record.start, record);
    }

    pub(super) fn bury(&mut self, address: u64) {
        let Some(record) = self.records.get_mut(&address) else { return };
        record.freed = true;
        let record = *record;
        self.leave(record);
        self.graves.push_back(address);
        self.grave_space += record.span;
        while self.graves.len() > GRAVES || self.grave_space > self.size / 2 {
            if self.open_grave().is_none() {
                break;
            }
        }
    }

    pub(super) fn remove(&mut self, address: u64) {
        if let Some(record) = self.records.remove(&address) {
            self.leave(record);
        }
    }

    fn leave(&mut self, record: Record) {
        if record.kind.counts() && record.span > 0 {
            self.bytes -= record.size;
        }
        if record.kind != Kind::Window {
            self.live -= 1;
        }
    }

    pub(super) fn exact(&self, address: u64) -> Option<Record> {
        self.records.get(&address).copied()
    }

    pub(super) fn containing(&self, address: u64) -> Option<Record> {
        let (_, record) = self.records.range(..=address).next_back()?;
        (address < record.end()).then_some(*record)
    }

    pub(super) fn overlaps(&self, address: u64, size: u64) -> bool {
        let below = self.records.range(..address + size).next_back();
        below.is_some_and(|(_, record)| record.end() > address)
    }

    pub(super) fn nearest(&self, address: u64) -> Option<Nearest> {
        let visible = |(_, record): &(&u64, &Record)| record.kind != Kind::Window;
        let below = self.records.range(..=address).rev().find(visible).map(|(_, record)| *record);
        let above = self.records.range(address..).find(visible).map(|(_, record)| *record);
        let distance = |record: &Record| match address.checked_sub(record.end()) {
            Some(behind) => behind,
            None => record.start.saturating_sub(address),
        };
        let record = below.into_iter().chain(above).min_by_key(distance)?;
        Some(Nearest { allocation: record.into() })
    }
}
