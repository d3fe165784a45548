//! The whole crate at work: closures over real libraries, images on disk, and the engines that run them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests, helpers included, may panic and say what they skip"
)]

mod closure;
mod common;
mod engines;
mod image;
