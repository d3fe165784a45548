//! The library's instructions (Arm Architecture Reference Manual, A64), as words.

use std::mem::offset_of;

use crate::entry::{Entry, STRIDE, count, index_of};
use crate::frame::{Frame, IMPORTS, NUMBER, WITHOUT_PLUGIN};
use crate::starter::START_NUMBER;

/// The register that holds the entry's index on the way to the common code: `x16`, which calls may overwrite.
const INDEX: u32 = 16;
/// A register for anything, which calls may overwrite.
const SPARE: u32 = 9;
const ZERO: u32 = 31;
const STACK: u32 = 31;
const FRAME_POINTER: u32 = 29;
const LINK: u32 = 30;
/// The register of a system call's number.
const CALL: u32 = 8;

/// `exit`, on aarch64.
const EXIT: u16 = 93;
/// `mmap`, on aarch64 (include/uapi/asm-generic/unistd.h).
const MMAP: u16 = 222;
const PROT_READ: u16 = 1;
const MAP_SHARED_ANONYMOUS: u16 = 0x21;

/// Instructions, and where the library starts within them.
pub(crate) struct Code {
    /// The words; the entries come first.
    pub(crate) words: Vec<u32>,
    /// What is to run once the library has been loaded, in bytes from the first word.
    pub(crate) init: u64,
}

/// The text of the library. `imports` is the address of the imports' addresses, counted from the first word.
pub(crate) fn code(imports: i64) -> Code {
    let mut words = Vec::new();
    let common = count() * 2;
    for index in 0..count() {
        let index = u16::try_from(index).expect("there are some thousand entries");
        words.push(movz(INDEX, index));
        words.push(branch(words.len(), common));
    }
    debug_assert_eq!(words.len() * 4, count() * usize::try_from(STRIDE).expect("8"));
    write_common(&mut words);
    let init = words.len() as u64 * 4;
    write_init(&mut words, common, imports);
    Code { words, init }
}

/// Stores the registers in a frame, makes the system call, and makes the upcalls that the host asks for.
fn write_common(words: &mut Vec<u32>) {
    let size = u32::try_from(size_of::<Frame>()).expect("some hundred bytes");
    let field = |offset: usize| u32::try_from(offset).expect("some hundred bytes");
    let integers = field(offset_of!(Frame, integers));
    let floats = field(offset_of!(Frame, floats));
    let arguments = field(offset_of!(Frame, arguments));
    let record = field(offset_of!(Frame, record));
    words.extend([
        subtract_from_stack(size),
        store_pair(FRAME_POINTER, LINK, record),
        add_to_stack(FRAME_POINTER, record),
        store(INDEX, field(offset_of!(Frame, entry))),
        movz(SPARE, WITHOUT_PLUGIN),
        store(SPARE, field(offset_of!(Frame, result))),
    ]);
    for pair in (0..8).step_by(2) {
        words.push(store_pair(pair, pair + 1, integers + pair * 8));
        words.push(store_float_pair(pair, pair + 1, floats + pair * 8));
    }
    words.extend([
        add_to_stack(SPARE, size),
        store(SPARE, field(offset_of!(Frame, stack))),
        store(ZERO, field(offset_of!(Frame, upcall))),
        store(ZERO, field(offset_of!(Frame, call))),
    ]);
    let again = words.len();
    words.extend([
        add_to_stack(0, 0),
        movz(CALL, u16::try_from(NUMBER).expect("16 bits")),
        SUPERVISOR_CALL,
        load(SPARE, field(offset_of!(Frame, upcall))),
    ]);
    // Over the upcall, which is six instructions long.
    words.push(branch_if_zero(SPARE, 7));
    for pair in (0..6).step_by(2) {
        words.push(load_pair(pair, pair + 1, arguments + pair * 8));
    }
    words.push(branch_to_register(SPARE));
    words.push(store(0, field(offset_of!(Frame, returned))));
    words.push(branch(words.len(), again));
    words.extend([
        load(0, field(offset_of!(Frame, result))),
        load_pair(FRAME_POINTER, LINK, record),
        add_to_stack(STACK, size),
        RETURN,
    ]);
}

