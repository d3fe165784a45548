//! Project, target and toolchain in; a graph of actions out. Pure: whoever calls runs nvcc's dry runs and the graph.
//!
//! Planning takes two calls, because only nvcc knows its own steps: [`prepare`] translates flags and says which dry
//! runs are wanted; [`Prepared::plan`] takes what they printed and builds the graph.

pub mod nvcc;
pub mod plan;
pub mod settings;

pub use nvcc::{DryRun, NotUnderstood};
pub use plan::{Note, Plan, PlanError, Prepared, Product, prepare};
pub use settings::{CompileCommand, PkgConfigFlags, Settings, Toolchain};
