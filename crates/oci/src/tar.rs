//! The tar format, written by hand: writing needs exact bytes. Reading is `cuferry_binfmt`'s.

pub(crate) mod write;

pub(crate) use cuferry_binfmt::tar::{BLOCK, padding};
