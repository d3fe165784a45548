//! Looks at this machine: GPUs and driver, toolkits, host compilers, libraries, emulators, container engines. Changes
//! nothing, and waits for nothing without end.
//!
//! The environment and the root are arguments ([`Environment`], [`Root`]): only the CLI reads the real environment.

pub mod compiler;
pub mod disk;
pub mod emulator;
pub mod engine;
pub mod environment;
pub mod gpu;
pub mod host;
pub mod loaded;
pub mod pci;
pub mod pkg_config;
mod probe;
pub mod root;
pub mod survey;
#[cfg(test)]
mod testing;
pub mod toolkit;
pub mod version_folder;

pub use environment::Environment;
pub use gpu::{Gpu, Gpus};
pub use root::Root;
pub use survey::{Survey, survey};
