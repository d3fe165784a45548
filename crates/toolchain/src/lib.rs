//! What a toolchain is: a CUDA toolkit and a host compiler that fit one another; and which one fits a target.
//!
//! Values only: looking at the machine is `machine`'s work, fetching is `install`'s.

pub mod choose;
pub mod compiler;
pub mod layout;
pub mod path;
pub mod release_file;
pub mod stub;
pub mod toolkit;
