//! Looks at this machine: GPUs and driver, toolkits, host compilers, libraries. Changes nothing.
//!
//! The environment is an argument ([`Environment`]): only the CLI reads the real one.

pub mod compiler;
pub mod environment;
pub mod gpu;
pub mod pkg_config;
mod probe;
pub mod toolkit;

pub use environment::Environment;
pub use gpu::{Gpu, Gpus};
