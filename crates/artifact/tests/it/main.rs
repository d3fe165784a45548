//! Tests of this crate from outside: what users point at, made here or by the tools that make them, and what hostile
//! files do.

#![expect(clippy::unwrap_used, reason = "tests, helpers included, may panic and say what they skip")]

mod common;
mod engines;
mod files;
mod folders;
mod hostile;
mod images;
mod layers;
mod packages;
