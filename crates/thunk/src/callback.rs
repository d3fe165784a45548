//! Functions of the program's, as the driver may call them: each gets an address in the host's code.
//!
//! The addresses are a fixed number of stubs, so no code is made at run time, and the driver gets the program's own user
//! data: what it gives back in `cuGraphHostNodeGetParams` is what it was given.

use std::arch::global_asm;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{call, report, worker};

/// How many different functions a program may give to the driver.
const STUBS: usize = 4096;
/// Bytes of a stub.
const STRIDE: u64 = 16;

// Each stub loads its number, and enters the common part, which hands the six integer registers over as an array. No
// callback of the driver API has more arguments, or another kind.
global_asm!(
    ".globl cuferry_thunk_stubs",
    ".hidden cuferry_thunk_stubs",
    ".balign 16",
    "cuferry_thunk_stubs:",
    ".set number, 0",
    ".rept {stubs}",
    ".balign 16",
    "mov r11d, number",
    "jmp cuferry_thunk_stub",
    ".set number, number + 1",
    ".endr",
    "cuferry_thunk_stub:",
    "push rbp",
    "mov rbp, rsp",
    "sub rsp, 48",
    "mov [rsp], rdi",
    "mov [rsp + 8], rsi",
    "mov [rsp + 16], rdx",
    "mov [rsp + 24], rcx",
    "mov [rsp + 32], r8",
    "mov [rsp + 40], r9",
    "mov rdi, r11",
    "mov rsi, rsp",
    "call {enter}",
    "leave",
    "ret",
    stubs = const STUBS,
    enter = sym enter,
);

unsafe extern "C" {
    #[link_name = "cuferry_thunk_stubs"]
    static FIRST: u8;
}

#[derive(Default)]
struct Callbacks {
    /// The program's functions, by their stubs' numbers.
    all: Vec<u64>,
    numbers: HashMap<u64, usize>,
}

static CALLBACKS: Mutex<Option<Callbacks>> = Mutex::new(None);

fn callbacks() -> MutexGuard<'static, Option<Callbacks>> {
    CALLBACKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host's address for a function of the program's; 0 stays 0. None if there are too many.
pub(crate) fn to_host(function: u64) -> Option<u64> {
    if function == 0 {
        return Some(0);
    }
    let mut callbacks = callbacks();
    let callbacks = callbacks.get_or_insert_default();
    let number = match callbacks.numbers.get(&function) {
        Some(number) => *number,
        None if callbacks.all.len() == STUBS => {
            report::once(format!(
                "the program has given the driver {STUBS} different functions: there is no room for more"
            ));
            return None;
        }
        None => {
            callbacks.all.push(function);
            callbacks.numbers.insert(function, callbacks.all.len() - 1);
            callbacks.all.len() - 1
        }
    };
    Some((&raw const FIRST) as u64 + number as u64 * STRIDE)
}

/// The program's function behind a host's address; what is none of ours stays as it is.
pub(crate) fn to_guest(address: u64) -> u64 {
    let offset = address.wrapping_sub((&raw const FIRST) as u64);
    let number = usize::try_from(offset / STRIDE).unwrap_or(usize::MAX);
    with_number(number).filter(|_| offset.is_multiple_of(STRIDE)).unwrap_or(address)
}

fn with_number(number: usize) -> Option<u64> {
    callbacks().as_ref().and_then(|callbacks| callbacks.all.get(number)).copied()
}

/// The driver calls a function of the program's.
extern "C" fn enter(number: u32, arguments: &[u64; 6]) -> u64 {
    let function = with_number(number as usize).expect("a stub's address is given away with its function");
    call::from_here(function, arguments).unwrap_or_else(|| worker::call(function, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_one_address_and_comes_back() {
        let first = to_host(0x5500_0010).unwrap();
        let second = to_host(0x5500_0020).unwrap();
        assert_ne!(first, second);
        assert_eq!(to_host(0x5500_0010), Some(first));
        assert_eq!((to_guest(first), to_guest(second)), (0x5500_0010, 0x5500_0020));
        assert_eq!(to_host(0), Some(0), "no function stays none");
    }

    /// What the driver made itself, or the program never gave, is left as it is.
    #[test]
    fn other_addresses_are_left_alone() {
        let known = to_host(0x5500_0030).unwrap();
        for address in [0, 1, known + 1, known + STRIDE * STUBS as u64, u64::MAX] {
            assert_eq!(to_guest(address), address, "{address:#x}");
        }
    }

    /// Each stub is a load of its number and a jump, at the stride that is counted with.
    #[test]
    fn stubs_are_where_they_are_looked_for() {
        for number in [0, 1, 2, STUBS - 1] {
            let address = (&raw const FIRST) as u64 + number as u64 * STRIDE;
            // SAFETY: code of this program.
            let bytes = unsafe { (address as *const [u8; 6]).read_unaligned() };
            assert_eq!(bytes[..2], [0x41, 0xbb], "mov r11d, imm32");
            assert_eq!(bytes[2..], u32::try_from(number).unwrap().to_le_bytes());
        }
    }
}
