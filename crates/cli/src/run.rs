//! What `cuferry run` says, and how it uses a container engine.

pub(crate) mod container;
pub(crate) mod words;

/// The software device: an x86_64 `libcuda.so.1`, which `build.rs` compiles from `crates/softgpu`.
pub(crate) const LIBRARY: &[u8] = include_bytes!(env!("CUFERRY_SOFTWARE_DEVICE"));
