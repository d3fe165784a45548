//! Headers that give a project what its own machine had: NEON on x86_64, and the CUDA API that CUDA 13 removed.
//!
//! Texts and tables, compiled in. Whoever builds writes them into a folder and puts that on the include path; this
//! crate does no I/O and knows no command line but the few switches that it names.

mod header;
mod neon;
mod npp;
mod removed;

pub use header::{ARM_FEATURES, ARM_TYPES, Header, arm_headers, cuda13_headers};
pub use neon::{Intrinsic, acle, intrinsic, intrinsics};
pub use npp::{is_npp_removed, npp_headers};
pub use removed::{Kind, Removed, removed, removed_named};
