//! Device memory: what is given out, given back, and known of addresses.

use cuferry_simt::{ALIGNMENT, Kind, Memory, MemoryError, MemorySettings};

fn memory(limit: u64) -> Memory {
    Memory::new(&MemorySettings { reserve: 1 << 32, limit }).expect("address space")
}

#[test]
fn what_is_written_is_read_back() {
    let memory = memory(1 << 20);
    let address = memory.allocate(100, 1, Kind::Device).unwrap();
    memory.write(address + 96, &[1, 2, 3, 4]).unwrap();
    let mut bytes = [0; 4];
    memory.read(address + 96, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
    let behind = memory.write(address + 97, &[1, 2, 3, 4]);
    assert_eq!(behind, Err(MemoryError::OutOfBounds { address: address + 97, size: 4 }));
    assert_eq!(address % ALIGNMENT, 0);
}

#[test]
fn freed_memory_is_known_as_freed_and_not_used_again() {
    let memory = memory(1 << 20);
    let first = memory.allocate(64, 1, Kind::Device).unwrap();
    memory.free(first).unwrap();
    assert_eq!(memory.free(first), Err(MemoryError::AlreadyFreed { address: first }));
    let second = memory.allocate(64, 1, Kind::Device).unwrap();
    assert_ne!(first, second);
    assert!(memory.find(first + 63).unwrap().freed);
    assert_eq!(memory.find(first + 64), None);
    assert_eq!(memory.usage().bytes, 64);
}

#[test]
fn the_limit_holds_and_big_things_are_aligned() {
    let memory = memory(4 << 20);
    let address = memory.allocate(3 << 20, 1 << 21, Kind::Device).unwrap();
    assert_eq!(address % (1 << 21), 0);
    assert!(matches!(memory.allocate(2 << 20, 1, Kind::Device), Err(MemoryError::OutOfMemory { .. })));
    assert!(matches!(memory.allocate(u64::MAX, 1, Kind::Device), Err(MemoryError::OutOfMemory { .. })));
    memory.free(address).unwrap();
    memory.allocate(2 << 20, 1, Kind::Device).unwrap();
}

#[test]
fn address_space_comes_round_again() {
    let memory = Memory::new(&MemorySettings { reserve: 1 << 24, limit: 1 << 30 }).unwrap();
    for _ in 0..1000 {
        let address = memory.allocate(1 << 20, 1, Kind::Device).unwrap();
        memory.free(address).unwrap();
    }
}

#[test]
fn host_memory_is_adopted_and_forgotten() {
    let memory = memory(1 << 20);
    let host = [7_u8; 128];
    let address = host.as_ptr() as u64;
    memory.adopt(address, 128, Kind::Registered).unwrap();
    assert!(matches!(memory.adopt(address + 64, 10, Kind::Registered), Err(MemoryError::Overlap { .. })));
    let nearest = memory.nearest(address + 130).unwrap();
    assert_eq!((nearest.allocation.address, nearest.behind_by(address + 130)), (address, Some(2)));
    memory.forget(address).unwrap();
    assert_eq!(memory.find(address), None);
}
