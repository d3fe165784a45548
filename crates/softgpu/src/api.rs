//! The driver API's functions, under their own names. `build.rs` finds them here, and exports them.
#![expect(non_snake_case, reason = "the API's own names")]

pub(crate) mod array;
pub(crate) mod context;
pub(crate) mod copy;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod fill;
pub(crate) mod function;
pub(crate) mod graph;
pub(crate) mod graph_node;
pub(crate) mod host_memory;
pub(crate) mod init;
pub(crate) mod launch;
pub(crate) mod library;
pub(crate) mod link;
pub(crate) mod memory;
pub(crate) mod module;
pub(crate) mod occupancy;
pub(crate) mod peer;
pub(crate) mod pointer;
pub(crate) mod pool;
pub(crate) mod stream;
pub(crate) mod stream_capture;
pub(crate) mod stream_word;
pub(crate) mod texture;
pub(crate) mod texture_reference;
