//! The software device: a `libcuda.so.1` for machines without a GPU. It loads the PTX that programs carry, and runs it
//! on the CPU with `cuferry-simt`.
//!
//! Every symbol of the driver API is exported, by code that `build.rs` writes: a function of `api` where there is one,
//! else an answer that names the function and says 801. `docs/software-device.md` is for those who use it.

mod api;
mod array;
mod capture;
mod closed;
mod context;
mod copy;
mod driver;
mod entry;
mod error;
mod event;
mod function;
mod graph;
mod guess;
mod handle;
mod hints;
mod image;
mod launch;
mod ledger;
mod module;
mod operation;
mod pool;
mod properties;
mod queue;
mod raw;
mod report;
mod settings;
mod stream;
mod tables;
mod texture;
mod ticket;
mod user_object;
mod word;

/// The exported functions.
#[expect(
    missing_docs,
    non_snake_case,
    unsafe_code,
    clippy::pedantic,
    clippy::redundant_closure,
    reason = "generated, under the API's own names"
)]
pub mod exports {
    #[cfg_attr(
        not(test),
        expect(clippy::wildcard_imports, reason = "each signature names a few of them")
    )]
    use cuferry_driver::types::*;

    include!(concat!(env!("OUT_DIR"), "/exports.rs"));
}
