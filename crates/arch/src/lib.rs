//! Hosts, GPU architectures, CUDA releases, and the tables that relate them.
//!
//! The rules of what runs where are code ([`select`]); the facts they need are data (`data/*.toml`, compiled in).
//! Knows nothing of files, machines or projects.

pub mod gpu;
pub mod host;
pub mod release;
pub mod select;
pub mod table;

pub use gpu::{Flavor, GpuArch, ParseGpuArchError};
pub use host::{Host, ParseHostError};
pub use release::{CudaRelease, ParseReleaseError};
pub use select::{DeviceCode, GpuPolicy, GpuSelection, SelectError};
