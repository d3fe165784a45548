//! What a toolchain is: a CUDA toolkit and a host compiler that fit one another; and which one fits a target.
//!
//! Values only: looking at the machine is `machine`'s work, fetching is `install`'s.

pub mod choose;
pub mod companion;
pub mod compiler;
pub mod layout;
pub mod package;
pub mod path;
pub mod release_file;
pub mod rules;
pub mod stub;
pub mod toml_file;
pub mod toolkit;
