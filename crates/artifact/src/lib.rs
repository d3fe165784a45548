//! Opens what a user points at (a file, a folder, a machine's root, a package, an image) and gives the files in it as
//! bytes, read in place: content that nobody asks for is not read.
//!
//! ```text
//! open(path) ─> Artifact ─> one Tree, or one for each image ─> Nodes, sorted by path ─> head(node), bytes(node)
//! ```
//! Knows formats of files, packages and images; knows nothing of what the files in them mean. All that comes from
//! outside is hostile here: no path leads out of its tree, and [`Limits`] bound memory and disk.

mod artifact;
mod compression;
mod draft;
mod error;
mod folder;
mod image;
mod limits;
mod map;
mod name;
mod node;
mod origin;
mod package;
mod problem;
mod source;
mod spool;
mod tarball;
mod tree;
mod zip;

pub use artifact::{Artifact, ArtifactKind, open, open_bytes, open_reader};
pub use compression::Compression;
pub use error::ArtifactError;
pub use image::ImageInfo;
pub use limits::Limits;
pub use node::{ContentId, Node, NodeKind};
pub use package::{CondaInfo, DebInfo, WheelInfo};
pub use problem::{Problem, ProblemKind};
pub use source::Bytes;
pub use tree::Tree;
pub use zip::{ZipError, ZipErrorKind};
