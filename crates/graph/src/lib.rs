//! Actions and the graph they form: plain data, its checks, its digests and its dumps.
//!
//! Knows nothing of compilers, and never runs anything.

pub mod action;
pub mod dump;
pub mod graph;

pub use action::{Action, ActionKind, Command, Work};
pub use graph::{ActionId, Graph, GraphError};
