//! A QEMU plugin: what an aarch64 program asks of `libcuda.so.1` is answered by the host's, NVIDIA's or the software device.
//!
//! The program runs in qemu's own address space, so its pointers are the host's, and nothing is copied or translated but
//! the registers: they come in a [`cuferry_guest::Frame`], by a system call that no kernel knows. `call` carries one call,
//! `arguments` what it is called with, `callback` the way back into the program.
#![expect(
    unsafe_code,
    reason = "a plugin: all that it is given are C pointers, and registers that are C pointers"
)]

mod arguments;
mod call;
mod callback;
mod exec;
mod function;
mod memory;
mod native;
mod output;
mod qemu;
mod report;
mod settings;
mod signal;
mod state;
mod table;
mod trace;
mod worker;

pub use qemu::{qemu_plugin_install, qemu_plugin_version};
