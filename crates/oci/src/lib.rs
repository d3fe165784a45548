//! OCI images: the libraries that programs need, layers of them, and a layout or archive on disk. The same input gives
//! the same bytes.
//!
//! ```text
//! read_closure(roots, folders) ─> Closure ─> assemble(closure, files, base) ─> layers ─> write_image(plan) ─> digests
//! ```
//! Knows no engines and no registries: nothing here runs a program or opens a connection.

mod assemble;
mod base;
mod cache;
mod closure;
mod compress;
mod entry;
mod file;
mod image;
mod layer;
pub mod ldcache;
mod libraries;
mod name;
pub mod nvidia;
mod path;
mod staging;
mod tar;
mod write;

pub use assemble::{AssembleError, Assembly, NONROOT, assemble};
pub use base::{Base, BaseError};
pub use cache::LayerCache;
pub use closure::{
    Closure, ClosureError, ClosureRequest, Demand, DriverLibrary, Group, Library, MissingLibrary, Origin,
    Root, RootFile, SearchFolder, SkipReason, Skipped, read_closure,
};
pub use compress::Compression;
pub use cuferry_binfmt::tar::{TarError, TarErrorKind};
pub use entry::{Content, Entry, EntryError, Layer};
pub use file::FileError;
pub use image::{ImageConfig, ImagePlan, WrittenLayer};
pub use libraries::is_driver_library;
pub use name::{ImageName, ImageNameError};
pub use path::{ImagePath, ImagePathError};
pub use staging::abandon;
pub use write::{Destination, WriteImageError, WrittenImage, write_image};
