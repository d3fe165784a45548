//! The CUDA driver API as data: its functions with versions and signatures, its types, its error codes.
//!
//! Generated from `cuda.h` and `cudaTypedefs.h` by `cargo xtask driver-api`, and checked in. Knows nothing of what a
//! function does.

pub mod functions;
pub mod integrity;
pub mod results;
/// The types and constants of `cuda.h`, as bindgen writes them, with their layouts checked at compile time.
#[expect(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    reason = "generated, under the header's own names"
)]
#[path = "generated/types.rs"]
#[rustfmt::skip]
pub mod types;

pub use functions::{FUNCTIONS, Function, Lookup, Parameter};
pub use results::{CODES, Code};
