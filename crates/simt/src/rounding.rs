//! Rounding modes of the CPU's floating-point unit, for the handlers that need another than to nearest.
//!
//! Rust takes the default mode for granted, so that a compiler might evaluate at compile time, or move, what it can
//! prove. Here it can prove nothing: operands are read from a warp's registers after the mode was set, and results are
//! written there before it is set back, both across assembly that may read and write any memory.
#![expect(unsafe_code, reason = "MXCSR is set by assembly")]

use std::arch::asm;

/// To nearest, ties to even.
pub(crate) const RN: u32 = 0;
/// Down.
pub(crate) const RM: u32 = 1;
/// Up.
pub(crate) const RP: u32 = 2;
/// Towards zero.
pub(crate) const RZ: u32 = 3;

/// All exceptions masked, no flushing, to nearest: what Rust assumes.
const DEFAULT: u32 = 0x1f80;

/// Runs `work` with results rounded in a mode.
#[inline(always)]
pub(crate) fn rounded<T>(mode: u32, work: impl FnOnce() -> T) -> T {
    set(DEFAULT | (mode << 13));
    let result = work();
    set(DEFAULT);
    result
}

#[inline(always)]
fn set(mxcsr: u32) {
    // SAFETY: only the rounding mode differs from the default, exceptions stay masked; the module says why the code
    // between two calls may rely on it.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack)) }
}
