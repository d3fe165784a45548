//! What `cuferry run` says, and how it uses a container engine.

pub(crate) mod arm;
pub(crate) mod container;
mod library;
pub(crate) mod note;
pub(crate) mod words;

/// The software device: an x86_64 `libcuda.so.1`, which `build.rs` compiles from `crates/softgpu`.
pub(crate) const LIBRARY: &[u8] = include_bytes!(env!("CUFERRY_SOFTWARE_DEVICE"));

/// The plugin for qemu, which `build.rs` compiles from `crates/thunk`.
pub(crate) const PLUGIN: &[u8] = include_bytes!(env!("CUFERRY_THUNK"));