/// Maps a shared page, and tells the host where everything is.
///
/// qemu gives a program with one thread and without shared memory code for atomic instructions that is not atomic; a
/// mapping that is shared makes it change its mind before a GPU, or a thread of the driver, takes part.
fn write_init(words: &mut Vec<u32>, common: usize, imports: i64) {
    words.extend([subtract_from_stack(16), store_pair(FRAME_POINTER, LINK, 0)]);
    words.extend([
        movz(0, 0),
        movz(1, 4096),
        movz(2, PROT_READ),
        movz(3, MAP_SHARED_ANONYMOUS),
        MINUS_ONE_TO_X4,
        movz(5, 0),
        movz(CALL, MMAP),
        SUPERVISOR_CALL,
    ]);
    words.push(address(0, -place(words.len())));
    for (register, import) in (1..).zip(0..IMPORTS.len()) {
        words.push(load_from(register, imports + 2 * place(import) - place(words.len())));
    }
    let start = index_of(Entry::Start).expect("it is there");
    words.push(movz(INDEX, u16::try_from(start).expect("there are some thousand entries")));
    words.push(branch(words.len(), common) | LINKED);
    words.extend([load_pair(FRAME_POINTER, LINK, 0), add_to_stack(STACK, 16), RETURN]);
}

/// The program that asks for another one to be started. Where nobody hears it, it ends as a shell does that finds no such
/// command.
pub(crate) fn starter_code() -> [u32; 6] {
    let number = u16::try_from(START_NUMBER).expect("16 bits");
    [add_to_stack(0, 0), movz(CALL, number), SUPERVISOR_CALL, movz(0, 127), movz(CALL, EXIT), SUPERVISOR_CALL]
}

const SUPERVISOR_CALL: u32 = 0xD400_0001;
const RETURN: u32 = 0xD65F_03C0;
const MINUS_ONE_TO_X4: u32 = 0x9280_0004;
/// What makes `b` a `bl`.
const LINKED: u32 = 0x8000_0000;

const fn movz(register: u32, value: u16) -> u32 {
    0xD280_0000 | (value as u32) << 5 | register
}

const fn subtract_from_stack(bytes: u32) -> u32 {
    0xD100_0000 | bytes << 10 | STACK << 5 | STACK
}

/// `register = sp + bytes`.
const fn add_to_stack(register: u32, bytes: u32) -> u32 {
    0x9100_0000 | bytes << 10 | STACK << 5 | register
}

const fn pair(first: u32, second: u32, offset: u32) -> u32 {
    (offset / 8) << 15 | second << 10 | STACK << 5 | first
}

const fn store_pair(first: u32, second: u32, offset: u32) -> u32 {
    0xA900_0000 | pair(first, second, offset)
}

const fn load_pair(first: u32, second: u32, offset: u32) -> u32 {
    0xA940_0000 | pair(first, second, offset)
}

const fn store_float_pair(first: u32, second: u32, offset: u32) -> u32 {
    0x6D00_0000 | pair(first, second, offset)
}

const fn store(register: u32, offset: u32) -> u32 {
    0xF900_0000 | (offset / 8) << 10 | STACK << 5 | register
}

const fn load(register: u32, offset: u32) -> u32 {
    0xF940_0000 | (offset / 8) << 10 | STACK << 5 | register
}

/// The bytes before a word.
fn place(word: usize) -> i64 {
    i64::try_from(word * 4).expect("the library is small")
}

/// From word `from` to word `to`.
fn branch(from: usize, to: usize) -> u32 {
    0x1400_0000 | bits((place(to) - place(from)) / 4, 26)
}

/// `words` on, if the register is 0.
fn branch_if_zero(register: u32, words: i64) -> u32 {
    0xB400_0000 | bits(words, 19) << 5 | register
}

const fn branch_to_register(register: u32) -> u32 {
    0xD63F_0000 | register << 5
}

/// The address that lies `distance` bytes from the instruction.
fn address(register: u32, distance: i64) -> u32 {
    0x1000_0000 | bits(distance & 3, 2) << 29 | bits(distance >> 2, 19) << 5 | register
}

/// The 8 bytes that lie `distance` bytes from the instruction.
fn load_from(register: u32, distance: i64) -> u32 {
    0x5800_0000 | bits(distance >> 2, 19) << 5 | register
}

/// The low bits of a signed number, as instructions hold it.
fn bits(value: i64, count: u32) -> u32 {
    let limit = 1 << (count - 1);
    debug_assert!((-limit..2 * limit).contains(&value), "{value} has more than {count} bits");
    u32::try_from(value & ((1 << count) - 1)).expect("masked")
}
