//! Hosts, GPU architectures, CUDA releases, and the tables that relate them.
//!
//! The rules of what runs where are code ([`run`], [`select`]); the facts they need are data (`data/*.toml`, compiled in).
//! Knows nothing of files, machines or projects.

pub mod driver;
pub mod gpu;
mod gpu_name;
pub mod history;
pub mod host;
pub mod jetpack;
pub mod library;
mod pattern;
pub mod ptx_isa;
pub mod release;
pub mod run;
pub mod select;
pub mod table;
pub mod tegra;

pub use driver::{DriverVersion, ParseDriverVersionError};
pub use gpu::{Flavor, GpuArch, ParseGpuArchError};
pub use host::{Host, ParseHostError};
pub use ptx_isa::{ParsePtxIsaError, PtxIsa};
pub use release::{CudaRelease, ParseReleaseError};
pub use select::{DeviceCode, GpuPolicy, GpuSelection, SelectError};
