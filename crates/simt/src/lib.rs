//! The PTX machine: runs kernels on the CPU, a warp of 32 lanes an operation.
//!
//! [`Program::load`] parses and links PTX, [`launch`] runs a kernel of it on a [`Device`], over a [`Memory`] whose
//! addresses are the host's own. What goes wrong in a kernel is a value, a [`Fault`]. Knows nothing of drivers, files
//! or images.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_lossless,
    reason = "what instructions do to numbers is narrowing, and rounding; places in code and registers fit 32 bits"
)]
#![expect(
    clippy::inline_always,
    reason = "what is inlined into a handler is compiled for the handler's instruction set"
)]
#![expect(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "operands are called what the manual calls them"
)]
#![expect(clippy::match_same_arms, reason = "a table of instructions keeps one line for each, alike or not")]
#![expect(clippy::struct_excessive_bools, reason = "an instruction's words are there or not")]
#![expect(clippy::result_large_err, reason = "a fault ends its launch: there is one")]
#![expect(clippy::float_cmp, reason = "instructions compare exactly")]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "places in a register file are aligned, as the decoder lays them out"
)]

mod block;
mod code;
mod crew;
mod decode;
mod device;
mod fault;
mod format;
mod isa;
mod lanes;
mod launch;
mod memory;
mod ops;
mod program;
mod rounding;
mod space;
mod texture;
mod warp;
mod watch;

pub use device::{Device, Output, Settings};
pub use fault::{Access, Fault, FaultKind, Place, Refusal, Standing};
pub use isa::Isa;
pub use launch::{Launch, Stats, launch};
pub use memory::{ALIGNMENT, Allocation, Kind, Memory, MemoryError, MemorySettings, Nearest, Usage};
pub use program::{Global, KernelFacts, KernelId, LoadError, Parameter, Program, Source};
pub use texture::{AddressMode, Bound, Channel, Image, Objects, Shape, Texture};
