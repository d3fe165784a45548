//! Tests against files that NVIDIA's tools write while the tests run, and against what `cuobjdump` says of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

mod cubins;
mod hosts;
mod libraries;
mod matrix;
mod tools;
mod view;
