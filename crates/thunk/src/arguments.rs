//! A call's arguments: from the registers of aarch64 (AAPCS64) to those of x86_64 (System V).
//!
//! Numbers and pointers have 64 bits in both, in registers and then in 8 bytes each on the stack. A structure of more than
//! 16 bytes is a pointer to a copy there, and the copy itself on the stack here.

use std::ffi::c_void;

use cuferry_driver::Parameter;
use cuferry_guest::Frame;

use crate::native::Address;

/// The most integer parameters that a function has: `cuTensorMapEncodeIm2colWide`.
pub(crate) const MOST: usize = 16;
/// The most floating-point parameters: `cuTexRefSetMipmapLevelClamp`.
const MOST_FLOATS: usize = 2;
/// Integer registers of aarch64 that hold arguments.
const REGISTERS: usize = 8;
/// Integer registers of x86_64 that hold arguments.
const HOST_REGISTERS: usize = 6;

/// The structures of more than 16 bytes that functions take by value. Both have 64 bytes.
const LARGE: [&str; 2] = ["CUipcEventHandle", "CUipcMemHandle"];

/// A structure of 64 bytes, by value.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Large([u64; 8]);

/// Which registers a function's parameters take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Numbers and pointers, a structure's address among them.
    pub(crate) integers: usize,
    /// The integer that is a structure's address.
    pub(crate) large: Option<usize>,
}

/// The integer arguments of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments(pub(crate) [u64; MOST]);

impl Shape {
    pub(crate) fn of(parameters: &[Parameter]) -> Self {
        let integers = parameters.iter().filter(|parameter| parameter.rust_type != "f32");
        let mut shape = Self { integers: 0, large: None };
        for parameter in integers {
            if LARGE.contains(&parameter.rust_type) {
                shape.large = Some(shape.integers);
            }
            shape.integers += 1;
        }
        shape
    }

    /// The arguments in a frame.
    pub(crate) fn read(self, frame: &Frame) -> Arguments {
        let mut all = [0; MOST];
        all[..REGISTERS].copy_from_slice(&frame.integers);
        let behind = self.integers.saturating_sub(REGISTERS);
        for (index, place) in all[REGISTERS..].iter_mut().take(behind).enumerate() {
            // SAFETY: the function has that many parameters, and who calls it has put them there.
            *place = unsafe { (frame.stack as *const u64).add(index).read() };
        }
        Arguments(all)
    }
}

type Plain = unsafe extern "C" fn(
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    f64,
    f64,
) -> u64;
type WithLarge = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, Large) -> u64;

/// Calls a function of the host's: what it returns, in 64 bits of which it may mean fewer.
///
/// Arguments that it has no parameters for are passed, too: it does not look at them, and the stack is the caller's.
pub(crate) fn call(function: Address, shape: Shape, arguments: &Arguments, floats: &[u64; 8]) -> u64 {
    let all = &arguments.0;
    let Some(large) = shape.large else {
        let floats: [f64; MOST_FLOATS] = std::array::from_fn(|index| f64::from_bits(floats[index]));
        // SAFETY: the driver's function, with the arguments that the program gives it, each in the place of its kind.
        return unsafe {
            std::mem::transmute::<*mut c_void, Plain>(function.0)(
                all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7], all[8], all[9], all[10],
                all[11], all[12], all[13], all[14], all[15], floats[0], floats[1],
            )
        };
    };
    let mut registers = [0; HOST_REGISTERS];
    let others = (0..shape.integers).filter(|index| *index != large);
    for (register, index) in registers.iter_mut().zip(others) {
        *register = all[index];
    }
    let r = registers;
    // SAFETY: as above; the address is that of the copy that the program made for this call.
    unsafe {
        let structure = (all[large] as *const Large).read();
        std::mem::transmute::<*mut c_void, WithLarge>(function.0)(
            r[0], r[1], r[2], r[3], r[4], r[5], structure,
        )
    }
}

#[cfg(test)]
mod tests {
    use cuferry_driver::FUNCTIONS;

    use super::*;

    #[test]
    fn every_function_fits() {
        for function in FUNCTIONS {
            let shape = Shape::of(function.parameters);
            let floats = function.parameters.len() - shape.integers;
            assert!(shape.integers <= MOST && floats <= MOST_FLOATS, "{}", function.symbol);
            let large = function.parameters.iter().filter(|parameter| LARGE.contains(&parameter.rust_type));
            // What is behind a structure on the stack would be out of its place.
            assert!(large.count() <= 1 && (shape.large.is_none() || shape.integers <= HOST_REGISTERS));
        }
    }
}
