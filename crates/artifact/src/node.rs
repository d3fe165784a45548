//! What lies at a path of a tree.

use std::ffi::OsStr;

use crate::source::Span;
use crate::zip::ZipMember;

/// A file, folder or link of a [`crate::Tree`].
#[derive(Debug)]
pub struct Node {
    /// Without leading slash; `/` between components. Bytes that are not UTF-8 are shown as `�`.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
    /// In an image: the layer that it comes from, 0 the lowest. The layer of a file whose mode or owner a later layer
    /// changed is that later one: it has the whole file again.
    pub layer: Option<usize>,
    pub(crate) content: Content,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File {
        /// In bytes, as the folder or archive says.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// As it is written.
        target: String,
    },
    /// A folder.
    Directory,
    /// A device, pipe or socket; a file that can't be read; a hard link to nothing. [`crate::Artifact::problems`] counts
    /// those that matter.
    Other,
}

/// Equal for two nodes of one artifact whose content is the same file: hard links, and files that images share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(u64, u64, u64);

/// Where the content of a file lies.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    None,
    Span(Span),
    Zip(Box<ZipMember>),
    /// Under the folder that the tree was read from.
    Disk {
        device: u64,
        inode: u64,
        /// The path where [`Node::path`] is not it, byte for byte.
        raw: Option<Box<OsStr>>,
    },
}

impl Node {
    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Tells which files are one and the same. `None` for what has no content.
    pub fn content_id(&self) -> Option<ContentId> {
        match &self.content {
            Content::None => None,
            Content::Span(span) => {
                let (source, offset) = span.identity();
                // Files without content all lie at the end of their header: the next file may start there, too.
                Some(ContentId(source, offset, span.length))
            }
            Content::Zip(member) => {
                let (source, offset) = member.identity();
                Some(ContentId(source, offset, u64::MAX))
            }
            Content::Disk { device, inode, .. } => Some(ContentId(*device, *inode, 0)),
        }
    }
}
