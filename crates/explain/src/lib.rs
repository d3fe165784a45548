//! Errors that CUDA, loaders, compilers and container engines print, and cuferry's own ids, each with its cause, how to
//! check it and what to do.
//!
//! The explanations are data (`data/*.toml`, one file a subject, compiled in); this crate finds the one that a text means.

mod catalogue;
mod entry;
mod find;
mod log;
mod near;
mod numbers;
mod pattern;
mod text;

pub use catalogue::{Catalogue, CatalogueError, catalogue};
pub use entry::{Entry, Subject};
pub use find::{By, Found, Match};
pub use log::{Hit, Log};
