//! The aarch64 `libcuda.so.1` that an ARM program loads in qemu, as bytes; and what passes between it and the host.
//!
//! The library holds no logic. Each function of the driver API is two instructions that name it; all share one piece of
//! code, which stores the argument registers in a [`Frame`] and makes a system call that no kernel knows. The host's QEMU
//! plugin (`cuferry-thunk`) sees that call, does the work in the same address space, and may ask for a function of the
//! program to be called (an *upcall*) before it answers.
//!
//! As there is no logic, there is nothing to compile: [`library`] writes the ELF file, and no ARM compiler is needed to
//! build cuferry. The file needs no symbol version, so it loads with any glibc.

mod code;
mod elf;
mod entry;
mod frame;
mod starter;

pub use elf::library;
pub use entry::{Entry, STRIDE, TABLE_SLOTS, count, entry, index_of};
pub use frame::{Frame, NUMBER, Start};
pub use starter::{START_NUMBER, starter};
