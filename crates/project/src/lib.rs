//! What is to be built: `cuferry.toml`, or what a folder of sources says, as one [`Project`].
//!
//! Text and file names in, values out: nothing here touches a disk.

pub mod database;
pub mod files;
mod glob;
pub mod infer;
pub mod manifest;
mod names;
pub mod project;
pub mod write;

pub use files::FileTree;
pub use infer::{InferError, Inferred, infer, infer_from_main};
pub use manifest::{ManifestErrors, parse};
pub use project::Project;
pub use write::to_toml;
